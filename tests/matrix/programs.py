"""Build the program with the known heap for a C library, run it under that library, and take its core.

Linking names every file of the library itself, so that neither the compiler's own C library nor a second set of
its support libraries is needed: any gcc can build for i386, and any cross gcc for arm64.
"""
import contextlib
import hashlib
import os
import pathlib
import platform
import resource
import shutil
import signal
import subprocess
import tempfile
import time

import debian
from debian import Unavailable

TESTDATA = pathlib.Path(__file__).resolve().parents[2] / "testdata"
FLAGS = ["-O1", "-g0", "-D_GNU_SOURCE", "-D_FORTIFY_SOURCE=0", "-fno-stack-protector", "-Wno-deprecated-declarations"]
NATIVE = {"x86_64": ["amd64", "i386"], "aarch64": ["arm64"]}.get(platform.machine(), [])
TIMEOUT = 60


def compiler(arch):
    """Command that compiles for an architecture."""
    if arch in NATIVE:
        names, flags = ["gcc"], ["-m32"] if arch == "i386" else []
    elif arch == "arm64":
        names, flags = ["aarch64-linux-gnu-gcc"], ["-mno-outline-atomics"]
    else:
        raise Unavailable(f"there is no compiler for {arch} on {platform.machine()}")
    names += [f"{name}-{release}" for name in names for release in range(20, 9, -1)]
    path = next((found for found in map(shutil.which, names) if found), None)
    if not path:
        raise Unavailable(f"{names[0]} is not installed")
    return [path, *flags]


def emulator(arch):
    """What stands before a command of another architecture."""
    if arch in NATIVE:
        return []
    path = shutil.which("qemu-aarch64-static") or shutil.which("qemu-aarch64")
    if arch != "arm64" or not path:
        raise Unavailable(f"{arch} programs can't be run here: qemu-user-static is not installed")
    return [path]


def call(command):
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}"
    return done.stdout.strip()


@contextlib.contextmanager
def made_once(path):
    """Yields a scratch name when path is missing, which becomes path."""
    with debian.locked("programs"):
        if path.exists():
            yield None
            return
        scratch = path.with_name(path.name + ".tmp")
        yield scratch
        os.rename(scratch, path)


def compile_object(arch):
    """The program, compiled against the oldest headers, so that it needs nothing that they lack."""
    sdk = debian.libc(debian.OLDEST, arch)
    sources = [TESTDATA / "matrix_heap.c", TESTDATA / "manifest.h"]
    command = compiler(arch)
    triplet = {"amd64": "x86_64", "i386": "i386", "arm64": "aarch64"}[arch] + "-linux-gnu"
    key = hashlib.sha256(b"".join(s.read_bytes() for s in sources) + repr((command, FLAGS)).encode()).hexdigest()
    path = debian.CACHE / f"matrix_heap-{arch}-{key[:10]}.o"
    with made_once(path) as scratch:
        if scratch:
            call([*command, *FLAGS, "-fPIE", "-nostdinc", "-isystem", call([*command, "-print-file-name=include"]),
                  "-isystem", sdk.root / "usr/include" / triplet, "-isystem", sdk.root / "usr/include",
                  "-c", sources[0], "-o", scratch])
    return path


def link_dynamic(arch):
    sdk = debian.libc(debian.OLDEST, arch)
    source = compile_object(arch)
    path = source.with_suffix("")
    files = [sdk.file(name) for name in ("libpthread.so.0", "libc.so.6", "libc_nonshared.a")]
    with made_once(path) as scratch:
        if scratch:
            call([*compiler(arch), "-nostdlib", "-pie", sdk.file("Scrt1.o"), sdk.file("crti.o"), source, *files,
                  sdk.loader, sdk.file("crtn.o"), "-Wl,--allow-shlib-undefined", "-o", scratch])
    return path


def linker_flags(arch):
    """binutils 2.40's ld.bfd miscompiles calls in i386 objects of 2.43 and later; its gold does not."""
    return ["-fuse-ld=gold"] if arch == "i386" and shutil.which("ld.gold") else []


def link_static(libc):
    sdk = debian.libc(debian.OLDEST, libc.arch)
    source = compile_object(libc.arch)
    if not libc.file("libc.a"):
        raise Unavailable(f"{libc.suite} has no libc6-dev for {libc.arch}")
    support = sorted(sdk.root.glob("usr/lib/gcc/*/*/libgcc*.a"))
    path = source.with_name(f"{source.stem}-static-{libc.suite}-{libc.package}")
    with made_once(path) as scratch:
        if scratch:
            # Up to 2.33 the parts of libpthread that libc refers to weakly must not be left out.
            call([*compiler(libc.arch), *linker_flags(libc.arch), "-nostdlib", "-static", "-no-pie",
                  libc.file("crt1.o"), libc.file("crti.o"), source, "-Wl,--whole-archive", libc.file("libpthread.a"), "-Wl,--no-whole-archive",
                  "-Wl,--start-group", libc.file("libc.a"), *support, "-Wl,--end-group", libc.file("crtn.o"),
                  "-o", scratch])
    return path


def kernel_writes_cores():
    """Whether the kernel leaves a core in the folder of the process."""
    pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip()
    return bool(pattern) and not pattern.startswith("|") and "/" not in pattern and \
        resource.getrlimit(resource.RLIMIT_CORE)[1] != 0


def allow_core():
    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))


def take_own_core(command, environment, folder, out, err):
    """Let the program die, and return the core that the kernel, or the emulator, writes."""
    process = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                             timeout=TIMEOUT, preexec_fn=allow_core)
    # An emulator writes the core of what it runs, and dies itself, which leaves another core.
    cores = sorted(folder.glob("qemu_*.core")) or sorted(folder.glob("core*"))
    assert len(cores) == 1, f"the program ended with {process.returncode} and left {[c.name for c in cores]}"
    return cores[0]


def take_gcore(command, environment, folder, out, err):
    process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
    try:
        end = time.monotonic() + TIMEOUT
        while not (folder / "said").read_text().endswith("\nend\n"):
            assert process.poll() is None and time.monotonic() < end, "the program did not reach its end"
            time.sleep(0.01)
        call(["gcore", "-o", folder / "core", process.pid])
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return next(folder.glob("core*"))


class Run:
    """A core, and what its program said: a manifest on stdout, malloc_stats on stderr."""

    def __init__(self, core, said, stats):
        self.core, self.said, self.stats = core, said, stats


@contextlib.contextmanager
def run(libc, *, how="plain", env=None, preload=None, static=False):
    """Run the program under a library; the core lives as long as the context."""
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    front = emulator(libc.arch)
    if front:
        front += [word for name, value in (env or {}).items() for word in ("-E", f"{name}={value}")]
    else:
        environment.update(env or {})
        if not kernel_writes_cores() and not shutil.which("gcore"):
            raise Unavailable("the kernel writes no cores into the current folder, and gcore is not installed")
    own = bool(front) or kernel_writes_cores()
    if static:
        command = [link_static(libc)]
    else:
        command = [libc.loader, "--library-path", libc.libraries]
        command += ["--preload", libc.file(preload)] if preload else []
        command.append(link_dynamic(libc.arch))
    command = [str(word) for word in (*front, *command, "abort" if own else "pause", how)]
    with tempfile.TemporaryDirectory(prefix="heapcore-matrix-") as name:
        folder = pathlib.Path(name)
        with open(folder / "said", "wb") as out, open(folder / "stats", "wb") as err:
            core = (take_own_core if own else take_gcore)(command, environment, folder, out, err)
        yield Run(core, (folder / "said").read_text(), (folder / "stats").read_text())
