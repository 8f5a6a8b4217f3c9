"""The same programs on amd64 and on s390x, where the most significant byte comes first: every question has one answer.

Sizes of chunks are the same on both; what is left out of the answers are addresses, and what the C library allocated
before the program did, of which the amount differs.
"""
import json
import pathlib
import re
import subprocess
import sys

import pytest

import debian
import programs

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import chunktruth  # noqa: E402 (shared with the other test folders)
import machine  # noqa: E402

TESTDATA = programs.TESTDATA
# The headers of the program in a mapping of their own: qemu writes no text, not even its first page.
FLAGS = ["-O1", "-g", "-static", "-no-pie", "-D_GNU_SOURCE", "-Wl,-z,separate-code"]
SOURCES = {"golden": ["golden.cc"], "classes": ["classes.cc"], "structs": ["structs.c", "structs_other.c"]}
PLACES = ("address", "sample_address", "sample", "start", "end", "value", "chunk", "module", "symbol", "symbol_offset",
          "asked", "target", "share", "sample_root", "sample_content", "sample_below", "id", "path", "core", "note")


def compiler(arch, source):
    front = "" if arch == "amd64" else debian.TRIPLETS[arch] + "-"
    name = front + ("g++" if source.endswith(".cc") else "gcc")
    found = next(filter(None, map(machine.which, [name, *(f"{name}-{n}" for n in range(20, 9, -1))])), None)
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


def build(arch, name, folder):
    program = folder / "program"
    command = [compiler(arch, SOURCES[name][0]), *FLAGS, "-o", program, *(TESTDATA / s for s in SOURCES[name]), "-pthread"]
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode and re.search(r"cannot find|No such file", done.stderr):
        pytest.skip(f"libstdc++ or libc for {arch} is not installed: {done.stderr.splitlines()[0]}")
    assert done.returncode == 0, done.stderr
    return program


def native_core(program, folder):
    with open(folder / "said", "wb") as out:
        process = subprocess.Popen([program, "pause"], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=out, preexec_fn=machine.prepare_child)
    try:
        for line in process.stdout:
            if line == b"end\n":
                break
        machine.dump(process.pid, folder / "core")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    return folder / "core"


def emulated_core(arch, program, folder):
    try:
        front = programs.emulator(arch)
    except debian.Unavailable as reason:
        pytest.skip(str(reason))
    with open(folder / "said", "wb") as out:
        return programs.take_own_core([*front, program, "abort"], None, folder, out, out)


class Side:
    """One machine's core, and where the program's own part of the heap is."""

    def __init__(self, arch, name, folder):
        self.program = build(arch, name, folder)
        self.core = native_core(self.program, folder) if arch == "amd64" else emulated_core(arch, self.program, folder)
        self.chunks = [c for c in chunktruth.chunks_of(self.core) if c.arena == "0"]
        # The program's first: an order, or what follows the pool of libstdc++ for exceptions.
        size, offset = {"golden": (208, 0), "classes": (72720, 72720), "structs": (0, 0)}[name]
        first = next(c for c in self.chunks if c.size == size or not size)
        top = next(c for c in self.chunks if c.state == "top")
        self.own = first.address + offset, top.address

    def ask(self, verb, *arguments):
        return chunktruth.run(verb, self.core, *arguments, "--exe", self.program)

    def document(self, verb, *arguments):
        return json.loads(self.ask(verb, *arguments, "--format", "json"))

    def lines(self, verb, *arguments):
        return [json.loads(line) for line in self.ask(verb, *arguments, "--format", "json").splitlines()[1:]]

    @property
    def range(self):
        return "--address", f"0x{self.own[0]:x}-0x{self.own[1]:x}"


@pytest.fixture(scope="module")
def sides(request, tmp_path_factory):
    if "amd64" not in programs.OWN:
        pytest.skip("cores of amd64 are compared with")
    made = {}

    def get(name):
        if name not in made:
            made[name] = [Side(arch, name, tmp_path_factory.mktemp(f"{name}-{arch}")) for arch in ("s390x", "amd64")]
        return made[name]
    return get


