"""libheapcore and the Python module: the same answers as the program's, and a host that lives on whatever happens."""
import ctypes
import inspect
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import typing

import pytest

import conftest
import corefile

HEADER = conftest.ROOT / "lib/heapcore.h"
PYTHON = conftest.ROOT / "python"
sys.path.insert(0, str(PYTHON))
# What leak_shapes.cc has in one chunk.
STATES = "in-use,tcache,fastbin,unsorted,smallbin,largebin,top,overhead"
PATTERN = "(forty)-one [a-z]+"


def code(language, marker=""):
    """Blocks of code of docs/library.md."""
    text = (conftest.ROOT / "docs/library.md").read_text()
    return [block for block in re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S) if marker in block]


def declared():
    text = re.sub(r"/\*.*?\*/|typedef[^;]*;", "", HEADER.read_text(), flags=re.S)
    return text, {name for name in re.findall(r"\b(heapcore_\w+)\(", text)}


class Library:
    def __init__(self, build):
        self.build, self.folder = build, build / "lib"
        self.path = self.folder / "libheapcore.so.0"
        self.sanitized = b"libasan.so" in self.path.read_bytes()
        self.flags = ["-fsanitize=address,undefined"] if self.sanitized else []

    def run(self, *args, status=0):
        environment = {**os.environ, "LD_LIBRARY_PATH": str(self.folder), "DEBUGINFOD_URLS": "", "LC_ALL": "C.UTF-8"}
        process = subprocess.run(list(map(str, args)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, env=environment, text=True, timeout=conftest.TIMEOUT)
        assert process.returncode == status and not process.stderr, process
        return process.stdout

    def python(self, *args):
        """Run a script with the module. An interpreter that is not sanitized gets the runtime first, and keeps its leaks."""
        names = {"PYTHONPATH": PYTHON, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONFAULTHANDLER": ""}
        if self.sanitized:
            names |= {"LD_PRELOAD": compiler("-print-file-name=libasan.so").strip(), "ASAN_OPTIONS": "detect_leaks=0:exitcode=99"}
        return self.run("env", *[f"{name}={value}" for name, value in names.items()], sys.executable, *args)


def compiler(*args, input=None):
    command = shlex.split(os.environ.get("CC", "gcc"))
    return subprocess.run([*command, *map(str, args)], input=input, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def library(heapcore):
    build = pathlib.Path(heapcore.path).parents[1]
    if not (build / "lib/libheapcore.so.0").exists():
        pytest.skip("HEAPCORE is not in a build with the library")
    return Library(build)


@pytest.fixture(scope="module")
def core(dump):
    return dump("leak_shapes.cc").path


@pytest.fixture(scope="module")
def answers(library, core):
    return json.loads(library.python(conftest.ROOT / "tests/e2e/library_answers.py", core, PATTERN))


# The header and the library


def test_exports(library):
    lines = subprocess.run(["nm", "-D", "--defined-only", library.path], capture_output=True, text=True, check=True).stdout
    symbols = {line.split()[2] for line in lines.splitlines() if line.split()[1] == "T"}
    # A sanitizer adds none: the map has the names.
    assert {name.split("@")[0] for name in symbols} == declared()[1]
    assert all(re.search(r"@@HEAPCORE_\d+\.\d+$", name) for name in symbols)
    packaged = (conftest.ROOT / "debian/libheapcore0.symbols").read_text()
    assert {f" {name.replace('@@', '@')} " for name in symbols} == set(re.findall(r"^( heapcore_\S+ )", packaged, re.M))
    dynamic = subprocess.run(["readelf", "-d", library.path], capture_output=True, text=True, check=True).stdout
    assert "[libheapcore.so.0]" in dynamic and "NODELETE" in dynamic


@pytest.mark.parametrize("dialect", ["c -std=c99", "c -std=c11", "c++ -std=c++98", "c++ -std=c++17"])
def test_header_alone(dialect):
    language, standard = dialect.split()
    compiler("-x", language, standard, "-pedantic", "-Wall", "-Wextra", "-Werror", *["-Wno-long-long"] * (language == "c++"),
             "-fsyntax-only", "-include", HEADER, "-", input="int main(void);\n" if language == "c" else "int main();\n")


def test_structs(tmp_path):
    """Python's structs are those of the header: each member at its place."""
    from heapcore import _library

    lines, expected = [], []
    for name, struct in _library.STRUCTS.items():
        lines.append(f'printf("%zu\\n", sizeof(struct heapcore_{name}));')
        expected.append(ctypes.sizeof(struct))
        for member, *_ in struct._fields_:
            lines.append(f'printf("%zu\\n", offsetof(struct heapcore_{name}, {member.rstrip("_")}));')
            expected.append(getattr(struct, member).offset)
    program = tmp_path / "sizes"
    compiler("-o", program, "-include", HEADER, "-x", "c", "-",
             input="#include <stdio.h>\nint main(void)\n{\n" + "\n".join(lines) + "\nreturn 0;\n}\n")
    printed = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    assert list(map(int, printed.split())) == expected
    text, names = declared()
    structs = set(re.findall(r"^struct heapcore_(\w+) \{", text, re.M))
    assert set(_library.STRUCTS) == structs
    assert {f"heapcore_{name}" for name in _library.FUNCTIONS} == names


def test_example(library, heapcore, core, tmp_path):
    """The program in docs/library.md, built as it says there, says what the program says."""
    if not shutil.which("pkg-config"):
        pytest.skip("pkg-config is not installed")
    source, program = tmp_path / "example.c", tmp_path / "example"
    source.write_text(code("c")[0])
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", f"--define-variable=libdir={library.folder}",
                            f"--define-variable=includedir={HEADER.parent}", "libheapcore"], check=True, capture_output=True,
                           text=True, env={**os.environ, "PKG_CONFIG_PATH": str(library.build / "meson-private")}).stdout
    compiler("-Wall", "-Wextra", "-Wno-missing-field-initializers", "-Werror", *library.flags, "-o", program, source,
             *flags.split())
    leaks = heapcore("leaks", core, "--top", "0", "--format", "json").json
    sample = leaks["groups"][0]["sample_root"]
    lines = library.run(program, core, sample, PATTERN).splitlines()
    analysis = heapcore("analyze", core, "--format", "json").json
    assert lines[0] == f"verdict: {analysis['verdict']}"
    assert [line for line in lines if line.startswith("finding ")] == [
        f"finding {i}: {finding['kind']}, {finding['chunks']} chunks, {finding['bytes']} bytes"
        for i, finding in enumerate(analysis["findings"], 1)]
    assert len([line for line in lines if line.startswith("group ")]) == len(leaks["groups"])
    lost = [leaks["definite"], leaks["indirect"]]
    assert f"lost: {sum(x['chunks'] for x in lost)} chunks, {sum(x['bytes'] for x in lost)} bytes" in lines
    assert len([line for line in lines if line.startswith("match at ")]) == 1


# Python


def test_python_in_the_documents(library, core, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(code("python")[0].replace("core.1234", str(core)))
    assert library.python(script)


def test_annotations():
    """All that is public is typed."""
    import heapcore

    public = [getattr(heapcore, name) for name in heapcore.__all__]
    functions = [item for item in public if inspect.isfunction(item)]
    functions += [item for name, item in vars(heapcore.Core).items() if inspect.isfunction(item)]
    assert len(functions) > 15
    for function in functions:
        hints = typing.get_type_hints(function)
        assert {"self", "return", *hints} >= {*inspect.signature(function).parameters, "return"} and "return" in hints, function


def test_process(answers, heapcore, core):
    info = heapcore("info", core, "--format", "json").json
    assert answers["version"] == heapcore("--version").text.split()[1]
    assert answers["info"]["path"] == str(core) and answers["info"]["program"] and answers["info"]["pid"] == info["process"]["pid"]
    assert answers["info"]["machine"] == info["process"]["machine"]
    assert answers["info"]["word_size"] == 8 and answers["info"]["num_threads"] == info["process"]["threads"]
    assert answers["partial"] is False and answers["remarks"] == info["remarks"]
    assert answers["heap"]["allocator"].startswith("glibc")


def test_chunks(answers, heapcore, core):
    rows = heapcore("chunks", core, "--state", STATES, "--format", "csv").rows()
    reach = {row["address"]: row["reach"] for row in heapcore(
        "chunks", core, "--reach", "definite,indirect,reachable,possible", "--format", "csv").rows()}
    arena = {"mmap": 0xFFFFFFFF}
    expected = [[int(row["address"], 16), int(row["chunk_size"]), int(row["usable_size"]), row["state"],
                 arena.get(row["arena"]) or int(row["arena"]), reach.get(row["address"])] for row in rows]
    assert [chunk[:6] for chunk in answers["chunks"]] == expected
    assert answers["heap"]["num_chunks"] == len(rows) and answers["threads"] == [len(rows)] * 4
    assert answers["heap"]["bytes"] == sum(int(row["chunk_size"]) for row in rows)
    in_use = [chunk for chunk in answers["chunks"] if chunk[3] == "in-use"]
    some = [chunk[0] for chunk in in_use][:: max(1, len(rows) // 20)]
    assert answers["range"] == [chunk[0] for chunk in in_use if some[3] <= chunk[0] < some[5]]
    if answers["columns"]:
        assert answers["columns"] == {"num": len(in_use), "size": sum(chunk[1] for chunk in in_use),
                                      "lost": sum(chunk[5] in ("definite", "indirect") for chunk in in_use),
                                      "last": in_use[-1][0]}


def test_kinds(answers, heapcore, core):
    rows = [row for row in heapcore("sql", core, "SELECT * FROM kinds ORDER BY kind", "--format", "json").jsonl
            if "kind" in row]
    assert [[kind["number"], kind["size"], kind["type"], kind["content_class"], kind["all"]["chunks"], kind["all"]["bytes"]]
            for kind in answers["kinds"]] == [[row["kind"], row["size"], row.get("type"), row["class"], row["chunks"],
                                              row["bytes"]] for row in rows]
    counted = [0] * (len(rows) + 1)
    for chunk in answers["chunks"]:
        counted[chunk[6]] += 1
        assert (chunk[6] > 0) == (chunk[3] == "in-use")
    assert counted[1:] == [row["chunks"] for row in rows]
    of_address = {chunk[0]: answers["kinds"][chunk[6] - 1] for chunk in answers["chunks"] if chunk[6]}
    for address, found in answers["classes"].items():
        assert of_address[int(address)]["content_class"] == found


def test_leaks(answers, heapcore, core):
    leaks = heapcore("leaks", core, "--top", "0", "--format", "json").json
    for word in ("definite", "indirect", "possible"):
        assert answers["leaks"][word] == leaks[word]
    # Types of debug information are known here, since kinds were asked for first; groups are the same.
    for number, (ours, theirs) in enumerate(zip(answers["leaks"]["groups"], leaks["groups"], strict=True), 1):
        assert ours["number"] == number and ours["size"] == theirs["root_size"] and ours["content"] == theirs["content"]
        assert ours["roots"] == {"chunks": theirs["roots"], "bytes": theirs["root_bytes"]}
        assert ours["below"] == {"chunks": theirs["below"], "bytes": theirs["below_bytes"]}
        assert ours["content_count"] == {"chunks": theirs["content_chunks"], "bytes": theirs["content_bytes"]}
        assert [hex(ours["sample"]), hex(ours["sample_content"])] == [theirs["sample_root"], theirs["sample_content"]]
        chunks = answers["leak_chunks"][number - 1]
        assert len(chunks) == len(set(chunks)) == ours["roots"]["chunks"] + ours["below"]["chunks"]
    lost = sum((chunks for chunks in answers["leak_chunks"]), [])
    assert sorted(lost) == [chunk[0] for chunk in answers["chunks"] if chunk[5] in ("definite", "indirect")]
    assert answers["lost"] == {"chunks": len(lost), "bytes": leaks["definite"]["bytes"] + leaks["indirect"]["bytes"]}


def test_findings(answers, heapcore, core):
    analysis = heapcore("analyze", core, "--format", "json").json
    ours = answers["verdict"]
    assert ours["verdict"] == analysis["verdict"] and ours["touched"] == analysis["touched"]["total"]
    assert ours["total"] == analysis["accounting"]["total"]
    assert [(f["kind"], f["count"]["chunks"], f["count"]["bytes"], f["touched"], f["part_of"]) for f in ours["findings"]] == [
        (f["kind"], f["chunks"], f["bytes"], f["touched"], f.get("with")) for f in analysis["findings"]]
    assert answers["findings"] == [f["count"] for f in ours["findings"] if f["kind"] in ("lost", "held")]


def test_referrers(answers, heapcore, core):
    for address in list(answers["referrers"])[:3]:
        what = heapcore("what", core, hex(int(address)), "--format", "json").json
        theirs = [[row["kind"], row["address"] and int(row["address"], 16), int(row["value"], 16),
                   row["chunk"] and int(row["chunk"], 16)] for row in what["referrers"]]
        ours = answers["referrers"][address]
        assert ours["items"][:len(theirs)] == theirs and ours["total"] >= len(theirs)
    assert sum(found["total"] for found in answers["referrers"].values())


def test_search(answers, heapcore, core):
    rows = [row for row in heapcore("grep", core, PATTERN, "--content", "full", "--limit", "0", "--format", "json").jsonl
            if "address" in row]
    assert answers["matches"], "the pattern is of no use"
    assert [match[0] for match in answers["matches"]] == [int(row["address"], 16) for row in rows]
    for _, text, group, _ in answers["matches"]:
        assert re.fullmatch(PATTERN.encode(), bytes.fromhex(text))[1] == bytes.fromhex(group)
    assert answers["limited"] == 1 and answers["stops"] == [True]


def test_failures(answers):
    """Everything that goes wrong is an exception with the library's words."""
    kinds = {name: failure and failure[0] for name, failure in answers["failures"].items()}
    assert kinds == {"find": "ArgumentError", "read": "MissingError", "pattern": "ArgumentError", "class": "ArgumentError",
                     "type": "ArgumentError", "state": "ArgumentError", "arena": "ArgumentError", "group": "ArgumentError",
                     "finding": "ArgumentError", "folder": kinds["folder"], "file": "FormatError", "nothing": "SystemCallError"}
    assert kinds["folder"] and answers["failures"]["read"][2] == answers["failures"]["find"][2] == 16
    assert answers["closed"][0][0] == "ValueError"
    assert answers["cancelled"] == ["CancelledError", "CancelledError", len(answers["leaks"]["groups"])]


# A core that is cut short while it is used

CUT = """
import heapcore, os, sys
core, program, victim, address = *sys.argv[1:4], int(sys.argv[4])
with heapcore.open(core, jobs=4, executable=program) as core:
    assert core.heap.num_chunks and core.read(address, 64)
    os.truncate(victim, 4096)
    for ask in (lambda: (core.read(address, 64), core.leaks), core.chunks, lambda: core.search("x"), lambda: core.read(0, 1)):
        try:
            ask()
        except heapcore.ChangedError as error:
            print(error)
"""


@pytest.fixture(scope="module")
def lent(core, compiled):
    """An address whose bytes are in the program's file, behind its first page, but not in the core."""
    name, file = compiled("leak_shapes.cc").name, corefile.Core(core)
    for start, _, offset, path in file.files:
        if path.endswith(name) and offset and not any(s.start <= start < s.start + s.filesz for s in file.loads):
            return start
    return None


@pytest.mark.parametrize("victim", ["core", "program"])
def test_cut_short_in_python(library, core, compiled, lent, tmp_path, victim):
    """Of the program's file, which lends the core what was not dumped, as well."""
    if not lent:
        pytest.skip("the core has all of the program")
    copy, program = tmp_path / "core", tmp_path / "program"
    shutil.copyfile(core, copy)
    shutil.copyfile(compiled("leak_shapes.cc"), program)
    (tmp_path / "cut.py").write_text(CUT)
    lines = library.python(tmp_path / "cut.py", copy, program, tmp_path / victim, lent).splitlines()
    assert len(lines) == 4 and all("changed while it was being read" in line for line in lines)


def test_host_with_a_handler(library, core, tmp_path):
    """Faults of the host reach its handler, those of the library don't; blocked signals are no trouble."""
    host = library.build / "tests/e2e/library_host"
    if not host.exists():
        pytest.skip("HEAPCORE is not in a build with tests")
    for name in ("cut", "kept"):
        shutil.copyfile(core, tmp_path / name)
    changed = ["leaks: 9", "count: 9", "read: 9", "faults of the host: 0"]
    assert library.run(host, core, tmp_path / "cut", tmp_path / "kept").splitlines() == [
        "same: 1", "own faults: 1", *changed, "blocked: 1", "same: 1", "handler: the library's", "handler: the host's",
        "handler: the host's", "own faults: 1", *changed]


# Examples


class TestExamples:
    FOLDER = conftest.ROOT / "examples"

    @pytest.fixture(autouse=True)
    def plain(self, library):
        if library.sanitized:
            pytest.skip("examples run in programs that are not sanitized")

    def test_notebook(self, library, answers, core):
        output = library.python(self.FOLDER / "notebook.py", core)
        assert f"verdict: {answers['verdict']['verdict']}" in output and output.count("\ngroup ") == 10
        assert "is held from" in output

    def test_gdb(self, library, answers, core):
        if not shutil.which("gdb"):
            pytest.skip("gdb is not installed")
        address = list(answers["referrers"])[0]
        environment = {**os.environ, "HEAPCORE_LIBRARY": str(library.path), "PYTHONPATH": str(PYTHON), "DEBUGINFOD_URLS": "",
                       "PYTHONDONTWRITEBYTECODE": "1"}
        commands = ["python import ctypes", f"source {self.FOLDER / 'heapcore_gdb.py'}", f"heapcore what {address} + 1",
                    "heapcore what $sp", "heapcore leaks", "heapcore findings", "heapcore what"]
        process = subprocess.run(["gdb", "-nx", "-batch", "-core", str(core), *[arg for c in commands for arg in ("-ex", c)]],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                 env=environment, timeout=conftest.TIMEOUT)
        if "Scripting in the \"Python\" language is not supported" in process.stdout:
            pytest.skip("gdb has no Python")
        lines = process.stdout.splitlines()
        assert any(f"is 1 bytes into the chunk at {int(address):#x}" in line for line in lines), process.stdout
        assert f"pointers to it: {answers['referrers'][address]['total']}" in lines
        assert any(line.endswith("is in no chunk.") or " is in no chunk. " in line for line in lines)
        assert f"verdict: {answers['verdict']['verdict']}" in lines and "usage: heapcore what EXPRESSION" in lines
        for group in answers["leaks"]["groups"]:
            assert any(line.startswith(f"{group['number']}: {group['roots']['chunks']} objects of {group['size']} bytes")
                       for line in lines)

    def test_drgn(self, library, heapcore, compiled, dump):
        """Its API as of 0.0.22: objects of a struct that heapcore finds, and what drgn reads from them."""
        if subprocess.run([sys.executable, "-c", "import drgn"], capture_output=True).returncode:
            pytest.skip("drgn is not installed")
        flags = [str(conftest.TESTDATA / "structs_other.c")]
        program, core = compiled("structs.c", *flags), dump("structs.c", flags=flags)
        found = heapcore("types", core, "--format", "json").json["types"]
        number = next(row["chunks"] for row in found if row["type"] == "struct session")
        output = library.python(self.FOLDER / "heapcore_drgn.py", core, program, "struct session", "id")
        assert re.search(rf"^{number} objects of \d+ bytes, \d+ values of id$", output, re.M), output
