"""The pages of docs/cases: each screen on them is made again, from a core that is made here, and compared.

A screen is a fenced block of the kind "console": its first line is the command, the rest what that prints. A command may
end in "| head -N", which is done here. HEAPCORE_UPDATE_GOLDEN=1 writes the screens and the reports anew.
"""
import difflib
import os
import pathlib
import re
import shlex
import shutil
import socket
import subprocess
import tempfile

import pytest

import conftest
import test_cases
import test_handlers
import traffic

PAGES = conftest.ROOT / "docs/cases"
REPORTS = PAGES / "reports"
UPDATE = bool(os.environ.get("HEAPCORE_UPDATE_GOLDEN"))
# The sanitized build is asked for crashes by the other tests; what it prints is the same.
pytestmark = conftest.release_only

SCREEN = re.compile(r"^```console\n\$ (heapcore .*)\n((?:.*\n)*?)```$", re.M)
MACHINE_PARTS = "stacks|thread-local storage|program's variables|other|smaller parts|total|malloc's own"
# In the cores this stands where the folder of the test was, and it is as long.
NOWHERE = "/srv/heapcore/case"

# What differs between two starts of a program, two machines or two kernels. In order: (pattern, replacement).
VARYING = [
    # Addresses, as wide as they were.
    (r"0x([5-7])[0-9a-f]{11}\b", r"0x\1xxxxxxxxxxx"),
    (r"^ +5[0-9a-f]{11}  ", " 5xxxxxxxxxxx  "),
    # The same, cut off at the end of a column.
    (r"0x[0-9a-f]{0,11}…", "0x…"),
    # Which of several like it comes first is a matter of where the kernel put its arena.
    (r'"(?:HGETALL|GET) (?:user|session):[\w:]+"', '"…"'),
    (r"\bpid \d+", "pid N"),
    # Threads, and the arenas that they came to in their race.
    (r"\barena [1-9]\d* \(thre(?=ad|…)", "arena N (thre"),
    (r"\bthread \d+\b", "thread N"),
    # Which of those has more pages touched.
    (r"(?:^(?:TLS/thread block|main stack|stack of an exited thread) .*\n)+", lambda rows: "".join(sorted(rows[0].splitlines(True)))),
    # What the loader, the kernel and the C library take for themselves; of stacks, how far they are used.
    (rf"(?:^  (?:{MACHINE_PARTS}) .*\n)+", "  …\n"),
    (r"^(\d+  \d+ stacks?, ).*$", r"\1…"),
    (r"^(   the rest: ).*$", r"\1…"),
    # Shares of a total that those are in.
    (r"^((?:  in use|  free|\d+  ).*?\d [KM]?i?B,? +)[<>]?\d+ %", r"\1… %"),
    (r"; [\d.]+ KiB of them was touched", "; … of them was touched"),
    (r"\b[\d.]+ (?:B|KiB|MiB) in use\b(?=\.$)", "… in use"),
    (r"\bof [\d.]+ (?:KiB|MiB)(\s)(touched|anonymous)\b", r"of …\1\2"),
]


def normalised(text, varying=()):
    """A screen without what varies: see VARYING. What is the answer (counts, bytes lost, held and free) is left alone."""
    for pattern, replacement in [*varying, *VARYING]:
        text = re.sub(pattern, replacement, text, flags=re.M)
    return "".join(line.rstrip() + "\n" for line in text.splitlines())


def data_of(file, size):
    """(offset, end) of what is no hole: a core of 3 GiB may be 600 KiB of them."""
    end = 0
    while end < size:
        try:
            start = os.lseek(file, end, os.SEEK_DATA)
        except OSError:
            return
        end = os.lseek(file, start, os.SEEK_HOLE)
        yield start, end


def anonymous(core, folder):
    """Take the folder of the test out of a core."""
    assert len(NOWHERE) == len(str(folder))
    with open(core, "r+b") as file:
        for start, end in list(data_of(file.fileno(), os.path.getsize(core))):
            data = os.pread(file.fileno(), end - start, start)
            os.pwrite(file.fileno(), data.replace(str(folder).encode(), NOWHERE.encode()), start)


class Incident:
    """Makes what the commands of a page read, in a folder of its own."""

    # Of this incident only, as VARYING.
    varying = []

    def __init__(self, source, name, *args, flags=()):
        self.source, self.name, self.args, self.flags = source, name, args, flags

    def program(self, folder, compiled):
        return shutil.copy(compiled(self.source, *self.flags), folder / self.name)

    def make(self, folder, compiled):
        conftest.machine.need("ptrace")
        with conftest.running([self.program(folder, compiled), "pause", *self.args], cwd=folder) as process:
            conftest.read_until(process.stdout, b"end")
            self.dump(process, folder)

    def dump(self, process, folder, suffix=""):
        core = folder / f"core.{self.name}{suffix}"
        conftest.gcore(process.pid, core)
        anonymous(core, folder)


class Requests(Incident):
    def make(self, folder, compiled):
        conftest.machine.need("loopback", "ptrace")
        with conftest.running([self.program(folder, compiled), "0"], cwd=folder) as process:
            port = int(process.stdout.readline().decode().rsplit(":", 1)[1])
            test_cases.request(port, 10000, 22000, "4099")
            test_cases.request(port, 30000, 30003, "")
            with socket.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(b"GET /stats HTTP/1.1\r\n\r\n")
                connection.recv(4096)
            self.dump(process, folder)


class Redis(Incident):
    def program(self, folder, compiled):
        return shutil.copy(traffic.compiled_with(compiled, self.source, "hiredis"), folder / self.name)

    def make(self, folder, compiled):
        conftest.machine.need("ptrace")
        program = self.program(folder, compiled)
        with traffic.redis_server() as port, conftest.running([program, "pause", port, "300"], cwd=folder) as process:
            conftest.read_until(process.stdout, b"end")
            self.dump(process, folder)


