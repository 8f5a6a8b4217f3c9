#!/usr/bin/python3
"""What the machine can do that tests depend on: each property is tried once, not read off a version or a setting.

usage: tests/machine.py [--json FILE]

Prints a line for each property: what was found, and how the tests that depend on it run. --json keeps the answers
in a file; the test sessions that HEAPCORE_TEST_MACHINE names that file to don't try again.

HEAPCORE_TEST_LACKS names, with commas between, what is to count as missing though it is there: a name of PROPERTIES,
"ia32-native" (programs of 32 bits then run under qemu) or a program ("clang"). It is how the tests of the tests see
other machines than the one at hand.
"""
import contextlib
import ctypes
import fcntl
import functools
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import textwrap
import time

NATIVE = "native"
SIMULATED = "simulated by HEAPCORE_TEST_LACKS"
TESTDATA = pathlib.Path(__file__).resolve().parents[1] / "testdata"
# Cores of the tests are smaller.
ENOUGH_CORE = 1 << 30
# From here on what a core has no content for is worth a hole: 200 cores of a whole run are 3 GB, or 750 MB.
LARGE_CORE = 64 << 20
PR_SET_PTRACER, PR_SET_PTRACER_ANY = 0x59616D61, ctypes.c_ulong(-1)
# Options of a compiler for i386. Debian's gcc-multilib is no more than a link to that folder, and can't be installed
# beside cross compilers.
FLAGS_32_BIT = ["-m32", "-isystem", "/usr/include/x86_64-linux-gnu"]
# Of which the lack is worth a line. Tests that need another one look for it by which().
PROGRAMS = ["bash", "clang", "curl", "gcore", "gzip", "lz4", "perl", "redis-server", "sqlite3", "wrk", "xxd", "xz",
            "zstd"]


# Packages of npm that tests use, and which version: what they bring runs without scripts of theirs, on Node 18 and later.
NPM = {"@duckdb/node-api": "1.5.6-r.1", "axe-core": "4.10.3"}


class Missing(Exception):
    """The machine can't do something; the text says why."""


def lacks(name):
    return name in os.environ.get("HEAPCORE_TEST_LACKS", "").replace(",", " ").split()


def which(program):
    """Where a program is, or None."""
    return None if lacks(program) else shutil.which(program)


def words(data):
    return " ".join(data.decode("utf-8", "replace").split())


# Running things

libc = ctypes.CDLL(None, use_errno=True)


def prepare_child():
    """To be run in a child before exec: a core of it may be as long as it likes, and a debugger may attach to it."""
    limit = resource.RLIM_INFINITY
    if lacks("core-limit"):
        limit = 0
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (limit, limit))
    except (ValueError, OSError):
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    # Where Yama lets only ancestors trace: gdb is a sibling. Nothing happens elsewhere.
    libc.prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0)


def state_of(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0]


def core_in(folder):
    """The one core in a folder. An emulator writes one of what it runs, and dies itself, which may leave another."""
    names = sorted(os.listdir(folder))
    cores = [n for n in names if n.startswith("qemu_") and n.endswith(".core")] or \
        [n for n in names if n == "core" or n.startswith("core.")]
    if len(cores) != 1:
        raise Missing(f"{len(cores)} cores were left: {cores}")
    return os.path.join(folder, cores[0])


