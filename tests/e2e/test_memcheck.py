"""Memcheck on the same programs: the same blocks of each kind, and the differences that docs/design.md explains."""
import re
import subprocess

import pytest

import conftest

KINDS = {"definite": "definitely lost", "indirect": "indirectly lost", "possible": "possibly lost",
         "reachable": "still reachable"}


def memcheck(program, folder):
    """Blocks by kind when the program dies at the place where it is dumped otherwise."""
    result = subprocess.run(["sh", "-c", 'ulimit -c 0; exec "$@"', "sh", "valgrind", "--leak-check=full", "--show-leak-kinds=none",
                             program, "abort"], stdin=subprocess.DEVNULL, capture_output=True, cwd=folder, timeout=300)
    assert result.stdout.endswith(b"end\n"), result.stderr
    summary = result.stderr.decode().split("LEAK SUMMARY:")[1]
    return {kind: int(re.search(rf"{title}: [\d,]+ bytes in ([\d,]+) blocks", summary)[1].replace(",", ""))
            for kind, title in KINDS.items()}


# Threads that are started, whose table of thread-local storage Memcheck finds by a pointer into its middle alone.
@pytest.mark.parametrize("source, threads", [("rings.c", 0), ("holders.c", 1), ("leak_shapes.cc", 4)])
def test_blocks_of_each_kind(heapcore, dump, compiled, tmp_path, source, threads):
    conftest.machine.need_program("valgrind")
    theirs = memcheck(compiled(source), tmp_path)
    reach = heapcore("analyze", dump(source), "--format", "json").json["reach"]
    ours = {kind: reach[kind]["chunks"] for kind in KINDS}
    assert sum(theirs.values()) == sum(ours.values()), (theirs, ours)
    tables = theirs["possible"] - ours["possible"]
    assert 0 <= tables <= threads
    # In leak_shapes: a cycle below a lost block, and two blocks that only a register of a thread holds.
    cycle = int(source == "leak_shapes.cc")
    register = theirs["definite"] - ours["definite"] - cycle
    assert 0 <= register <= cycle
    assert theirs == {"definite": ours["definite"] + cycle + register, "indirect": ours["indirect"] - cycle + register,
                      "possible": ours["possible"] + tables, "reachable": ours["reachable"] - tables - 2 * register}
