"""Every chunk of cores that are written as a release of glibc would leave them.

For releases that no Debian suite carries any more there is nothing to run; here their heaps are made from their
documented structures. Those that can be run too are made as well, so that the matrix vouches for the generator.
"""
import json
import pathlib
import subprocess
import sys

import pytest

import corewriter
import heapimage
from heapimage import HeapImage
from releases import FUTURE, NARROW, RELEASES

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import chunktruth  # noqa: E402 (shared with the other test folders)

# What `info` calls the layouts: first release of a form → its name.
STATES = [((2, 43), "2.43 and later"), ((2, 27), "2.27-2.42"), ((2, 23), "2.23-2.26"), ((2, 10), "2.10-2.22")]
STATES_32 = [((2, 43), "2.43 and later"), ((2, 27), "2.27-2.42"), ((2, 26), "2.26"), ((2, 23), "2.23-2.25"),
             ((2, 10), "2.10-2.22")]
PARS = [((2, 43), "2.43 and later"), ((2, 35), "2.35-2.42"), ((2, 26), "2.26-2.34"), ((2, 24), "2.24-2.25"),
        ((2, 15), "2.15-2.23"), ((2, 10), "2.10-2.14")]
TCACHES = [((2, 42), "2.42 and later"), ((2, 30), "2.30-2.41"), ((2, 26), "2.26-2.29"), ((2, 10), "none")]


def name_of(table, release):
    return next(name for first, name in table if release.number >= first)


def layout_of(release):
    state = name_of(STATES if release.bits == 64 else STATES_32, release)
    par = name_of(PARS, release)
    if "without" in release.name:
        state, par = "2.10-2.14 without per-thread arenas", "2.10-2.14 without per-thread arenas"
    return f"glibc {state} (malloc_state), {par} (malloc_par), tcache {name_of(TCACHES, release)}"


def write(image, folder, **how):
    path = folder / "core"
    corewriter.write(path, image.memory, image.threads, **how)
    return path


def compare(image, core):
    rows = chunktruth.chunks_of(core)
    found = {c.address: (c.size, c.usable, c.state, c.arena) for c in rows if c.state != "overhead"}
    expected = image.expected()
    problems = [f"0x{address:x} should be {expected.get(address, 'no chunk')}, and is "
                f"{found.get(address, 'no chunk')}"
                for address in sorted(expected.keys() | found.keys()) if expected.get(address) != found.get(address)]
    missing = image.overhead() - {c.address for c in rows if c.state == "overhead"}
    problems += [f"the tcache at 0x{address:x} is not overhead" for address in missing]
    if problems:
        pytest.fail(chunktruth.summary(problems), pytrace=False)


def info_of(core):
    info = json.loads(chunktruth.run("info", core, "--format", "json"))
    assert not info["partial"] and not info["remarks"] and info["heap"]["inconsistencies_total"] == 0, info
    return info["heap"]


def check_arenas(image, core):
    rows = json.loads(chunktruth.run("arenas", core, "--format", "json"))["arenas"]
    assert [(row["address"], row["system_bytes"]) for row in rows if row["arena"] != "mmap"] == \
        [(f"0x{arena.address:x}", arena.system) for arena in image.arenas]


@pytest.mark.parametrize("release", RELEASES, ids=repr)
def test_every_chunk(release, tmp_path):
    image = HeapImage(release)
    core = write(image, tmp_path)
    compare(image, core)
    check_arenas(image, core)
    heap = info_of(core)
    assert heap["layout"] == layout_of(release)
    assert f"links {'mangled' if release.mangled else 'plain'}" in heap["evidence"]
    assert heap["confidence"] == 100
    # Since 2.34 the file's name tells no release, and this one does not exist.
    assert heap["version"] == (None if release.number >= (2, 34) else "%d.%d" % release.number)


@pytest.mark.parametrize("release", RELEASES, ids=repr)
def test_without_hints(release, tmp_path):
    """No names of files and no thread pointers, as the cores of qemu-user are."""
    image = HeapImage(release, with_tls=False)
    core = write(image, tmp_path, with_files=False)
    compare(image, core)
    assert info_of(core)["layout"] == layout_of(release)


