"""Fixtures of the end-to-end tests: the program under test, test programs, and cores of them.

HEAPCORE names the program (default: build/cmd/heapcore). HEAPCORE_TEST_CACHE names a folder in which test
programs and cores are kept for another run; without it they live as long as the test session.
"""
import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import re
import resource
import select
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTDATA = ROOT / "testdata"
# What programs under test are given: a heap holds copies of it, and tests count what a heap holds.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/proc/nonexistent",
               "LC_ALL": "C"}
# Some tests run several cores; the sanitized build is an order of magnitude slower.
TIMEOUT = 300


def pytest_configure(config):
    config.addinivalue_line("markers", "kernel_core: needs a core that the kernel writes into the current folder")


class Result:
    """What one run of heapcore left."""

    def __init__(self, process):
        self.status, self.out, self.err = process.returncode, process.stdout, process.stderr
        self.args = process.args

    def __repr__(self):
        return f"{' '.join(map(str, self.args[1:]))}: exit {self.status}\n{self.out[:2000]}\n{self.err[:2000]}"

    @property
    def text(self):
        return self.out.decode("utf-8", "replace")

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def jsonl(self):
        return [json.loads(line) for line in self.out.splitlines()]

    def rows(self):
        """CSV as a list of dicts. No field of ours holds a quoted comma in the tables that use this."""
        lines = self.text.splitlines()
        names = lines[0].split(",")
        return [dict(zip(names, line.split(","))) for line in lines[1:]]


