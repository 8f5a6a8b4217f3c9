"""
Situations that people report, as programs whose truth is known: the verdict, exact counts, the clue, and commands that show it.

The table in docs/verdicts.md has the first lines of each answer, and is compared with them.
"""
import re
import shlex
import socket
import subprocess

import pytest

import conftest
import debian_programs as programs

# Verdict, and of findings: kind, root objects of lost ones or chunks, size, a line that repeats in so many.
LOST, HELD, FREE = "lost", "held", "free"
CASES = {
    "two_kinds.c": ((), "held", [(HELD, 24000, 912, '{"route":N', 24000), (LOST, 8000, 720, "ticket=N&queue=billing", 8000)]),
    "catalogue.cc": ((), "held", [(HELD, 40000, None, '{"part":N', 40000)]),
    "backlog.cc": (("-latomic",), "held", [(HELD, None, 112, "RENDER scene/N", 30000)]),
    "circles.cc": ((), "leak", [(LOST, 2500, 112, "/srv/inbox/watched-folder-number-N", 2500)]),
    "documents.c": (("libxml-2.0",), "leak", [(LOST, 600, 192, "annN@example.org", 600)]),
    "handles.c": ((), "held", [(HELD, 24000, 160, "parcel=N&depot=N", 24000), (LOST, 6000, 240, "invoice=N&state=printed", 6000)]),
    "versions.c": ((), "held", [(HELD, 20000, 208, "device=N&firmware=N", 20000), (LOST, 4000, 112, "warning=N&cause=timeout", 4000)]),
    "objects.c": (("gio-2.0",), "held", [(HELD, None, 80, "ERROR bus: no answer to call=N", 8000)]),
    "statements.c": (("sqlite3",), "held", [(HELD, 4000, 1024, None, None), (HELD, 4000, 576, None, None)]),
    "streams.c": ((), "held", [(HELD, 700, 1040, "Name:", 700), (HELD, 700, 480, None, None)]),
    "urls.c": ((), "leak", [(LOST, 3333, 80, "https://shop.example/admin/", 3333)]),
    "parts.c": ((), "held", [(HELD, 50000, 320, None, None), (HELD, 24000, 128, None, None), (HELD, 12000, 176, None, None)]),
    "survivors.cc": ((), "retention", [(None, None, None, None, None), (HELD, 12500, 224, "receipt=N till=N state=PAID", 12500)]),
}
HEADERS = {"backlog.cc": ("boost/lockfree/queue.hpp", "libboost-dev")}


def flags(source):
    """What a compiler needs beside the source; a library that isn't there is a skip."""
    found = []
    for name in CASES[source][0]:
        if name.startswith("-"):
            found.append(name)
            continue
        done = subprocess.run(["pkg-config", "--cflags", "--libs", name], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"{name}: its development files are not installed")
        found += done.stdout.split()
    if source in HEADERS:
        header, package = HEADERS[source]
        if subprocess.run(["g++", "-E", "-x", "c++", "-"], input=f"#include <{header}>", capture_output=True, text=True).returncode:
            pytest.skip(f"{header} is not there ({package})")
    return found


@pytest.fixture(scope="module", params=CASES)
def case(request, dump, heapcore):
    core = dump(f"known/{request.param}", flags=flags(request.param))
    return request.param, core, heapcore("analyze", core, "--format", "json").json, heapcore("analyze", core).text


def test_findings(case):
    name, _, analysis, text = case
    _, verdict, expected = CASES[name]
    assert analysis["verdict"] == verdict
    for finding, (kind, count, size, line, in_chunks) in zip(analysis["findings"], expected):
        if kind:
            assert finding["kind"] == kind, text
        if count:
            # A register may still hold the last one, and a library lets go of a few.
            found = finding["roots"]["chunks"] if kind == LOST else finding["chunks"]
            assert found == count, text
        if size:
            assert finding["size"] == size, text
        if line:
            shown = [row for row in text.splitlines() if line in row and re.search(rf" in {in_chunks:,}\b", row)]
            assert shown, text