# One release of each form, on every machine that aligns as the form does; every form where malloc aligns to 8.
NARROW_MACHINES = ("arm", "armeb", "mips", "mipsel")
PORTS = [pytest.param(release, machine, id=f"{release!r}-{name}")
         for name, machine in corewriter.MACHINES.items() for release in RELEASES
         if release.bits == machine.bits and release.number in ((2, 15), (2, 17), (2, 30), (2, 35), (2, 44))
         and (machine.bits == 64 or name in ("i386", "x32", "riscv32", "ppc") or release.number >= (2, 43))
         and name not in NARROW_MACHINES]
PORTS += [pytest.param(release, corewriter.MACHINES[name], id=f"{release!r}-{name}") for name in NARROW_MACHINES
          for release in NARROW if name == "arm" or release.number in ((2, 17), (2, 26), (2, 30), (2, 44))]


@pytest.mark.parametrize("release, machine", PORTS)
def test_every_machine(release, machine, tmp_path):
    """Words are the machine's: width, order and where the registers are."""
    image = HeapImage(release, machine=machine)
    core = write(image, tmp_path)
    compare(image, core)
    check_arenas(image, core)
    info = json.loads(chunktruth.run("info", core, "--format", "json"))
    assert info["process"]["machine"] == machine.name and not info["partial"], info
    assert (info["process"]["pid"], info["process"]["threads"]) == (1000, 2)
    if release.narrow:
        state = name_of([((2, 43), "2.43 and later"), ((2, 27), "2.27-2.42"), *STATES[2:]], release)
        assert "without" in release.name or f"glibc {state} (malloc_state)" in info["heap"]["layout"]


@pytest.mark.parametrize("machine", ["ppc64le", "aarch64"])
def test_large_pages(machine, tmp_path, monkeypatch):
    """Pages of 64 KiB, as these machines may have: AT_PAGESZ says so, and mmapped chunks fill whole ones."""
    for module in corewriter, heapimage:
        monkeypatch.setattr(module, "PAGE", 0x10000)
    release = next(r for r in RELEASES if r.bits == 64 and r.number == (2, 37))
    image = HeapImage(release, machine=corewriter.MACHINES[machine])
    core = write(image, tmp_path)
    compare(image, core)
    check_arenas(image, core)
    info_of(core)
    # What malloc may have been asked for: the mapping of 33 pages has less than one of them to spare.
    chunk = image.mmapped[1]
    what = json.loads(chunktruth.run("what", core, f"0x{chunk.header + 16:x}", "--format", "json"))["chunk"]
    assert 0 < what["request_max"] - what["request_min"] < 0x10000 + 16
    assert what["request_max"] - what["request_min"] > 0x1000 + 16


def cards_of(machine, first):
    """A process that holds two texts in one anonymous mapping, and one in another."""
    memory = corewriter.Memory(machine.bits, machine)
    memory.map(first, 2 * corewriter.PAGE)
    memory.map(first + 0x10_0000, corewriter.PAGE)
    memory.map(0x7000_0000, corewriter.PAGE)
    for place, text in ((0x120, b"card=4711;"), (0x1300, b"card=4712;"), (0x10_0040, b"card=4711;")):
        memory.put(first + place, text)
        memory.put(first + place + 0x40, b"\0host=d7\0")
    return memory


def memory_of(memory, start, size):
    segment = next(s for s in memory.segments if s.start <= start < s.end)
    return bytes(segment.data[start - segment.start:start - segment.start + size])


