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
import select
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
import machine  # noqa: E402 (shared with the other test folders)

# Who runs this in the background may ignore signals, which programs under test would inherit and keep to.
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGQUIT):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

TESTDATA = ROOT / "testdata"
# What programs under test are given: a heap holds copies of it, and tests count what a heap holds.
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/proc/nonexistent",
               "LC_ALL": "C"}
# Some tests run several cores; the sanitized build is an order of magnitude slower.
TIMEOUT = 300


def schema(verb):
    """What the JSON of a verb says it is."""
    return f"heapcore.{verb}/{2 if verb == 'analyze' else 1}"


def pytest_configure(config):
    config.addinivalue_line("markers", "kernel_core: needs a core that the kernel writes into the current folder")


@pytest.fixture(autouse=True)
def able(request):
    """Skips what is marked as needing a core of the kernel where that writes none."""
    if request.node.get_closest_marker("kernel_core"):
        machine.need("core-pattern")


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


def check_findings(document):
    """What holds for every core, damaged and cut ones, too: findings and the rest are the total, and in order."""
    findings, rest = document["findings"], document["rest"]
    for what, total in (("touched", document["touched"]["total"]), ("bytes", document["accounting"]["total"])):
        assert sum(finding[what] for finding in findings) + rest[what] == total, what
    assert all(0 <= finding["touched"] <= finding["bytes"] for finding in [*findings, rest]) and rest["chunks"] >= 0
    assert [finding["touched"] for finding in findings] == sorted((f["touched"] for f in findings), reverse=True)


def shown(heapcore, finding):
    """Chunks and bytes that the command of a finding shows."""
    name, verb, *rest = shlex.split(finding["more"])
    assert name == "heapcore"
    rows = heapcore(verb, *rest, "--format", "csv").rows()
    if verb == "leaks":
        return sum(int(row["chunks"]) for row in rows), sum(int(row["bytes"]) for row in rows)
    if verb == "chunks":
        return len(rows), sum(int(row["chunk_size"]) for row in rows)
    assert verb == "maps"
    # Findings of mappings count the chunks that they lie in as their own: there are none.
    return finding["chunks"], sum(int(row["size"]) for row in rows)


