"""What a program says about its heap, compared with every chunk that heapcore lists.

Used by the tests that know a whole heap: the matrix of C libraries and the synthetic cores.
"""
import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]
FREE_STATES = ("tcache", "fastbin", "unsorted", "smallbin", "largebin", "top")
ALL_STATES = ",".join(("in-use", "overhead") + FREE_STATES)
TIMEOUT = 120


def program():
    path = os.path.abspath(os.environ.get("HEAPCORE", ROOT / "build/cmd/heapcore"))
    assert os.access(path, os.X_OK), f"{path}: no such program; build it, or set HEAPCORE"
    return path


def run(*arguments, status=0):
    """Output of heapcore, which must succeed, or end with another status, and say nothing of sanitizers."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBUGINFOD_URLS": ""}
    done = subprocess.run([program(), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=TIMEOUT, env=environment, text=True, errors="replace")
    assert done.returncode == status and "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, \
        f"heapcore {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stderr[:2000]}"
    return done.stdout


class Chunk:
    """One row of `heapcore chunks --format csv`."""

    def __init__(self, line):
        address, size, usable, self.state, self.arena = line.split(",")
        self.address, self.size, self.usable = int(address, 16), int(size), int(usable)

    def __repr__(self):
        return f"0x{self.address:x} ({self.state}, {self.usable} of {self.size} bytes usable, arena {self.arena})"


def chunks_of(core):
    lines = run("chunks", core, "--state", ALL_STATES, "--format", "csv").splitlines()
    assert lines[0] == "address,chunk_size,usable_size,state,arena"
    return [Chunk(line) for line in lines[1:]]


class Heap:
    """Live and dead blocks after a sequence of events: what reuses a block's bytes ends its being dead."""

    def __init__(self):
        self.live, self.dead = {}, {}

    def alloc(self, address, size, label):
        for other in [a for a in self.dead if address <= a < address + max(size, 1)]:
            del self.dead[other]
        self.live[address] = (size, label)

    def free(self, address, label):
        self.live.pop(address, None)
        self.dead[address] = label


def compare(heap, chunks):
    """
    Sentences about every difference: live blocks that are no in-use chunk or too short, dead blocks inside of one,
    chunks that overlap. Returns them and the in-use chunks that the heap does not know.
    """
    problems = []
    rows = sorted(chunks, key=lambda c: c.address)
    in_use = {c.address: c for c in rows if c.state == "in-use"}
    by_address = {c.address: c for c in rows}
    for address, (size, label) in heap.live.items():
        chunk = in_use.get(address)
        if not chunk:
            problems.append(f"live 0x{address:x} ({size} bytes, {label}) is "
                            f"{by_address.get(address, 'no chunk')}")
        elif chunk.usable < size:
            problems.append(f"live 0x{address:x}: {size} bytes were asked for ({label}), but it is {chunk}")
    for before, after in zip(rows, rows[1:]):
        if before.address + before.size > after.address:
            problems.append(f"{before} runs into {after}")
    users = sorted(in_use.values(), key=lambda c: c.address)
    position = 0
    for address in sorted(heap.dead):
        while position < len(users) and users[position].address + users[position].usable <= address:
            position += 1
        if position < len(users) and users[position].address <= address:
            problems.append(f"dead 0x{address:x} ({heap.dead[address]}) is within {users[position]}")
    return problems, [c for c in in_use.values() if c.address not in heap.live]


def summary(problems, limit=12):
    more = f"\n… and {len(problems) - limit} more" if len(problems) > limit else ""
    return f"{len(problems)} differences:\n" + "\n".join(problems[:limit]) + more