class Handlers(Incident):
    """Two outputs of pmap -x, and cores of the same moments."""

    def make(self, folder, compiled):
        conftest.machine.need("ptrace", "proc")
        program = self.program(folder, compiled)
        with conftest.running([program, "6"], cwd=folder, stdin=subprocess.PIPE) as process:
            conftest.read_until(process.stdout, b"end")
            for number in (1, 2):
                process.stdin.write(b"keep 3000\n")
                process.stdin.flush()
                conftest.read_until(process.stdout, b"done")
                smaps = pathlib.Path(f"/proc/{process.pid}/smaps").read_bytes()
                saved = folder / f"pmap.{number}"
                saved.write_bytes(test_handlers.converted(smaps, "-x"))
                # The time between two files is part of the answer: ten minutes, however long the program took.
                os.utime(saved, (1.7e9, 1.7e9 + 600 * number))
            self.dump(process, folder)


class Dying(Incident):
    """The kernel's core of a program that glibc ends."""

    def command(self, program):
        return [program, "abort", *self.args]

    def make(self, folder, compiled):
        conftest.machine.need("core-pattern")
        with conftest.running(self.command(self.program(folder, compiled)), cwd=folder) as process:
            conftest.read_until(process.stdout, b"end")
            process.wait(300)
            conftest.take_kernel_core(folder, folder / f"core.{self.name}")
        anonymous(folder / f"core.{self.name}", folder)


class ShortOfAddresses(Dying):
    """The same of a program of 32 bits, which the kernel itself has to run: with a stack limit of 32 MiB."""

    varying = [(r", of which [\d.]+ KiB were touched", ", of which … were touched")]

    def command(self, program):
        return ["/bin/bash", "-c", 'ulimit -s 32768 && exec "$0"', program]

    def make(self, folder, compiled):
        conftest.machine.need("ia32-compiler")
        if conftest.machine.need("ia32") != conftest.machine.NATIVE:
            pytest.skip("programs of 32 bits are not run by this kernel, but under qemu, which has its own address space")
        super().make(folder, compiled)


INCIDENTS = {
    "rejected-requests": Requests("http_leak.cc", "spp_worker", flags=["-s"]),
    "redis-replies": Redis("redis_handlers.c", "replies"),
    "six-arenas": Handlers("handlers.c", "handlers"),
    "twenty-bytes": Incident("small_structs.c", "lookup"),
    "thread-results": Incident("worker_calloc.c", "worker"),
    "eight-and-sixty": Incident("threads_tcache.c", "server"),
    "mostly-free": Incident("retention.c", "batch"),
    "overflow": Dying("damage.c", "shop", "die-next"),
    "out-of-addresses": ShortOfAddresses("thread_stacks.c", "listener", flags=conftest.FLAGS_32_BIT),
}


@pytest.fixture(scope="module")
def made(compiled):
    """The folder of an incident's files by the name of its page, made once."""
    folders = {}

    def make(name):
        if name not in folders:
            folder = pathlib.Path(tempfile.mkdtemp(prefix="case-", dir="/tmp"))
            try:
                INCIDENTS[name].make(folder, compiled)
            except BaseException:
                # What a machine lacks, each test that asks says anew.
                shutil.rmtree(folder)
                raise
            folders[name] = folder
        return folders[name]

    yield make
    for folder in folders.values():
        shutil.rmtree(folder)


def printed(heapcore, folder, command, varying=()):
    """What a command of a page prints, normalised."""
    command, _, head = command.partition(" | head -")
    lines = normalised(heapcore(*shlex.split(command)[1:], status=None, cwd=folder).text, varying).splitlines(keepends=True)
    return "".join(lines[:int(head)] if head else lines)


def test_every_page_is_checked():
    assert {path.stem for path in PAGES.glob("*.md")} == set(INCIDENTS)
    assert {path.stem for path in REPORTS.iterdir()} == set(INCIDENTS)


@pytest.mark.parametrize("name", INCIDENTS)
def test_screens(heapcore, made, name):
    page = PAGES / f"{name}.md"
    text, folder = page.read_text(), made(name)
    assert SCREEN.search(text) and text.count("```") == 2 * len(SCREEN.findall(text)), "every fence is a screen"
    again = SCREEN.sub(lambda screen: f"```console\n$ {screen[1]}\n{printed(heapcore, folder, screen[1], INCIDENTS[name].varying)}```", text)
    if UPDATE:
        page.write_text(again)
        return
    difference = list(difflib.unified_diff(text.splitlines(), again.splitlines(), page.name, "made again", lineterm=""))
    assert not difference, "\n".join(difference[:80])


@pytest.mark.parametrize("name", INCIDENTS)
def test_report(heapcore, made, name):
    """The page links its report, which says what one that is made again says, and nothing of where it was made."""
    folder, kept = made(name), REPORTS / f"{name}.html"
    (command,) = re.findall(rf"\(reports/{name}\.html\), made by\s+`(heapcore report [^`]*)`", (PAGES / f"{name}.md").read_text())
    heapcore(*shlex.split(command)[1:], status=None, cwd=folder)
    new = (folder / f"{name}.html").read_bytes()
    if UPDATE:
        REPORTS.mkdir(exist_ok=True)
        kept.write_bytes(new)
    for page in (new, kept.read_bytes()):
        assert len(page) < 120_000 and b"/tmp/" not in page
    said = [normalised(re.search(r'<p class="strong">(.*?)</p>', page.decode())[1]) for page in (new, kept.read_bytes())]
    assert said[0] == said[1]


def test_reports_are_small_together():
    assert sum(path.stat().st_size for path in REPORTS.iterdir()) < 700_000