class Heapcore:
    def __init__(self, path, front=()):
        self.path, self.front = path, front

    def __call__(self, *args, status=0, timeout=TIMEOUT, **options):
        """Run it; status=None allows 0, 1 and 2. A signal or a sanitizer's report always fails."""
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBUGINFOD_URLS": "", **options.pop("env", {})}
        process = subprocess.run([*self.front, self.path, *map(str, args)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, timeout=timeout, env=environment, **options)
        result = Result(process)
        assert result.status in (0, 1, 2), result
        assert b"Sanitizer" not in result.err and b"runtime error" not in result.err, result
        if status is not None:
            assert result.status == status, result
        if args[:1] == ("analyze",) and result.out.startswith(b'{"schema":"heapcore.analyze'):
            check_findings(result.json)
        return result


# Runs a command and writes into a file how many bytes of it were resident at most. The kernel counts what a process was
# before exec(2), too, and that of the tests may be large.
PEAK = """
import os, sys
pid = os.fork()
if not pid:
    os.execv(sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(pid, 0)
with open(sys.argv[1], "w") as file:
    file.write(str(usage.ru_maxrss * 1024))
sys.exit(os.waitstatus_to_exitcode(status) & 255)
"""


def peak(heapcore, folder, *args, **options):
    """The result, and the most memory that was resident, bytes: pages of the core are in it."""
    path = pathlib.Path(folder) / "peak"
    front = (sys.executable, "-S", "-c", PEAK, str(path))
    return Heapcore(heapcore.path, front)(*args, **options), int(path.read_text())


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


# Where the sanitized build has nothing to add to what the release build says.
IS_RELEASE = os.environ.get("HEAPCORE_BUILD", "release") == "release"
release_only = pytest.mark.skipif(not IS_RELEASE, reason="the release build is asked")


@contextlib.contextmanager
def once(path):
    """
    Make a file once, also when two sessions share the cache. Yields whether it is still to be made.

    What was begun and failed is not there for the next one.
    """
    with open(f"{path}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        needed = not os.path.exists(path)
        try:
            yield needed
        except BaseException:
            if needed:
                pathlib.Path(path).unlink(missing_ok=True)
            raise


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
                command = [compiler, "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-pthread"]
                if path.suffix == ".rs":
                    command = [machine.which("rustc"), "-O"]
                subprocess.run([*command, "-o", program, path, *flags], check=True, timeout=120)
        return program

    return compile_


FLAGS_32_BIT = machine.FLAGS_32_BIT
allow_core = machine.prepare_child
state_of = machine.state_of


def wait_for(condition, what, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"timed out: {what}"
        time.sleep(0.005)


def gcore(pid, path):
    """Dump a live process to path: by gcore, or what stands in for it where that is forbidden."""
    machine.dump(pid, path)


def take_kernel_core(folder, path):
    """Move the one core file in a folder to path."""
    shutil.move(machine.core_in(folder), path)


class Dump:
    """A core with what the program said before it."""

    def __init__(self, path):
        self.path = path
        self.said = pathlib.Path(f"{path}.said").read_text().splitlines()
        # Names of mappings are bytes.
        self.maps = pathlib.Path(f"{path}.maps").read_text(errors="surrogateescape") if os.path.exists(f"{path}.maps") else None

    def __fspath__(self):
        return str(self.path)

    def __str__(self):
        return str(self.path)

    def lines(self, first):
        """The fields of the lines that begin with a word, that word left out."""
        return [line.split()[1:] for line in self.said if line.split() and line.split()[0] == first]


def read_until(stream, last, seconds=300):
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
    options.setdefault("preexec_fn", machine.prepare_child)
    with tempfile.TemporaryDirectory(prefix="heapcore-running-") as folder:
        # Its own, so that a core that appears there is its own.
        options.setdefault("cwd", folder)
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
    """
    A core of a test program: dump("mixed.c"), dump("growth.c", "1000", how="kernel", flags=["-s"]).

    "gcore" stands for a core of a live process, whoever writes it; the fixture "how" asks for gcore's own.
    """

    def dump_(source, *args, how="gcore", flags=(), env=None, name=""):
        if "-m32" in flags:
            how = foreign(how)
        elif how == "kernel":
            machine.need("core-pattern")
        elif not machine.has("ptrace"):
            machine.need("core-pattern")
            how = "signal"
        program = compiled(source, *flags)
        key = hashlib.sha256(repr((args, env)).encode()).hexdigest()[:6]
        path = cache / f"{program.name}-{key}{name}-{how}.core"
        with once(path) as needed:
            if needed:
                make(program, args, how, path, env)
        return Dump(path)

    def foreign(how):
        machine.need("ia32-compiler")
        if machine.need("ia32") != machine.NATIVE:
            return "qemu"
        return how if machine.has("ptrace") else "kernel"

    def make(program, args, how, path, env):
        folder = tempfile.mkdtemp(dir=cache)
        itself = how in ("kernel", "qemu")
        argv = [program, "abort" if itself else "pause", *args]
        if how == "qemu":
            argv.insert(0, machine.need("ia32"))
        with running(argv, cwd=folder, env=env) as process:
            said = read_until(process.stdout, b"end")
            if itself:
                process.wait(300)
                take_kernel_core(folder, path)
            else:
                if machine.has("proc"):
                    shutil.copyfile(f"/proc/{process.pid}/maps", f"{path}.maps")
                gcore(process.pid, path)
        pathlib.Path(f"{path}.said").write_bytes(said)
        shutil.rmtree(folder)

    return dump_


@pytest.fixture(params=["gcore", pytest.param("kernel", marks=pytest.mark.kernel_core)])
def how(request):
    """Both writers of cores."""
    machine.need("ptrace" if request.param == "gcore" else "core-pattern")
    return request.param
