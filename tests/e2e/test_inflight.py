"""
A process stopped in the middle of malloc, free and realloc: nothing is lost, and what is half written is no damage.

Where a busy process is when its core is taken is chance. Here one thread is led through its calls instruction by
instruction, and cores are taken around each instruction that writes to the allocator's data: once behind it, and once
behind the last one before the next, so that every state of memory is seen with the first and the last registers that
go with it. Each instruction counts once.
"""
import concurrent.futures
import ctypes
import os
import platform
import signal
import subprocess

import pytest

import conftest
import moment

# The sanitized build is an order of magnitude slower; it is asked for reports, the release build for the answers.
SHARE = 15 if os.environ.get("HEAPCORE_BUILD") == "sanitized" else 1
CALLS = 90
ADDR_NO_RANDOMIZE = 0x40000
# Copies by string instructions, which stop at every byte, would be most of the steps.
# Without restartable sequences: the kernel writes to them, next to the allocator's data, when it changes the processor.
TUNABLES = ":".join([*(f"glibc.cpu.x86_{name}_threshold=1073741824" for name in ("rep_movsb", "rep_stosb", "non_temporal")),
                     "glibc.pthread.rseq=0"])


def judge(heapcore, core):
    """What is wrong with the answers about a core, and how many threads it found inside."""
    lost = heapcore("leaks", core, "--format", "json", "-q", status=None)
    damage = heapcore("check", core, "--format", "json", "-q", status=None)
    core.unlink()
    wrong = [result for result in (lost, damage) if result.status]
    if not wrong and lost.json["definite"]["chunks"] + lost.json["indirect"]["chunks"]:
        wrong = [lost]
    if not wrong and not all(row["thread_inside"] for row in damage.json["inconsistencies"]):
        wrong = [damage]
    return wrong, lost.json["in_flight"]["threads"], len(damage.json["inconsistencies"])


def prepare_child():
    """As any child, but at the same addresses in every run, where that is allowed: what a call does may hang on them."""
    conftest.machine.prepare_child()
    moment.libc.personality(ctypes.c_ulong(ADDR_NO_RANDOMIZE))


def own_data(mapping):
    """Where the allocator keeps what it knows."""
    return mapping.writable and (mapping.name in ("", "[heap]") or "libc" in os.path.basename(mapping.name))


class Walk:
    """The calls of one thread, and the cores along them."""

    def __init__(self, traced, tid):
        self.traced, self.tid = traced, tid
        libc = [m for m in traced.mappings() if os.path.basename(m.name).startswith("libc.")]
        self.start, self.end = libc[0].start, libc[-1].end
        self.stack = traced.registers(tid)[moment.RSP]

    def own(self, capture):
        return [pieces for mapping, pieces in capture.memory
                if own_data(mapping) and not mapping.start <= self.stack < mapping.end]

    def captures(self):
        """One before and one behind each instruction that writes."""
        seen = set()
        while True:
            pc = self.traced.registers(self.tid)[moment.RIP]
            new = self.start <= pc < self.end and pc not in seen
            if new:
                seen.add(pc)
                before = self.traced.capture(self.tid)
            if self.traced.step(self.tid) != signal.SIGTRAP:
                return
            if not new:
                continue
            behind = self.traced.capture(self.tid)
            if self.own(before) != self.own(behind):
                yield before
                yield behind


@pytest.mark.skipif(platform.machine() != "x86_64", reason="steps by the registers of x86-64")
@pytest.mark.parametrize("where", ["main", "thread"])
def test_at_every_instruction_that_writes(heapcore, compiled, tmp_path, where):
    conftest.machine.need("ptrace")
    program = compiled("stepped.c")
    answers = []
    with conftest.running([program, where, CALLS], stdin=subprocess.PIPE, preexec_fn=prepare_child,
                          env={"GLIBC_TUNABLES": TUNABLES}) as process:
        said = conftest.read_until(process.stdout, b"end").split()
        tid = int(said[said.index(b"tid") + 1])
        with moment.Traced(process.pid) as traced, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            process.stdin.write(b"x")
            process.stdin.close()
            assert traced.wait(tid) == signal.SIGUSR1
            traced.interrupt(*(other for other in traced.tids if other != tid))
            for i, capture in enumerate(Walk(traced, tid).captures()):
                if i % SHARE:
                    continue
                core = tmp_path / f"{i}.core"
                capture.write(core)
                answers.append(pool.submit(judge, heapcore, core))
                # Cores are made faster than they are read.
                if len(answers) > 16:
                    answers[-16].result()
    answers = [answer.result() for answer in answers]
    wrong = [wrong for wrong, _, _ in answers if wrong]
    assert not wrong, f"{len(wrong)} of {len(answers)}: {wrong[0]}"
    print(f"{where}: {len(answers)} cores, {sum(t for _, t, _ in answers)} threads inside, "
          f"{sum(f > 0 for _, _, f in answers)} half written, {sum(f for _, _, f in answers)} contradictions")
    # These are cores of what they should be: of calls that are under way, and of what they have half written. Counted:
    # 104 and 174 of them, with 104 and 151 threads inside, and 66 and 72 half written; the functions that copy and
    # clear differ by processor, those of malloc by release.
    assert len(answers) > 60 / SHARE
    assert sum(threads for _, threads, _ in answers) > len(answers) / 2
    if SHARE == 1:
        assert sum(faults > 0 for _, _, faults in answers) > 20
