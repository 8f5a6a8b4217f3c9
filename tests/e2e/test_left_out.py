"""Cores that hold less than the process had on purpose: other coredump filters, holes, zero pages left out."""
import os
import pathlib
import struct
import subprocess

import pytest

import corefile
from conftest import allow_core, machine, read_until, running, take_kernel_core

STATES = "in-use,tcache,fastbin,unsorted,smallbin,largebin,top,overhead"
PAGE = 4096


def chunks(heapcore, core):
    return heapcore("chunks", core, "--format", "csv", "--state", STATES).rows()


def live_of(dump):
    """Addresses that the program says it holds; what is freed later is said later."""
    live = set()
    for line in pathlib.Path(f"{dump}.said").read_text().splitlines():
        word, *rest = line.split()
        if word in ("live", "lost"):
            live.add(rest[0])
        elif word == "dead":
            live.discard(rest[0])
    return live


@pytest.fixture(scope="module")
def whole(dump):
    return dump("threads_tcache.c", how="kernel")


# core(5): bit 0 anonymous private, 1 anonymous shared, 2 file-backed private, 3 file-backed shared, 4 ELF
# headers, 5 and 6 huge pages. Without bit 4 no build-id is there, so no file can stand in.
@pytest.mark.kernel_core
@pytest.mark.parametrize("bits", [0x01, 0x11, 0x23, 0x33, 0x7F])
def test_other_filters(heapcore, compiled, tmp_path, bits):
    """Anonymous memory is all that the heap needs."""
    machine.need("core-pattern", "coredump-filter")

    def prepare():
        allow_core()
        pathlib.Path("/proc/self/coredump_filter").write_text(hex(bits))

    path = tmp_path / "core.filtered"
    with running([compiled("threads_tcache.c"), "abort"], cwd=tmp_path, preexec_fn=prepare) as process:
        said = read_until(process.stdout, b"end")
        process.wait(60)
        take_kernel_core(tmp_path, path)
    pathlib.Path(f"{path}.said").write_bytes(said)
    found = {r["address"] for r in chunks(heapcore, path) if r["state"] == "in-use"}
    live = live_of(path)
    assert live and live <= found
    arenas = [a for a in heapcore("arenas", path, "--format", "json").json["arenas"] if a["address"]]
    assert len(arenas) == 10
    assert not heapcore("arenas", path, "--format", "json").json["partial"]


@pytest.mark.kernel_core
def test_nothing_dumped(heapcore, compiled, tmp_path):
    """Filter 0: threads and names are there, no memory. What can be said is said, and that there is no heap."""
    machine.need("core-pattern", "coredump-filter")

    def prepare():
        allow_core()
        pathlib.Path("/proc/self/coredump_filter").write_text("0x0")

    path = tmp_path / "core.empty"
    with running([compiled("mixed.c"), "abort"], cwd=tmp_path, preexec_fn=prepare) as process:
        read_until(process.stdout, b"end")
        process.wait(60)
        take_kernel_core(tmp_path, path)
    assert heapcore("analyze", path, status=0).text
    result = heapcore("histogram", path, status=2)
    assert result.out == b"" and result.err.startswith(b"heapcore: ")


def test_sparse_copy(heapcore, whole, tmp_path):
    """Holes in the file read as the zeroes that they stand for."""
    copy = tmp_path / "core.sparse"
    subprocess.run(["cp", "--sparse=always", str(whole), str(copy)], check=True)
    assert copy.stat().st_blocks * 512 < os.stat(whole).st_size
    assert chunks(heapcore, copy) == chunks(heapcore, whole)


def without_zero_pages(core, path):
    """The same core, but each run of zero pages is a segment of which nothing is in the file."""
    source = corefile.Core(core)
    notes = source.data[source.note_segment.offset:source.note_segment.offset + source.note_segment.filesz]
    pieces = []  # flags, start, memsz, bytes
    for load in source.loads:
        data = source.data[load.offset:load.offset + load.filesz]
        at = 0
        while at < load.memsz:
            zero = not any(data[at:at + PAGE])
            end = at + PAGE
            while end < load.memsz and (not any(data[end:end + PAGE])) == zero:
                end += PAGE
            end = min(end, load.memsz)
            pieces.append((load.flags, load.start + at, end - at, b"" if zero else data[at:end]))
            at = end
    header = bytearray(source.data[:64])
    count = len(pieces) + 1
    assert count < 0xFFFF
    offset = 64 + 56 * count
    struct.pack_into("<Q", header, 32, 64)
    struct.pack_into("<Q", header, 40, 0)
    struct.pack_into("<HHHHH", header, 54, 56, count, 0, 0, 0)
    table = struct.pack("<IIQQQQQQ", corefile.PT_NOTE, 0, offset, 0, 0, len(notes), 0, 4)
    body = notes
    for flags, start, size, data in pieces:
        table += struct.pack("<IIQQQQQQ", corefile.PT_LOAD, flags, offset + len(body), start, 0, len(data), size, 1)
        body += data
    path.write_bytes(bytes(header) + table + body)
    return sum(size for _, _, size, data in pieces if not data)


def test_zero_pages_left_out(heapcore, whole, tmp_path):
    """
    A writer may leave out pages of zeroes. No header lies in one, so every chunk is found, whether its inside is
    there or not; the result says that it is partial.
    """
    path = tmp_path / "core.nozero"
    assert without_zero_pages(whole, path) > 1 << 20
    expected = {(r["address"], r["chunk_size"]) for r in chunks(heapcore, whole) if r["state"] != "top"}
    found = {(r["address"], r["chunk_size"]) for r in chunks(heapcore, path) if r["state"] != "top"}
    assert expected <= found
    live = {r["address"] for r in chunks(heapcore, path) if r["state"] == "in-use"}
    assert live_of(whole) <= live