@pytest.mark.parametrize("name", corewriter.MACHINES)
def test_memory_without_a_heap(name, tmp_path):
    """The verbs that need no heap answer on every machine that Linux cores come from."""
    machine = corewriter.MACHINES[name]
    first = 0x2000_0000 if machine.bits == 32 else 0x20_0000_0000
    memory, core = cards_of(machine, first), tmp_path / "core"
    corewriter.write(core, memory, [corewriter.Thread(7, 0x1000, 0x7000_0800)], with_files=False)
    info = json.loads(chunktruth.run("info", core, "--format", "json"))
    assert info["process"]["machine"] == name and not info["partial"], info
    rows = json.loads(chunktruth.run("maps", core, "--format", "json"))["mappings"]
    sizes = {int(r["start"], 16): (r["size"], r["kind"]) for r in rows}
    assert sizes[first] == (2 * corewriter.PAGE, "anonymous") and sizes[first + 0x10_0000][0] == corewriter.PAGE

    def matches(*arguments):
        lines = chunktruth.run(*arguments, "--format", "json").splitlines()
        return sorted((int(row["address"], 16), row["match"]) for row in map(json.loads, lines) if "match" in row)
    cards = [(first + 0x120, "card=4711;"), (first + 0x1300, "card=4712;"), (first + 0x10_0040, "card=4711;")]
    assert matches("grep", core, "card=[0-9]+;", "--maps", "-o") == cards
    assert matches("strings", core, "--maps", "--min", "8") == cards
    out = tmp_path / "bytes"
    chunktruth.run("dump", core, f"0x{first + 0x100:x}", f"0x{first + 0x1400:x}", "-o", out)
    assert out.read_bytes() == memory_of(memory, first + 0x100, 0x1300)
    (pages,) = json.loads(chunktruth.run("common", core, "--maps", "--format", "json"))["sets"]
    assert (pages["unit"], pages["chunks"], pages["bytes"]) == ("page", 3, 3 * corewriter.PAGE)
    assert {t["text"]: t["chunks"] for t in pages["repeats"]["texts"]}["host=d7"] == 3


@pytest.mark.parametrize("owner, system", [("FreeBSD", "FreeBSD"), ("NetBSD-CORE", "NetBSD"),
                                           ("NetBSD-CORE@17", "NetBSD"), ("OpenBSD", "OpenBSD"), ("QNX", "QNX")])
def test_other_systems(owner, system, tmp_path):
    """A core of another system is refused by its name, whatever its machine."""
    for name in ("x86-64", "sparc64", "arm"):
        machine = corewriter.MACHINES[name]
        core = tmp_path / name
        corewriter.write(core, cards_of(machine, 0x2000_0000), [corewriter.Thread(7, 0x1000, 0x7000_0800)],
                         with_files=False, owner=owner.encode() + b"\0")
        done = subprocess.run([chunktruth.program(), "info", core], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True)
        assert (done.returncode, done.stdout) == (2, "") and done.stderr.count("\n") == 1, done
        assert f"is a core of {system}" in done.stderr, done.stderr


@pytest.mark.parametrize("machine", ["aarch64", "riscv64", "ppc64", "arm"])
def test_thread_block_leaves_the_rest(machine, tmp_path):
    """TLS above the thread pointer, in a mapping with other things: no module says where it ends, its page does."""
    memory = corewriter.Memory(corewriter.MACHINES[machine].bits, corewriter.MACHINES[machine])
    memory.map(0x40_0000, 64 * corewriter.PAGE)
    memory.map(0x7000_0000, corewriter.PAGE)
    core = tmp_path / "core"
    corewriter.write(core, memory, [corewriter.Thread(7, 0x1000, 0x7000_0800, 0x40_0800)], with_files=False)
    rows = json.loads(chunktruth.run("maps", core, "--format", "json"))["mappings"]
    block = [(int(r["start"], 16), r["size"]) for r in rows if r["kind"] == "tls"]
    assert block and block[0][0] <= 0x40_0800 and sum(block[0]) == 0x40_1000


@pytest.mark.parametrize("start, size, kept", [
    (0xfffffffffffff000, 0x1000, None),          # wraps around
    (0x10000, 1 << 62, 1 << 48),                 # more than there can be
    (0x900000000000, 0x2000, 0x2000),            # five-level page tables
    ((1 << 56) - 0x1000, 0x2000, 0x1000),        # crosses the end of user space
])
def test_edges_of_the_address_space(start, size, kept, tmp_path):
    """What is in the address space stays, and what is not is said."""
    memory = corewriter.Memory(64)
    segment = memory.map(start, 0x1000)
    segment.end = start + size
    memory.map(0x1000, 0x1000)
    core = tmp_path / "core"
    # A file of one page each; the program header promises the rest.
    corewriter.write(core, memory, [corewriter.Thread(7, 0x1000, 0x1800)], with_files=False)
    answer = json.loads(chunktruth.run("maps", core, "--format", "json"))
    rows = {int(r["start"], 16): (r["size"], r["kind"]) for r in answer["mappings"]}
    if kept is None:
        assert start not in rows
    else:
        assert rows[start][1] == "anonymous" and rows[start][0] in (kept, kept - 0x1000)
    assert bool(answer["remarks"]) == (kept != size), answer["remarks"]


