"""Every anonymous byte is accounted for, and the parts add up."""
import re

import pytest

import corefile

PROGRAMS = [("mixed.c",), ("growth.c",), ("threads_tcache.c",), ("retention.c",), ("leak_shapes.cc",),
            ("worker_calloc.c",), ("no_heap.c",)]


@pytest.fixture(params=PROGRAMS, ids=[p[0] for p in PROGRAMS])
def core(request, dump, how):
    return dump(*request.param, how=how)


def accounting(heapcore, core):
    return heapcore("analyze", core, "--format", "json").json["accounting"]


def test_parts_add_up_to_the_anonymous_bytes(heapcore, core):
    found = accounting(heapcore, core)
    assert found["total"] == corefile.Core(core).anonymous_bytes()
    if core.maps:
        assert found["total"] == corefile.anonymous_bytes_of_maps(core.maps)
    assert sum(part["bytes"] for part in found["parts"]) == found["total"]


def test_parts_equal_the_chunks(heapcore, core):
    """The parts that consist of chunks are the sums of `chunks`, reckoned here."""
    rows = heapcore("chunks", core, "--format", "csv", "--state",
                    "in-use,tcache,fastbin,unsorted,smallbin,largebin,top", status=None)
    if rows.status == 2:
        pytest.skip("no heap")
    parts = {part["part"]: part for part in accounting(heapcore, core)["parts"]}
    for state in ("in-use", "tcache", "fastbin", "unsorted", "smallbin", "largebin", "top"):
        chunks = [int(r["chunk_size"]) for r in rows.rows() if r["state"] == state and r["arena"] != "mmap"]
        assert (parts[state]["chunks"], parts[state]["bytes"]) == (len(chunks), sum(chunks)), state
    mmapped = [r for r in rows.rows() if r["state"] == "in-use" and r["arena"] == "mmap"]
    assert parts["mmapped"]["chunks"] == len(mmapped)
    assert parts["mmapped"]["bytes"] >= sum(int(r["chunk_size"]) for r in mmapped)


def test_nothing_is_left_over(heapcore, core):
    """In a clean core of a plain program there is no heap memory that can't be walked, and nothing missing."""
    found = accounting(heapcore, core)
    parts = {part["part"]: part["bytes"] for part in found["parts"]}
    assert parts["unwalked"] == 0
    # The kernel leaves out anonymous mappings that were never written to, such as a page of untouched bss.
    assert found["missing"] == corefile.Core(core).anonymous_bytes_missing()


def test_maps_cover_the_same_bytes(heapcore, core):
    """`maps` lists the anonymous bytes that the accounting starts from."""
    rows = heapcore("maps", core, "--format", "json").json["mappings"]
    total = sum(int(r["end"], 16) - int(r["start"], 16) for r in rows if r["anonymous"])
    assert total == accounting(heapcore, core)["total"]
    spans = sorted((int(r["start"], 16), int(r["end"], 16)) for r in rows)
    assert all(end <= start for (_, end), (start, _) in zip(spans, spans[1:]))


class TestAddressesWithoutMemory:
    """Stacks that nobody touched, and the ends of heaps that malloc has trimmed, explain nothing."""

    def test_trimmed_heap_is_no_damage(self, heapcore, dump, how):
        core = dump("idle_threads.c", how=how)
        parts = {part["part"]: part["bytes"] for part in accounting(heapcore, core)["parts"]}
        assert parts["given-back"] > 2 << 20
        assert parts["unwalked"] == 0
        assert "damaged" not in heapcore("analyze", core).text

    def test_stacks_hide_no_growth(self, heapcore, dump, how):
        core = dump("idle_threads.c", how=how)
        found = accounting(heapcore, core)
        parts = {part["part"]: part["bytes"] for part in found["parts"]}
        assert parts["stack"] > found["total"] / 2
        assert 0 < found["stack_live"] < parts["stack"] / 2
        text = heapcore("analyze", core).text
        assert re.search(r"^Held\. ", text, re.M) and re.search(r" set aside for stacks; .* was touched\.", text), text

    def test_only_stacks(self, heapcore, dump, how):
        core = dump("idle_threads.c", "12", "0", how=how)
        assert heapcore("analyze", core, "--format", "json").json["verdict"] == "nothing stands out"
        text = heapcore("analyze", core).text
        assert re.search(r"MiB of addresses are set aside for stacks; [0-9.]+ KiB of them", text.replace("\n", " ")), text


def test_memory_between_two_parts_of_the_main_heap(heapcore, dump, how):
    """It is somebody else's, whichever parts of the heap lie below and above it."""
    core = dump("between.c", how=how)
    [between] = core.lines("between")
    address, size = int(between[0], 16), int(between[1])
    low, high = (int(line[0], 16) for line in core.lines("chunk"))
    assert low < address < high, "the kernel put them in another order"
    rows = heapcore("maps", core, "--format", "json").json["mappings"]
    kinds = {row["kind"] for row in rows if int(row["start"], 16) < address + size and int(row["end"], 16) > address}
    assert kinds == {"anonymous"}
    heap = [row for row in rows if row["kind"] == "main-heap"]
    assert all(any(int(row["start"], 16) <= chunk < int(row["end"], 16) for row in heap) for chunk in (low, high))
    assert sum(int(row["end"], 16) - int(row["start"], 16) for row in heap) < 6 << 20