def gcore(pid, path):
    """Dump a live process to path with gdb's gcore."""
    program = which("gcore")
    if not program:
        raise Missing("gcore is not installed")
    done = subprocess.run([program, "-o", f"{path}.tmp", str(pid)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=120, stdin=subprocess.DEVNULL)
    made = f"{path}.tmp.{pid}"
    if not os.path.exists(made):
        said = [line for line in done.stdout.splitlines() if b"trace" in line] or done.stdout.splitlines()[-1:]
        raise Missing(f"gcore: {words(b' '.join(said[:1]))}")
    # gcore writes reservations as zeroes: of a hundred arenas, gigabytes. The file reads the same with holes for them.
    if os.path.getsize(made) > LARGE_CORE and which("fallocate"):
        subprocess.run([which("fallocate"), "--dig-holes", made], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                       check=False)
    os.rename(made, path)


def let_die(pid, path):
    """
    Have the kernel write the core of a live child to path, which ends the child.

    Its current folder must be its own, so that the core that appears there is known to be its.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    with contextlib.suppress(ValueError, OSError):
        hard = resource.prlimit(pid, resource.RLIMIT_CORE)[1]
        resource.prlimit(pid, resource.RLIMIT_CORE, (hard, hard))
    folder = os.readlink(f"/proc/{pid}/cwd")
    for _ in range(60):
        # A program that handles the signal, as LLVM's do, lets the next one through.
        os.kill(pid, signal.SIGABRT)
        os.kill(pid, signal.SIGCONT)
        end = time.monotonic() + 2
        while time.monotonic() < end and state_of(pid) not in "ZX":
            time.sleep(0.01)
        if state_of(pid) in "ZX":
            break
    else:
        raise Missing("the process does not die")
    shutil.move(core_in(folder), path)


@contextlib.contextmanager
def child(argv, **options):
    """A process in a folder of its own, gone at the end."""
    with tempfile.TemporaryDirectory(prefix="heapcore-machine-") as folder:
        process = subprocess.Popen([str(a) for a in argv], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, preexec_fn=prepare_child, **options)
        try:
            yield process, folder
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()


# Foreign programs

def tiny_elf(arch):
    """
    A static program that writes "ELF", waits for a byte or the end of stdin, and dies of an illegal instruction.

    It is put together here because a machine that can run such programs need not have a compiler for them.
    """
    if arch == "i386":
        base = 0x08048000
        code = bytes.fromhex("b804000000 bb01000000 b901800408 ba03000000 cd80"  # write(1, base + 1, 3)
                             "b803000000 31db 89e1 ba01000000 cd80"  # read(0, esp, 1)
                             "0f0b")
        head = struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, base + 84, 52, 0, 0, 52, 32, 1, 0, 0, 0)
        size = 84 + len(code)
        head += struct.pack("<8I", 1, 0, base, base, size, size, 5, 0x1000)
        return b"\x7fELF\1\1\1" + bytes(9) + head + code
    base = 0x400000
    code = struct.pack("<12I", 0xd2800020, 0xd2800021, 0xf2a00801, 0xd2800062, 0xd2800808, 0xd4000001,  # write
                       0xd2800000, 0x910003e1, 0xd2800022, 0xd28007e8, 0xd4000001,  # read
                       0x00000000)
    head = struct.pack("<HHIQQQIHHHHHH", 2, 183, 1, base + 120, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    size = 120 + len(code)
    head += struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x10000)
    return b"\x7fELF\2\1\1" + bytes(9) + head + code


def runs_natively(program):
    """Raises Missing where the processor and the kernel don't run a tiny_elf() themselves."""
    try:
        with child([program]) as (process, _):
            if process.stdout.read(3) != b"ELF":
                raise Missing(f"one ended with {process.wait(10)}")
            # binfmt_misc starts emulators unasked.
            exe = os.readlink(f"/proc/{process.pid}/exe")
            if os.path.realpath(exe) != os.path.realpath(program):
                raise Missing(f"{exe} runs them")
    except (OSError, subprocess.SubprocessError) as error:
        raise Missing(getattr(error, "strerror", None) or str(error)) from error


def runs_under(emulator, program, machine):
    """Raises Missing where a program doesn't run under an emulator that writes cores of what it runs."""
    answer("core-limit")  # qemu keeps to it
    with child([emulator, program]) as (process, folder):
        if process.stdout.read(3) != b"ELF":
            raise Missing(f"{emulator} does not run it")
        process.stdin.close()
        process.wait(30)
        core = core_in(folder)
        with open(core, "rb") as file:
            head = file.read(20)
        if not os.path.basename(core).startswith("qemu_") or struct.unpack_from("<H", head, 18)[0] != machine:
            raise Missing(f"{emulator} writes no core of what it runs")


def foreign(arch, names, machine, lack):
    """NATIVE or the emulator's path, and how that was found."""
    with tempfile.TemporaryDirectory(prefix="heapcore-machine-") as folder:
        program = os.path.join(folder, f"tiny-{arch}")
        pathlib.Path(program).write_bytes(tiny_elf(arch))
        os.chmod(program, 0o755)
        try:
            if lacks(f"{lack}-native"):
                raise Missing(SIMULATED)
            runs_natively(program)
            return NATIVE, "run natively: a tiny one did"
        except Missing as error:
            native = str(error)
        emulator = next(filter(None, map(which, names)), None)
        if not emulator:
            raise Missing(f"not natively ({native}), and {names[0]} (qemu-user-static) is not installed")
        try:
            runs_under(emulator, program, machine)
        except Missing as error:
            raise Missing(f"not natively ({native}); under qemu: {error}") from error
        return emulator, f"run under {emulator}, whose cores of them are used; not natively ({native})"


def probe_ia32():
    return foreign("i386", ["qemu-i386-static", "qemu-i386"], 3, "ia32")


def probe_aarch64():
    return foreign("aarch64", ["qemu-aarch64-static", "qemu-aarch64"], 183, "aarch64")


def probe_ia32_compiler():
    compiler = os.environ.get("CC", "gcc").split()
    with tempfile.TemporaryDirectory(prefix="heapcore-machine-") as folder:
        source = pathlib.Path(folder, "empty.c")
        source.write_text("#include <errno.h>\nint main(void) { return 0; }\n")
        try:
            done = subprocess.run([*compiler, *FLAGS_32_BIT, "-o", f"{folder}/empty", source], capture_output=True)
        except OSError as error:
            raise Missing(f"{compiler[0]}: {error.strerror}") from error
        if done.returncode:
            raise Missing(f"{compiler[0]} -m32 fails: gcc-N-multilib is not installed")
    return True, f"{' '.join(compiler)} -m32 made one"


# What kernels and containers forbid

def core_pattern():
    try:
        return pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
    except OSError as error:
        return f"({error.strerror})"


def probe_core_limit():
    # Asked of a child, which may raise it where this process may not keep that.
    with child(["cat"]) as (process, _):
        hard = resource.prlimit(process.pid, resource.RLIMIT_CORE)[1]
    if hard != resource.RLIM_INFINITY and hard < ENOUGH_CORE:
        raise Missing(f"the hard limit of core size is {hard}")
    return True, "there is none for children" if hard == resource.RLIM_INFINITY else f"{hard} bytes are enough"


def probe_core_pattern():
    answer("core-limit")
    with child(["sh", "-c", "kill -ABRT $$"]) as (process, folder):
        status = process.wait(300)
        if status != -signal.SIGABRT:
            raise Missing(f"sh ended with {status}")
        try:
            core_in(folder)
        except Missing:
            raise Missing(f"core_pattern is {core_pattern()!r}: no core came into the current folder") from None
    return True, f"one came into the current folder (core_pattern {core_pattern()!r})"


def probe_ptrace():
    with child(["cat"]) as (process, folder):
        process.stdin.write(b"x")
        process.stdin.flush()
        process.stdout.read(1)
        gcore(process.pid, f"{folder}/core")
    return True, "gcore dumped a process that is not its child"


def probe_proc():
    with child(["cat"]) as (process, _):
        for name in ("maps", "smaps", "stat", "status"):
            try:
                data = pathlib.Path(f"/proc/{process.pid}/{name}").read_bytes()
            except OSError as error:
                raise Missing(f"/proc/PID/{name}: {error.strerror}") from error
            if not data:
                raise Missing(f"/proc/PID/{name} is empty")
    return True, "maps and smaps of another process were read"


def probe_coredump_filter():
    def prepare():
        prepare_child()
        pathlib.Path("/proc/self/coredump_filter").write_text("0x33")

    try:
        subprocess.run(["true"], preexec_fn=prepare, check=True)
    except (OSError, subprocess.SubprocessError):
        raise Missing("/proc/self/coredump_filter can't be written") from None
    return True, "a process wrote its own"


def probe_loopback():
    try:
        with socket.socket() as listener:
            listener.settimeout(5)
            listener.bind(("127.0.0.1", 0))
            listener.listen()
            with socket.create_connection(listener.getsockname(), timeout=5):
                listener.accept()[0].close()
    except OSError as error:
        raise Missing(f"127.0.0.1: {error.strerror or error}") from error
    return True, "127.0.0.1 was connected to"


def probe_permissions():
    """The front of a command that is refused what modes of files forbid."""
    front = []
    if os.geteuid() == 0:
        setpriv = which("setpriv")
        if not setpriv:
            raise Missing("root may read everything, and setpriv is not installed")
        front = [setpriv, "--inh-caps=-all", "--bounding-set=-all"]
    with tempfile.NamedTemporaryFile(prefix="heapcore-machine-") as file:
        os.chmod(file.name, 0)
        done = subprocess.run([*front, "cat", file.name], stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode != 1 or b"denied" not in done.stderr:
            raise Missing(f"a file of mode 0 is not refused: {words(done.stderr)}")
    return front, "root is not asked" if not front else "of root, setpriv takes away what it may more than others"


def probe_mount():
    with tempfile.TemporaryDirectory(prefix="heapcore-machine-") as folder:
        try:
            done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], stdin=subprocess.DEVNULL,
                                  capture_output=True)
        except OSError as error:
            raise Missing(f"mount: {error.strerror}") from error
        if done.returncode:
            raise Missing(words(done.stderr).split(". ")[0].replace(f" {folder}:", "") or "mount failed")
        subprocess.run(["umount", folder], check=True)
    return True, "one of 1 MiB was mounted"


