"""Run a program under tests/truth/preload.c: what its heap really held at the moment of the core."""
import os
import pathlib
import shutil
import struct
import subprocess
import tempfile
import xml.etree.ElementTree as ET

import conftest

SIGNAL = 41  # SIGRTMIN+7, as preload.c has it
KEY = 0x5AA5C33C0FF09669
FREED = (1 << 64) - 1
HEADER = struct.Struct("<8Q")
SLOT = struct.Struct("<2Q")


class Arena:
    """One arena, or the mmapped chunks, as malloc_info(3) counts them."""

    def __init__(self, element):
        total = {e.get("type"): (int(e.get("count")), int(e.get("size"))) for e in element.findall("total")}
        self.system = int(element.find("system[@type='current']").get("size"))
        fast, (count, rest) = total["fast"][1], total["rest"]
        # Binned chunks are added up with their header's flag bits (until some release mends that). A binned
        # chunk is never next to another free one, so its PREV_INUSE, which counts 1, is set, and no other bit
        # is. "rest" counts top as well, but by its true size. Sizes of bins that are odd show the flag.
        flagged = any(int(e.get("to")) % 16 for e in element.iter() if e.tag in ("size", "unsorted"))
        self.free = fast + (rest - (count - 1) if flagged else rest)
        assert self.free % 16 == 0, (fast, count, rest)


class Truth:
    def __init__(self, core, table, info):
        self.core = core
        data = pathlib.Path(table).read_bytes()
        self.pid, self.calls, overflow, self.unknown_free, snapshot = HEADER.unpack_from(data)[:5]
        assert overflow == 0, "the table of preload.c is too small"
        assert snapshot == 1, "the process did not come to rest"
        self.live, self.freed = {}, set()
        for hidden, size in SLOT.iter_unpack(data[HEADER.size:]):
            if hidden and size == FREED:
                self.freed.add(hidden ^ KEY)
            elif hidden:
                self.live[hidden ^ KEY] = size
        root = ET.parse(info).getroot()
        self.arenas = [Arena(heap) for heap in sorted(root.findall("heap"), key=lambda h: int(h.get("nr")))]
        mmapped = root.find("total[@type='mmap']")
        self.mmapped_count, self.mmapped_bytes = int(mmapped.get("count")), int(mmapped.get("size"))


def library(cache):
    source = conftest.ROOT / "tests/truth/preload.c"
    path = cache / "libheaptruth.so"
    with conftest.once(path) as needed:
        if needed:
            subprocess.run([os.environ.get("CC", "gcc"), "-O2", "-Wall", "-Wextra", "-fPIC", "-shared",
                            "-fvisibility=hidden", "-o", path, source, "-pthread"], check=True, timeout=60)
    return path


def take(cache, name, argv, how, drive=None, env=None):
    """
    Run argv until it sends itself SIGNAL (or drive(process) sends it), and take the core.

    drive gets the process with stdin open; without it stdin is empty.
    """
    core = cache / f"truth-{name}-{how}.core"
    table, info = f"{core}.table", f"{core}.info"
    with conftest.once(core) as needed:
        if needed:
            folder = tempfile.mkdtemp(dir=cache)
            environment = {**(env or {}), "LD_PRELOAD": str(library(cache)), "HEAPTRUTH_TABLE": table,
                           "HEAPTRUTH_INFO": info, "HEAPTRUTH_END": "abort" if how == "kernel" else "stop"}
            stdin = subprocess.PIPE if drive else subprocess.DEVNULL
            with open(os.path.join(folder, "out"), "wb") as out, conftest.running(
                    argv, cwd=folder, env=environment, stdin=stdin, stderr=out,
                    preexec_fn=conftest.allow_core) as process:
                # A test program's manifest is not needed here, but must not fill the pipe.
                with subprocess.Popen(["cat"], stdin=process.stdout, stdout=subprocess.DEVNULL):
                    if drive:
                        drive(process)
                    if how == "kernel":
                        process.wait(60)
                        conftest.take_kernel_core(folder, core)
                    else:
                        conftest.wait_for(lambda: conftest.state_of(process.pid) == "T", f"{name} stops")
                        conftest.gcore(process.pid, core)
                    os.kill(process.pid, 9) if how != "kernel" else None
            shutil.rmtree(folder)
    return Truth(core, table, info)