# Sizes of chunks that are parts of one thing, that of the first finding first; a size of 0 is text of several sizes.
ONE_THING = {
    "statements.c": [{1024, 576, 336, 96, 80, 64, 48, 32}],
    "catalogue.cc": [{0, 64}],
    "streams.c": [{1040, 480}],
    "parts.c": [{176, 128, 80}],
}


def test_what_is_one_thing(case):
    """Kinds whose chunks point to each other, each to its own, are told as parts of one thing, and no others."""
    name, _, analysis, text = case
    things = {}
    for finding in analysis["findings"]:
        if finding["kind"] == HELD and (finding["with"] or finding["together"]):
            head = finding["with"] or finding["finding"]
            assert head <= finding["finding"], text
            things.setdefault(head, []).append(finding)
    sizes = [{f["size"] if f["size"] == f["max_size"] else 0 for f in thing} for thing in things.values()]
    if name in ONE_THING:
        assert sizes == ONE_THING[name], text
    for head, thing in things.items():
        assert analysis["findings"][head - 1]["together"] == sum(f["touched"] for f in thing) > thing[0]["touched"]
        assert "parts of the same thing" in text


def test_a_hash_table_is_a_step_to_its_values(heapcore, dump):
    core = dump("known/catalogue.cc")
    holder = heapcore("analyze", core, "--format", "json").json["findings"][0]["holder"]
    assert holder.endswith(" > std::unordered_map or set of 40,000 elements"), holder


def test_a_large_heap_has_a_holder(heapcore, dump):
    """Only the first steps from the roots are looked through there."""
    core = dump("bench_heap.c", "linked", "1250000")
    finding = heapcore("analyze", core, "--format", "json").json["findings"][0]
    assert finding["chunks"] == 1250000 and finding["holder"].startswith("root (bench_heap"), finding


def test_a_cycle_is_told_where_references_are_counted(case):
    """Of shared_ptr's objects alone: lists and tables lead back to themselves, too."""
    name, _, analysis, text = case
    cycles = [finding["cycle"] for finding in analysis["findings"] if finding.get("cycle")]
    if name != "circles.cc":
        assert not cycles and "cycle:" not in text
        return
    ((first, second),) = cycles
    assert (first["size"], second["size"]) == (112, 32) and first["type"].startswith("std::_Sp_counted_ptr_inplace<Watcher")
    # The function's target behind the string and the vector; the shared_ptr that it caught has the count behind the pointer.
    assert (first["offset"], second["offset"]) == (16 + 32 + 24, 8)
    assert "cycle:   +72 > 32 bytes +8 > back to it" in text


def test_nothing_else_is_lost(case):
    name, _, analysis, text = case
    lost = sum(1 for kind, *_ in CASES[name][2] if kind == LOST)
    assert len([f for f in analysis["findings"] if f["kind"] == LOST and f["touched"] > analysis["touched"]["total"] / 20]) == lost, text


def test_more_shows_the_finding(heapcore, case):
    name, core, analysis, _ = case
    for finding in analysis["findings"][:len(CASES[name][2])]:
        verb, path, *options = shlex.split(finding["more"])[1:]
        assert path == str(core)
        rows = heapcore(verb, path, *options, "--format", "csv").rows()
        if verb == "chunks":
            assert len(rows) == finding["chunks"]
            assert sum(int(row["chunk_size"]) for row in rows) == finding["bytes"]
        elif verb == "leaks":
            assert sum(int(row["chunks"]) for row in rows) == finding["chunks"]
            assert sum(int(row["bytes"]) for row in rows) == finding["bytes"]


def test_little_is_possibly_lost(heapcore, case):
    """What hidden links hold is possible, and said to be held; of anything else there is little."""
    name, core, *_ = case
    leaks = heapcore("leaks", core, "--format", "json").json
    hidden = sum(leaks[how]["bytes"] for how in ("tagged", "offset_links") if leaks[how])
    chunks = heapcore("chunks", core, "--format", "csv").rows()
    assert leaks["possible"]["bytes"] - hidden <= sum(int(row["chunk_size"]) for row in chunks) / 20


