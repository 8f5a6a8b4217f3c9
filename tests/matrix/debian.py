"""The C libraries of other Debian suites, unpacked side by side in a cache.

The archive is the one that this machine's own apt uses; its packages are trusted through Debian's keyring alone, so
a third party's archive of the same name would be refused. What was fetched once stays in the cache and is never
asked for again: delete the folder to get newer packages.
"""
import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

KEYRING = pathlib.Path("/usr/share/keyrings/debian-archive-keyring.gpg")
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "heapcore-matrix"
ARCHITECTURES = ["amd64", "i386", "arm64"]
# Other ports, of which some suites are enough: one before and one after fastbins went, and the first that has riscv64.
# bookworm has that for its cross compilers only, whose linker can't link the static library of a later one.
PORTS = {"bookworm": ["armhf", "ppc64el", "s390x", "riscv64"], "trixie": ["riscv64"], "forky": ["armhf"]}
FOR_CROSS = {("bookworm", "riscv64")}
TRIPLETS = {"amd64": "x86_64-linux-gnu", "i386": "i386-linux-gnu", "arm64": "aarch64-linux-gnu",
            "armhf": "arm-linux-gnueabihf", "ppc64el": "powerpc64le-linux-gnu", "s390x": "s390x-linux-gnu",
            "riscv64": "riscv64-linux-gnu"}
LOADERS = {"amd64": "ld-linux-x86-64.so.2", "i386": "ld-linux.so.2", "arm64": "ld-linux-aarch64.so.1",
           "armhf": "ld-linux-armhf.so.3", "ppc64el": "ld64.so.2", "s390x": "ld64.so.1",
           "riscv64": "ld-linux-riscv64-lp64d.so.1"}
# The oldest suite; programs that are linked with its library run under every later one.
OLDEST = "bullseye"
LIBGCC = "libgcc-10-dev"


class Unavailable(Exception):
    """A suite's library can't be had here; the text says why."""


def last_words(process):
    """The end of what a failed command said, on one line."""
    return " ".join(process.stdout.split())[-200:]


def archives():
    """Debian archives that apt is set up to use."""
    if not shutil.which("apt-get"):
        raise Unavailable("there is no apt-get here")
    if not KEYRING.exists():
        raise Unavailable(f"{KEYRING} is missing: this is not Debian, or debian-archive-keyring is not installed")
    out = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True).stdout
    found = [uri for uri in dict.fromkeys(out.split()) if re.search(r"/debian/?$", uri)]
    if not found:
        raise Unavailable("apt's sources name no Debian archive")
    return found


def wanted(suite, arch):
    if (suite, arch) in FOR_CROSS:
        return [f"{name}-{arch}-cross" for name in ("libc6", "libc6-dev", "linux-libc-dev")]
    names = [f"libc6:{arch}", f"libc6-dev:{arch}"]
    if suite == OLDEST:
        names += [f"linux-libc-dev:{arch}", f"{LIBGCC}:{arch}"]
    elif arch not in ARCHITECTURES:
        # One package for all architectures since trixie.
        names.append("linux-libc-dev" if suite != "bookworm" else f"linux-libc-dev:{arch}")
    return names


def apt(folder, architectures, *arguments):
    options = {
        "Dir::State::Lists": folder / "lists",
        "Dir::State::status": "/dev/null",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Cache": folder / "cache",
        "APT::Architectures": ",".join(architectures),
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "APT::Update::Error-Mode": "any",
        "Acquire::Retries": "0",
        "Acquire::http::Timeout": "30",
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
    }
    command = ["apt-get", "-qq", *(f"-o{key}={value}" for key, value in options.items()), *arguments]
    return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=600)


