"""Cores that are holes almost everywhere: the same answers as without holes, and the holes are not read."""
import os
import struct

import pytest

import conftest
import corefile

MIB = 1 << 20
START = 0x1000_0000_0000  # where no program of the tests has anything


def with_reservation(core, path, size, pointers, holes):
    """
    The same core with one more mapping: zeroes but for a word that points to a chunk, some text, and text across a
    border of pages. holes: whether the file has them, or the zeroes themselves.
    """
    source = corefile.Core(core)
    table = source.data[source.phoff:source.phoff + source.phnum * source.phentsize]
    phoff = len(source.data) + 7 & ~7
    # In the middle of a page of the file, as gdb writes them.
    offset = (phoff + len(table) + 56 + 4095 & ~4095) + 0x2a8
    table += struct.pack("<IIQQQQQQ", corefile.PT_LOAD, corefile.PF_R | corefile.PF_W, offset, START, 0, size, size, 1)
    header = bytearray(source.data[:64])
    struct.pack_into("<Q", header, 32, phoff)
    struct.pack_into("<H", header, 56, source.phnum + 1)
    with open(path, "wb") as file:
        file.write(bytes(header) + source.data[64:])
        file.seek(phoff)
        file.write(table)
        if holes:
            file.truncate(offset + size)
        else:
            file.seek(offset)
            for _ in range(size // MIB):
                file.write(bytes(MIB))
        for i, pointer in enumerate(pointers):
            file.seek(offset + size // 4 + i * (size // 2 // len(pointers)) & ~7)
            file.seek(-(file.tell() - offset) % 8, os.SEEK_CUR)
            file.write(struct.pack("<Q", pointer) + b"needle in the hay")
        file.seek(offset + size - 3 * MIB - 8)
        file.write(b"needle on a border")
    return path


@pytest.fixture(scope="module")
def plain(dump):
    return dump("mixed.c")


@pytest.fixture(scope="module")
def pointers(heapcore, plain):
    """Chunks all over the heap."""
    rows = heapcore("chunks", plain, "--format", "csv", "--columns", "address").text.split()[1:]
    return [int(address, 16) for address in rows[::len(rows) // 7]][:7]


QUESTIONS = (
    ("analyze", "--format", "json"),
    ("maps", "--format", "json"),
    ("leaks", "--format", "json"),
    ("chunks", "--format", "csv", "--reach", "reachable"),
    ("grep", "--maps", "needle", "--format", "csv"),
    ("grep", "--maps", "-c", r"\x00needle"),
    ("grep", "--maps", "-o", r"^needle|needle [a-z]+"),
    ("strings", "--maps", "-n", "12"),
    ("what", hex(START + 16 * MIB), "--format", "json"),
)


def ask(heapcore, core, question):
    """Output, status and the most memory that was resident, bytes: pages of the file are in it."""
    result, resident = conftest.peak(heapcore, core.parent, question[0], core, *question[1:], status=None)
    assert result.status in (0, 1), result
    return result.out.replace(os.fsencode(core), b"CORE"), result.status, resident


def is_sparse(path):
    return path.stat().st_blocks * 512 < path.stat().st_size // 2


def test_answers(heapcore, plain, pointers, tmp_path):
    """Each answer is that of the copy without holes."""
    full = with_reservation(plain, tmp_path / "full.core", 32 * MIB, pointers, holes=False)
    sparse = with_reservation(plain, tmp_path / "sparse.core", 32 * MIB, pointers, holes=True)
    assert full.read_bytes() == sparse.read_bytes()
    for question in QUESTIONS:
        a, b = ask(heapcore, full, question), ask(heapcore, sparse, question)
        assert a[:2] == b[:2], question
    found = ask(heapcore, sparse, ("grep", "--maps", "-c", "needle"))[0]
    assert int(found.split()[0]) >= len(pointers) + 1


def test_holes_are_not_read(heapcore, plain, pointers, tmp_path):
    """4 GiB of holes: what is resident at most is far less, although the file is mapped."""
    path = with_reservation(plain, tmp_path / "large.core", 4096 * MIB, pointers, holes=True)
    if not is_sparse(path):
        pytest.skip("this file system has no holes")
    for question in QUESTIONS:
        if r"\x00" in question[-1]:
            continue  # a match may begin in a hole
        assert ask(heapcore, path, question)[2] < 512 * MIB, question
