"""Build the program with the known heap for a C library, run it under that library, and take its core.

Linking names every file of the library itself, so that neither the compiler's own C library nor a second set of
its support libraries is needed: any gcc can build for i386, and any cross gcc for arm64.
"""
import contextlib
import hashlib
import os
import pathlib
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import debian
import stub
from debian import Unavailable

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import machine  # noqa: E402 (shared with the other test folders)

TESTDATA = pathlib.Path(__file__).resolve().parents[2] / "testdata"
FLAGS = ["-O1", "-g0", "-D_GNU_SOURCE", "-D_FORTIFY_SOURCE=0", "-fno-stack-protector", "-Wno-deprecated-declarations"]
# What the compiler of the machine makes.
OWN = {"x86_64": ["amd64", "i386"], "aarch64": ["arm64"]}.get(platform.machine(), [])
FOREIGN = {"i386": "ia32", "arm64": "aarch64"}
# What qemu calls the other ports, and those of which it writes no core.
EMULATED = {"armhf": "arm", "ppc64el": "ppc64le", "s390x": "s390x", "riscv64": "riscv64"}
WITHOUT_CORE = {"riscv64"}
TIMEOUT = 60


def compiler(arch):
    """Command that compiles for an architecture."""
    if arch in OWN:
        names, flags = ["gcc"], ["-m32"] if arch == "i386" else []
    elif arch == "arm64":
        names, flags = ["aarch64-linux-gnu-gcc"], ["-mno-outline-atomics"]
    elif arch in EMULATED:
        names, flags = [f"{debian.TRIPLETS[arch]}-gcc"], []
    else:
        raise Unavailable(f"there is no compiler for {arch} on {platform.machine()}")
    names += [f"{name}-{release}" for name in names for release in range(20, 9, -1)]
    path = next((found for found in map(shutil.which, names) if found), None)
    if not path:
        raise Unavailable(f"{names[0]} is not installed")
    return [path, *flags]


def emulator(arch):
    """What stands before a command of another architecture."""
    if arch == "amd64" and arch in OWN:
        return []
    if arch in EMULATED:
        names = [f"qemu-{EMULATED[arch]}-static", f"qemu-{EMULATED[arch]}"]
        found = next(filter(None, map(machine.which, names)), None)
        if not found:
            raise Unavailable(f"{names[0]} (qemu-user-static) is not installed")
        try:
            machine.answer("core-limit")
        except machine.Missing as reason:
            raise Unavailable(str(reason)) from reason
        return [found]
    if arch not in FOREIGN:
        raise Unavailable(f"nothing runs programs of {arch} on {platform.machine()}")
    try:
        how = machine.answer(FOREIGN[arch])
    except machine.Missing as reason:
        raise Unavailable(str(reason)) from reason
    return [] if how == machine.NATIVE else [how]


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


def kit(libc):
    """The library that programs are made for: the oldest, of which they need nothing that others lack, or a port's."""
    return debian.libc(debian.OLDEST, libc.arch) if libc.arch in debian.ARCHITECTURES else libc


def support(libc):
    """Libraries of the compiler."""
    if libc.arch in debian.ARCHITECTURES:
        return sorted(kit(libc).root.glob("usr/lib/gcc/*/*/libgcc*.a"))
    return [call([*compiler(libc.arch), f"-print-file-name={name}"]) for name in ("libgcc.a", "libgcc_eh.a")]


def compile_object(libc):
    """The program, compiled against the headers of its kit."""
    arch, sdk = libc.arch, kit(libc)
    sources = [TESTDATA / "matrix_heap.c", TESTDATA / "manifest.h"]
    command = compiler(arch)
    made_for = () if arch in debian.ARCHITECTURES else (libc.suite, libc.package)
    key = hashlib.sha256(b"".join(s.read_bytes() for s in sources) +
                         repr((command, FLAGS, *made_for)).encode()).hexdigest()
    path = debian.CACHE / f"matrix_heap-{arch}-{key[:10]}.o"
    with made_once(path) as scratch:
        if scratch:
            call([*command, *FLAGS, "-fPIE", "-nostdinc", "-isystem", call([*command, "-print-file-name=include"]),
                  *(word for folder in sdk.includes for word in ("-isystem", folder)), "-c", sources[0], "-o", scratch])
    return path


