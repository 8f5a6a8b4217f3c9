"""The fault matrix: the golden core cut at 200 evenly spaced offsets and with 2,000 seeded bit flips.

All of it runs in one process (tests/fuzz/fault_matrix.c), which ends with a signal at a crash, a sanitizer's report
or a core that takes more than 10 seconds. A sample runs through the program itself, for exit status and messages.
"""
import lzma
import os
import pathlib
import random
import re
import resource
import shutil
import struct
import subprocess

import pytest

import conftest

CUTS, FLIPS, SEED = 200, 2000, 20261120
COUNTS = re.compile(r"^(\w+): (\d+) refused, (\d+) without a heap, (\d+) partial, (\d+) whole$", re.M)


@pytest.fixture(scope="module")
def golden(cache):
    core = cache / "golden-faults.core"
    with conftest.once(core) as needed:
        if needed:
            core.write_bytes(lzma.decompress((conftest.TESTDATA / "golden/golden.core.xz").read_bytes()))
    return core


def test_matrix(heapcore, golden):
    matrix = pathlib.Path(heapcore.path).parent.parent / "tests/fuzz/fault_matrix"
    if not matrix.exists():
        pytest.skip(f"{matrix} is not built")
    result = subprocess.run([matrix, golden, str(CUTS), str(FLIPS), str(SEED)], capture_output=True, text=True,
                            timeout=3000)
    assert result.returncode == 0 and result.stderr == "", (result.returncode, result.stdout, result.stderr[-3000:])
    counts = {what: list(map(int, numbers)) for what, *numbers in COUNTS.findall(result.stdout)}
    refused, no_heap, partial, whole = counts["cut"]
    assert refused + no_heap + partial + whole == CUTS
    # Only a cut within the headers leaves nothing to analyze; only one behind all memory costs nothing.
    assert refused <= 2 and whole <= 2, counts
    refused, no_heap, partial, whole = counts["flipped"]
    assert refused + no_heap + partial + whole == FLIPS
    # One bit is one chunk, one list or one header: nearly always the heap is still there.
    assert refused + no_heap <= FLIPS * 0.02, counts


def check(heapcore, path, cut):
    """Status 0, and partial when something is missing; or 2 with one line that says why."""
    for args in (["analyze", path, "--format", "json"], ["leaks", path, "--format", "json"],
                 ["chunks", path, "--format", "csv"]):
        result = heapcore(*args, status=None)
        if result.status == 2:
            assert result.out == b"" and result.err.startswith(b"heapcore: "), result
            assert len(result.err.splitlines()) == 1, result
            continue
        assert result.status == 0, result
        if cut:
            assert result.err.startswith(b"heapcore: "), result
        if "json" in args and cut:
            assert result.json["partial"] is True, result


@pytest.mark.parametrize("step", range(1, 10))
def test_cut(heapcore, golden, tmp_path, step):
    path = tmp_path / "cut"
    shutil.copyfile(golden, path)
    # Beside the offsets of the matrix.
    os.truncate(path, os.path.getsize(path) * step // 10 + 1234)
    check(heapcore, path, cut=True)


@pytest.mark.parametrize("seed", range(10))
def test_flipped(heapcore, golden, tmp_path, seed):
    data = bytearray(golden.read_bytes())
    rng = random.Random(seed)
    # Several at once, half of them among headers and notes.
    for i in range(8):
        data[rng.randrange(8192 if i % 2 else len(data))] ^= 1 << rng.randrange(8)
    path = tmp_path / "flipped"
    path.write_bytes(data)
    check(heapcore, path, cut=False)


def test_many_fenceposts(heapcore, tmp_path):
    """A heap that is interrupted every 160 bytes costs what any heap of its size costs: 30 s would be a hundred times
    that, and what squares of the size would cost."""
    chunk, fence = struct.pack("<4Q", 0, 0x21, 0, 0), struct.pack("<4Q", 0, 0x11, 0x10, 0x11)
    period = chunk * 4 + fence
    data = chunk * 20000 + period * ((64 << 20) // len(period))
    data = data[:len(data) // 4096 * 4096]
    ehdr = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    phdr = struct.pack("<IIQQQQQQ", 1, 6, 4096, 0x555555559000, 0, len(data), len(data), 4096)
    path = tmp_path / "fences"
    path.write_bytes((ehdr + phdr).ljust(4096, b"\0") + data)
    for jobs in (1, 2):
        start = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        document = heapcore("histogram", path, "--format", "json", "--jobs", jobs).json
        # Of its own: others may keep the processors busy.
        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - start < 30
        row = next(r for r in document["rows"] if r["min_size"] == 32)
        assert row["in_use_chunks"] >= 20000 + 4 * ((64 << 20) // len(period)) - 100
