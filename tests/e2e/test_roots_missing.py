"""Cores that lack what pointers start from: nothing is called lost that the missing part could hold."""
import struct

import pytest

from corefile import PF_W, Core

CUTS = [99, 90, 50]


@pytest.fixture
def cut(tmp_path):
    """cut(core, size): the first bytes of a core."""
    def cut_(core, size):
        path = tmp_path / f"cut-{size}.core"
        path.write_bytes(Core(core).data[:size])
        return path

    return cut_


@pytest.fixture
def without(tmp_path):
    """without(core, wanted): the core, but segments that `wanted` picks have no bytes in the file."""
    def without_(core, wanted):
        read = Core(core)
        data = bytearray(read.data)
        left_out = 0
        for i in range(read.phnum):
            at = read.phoff + i * read.phentsize
            kind, _, _, start, _, _, memory = struct.unpack_from("<IIQQQQQ", data, at)
            if kind == 1 and wanted(read, start, start + memory):
                struct.pack_into("<Q", data, at + 32, 0)
                left_out += 1
        assert left_out
        path = tmp_path / "without.core"
        path.write_bytes(data)
        return path

    return without_


def answer(heapcore, core, limit=0):
    """The JSON of leaks, and the exit status and words of --fail-if-leaked."""
    judged = heapcore("leaks", core, "--fail-if-leaked", limit, "--format", "json", "-q", status=None)
    document = judged.json
    lost = document["definite"]["bytes"] + document["indirect"]["bytes"]
    assert document["upper_bound"] == (document["lost_known"] != "known")
    if judged.status == 2:
        said = judged.err.decode().splitlines()
        assert len(said) == 1 and "can't tell whether more than" in said[0], judged
    else:
        assert judged.err == b""
        assert judged.status == (lost > limit)
    if document["upper_bound"]:
        assert lost and judged.status == (2 if lost > limit or document["roots"]["unwalked"] else 0)
        assert "Can't tell what of this is lost" in " ".join(heapcore("leaks", core, "-q").text.split())
    return document, judged.status


@pytest.mark.parametrize("percent", CUTS)
@pytest.mark.parametrize("program", ["growth.c", "small_structs.c"])
def test_a_cut_core_of_which_nothing_is_lost(heapcore, dump, cut, how, program, percent):
    core = dump(program, how=how)
    document, status = answer(heapcore, core)
    assert document["lost_known"] == "known" and not document["upper_bound"]
    if program == "growth.c":
        assert status == 0
    short = cut(core, Core(core).end * percent // 100)
    judged = heapcore("leaks", short, "--fail-if-leaked", 0, "-q", status=None)
    if judged.status == 2 and b"can't tell" not in judged.err:
        pytest.skip(judged.err.decode())  # so little is left that there is no heap
    document, status = answer(heapcore, short)
    if program == "growth.c":
        assert status != 1


@pytest.mark.parametrize("percent", CUTS)
def test_a_cut_core_with_leaks_can_not_tell(heapcore, dump, cut, how, percent):
    """The stack is the last segment and the heap the first, with either writer."""
    core = dump("leak_shapes.cc", how=how)
    whole, status = answer(heapcore, core)
    assert status == 1 and whole["lost_known"] == "known"
    for kind in ("register", "stack", "tls", "data", "other"):
        assert whole["roots"][kind]["missing"] == 0, kind
    document, status = answer(heapcore, cut(core, Core(core).end * percent // 100))
    assert document["lost_known"] == "roots-missing" and status == 2
    # gcore writes the notes last; where no thread is left, nothing tells what is a stack.
    assert document["roots"]["stack"]["missing"] > 0 or document["roots"]["register"]["missing"] > 0


def test_more_than_the_limit_is_allowed_to_be_unknown(heapcore, dump, cut):
    """What is at most lost answers the question where it is less than the limit."""
    core = dump("leak_shapes.cc")
    document, status = answer(heapcore, cut(core, Core(core).end * 99 // 100), 1 << 40)
    assert document["upper_bound"] and status == 0


def file_of(read, start):
    return next((path for low, high, _, path in read.files if low <= start < high), "")


def writable(read, start):
    return any(load.start == start and load.flags & PF_W for load in read.loads)


def test_without_the_data_of_libc(heapcore, dump, without, how):
    """A file could lend it, but not as it was."""
    core = without(dump("leak_shapes.cc", how=how),
                   lambda read, start, end: "/libc.so" in file_of(read, start) and writable(read, start))
    document, status = answer(heapcore, core)
    assert document["lost_known"] == "roots-missing" and status == 2
    assert document["roots"]["data"]["missing"] > 0
    assert document["roots"]["stack"]["missing"] == 0


def test_without_the_variables_of_the_program(heapcore, dump, without, how):
    core = without(dump("growth.c", how=how),
                   lambda read, start, end: "/growth" in file_of(read, start) and writable(read, start))
    document, status = answer(heapcore, core)
    assert status != 1
    assert document["definite"]["chunks"] == 0 or document["lost_known"] == "roots-missing"


def test_a_core_cut_in_its_notes(heapcore, dump, cut):
    """gcore writes the notes last: all memory is there, but maybe not all threads."""
    core = dump("leak_shapes.cc")
    read = Core(core)
    if read.note_segment.offset < read.end - read.note_segment.filesz:
        pytest.skip("this gcore writes the notes first")
    document, status = answer(heapcore, cut(core, read.end - 64))
    assert document["roots"]["register"]["missing"] >= 1
    assert document["lost_known"] == "roots-missing" and status == 2