@pytest.mark.parametrize("source, how, words, count", [
    ("backlog.cc", "tagged", "pointers with a tag in their top 16 bits", 30000),
    ("handles.c", "offsets", "32-bit offsets from a base", 24000),
    ("versions.c", "tagged", "pointers above a tag of 16 bits", 20000),
])
def test_hidden_links_are_the_reason(heapcore, dump, source, how, words, count):
    """Chunks that only links hold which are no plain pointers are held, and the finding says how."""
    core = dump(f"known/{source}", flags=flags(source))
    held = [f for f in heapcore("analyze", core, "--format", "json").json["findings"] if f["kind"] == HELD]
    assert any(count <= f["hidden_links"][how] for f in held)
    assert all(f["hidden_links"][how] <= f["chunks"] for f in held)
    text = " ".join(heapcore("analyze", core).text.split())
    assert re.search(rf"held by: {words} alone, or by what these hold, (all|[\d,]+) of them", text), text


def test_offset_links_are_told(heapcore, dump):
    core = dump("known/handles.c")
    leaks = heapcore("leaks", core, "--format", "json").json
    links = leaks["offset_links"]
    assert (links["scale"], links["size"], links["offset"]) == (1, 160, 0)
    assert (links["chunks"], links["bytes"]) == (24000, 24000 * 160)
    assert (leaks["definite"]["chunks"], leaks["definite"]["bytes"]) == (6000, 6000 * 240)
    assert "24,000 chunks (3.66 MiB) are held, but only by 32-bit offsets from " + links["base"] in \
        " ".join(heapcore("leaks", core).text.split())
    # Each parcel is pointed to from the one before in its bucket, or from the bucket, and the way to it is known.
    rows = heapcore("chunks", core, "--format", "csv", "--reach", "possible", "--size", 152).rows()
    assert len(rows) == 24000
    parcel = rows[len(rows) // 2]["address"]
    what = heapcore("what", core, parcel, "--format", "json").json
    assert ["offset"] == sorted({row["heuristic"] for row in what["referrers"]})
    assert {row["into"] for row in what["referrers"]} == {0}
    assert "Offsets: 32 bits that count from a base are the pointer." in " ".join(heapcore("what", core, parcel).text.split())
    refs = heapcore("refs", core, parcel, "--to-root", "--format", "json").json
    assert "buckets" in str(refs)


def test_statements_are_found(heapcore, dump):
    core = dump("known/statements.c", flags=flags("statements.c"))
    *_, last = heapcore("grep", core, "-c", r"SELECT title, shelf FROM books WHERE isbn = \d+ AND title LIKE 'The %'",
                        "--format", "json").jsonl
    assert last["summary"]["chunks"] >= 4000


def test_the_screen_fits(case):
    """Eighty columns, and what a screen has, or a little more; only a command may be longer."""
    *_, text = case
    lines = text.splitlines()
    assert len(lines) <= 45, text
    assert all(len(line) <= 80 or "heapcore " in line or "/" in line for line in lines)


def test_how_lines_begin_is_a_clue(heapcore, dump):
    (clue,) = heapcore("analyze", dump("known/urls.c"), "--format", "json").json["findings"][0]["clues"]
    assert clue["text"] == "https://shop.example/admin/"
    assert clue["lost"] == {"chunks": 3333, "of": 3333} and clue["freed"]["chunks"] == 0
    assert clue["held"]["chunks"] == 0 and clue["held"]["of"] == 534


def test_small_parts_are_one_line(heapcore, case):
    """But for what is lost; the lines are the total, with --verbose, too."""
    _, core, analysis, _ = case
    shares = {}
    for options in [(), ("--verbose",)]:
        text = heapcore("analyze", core, "--bytes", *options).text
        table = re.search(r"^ +BYTES SHARE\n((?:  .*\n)+)", text, re.M).group(1)
        rows = re.findall(r"^  (\S.*?) +(\d+) +([<>]?\d+) %", table, re.M)
        assert sum(int(size) for name, size, _ in rows if name != "total") == analysis["touched"]["total"]
        assert [int(size) for name, size, _ in rows if name == "total"] == [analysis["touched"]["total"]]
        shares[options] = {name: share for name, _, share in rows}
    assert {name for name, share in shares[()].items() if share == "<1"} <= {"smaller parts", "in use, lost"}
    assert len(shares[()]) < len(shares["--verbose",]) and "smaller parts" not in shares["--verbose",]


def test_the_document_has_the_answer(case):
    """Words of the table in their order, as they are on the screen but for its width."""
    name, _, _, text = case
    (row,) = [line for line in (conftest.ROOT / "docs/verdicts.md").read_text().splitlines() if line.startswith(f"| {name} |")]
    verdict, *quoted = row.split(" | ")[2].rstrip(" |").split(" … ")
    shown, at = " ".join(text.split()), 0
    for words in (verdict, *(piece[1:-1] for piece in quoted)):
        at = shown.find(words, at)
        assert at >= 0, (words, text)


def test_a_table_whose_core_was_cut(heapcore, dump, tmp_path):
    """Nothing is lost; as all roots are missing, nothing says so."""
    path = tmp_path / "cut.core"
    path.write_bytes(dump("known/catalogue.cc").path.read_bytes()[:8 << 20])
    analysis, text = heapcore("analyze", path, "--format", "json").json, " ".join(heapcore("analyze", path).text.split())
    assert analysis["verdict"] == "can't tell"
    # Which roots are known to be missing depends on where the writer of the core puts the notes.
    assert re.search(r"Can't tell what is lost: the core lacks >?\d+ % of .* At most [0-9.]+ MiB of ", text), text
    assert "object lost" not in text and "objects lost" not in text, text
    assert heapcore("leaks", path, "--fail-if-leaked", 0, "-q", status=2).err


@pytest.fixture(scope="module")
def service(cache):
    """A core of what a context manager yields, once."""

    def service_(name, start):
        conftest.machine.need("ptrace")
        path = cache / f"known-{name}.core"
        with conftest.once(path) as needed:
            if needed:
                with start() as pid:
                    conftest.gcore(pid, path)
        return path

    return service_


def test_memcached(heapcore, service):
    """Items lie many to a slab: they are counted, not the slabs."""
    items = 20000

    @programs.used("memcached")
    def start(folder):
        with programs.running(folder, "memcached", "-s", f"{folder}/s", "-t", "2", "-m", "64") as process:
            programs.wait(process, lambda: programs.accepts(f"{folder}/s"), folder)
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(f"{folder}/s")
                s.sendall(b"".join(b"set basket:%d 0 0 200 noreply\r\n%-200s\r\n" % (i, b'{"sku":%d}' % i) for i in range(items)))
                s.sendall(b"get basket:%d\r\n" % (items - 1))
                data = b""
                while not data.endswith(b"END\r\n"):
                    data += s.recv(65536)
            yield process.pid

    core = service("memcached", start)
    analysis = heapcore("analyze", core, "--format", "json").json
    assert analysis["verdict"] == "held"
    text = heapcore("analyze", core).text
    (times,) = re.findall(r"basket:N ([\d,]+) times in", text)
    # The last key may still be in a buffer, too; keys lie in no other place.
    assert items <= int(times.replace(",", "")) <= items + 5


def test_postgres(heapcore, service):
    """A backend with statements that were prepared and never deallocated."""
    statements = 1500
    sql = "create temp table t (id int, name text);\n" + "".join(
        f"prepare p{i}(int) as select name from t where id = $1 and name like 'guest-{i}-%';\n" for i in range(statements))

    @programs.used("postgres", "initdb", "psql", package="postgresql")
    def start(folder):
        with programs.postgres_session(folder, sql) as pid:
            yield pid

    core = service("postgres", start)
    analysis = heapcore("analyze", core, "--format", "json").json
    assert analysis["verdict"] == "held"
    *_, last = heapcore("grep", core, "-c", r"prepare p\d+\(int\) as select name from t where", "--format", "json").jsonl
    assert last["summary"]["chunks"] >= statements