def without_places(value):
    """An answer without what depends on addresses."""
    if isinstance(value, dict):
        return {key: without_places(v) for key, v in value.items() if key not in PLACES or isinstance(v, dict)}
    if isinstance(value, list):
        return [without_places(v) for v in value]
    return value


def same(sides, question):
    """The answer that both sides give."""
    answers = [question(side) for side in sides]
    assert answers[0] == answers[1]
    return answers[0]


@pytest.mark.parametrize("name", ["golden", "classes"])
def test_chunks(sides, name):
    def chunks(side):
        return [(c.size, c.usable, c.state) for c in side.chunks if side.own[0] <= c.address < side.own[1]]
    assert len(same(sides(name), chunks)) > 100
    for side in sides(name):
        info = side.document("info")
        assert not info["partial"] and info["heap"]["inconsistencies_total"] == 0, info
    assert sides(name)[0].document("info")["process"]["machine"] == "s390x"


@pytest.mark.parametrize("name", ["golden", "classes"])
def test_leaks(sides, name):
    def leaks(side):
        answer = side.document("leaks")
        return {key: answer[key] for key in ("definite", "indirect", "possible")}, without_places(answer["groups"])
    assert same(sides(name), leaks)[0]["definite"]["chunks"]


@pytest.mark.parametrize("name", ["golden", "classes"])
def test_content(sides, name):
    def classes(side):
        return {row["class"]: (row["chunks"], row["bytes"]) for row in side.document("classify", *side.range)["classes"]}
    found = same(sides(name), classes)
    assert name != "golden" or {"http-request", "json", "sql", "redis-command", "utf8"} <= found.keys()


@pytest.mark.parametrize("name", ["golden", "classes", "structs"])
def test_types(sides, name):
    def types(side):
        return {row["type"]: (row["chunks"], row["bytes"], row["known_by"]) for row in side.document("types")["types"]}
    assert same(sides(name), types)


def test_texts(sides):
    golden = sides("golden")

    def strings(side):
        # What looks like text of a pointer in front of one belongs to the run that strings sees.
        return sorted(re.sub(r'^.{1,7}(?=\{")', "", row["match"]) for row in side.lines("strings", *side.range)
                      if "match" in row)
    assert same(golden, strings)
    for arguments in (("-c", "order:"), ("-o", "--top", "0", "POST /order/[0-9]*"), ("--leaked", "-c", "POST")):
        def grep(side, arguments=arguments):
            return [row.get("summary", row) for row in side.lines("grep", *arguments, *side.range)]
        assert same(golden, grep)[-1]["matches"]


def test_common(sides):
    """What chunks share: lines with what varies in them, pairs and words. A pointer in front of a text is no part of it."""
    def shared(side, *selection):
        answer = side.document("common", *selection)["sets"][0]
        return without_places([answer["template"], answer["repeats"]])
    golden = sides("golden")
    assert same(golden, lambda side: shared(side, "--class", "json"))
    assert same(golden, lambda side: shared(side, "--leaked", "--size", "200-400"))


def test_one_chunk(sides):
    """What one chunk is, and who holds it: the key of a lost order, which the order alone points to."""
    def key(side):
        return next(row for row in side.lines("grep", "order:7:") if "address" in row)["address"]

    def what(side):
        return without_places(side.document("what", key(side)))

    def refs(side):
        answer = side.document("refs", key(side))
        return [(row["kind"], row["into"], row["chunk_offset"], row["chunk_size"], row["state"], row["reach"])
                for row in answer["referrers"]]
    golden = sides("golden")
    assert same(golden, what)["chunk"]["reach"] == "indirect"
    assert same(golden, refs) and len(refs(golden[0])) == 1


def test_verdict(sides):
    def verdict(side):
        answer = side.document("analyze")
        lost = next(part for part in answer["accounting"]["parts"] if part["part"] == "mmapped")
        return answer["verdict"], answer["damaged"], lost
    same(sides("golden"), verdict)