def probe_programs():
    missing = [name for name in PROGRAMS if not which(name)]
    if missing:
        raise Missing(f"without {', '.join(missing)}")
    return True, "all that tests call"


class Property:
    """Something that a machine may lack: how it is found out, and what becomes of tests where it is missing."""

    def __init__(self, title, probe, otherwise):
        self.title, self.probe, self.otherwise = title, probe, otherwise


PROPERTIES = {
    "ia32": Property("programs of i386", probe_ia32, "tests of i386 cores are skipped"),
    "ia32-compiler": Property("compiler for i386", probe_ia32_compiler, "Test32Bit is skipped"),
    "aarch64": Property("programs of aarch64", probe_aarch64, "tests of aarch64 cores are skipped"),
    "core-limit": Property("size of cores", probe_core_limit, "no cores of the kernel or of qemu"),
    "core-pattern": Property("the kernel's cores", probe_core_pattern, "tests of such are skipped"),
    "ptrace": Property("gcore", probe_ptrace,
                       "where the kernel writes cores, it does so in its place; tests of gcore's own are skipped"),
    "proc": Property("/proc/PID", probe_proc, "tests that compare with it are skipped"),
    "coredump-filter": Property("coredump_filter", probe_coredump_filter, "tests that set it are skipped"),
    "loopback": Property("network on loopback", probe_loopback, "tests with servers are skipped"),
    "permissions": Property("permissions of files", probe_permissions, "tests of unreadable files are skipped"),
    "mount": Property("small file system", probe_mount, "tests of too little room are skipped"),
    "programs": Property("programs", probe_programs, "tests that call one are skipped"),
}


