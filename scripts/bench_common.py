"""What the parts of scripts/bench measure with."""
import os
import re
import resource
import statistics
import subprocess
import sys
import time


class Measured:
    """One run of a command: seconds elapsed, seconds of processor time, and what it printed."""

    def __init__(self, command):
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, shell=isinstance(command, str))
        self.elapsed, after = time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
        # heapcore exits with 1 where it found what is asked for, ripgrep and grep where they did not.
        if done.returncode not in (0, 1):
            sys.exit(f"{command}: exit status {done.returncode}\n{done.stderr.decode()}")
        self.processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.output = done.stdout


def in_turn(commands, runs):
    """
    Medians of (elapsed, processor time) for each command. They run in turn, so that a load that comes and goes meets
    all of them; a first round warms up.
    """
    rounds = [[Measured(command) for command in commands] for _ in range(runs + 1)][1:]
    return [(statistics.median(run.elapsed for run in column), statistics.median(run.processor for run in column))
            for column in zip(*rounds)]


def peak_anonymous(command, runs=3):
    """
    Most RssAnon that a command has, in bytes. Sampled every millisecond: the peak of a phase that is
    shorter than that can be missed, so the largest of some runs counts.
    """
    peak = 0
    for _ in range(runs):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None:
            try:
                with open(f"/proc/{process.pid}/status") as status:
                    found = re.search(r"^RssAnon:\s*(\d+) kB", status.read(), re.M)
                if found:
                    peak = max(peak, int(found[1]) * 1024)
            except OSError:
                pass
            time.sleep(0.001)
    return peak


def busy():
    """A remark for figures that were made while others waited for the processors; empty on a quiet machine."""
    waiting = os.getloadavg()[0] - os.cpu_count()
    return f"busy machine (load {os.getloadavg()[0]:.1f}): compare processor time" if waiting > 0 else ""