class Heapcore:
    def __init__(self, path):
        self.path = path

    def __call__(self, *args, status=0, timeout=TIMEOUT, **options):
        """Run it; status=None allows 0, 1 and 2. A signal or a sanitizer's report always fails."""
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBUGINFOD_URLS": "", **options.pop("env", {})}
        process = subprocess.run([self.path, *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, timeout=timeout, env=environment, **options)
        result = Result(process)
        assert result.status in (0, 1, 2), result
        assert b"Sanitizer" not in result.err and b"runtime error" not in result.err, result
        if status is not None:
            assert result.status == status, result
        return result


@pytest.fixture(scope="session")
def heapcore():
    path = os.path.abspath(os.environ.get("HEAPCORE", ROOT / "build/cmd/heapcore"))
    assert os.access(path, os.X_OK), f"{path}: no such program; build it, or set HEAPCORE"
    return Heapcore(path)


@pytest.fixture(scope="session")
def cache():
    """A folder for programs and cores."""
    folder = os.environ.get("HEAPCORE_TEST_CACHE")
    if folder:
        os.makedirs(folder, exist_ok=True)
        yield pathlib.Path(folder)
        return
    with tempfile.TemporaryDirectory(prefix="heapcore-test-") as folder:
        yield pathlib.Path(folder)


@contextlib.contextmanager
def once(path):
    """Make a file once, also when two sessions share the cache. Yields whether it is still to be made."""
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield not os.path.exists(path)


@pytest.fixture(scope="session")
def compiled(cache):
    """Compile a test program: compiled("mixed.c"), compiled("mixed.c", "-static")."""

    def compile_(source, *flags):
        path = TESTDATA / source if (TESTDATA / source).exists() else ROOT / source
        content = path.read_bytes() + (TESTDATA / "manifest.h").read_bytes() + repr(flags).encode()
        program = cache / f"{path.stem}-{hashlib.sha256(content).hexdigest()[:8]}"
        with once(program) as needed:
            if needed:
                compiler = os.environ.get("CXX", "g++") if path.suffix == ".cc" else os.environ.get("CC", "gcc")
                subprocess.run([compiler, "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-o", program, path,
                                "-pthread", *flags], check=True, timeout=120)
        return program

    return compile_


# Debian's gcc-multilib is no more than a link to that folder, and can't be installed beside cross compilers.
FLAGS_32_BIT = ["-m32", "-isystem", "/usr/include/x86_64-linux-gnu"]


@pytest.fixture(scope="session")
def can_build_32_bit(cache):
    """Skips where the compiler has no 32-bit half (gcc-12-multilib)."""
    source = cache / "empty.c"
    source.write_text("#include <errno.h>\nint main(void) { return 0; }\n")
    done = subprocess.run([os.environ.get("CC", "gcc"), *FLAGS_32_BIT, "-o", cache / "empty-32", source],
                          capture_output=True)
    if done.returncode or subprocess.run([cache / "empty-32"]).returncode:
        pytest.skip("programs of 32 bits can't be built and run here (gcc-12-multilib)")


def kernel_core_problem():
    """Why the kernel would not write a core where we can find it, or None."""
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
    if not pattern:
        return "core_pattern is empty"
    if pattern.startswith("|") or "/" in pattern:
        return f"core_pattern is {pattern!r}: cores go elsewhere"
    if resource.getrlimit(resource.RLIMIT_CORE)[1] == 0:
        return "the hard limit of core size is 0"
    return None


def allow_core():
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def state_of(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0]


def wait_for(condition, what, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"timed out: {what}"
        time.sleep(0.005)


def gcore(pid, path):
    """Dump a live process to path."""
    out = subprocess.run(["gcore", "-o", f"{path}.tmp", str(pid)], capture_output=True, text=True, timeout=120,
                         stdin=subprocess.DEVNULL)
    made = f"{path}.tmp.{pid}"
    assert os.path.exists(made), out.stdout + out.stderr
    os.rename(made, path)


def take_kernel_core(folder, path):
    """Move the one core file in a folder to path."""
    cores = [name for name in os.listdir(folder) if name.startswith("core")]
    assert len(cores) == 1, f"the kernel wrote {cores} into {folder}"
    shutil.move(os.path.join(folder, cores[0]), path)


class Dump:
    """A core with what the program said before it."""

    def __init__(self, path):
        self.path = path
        self.said = pathlib.Path(f"{path}.said").read_text().splitlines()
        self.maps = pathlib.Path(f"{path}.maps").read_text() if os.path.exists(f"{path}.maps") else None

    def __fspath__(self):
        return str(self.path)

    def __str__(self):
        return str(self.path)

    def lines(self, first):
        """The fields of the lines that begin with a word, that word left out."""
        return [line.split()[1:] for line in self.said if line.split() and line.split()[0] == first]


def read_until(stream, last, seconds=60):
    """Lines of a pipe up to the line `last`."""
    data, end = b"", time.monotonic() + seconds
    while not data.endswith(b"\n" + last + b"\n") and data != last + b"\n":
        assert time.monotonic() < end, f"no {last!r} within {seconds} s"
        if select.select([stream], [], [], 1)[0]:
            piece = os.read(stream.fileno(), 1 << 16)
            assert piece, f"the program ended before it said {last!r}: {data[-300:]!r}"
            data += piece
    return data


@contextlib.contextmanager
def running(argv, **options):
    """A process that is gone at the end, whatever happens. env is added to ENVIRONMENT."""
    environment = {**ENVIRONMENT, **(options.pop("env", None) or {})}
    process = subprocess.Popen([str(a) for a in argv], stdout=subprocess.PIPE, env=environment, **options)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="session")
def dump(cache, compiled):
    """A core of a test program: dump("mixed.c"), dump("growth.c", "1000", how="kernel", flags=["-s"])."""

    def dump_(source, *args, how="gcore", flags=(), env=None, name=""):
        if how == "kernel" and kernel_core_problem():
            pytest.skip(f"kernel core: {kernel_core_problem()}")
        program = compiled(source, *flags)
        key = hashlib.sha256(repr((args, env)).encode()).hexdigest()[:6]
        path = cache / f"{program.name}-{key}{name}-{how}.core"
        with once(path) as needed:
            if needed:
                make(program, args, how, path, env)
        return Dump(path)

    def make(program, args, how, path, env):
        folder = tempfile.mkdtemp(dir=cache)
        stop = "abort" if how == "kernel" else "pause"
        with running([program, stop, *args], cwd=folder, env=env, preexec_fn=allow_core) as process:
            said = read_until(process.stdout, b"end")
            if how == "kernel":
                process.wait(60)
                take_kernel_core(folder, path)
            else:
                pathlib.Path(f"{path}.maps").write_text(pathlib.Path(f"/proc/{process.pid}/maps").read_text())
                gcore(process.pid, path)
        pathlib.Path(f"{path}.said").write_bytes(said)
        shutil.rmtree(folder)

    return dump_


@pytest.fixture(params=["gcore", pytest.param("kernel", marks=pytest.mark.kernel_core)])
def how(request):
    """Both writers of cores."""
    return request.param
