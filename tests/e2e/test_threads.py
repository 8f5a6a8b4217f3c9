"""Where threads are, what their stacks cost, and what they have of the heap."""
import re
import subprocess

import pytest

import conftest

BUILDS = {"default": [], "unoptimized": ["-O0"], "stripped": ["-s"], "static": ["-static"]}


@pytest.fixture(scope="module", params=BUILDS)
def build(request):
    return request.param


@pytest.fixture(scope="module")
def core(dump, build):
    return dump("threads_tcache.c", flags=BUILDS[build])


@pytest.fixture(scope="module")
def document(heapcore, core):
    return heapcore("threads", core, "--format", "json").json


class TestThreads:
    def test_each_has_its_stack(self, document, core):
        said = {int(lwp): int(address, 16) for lwp, address in core.lines("thread")}
        rows = {row["thread"]: row for row in document["threads"]}
        assert said and set(said) <= set(rows) and len(rows) == len(said) + sum(row["main"] for row in rows.values())
        for lwp, address in said.items():
            row = rows[lwp]
            assert int(row["stack_start"], 16) <= address < int(row["stack_end"], 16), row
            assert 0 < row["live_bytes"] <= row["touched_bytes"] <= row["present_bytes"] < row["stack_bytes"], row
            assert row["guard_bytes"] == 4096 and row["stack_bytes"] > 7 << 20, row
        assert document["stack_bytes"] == sum(row["stack_bytes"] for row in rows.values())
        assert document["touched_bytes"] == sum(row["touched_bytes"] for row in rows.values())

    def test_arenas_and_caches_are_those_of_the_heap(self, heapcore, document, core):
        arenas = {row["arena"]: row for row in heapcore("arenas", core, "--format", "json").json["arenas"]}
        rows = document["threads"]
        for row in rows:
            assert row["arena_bytes"] == arenas[row["arena"]]["in_use_bytes"], row
            assert row["arena_threads"] == sum(other["arena"] == row["arena"] for other in rows)
            assert row["cache_chunks"] > 0, row
        # Each thread has freed blocks of its own arena only; threads that ended keep none.
        for name, arena in arenas.items():
            if name != "mmap":
                assert sum(row["cache_bytes"] for row in rows if row["arena"] == name) == arena["tcache_bytes"], name

    def test_functions(self, document, build):
        for row in document["threads"]:
            frames = [frame for frame in document["frames"] if frame["thread"] == row["thread"]]
            assert [frame["frame"] for frame in frames] == list(range(len(frames))) and frames[0]["pc"] == row["pc"]
            if build in ("default", "unoptimized"):
                assert row["entry"] == ("main" if row["main"] else "worker")
                assert row["entry"] in [frame["function"] for frame in frames]
            elif build == "stripped":
                assert "threads_tcache" in row["entry"] and "+0x" in row["entry"]

    def test_threads_in_one_place_are_shown_once(self, heapcore, core, document, build):
        text = heapcore("threads", core).text
        assert f"{len(document['threads'])} threads: their stacks reserve" in text.splitlines()[0]
        assert text.count("Frames of") == len({tuple(frame["pc"] for frame in document["frames"]
                                                     if frame["thread"] == row["thread"]) for row in document["threads"]})
        assert "Frames of" not in heapcore("threads", core, "--frames", "0").text
        few = heapcore("threads", core, "--top", "2").text
        assert f"{len(document['threads']) - 2} more threads; --top 0 shows all" in few

    def test_stacks_of_threads_that_ended(self, document, core, build):
        ended = {row["how"]: row for row in document["ended"]}
        assert set(ended) <= {"joined", "unknown"} and sum(row["stacks"] for row in ended.values()) >= 1
        if build != "static":
            assert "joined" in ended


def test_entries_are_where_gdb_has_them(heapcore, dump):
    core = dump("threads_tcache.c")
    modules = heapcore("info", core, "--format", "json").json["modules"]
    program = next(row["path"] for row in modules if "threads_tcache" in row["path"])
    said = subprocess.run(["gdb", "-q", "-batch", "-ex", "thread apply all backtrace", program, str(core)],
                          capture_output=True, text=True, check=True).stdout
    stacks = {int(lwp): re.findall(r"^#\d+ +(?:0x[0-9a-f]+ in )?(\S+)", stack, re.M) for lwp, stack in
              re.findall(r"^Thread \d+ \([^\n]*LWP (\d+)\)\):\n(.*?)(?=^Thread |\Z)", said, re.M | re.S)}
    document = heapcore("threads", core, "--format", "json").json
    assert {row["thread"] for row in document["threads"]} == set(stacks)
    for row in document["threads"]:
        mine = [frame["function"] for frame in document["frames"] if frame["thread"] == row["thread"]]
        # gdb shows calls that the compiler has inlined, too.
        assert 0 < mine.index(row["entry"]) <= stacks[row["thread"]].index(row["entry"]), (mine, stacks)


def test_without_a_heap(heapcore, dump):
    rows = heapcore("threads", dump("no_heap.c"), "--format", "json").json["threads"]
    assert len(rows) == 1 and rows[0]["arena"] is None and rows[0]["cache_bytes"] is None and rows[0]["function"]


@pytest.mark.parametrize("flags", [[], ["-C", "symbol-mangling-version=v0"]], ids=["default", "v0"])
def test_functions_of_rust_have_their_names(heapcore, dump, flags):
    """As c++filt writes them, but for the hashes that it leaves there."""
    conftest.machine.need_program("rustc", "c++filt")
    core = dump("tables.rs", flags=flags)
    program = next(row["path"] for row in heapcore("info", core, "--format", "json").json["modules"] if "tables" in row["path"])
    listing = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    symbols = [line.split()[-1] for line in listing.splitlines()]
    names = subprocess.run(["c++filt"], input="\n".join(symbols), capture_output=True, text=True, check=True).stdout.splitlines()
    known = {re.sub(r"::h[0-9a-f]{16}$|(?<=\w)\[[0-9a-f]+\]", "", name) for name in names}
    document = heapcore("threads", core, "--format", "json").json
    mine = [frame["function"] for frame in document["frames"]]
    assert "tables::main" in mine and any(name.startswith("std::rt::lang_start") for name in mine)
    assert {name for name in mine if "::" in name} <= known
    assert not [name for name in mine if name and re.search(r"^_R|^_ZN|h[0-9a-f]{16}", name)]