def download(uri, suite, architectures, folder):
    """Fetch the packages of one suite for some architectures into folder."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "sources.list").write_text(
        f"deb [signed-by={KEYRING} arch={','.join(architectures)}] {uri} {suite} main\n")
    update = apt(folder, architectures, "update")
    if update.returncode:
        raise Unavailable(f"apt-get update of {suite} failed: {last_words(update)}")
    failed = []
    for arch in architectures:
        # A suite without its own version of a package is no reason to miss the others.
        got = apt(folder, architectures, "download", *(f"{name}/{suite}" for name in wanted(suite, arch)))
        if got.returncode:
            failed.append(last_words(got))
    if len(failed) == len(architectures):
        raise Unavailable(f"apt-get download from {suite} failed: {failed[0]}")


def unpack(folder, suite, architectures):
    """Unpack what was downloaded, and move each architecture's tree into the cache."""
    for arch in architectures:
        cross = (suite, arch) in FOR_CROSS
        debs = sorted(folder.glob(f"*-{arch}-cross_*.deb" if cross else f"*_{arch}.deb"))
        debs += [] if cross else [deb for deb in folder.glob("*_all.deb") if "-cross_" not in deb.name]
        libc6 = [deb.name for deb in debs if deb.name.startswith(f"libc6-{arch}-cross_" if cross else "libc6_")]
        if not libc6:
            continue
        root = folder / f"root-{arch}"
        for deb in debs:
            subprocess.run(["dpkg-deb", "-x", deb, root], check=True)
        for waste in ("usr/share", "usr/lib/locale"):
            shutil.rmtree(root / waste, ignore_errors=True)
        (root / "version").write_text(libc6[0].split("_")[1] + "\n")
        target = CACHE / f"{suite}-{arch}"
        shutil.rmtree(target, ignore_errors=True)
        os.rename(root, target)


def fetch(suite, architectures):
    """Bring a suite into the cache."""
    problem = None
    for uri in archives():
        with tempfile.TemporaryDirectory(dir=CACHE, prefix=f".{suite}-") as folder:
            try:
                download(uri, suite, architectures, pathlib.Path(folder))
                unpack(pathlib.Path(folder), suite, architectures)
                return
            except (Unavailable, subprocess.SubprocessError) as error:
                problem = error
    raise Unavailable(str(problem))


@contextlib.contextmanager
def locked(name):
    try:
        CACHE.mkdir(parents=True, exist_ok=True)
        lock = open(CACHE / f".{name}.lock", "w")
    except OSError as error:
        raise Unavailable(f"{CACHE}: {error.strerror}") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


class Libc:
    """An unpacked C library: where its files are, and which release it is."""

    def __init__(self, suite, arch, root):
        self.suite, self.arch, self.root = suite, arch, root
        self.package = (root / "version").read_text().strip()
        self.release = tuple(int(n) for n in re.match(r"(\d+)\.(\d+)", self.package).groups())

    def file(self, name, parts=("lib", "usr/lib")):
        """A file of the library, wherever this suite keeps it; None when it has no such file."""
        for part in (*parts, f"usr/{TRIPLETS[self.arch]}/lib"):
            for path in (self.root / part / TRIPLETS[self.arch] / name, self.root / part / name):
                if path.exists():
                    return path
        return None

    @property
    def loader(self):
        return self.file(LOADERS[self.arch], ("lib", "lib64", "usr/lib", "usr/lib64"))

    @property
    def includes(self):
        """Folders of headers."""
        names = (f"usr/include/{TRIPLETS[self.arch]}", "usr/include", f"usr/{TRIPLETS[self.arch]}/include")
        return [self.root / name for name in names if (self.root / name).exists()]

    @property
    def libraries(self):
        return self.file("libc.so.6").parent


_problems = {}


def libc(suite, arch):
    """The library of a suite, fetched when it is not there yet; Unavailable when it can't be had."""
    root = CACHE / f"{suite}-{arch}"
    architectures = ARCHITECTURES if arch in ARCHITECTURES else PORTS[suite]
    key = suite, architectures[0]
    if key in _problems:
        raise Unavailable(_problems[key])
    with locked(suite):
        if not (root / "version").exists():
            try:
                fetch(suite, architectures)
            except (Unavailable, subprocess.SubprocessError, OSError) as error:
                _problems[key] = str(error)
                raise Unavailable(str(error)) from error
    if not (root / "version").exists():
        raise Unavailable(f"{suite} has no libc6 for {arch}")
    return Libc(suite, arch, root)