def link_dynamic(libc):
    arch, sdk = libc.arch, kit(libc)
    source = compile_object(libc)
    path = source.with_suffix("")
    files = [sdk.file(name) for name in ("libpthread.so.0", "libc.so.6", "libc_nonshared.a")]
    files += [] if arch in debian.ARCHITECTURES else support(libc)
    with made_once(path) as scratch:
        if scratch:
            call([*compiler(arch), "-nostdlib", "-pie", sdk.file("Scrt1.o"), sdk.file("crti.o"), source, *files,
                  sdk.loader, sdk.file("crtn.o"), "-Wl,--allow-shlib-undefined", "-o", scratch])
    return path


def linker_flags(arch):
    """binutils 2.40's ld.bfd miscompiles calls in i386 objects of 2.43 and later; its gold does not."""
    return ["-fuse-ld=gold"] if arch == "i386" and shutil.which("ld.gold") else []


def link_static(libc):
    source = compile_object(libc)
    if not libc.file("libc.a"):
        raise Unavailable(f"{libc.suite} has no libc6-dev for {libc.arch}")
    path = source.with_name(f"{source.stem}-static-{libc.suite}-{libc.package}")
    with made_once(path) as scratch:
        if scratch:
            # Up to 2.33 the parts of libpthread that libc refers to weakly must not be left out.
            call([*compiler(libc.arch), *linker_flags(libc.arch), "-nostdlib", "-static", "-no-pie",
                  libc.file("crt1.o"), libc.file("crti.o"), source, "-Wl,--whole-archive", libc.file("libpthread.a"), "-Wl,--no-whole-archive",
                  "-Wl,--start-group", libc.file("libc.a"), *support(libc), "-Wl,--end-group", libc.file("crtn.o"),
                  "-o", scratch])
    return path


def take_own_core(command, environment, folder, out, err):
    """Let the program die, and return the core that the kernel, or the emulator, writes."""
    process = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                             timeout=TIMEOUT, preexec_fn=machine.prepare_child)
    try:
        return machine.core_in(folder)
    except machine.Missing as reason:
        raise AssertionError(f"the program ended with {process.returncode}: {reason}") from reason


def take_gcore(command, environment, folder, out, err):
    process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                               preexec_fn=machine.prepare_child)
    try:
        end = time.monotonic() + TIMEOUT
        while not (folder / "said").read_text().endswith("\nend\n"):
            assert process.poll() is None and time.monotonic() < end, "the program did not reach its end"
            time.sleep(0.01)
        machine.gcore(process.pid, folder / "core")
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    return folder / "core"


class Run:
    """A core, and what its program said: a manifest on stdout, malloc_stats on stderr. An emulator's core has no TLS
    registers of i386."""

    def __init__(self, core, said, stats, emulated):
        self.core, self.said, self.stats, self.emulated = core, said, stats, emulated


@contextlib.contextmanager
def run(libc, *, how="plain", env=None, preload=None, static=False):
    """Run the program under a library; the core lives as long as the context."""
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    front = emulator(libc.arch)
    if front:
        front += [word for name, value in (env or {}).items() for word in ("-E", f"{name}={value}")]
    else:
        environment.update(env or {})
        if not machine.has("core-pattern"):
            try:
                machine.answer("ptrace")
            except machine.Missing as reason:
                raise Unavailable(f"neither the kernel nor gcore writes cores: {reason}") from reason
    own = libc.arch not in WITHOUT_CORE and (bool(front) or machine.has("core-pattern"))
    if static:
        command = [link_static(libc)]
    else:
        command = [libc.loader, "--library-path", libc.libraries]
        command += ["--preload", libc.file(preload)] if preload else []
        command.append(link_dynamic(libc))
    stop = "abort" if own or libc.arch in WITHOUT_CORE else "pause"
    command = [str(word) for word in (*front, *command, stop, how)]
    take = take_own_core if own else stub.take_core if libc.arch in WITHOUT_CORE else take_gcore
    with tempfile.TemporaryDirectory(prefix="heapcore-matrix-") as name:
        folder = pathlib.Path(name)
        with open(folder / "said", "wb") as out, open(folder / "stats", "wb") as err:
            core = take(command, environment, folder, out, err)
        yield Run(core, (folder / "said").read_text(), (folder / "stats").read_text(), bool(front))