def test_partial_is_not_sound(tmp_path):
    """What is missing can't be vouched for, and each reason has its line."""
    release = next(r for r in RELEASES if r.bits == 64 and r.mangled)
    core = write(HeapImage(release), tmp_path)
    whole = chunktruth.run("check", core)
    assert "The heap is sound" in whole and "PARTIAL" not in whole
    core.write_bytes(core.read_bytes()[:core.stat().st_size * 3 // 4])
    cut = json.loads(chunktruth.run("check", core, "--format", "json"))
    assert cut["partial"] and not cut["sound"], cut
    text = chunktruth.run("check", core)
    assert "is sound:" not in text
    reasons = [line for line in text.splitlines() if line.startswith("PARTIAL: ")]
    assert len(reasons) > 1 and len(set(reasons)) == len(reasons), text


class EarlyCache(HeapImage):
    """With the tcache in front of all other chunks, where malloc puts it up to 2.41."""

    def plan(self, arena_index):
        return super().plan(arena_index)[1:]


def survivors(image, core):
    """What is found otherwise than it was made: address → (expected, found)."""
    found = {c.address: (c.size, c.usable, c.state, c.arena) for c in chunktruth.chunks_of(core)
             if c.state != "overhead"}
    expected = image.expected()
    return {a: (expected.get(a), found.get(a)) for a in expected.keys() | found.keys()
            if expected.get(a) != found.get(a)}


@pytest.mark.parametrize("release", [r for r in RELEASES if r.state["nfast"]], ids=repr)
def test_broken_fastbins(release, tmp_path):
    """The first link of each longer list is written over: all that it has cut off is found."""
    image = HeapImage(release)
    broken = 0
    for arena in image.arenas:
        for size in {c.size for c in arena.chunks if c.state == "fastbin"}:
            if sum(c.state == "fastbin" and c.size == size for c in arena.chunks) < 3:
                continue
            head = arena.address + release.state["fastbins"] + release.fast_index(size) * release.word
            first = image.memory.get_word(head) + release.header
            image.memory.put_word(first, 0x4141414141414141 & (1 << release.bits) - 1)
            broken += 1
    core = write(image, tmp_path)
    assert broken and not survivors(image, core)
    rows = json.loads(chunktruth.run("check", core, "--format", "json", status=1))["inconsistencies"]
    assert sum("chunks behind, told by the links" in row["what"] for row in rows) == broken == len(rows)


@pytest.mark.parametrize("release", [r for r in RELEASES if r.tcache and r.key and not r.tcache["down"]], ids=repr)
@pytest.mark.parametrize("what", ["all", "counters", "heads"])
def test_zeroed_tcache(release, what, tmp_path):
    """One thread's cache is written over with zeroes: what it held carries its key."""
    image = EarlyCache(release)
    entries, end = release.tcache["entries"], release.tcache["entries"] + 64 * release.word
    start, end = {"all": (0, end), "counters": (0, entries), "heads": (entries, end)}[what]
    image.memory.put(image.tcaches[0] + start, bytes(end - start))
    core = write(image, tmp_path)
    assert not survivors(image, core)
    rows = json.loads(chunktruth.run("check", core, "--format", "json", status=1))["inconsistencies"]
    assert rows and all(row["chunk"] == hex(image.tcaches[0]) for row in rows)
    assert what != "all" or ["nothing but zeroes" in row["what"] for row in rows] == [True]


@pytest.mark.parametrize("release", [r for r in RELEASES if r.new_mmap], ids=repr)
def test_mmapped_chunk_in_a_tcache(release, tmp_path):
    image = HeapImage(release, large_tcache=True)
    compare(image, write(image, tmp_path))


@pytest.mark.parametrize("release", FUTURE, ids=repr)
def test_unknown_layout(release, tmp_path):
    """A release that nobody has seen: words were added in front of top and of system_mem."""
    image = HeapImage(release)
    core = write(image, tmp_path)
    compare(image, core)
    check_arenas(image, core)
    heap = info_of(core)
    assert heap["layout"].startswith("glibc unknown (malloc_state), ")
    assert heap["evidence"].endswith(
        f"; malloc_state fits no known release: bins at {release.state['bins']}, "
        f"system_mem at {release.state['system']}")
    assert heap["confidence"] == 80