def try_out(name):
    """[what was found, or None; how]"""
    if lacks(name) and name != "core-limit":  # which really is taken away
        return [None, SIMULATED]
    try:
        return list(PROPERTIES[name].probe())
    except (Missing, OSError, subprocess.SubprocessError) as error:
        return [None, str(error)]


@functools.lru_cache(maxsize=None)
def kept():
    """The answers that another process found."""
    path = os.environ.get("HEAPCORE_TEST_MACHINE")
    if path and os.path.exists(path):
        return json.loads(pathlib.Path(path).read_text())
    return {}


@functools.lru_cache(maxsize=None)
def found(name):
    return kept().get(name) or try_out(name)


def answer(name):
    """What was found of a property; raises Missing where it is not there."""
    value, how = found(name)
    if value is None:
        raise Missing(f"{PROPERTIES[name].title}: {how}")
    return value


def has(name):
    return found(name)[0] is not None


def need(*names):
    """Skip the test where one of the properties is missing. Returns what was found of the last."""
    import pytest
    try:
        return [answer(name) for name in names][-1]
    except Missing as reason:
        pytest.skip(str(reason))


def need_program(*names):
    import pytest
    for name in names:
        if not which(name):
            pytest.skip(f"{name} is not installed")


@functools.lru_cache(maxsize=None)
def npm(package):
    """The folder of a package of NPM, fetched once; None where that can't be, which is tried once a session."""
    program = which("npm")
    cache = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "heapcore-npm"
    folder = cache / f"{package.strip('@').replace('/', '-')}-{NPM[package]}"
    if not program:
        return None
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with open(f"{folder}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                new = tempfile.mkdtemp(dir=cache)
                try:
                    subprocess.run([program, "install", "--prefix", new, "--no-audit", "--no-fund", "--ignore-scripts",
                                    "--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-timeout=20000",
                                    f"{package}@{NPM[package]}"],
                                   stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=True)
                    os.rename(new, folder)
                finally:
                    shutil.rmtree(new, ignore_errors=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return folder / "node_modules" / package


def need_npm(package):
    import pytest
    found_in = npm(package)
    if not found_in:
        pytest.skip(f"npm is not installed, or can't bring {package}")
    return found_in


def dump(pid, path):
    """Dump a live child to path: with gcore, and where that is forbidden, by letting it die."""
    if has("ptrace"):
        gcore(pid, path)
    elif has("core-pattern"):
        let_die(pid, path)
    else:
        need("ptrace")


def main():
    width = max(len(p.title) for p in PROPERTIES.values())
    for name, prop in PROPERTIES.items():
        value, how = found(name)
        text = how if value is not None else f"NO: {how}; {prop.otherwise}"
        print(textwrap.fill(text, 112, initial_indent=f"{prop.title:{width}}  ", subsequent_indent=" " * (width + 2),
                            break_long_words=False, break_on_hyphens=False), flush=True)
    if sys.argv[1:2] == ["--json"]:
        pathlib.Path(sys.argv[2]).write_text(json.dumps({name: found(name) for name in PROPERTIES}))


if __name__ == "__main__":
    main()
