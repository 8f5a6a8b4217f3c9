"""Every chunk of one known heap, under the C library of every Debian suite that apt can reach.

The truth is what the program itself says: its live and dead blocks, malloc_stats(3) for each arena, mallinfo(3) for
mappings. What can't be fetched, built or run here is skipped with the reason.
"""
import functools
import json
import pathlib
import re
import sys

import pytest

import debian
import programs
from corewords import CoreWords, add_tls_notes

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import chunktruth  # noqa: E402 (shared with the other test folders)

# The oldest release that each suite can have; suites only move on.
SUITES = {"bullseye": (2, 31), "bookworm": (2, 36), "trixie": (2, 41), "forky": (2, 43), "experimental": (2, 44)}


class Variant:
    """A way to run the program, and what is then true of its heap."""

    def __init__(self, since=(2, 26), env=None, states=(), without=(), arenas=None, **how):
        self.since, self.env, self.how = since, env or {}, how
        self.states, self.without, self.arenas = states, without, arenas

    def run(self, libc):
        how = dict(self.how)
        if how.pop("checked", False) and libc.release >= (2, 34):
            how["preload"] = "libc_malloc_debug.so.0"
        return programs.run(libc, env=self.env, **how)


def tunable(text):
    return {"GLIBC_TUNABLES": f"glibc.malloc.{text}"}


VARIANTS = {
    "default": Variant(states=("tcache", "unsorted", "largebin", "top")),
    "one-arena": Variant(env={"MALLOC_ARENA_MAX": "1"}, arenas=1),
    "top-pad": Variant(env={"MALLOC_TOP_PAD_": "1048576"}),
    "no-tcache": Variant(env=tunable("tcache_count=0"), states=("smallbin",), without=("tcache",)),
    "large-tcache": Variant(since=(2, 42), env=tunable("tcache_max=4000000"), states=("tcache",)),
    "thp": Variant(since=(2, 35), env=tunable("hugetlb=1")),
    "hugetlb": Variant(since=(2, 35), env=tunable("hugetlb=2")),
    "foreign-sbrk": Variant(how="foreign-sbrk"),
    "brk-blocked": Variant(how="brk-blocked"),
    "static": Variant(static=True),
    "static-foreign-sbrk": Variant(static=True, how="foreign-sbrk"),
    "aligned-hugetlb": Variant(since=(2, 35), env=tunable("hugetlb=2"), how="aligned"),
    "only-mapped": Variant(how="only-mapped"),
    "checked": Variant(env={"MALLOC_CHECK_": "3"}, checked=True, without=("tcache",), arenas=1),
}

CASES = [pytest.param(suite, arch, name, id=f"{suite}-{arch}-{name}")
         for suite, release in SUITES.items() for arch in debian.ARCHITECTURES
         for name, variant in VARIANTS.items() if release >= variant.since]
CASES += [pytest.param(suite, arch, name, id=f"{suite}-{arch}-{name}")
          for suite, ports in debian.PORTS.items() for arch in ports for name in ("default", "static")
          if (suite, arch, name) not in (("bookworm", "riscv64", "default"), ("trixie", "riscv64", "static"))]


def read_heap(said):
    """The program's events, as a heap."""
    heap = chunktruth.Heap()
    for line in said.splitlines():
        word, *rest = line.split()
        if word == "live":
            heap.alloc(int(rest[0], 16), int(rest[1]), rest[2])
        elif word == "dead":
            heap.free(int(rest[0], 16), rest[1])
    return heap


def read_stats(text):
    """System and in-use bytes of each arena, in ring order from the main one."""
    found = re.findall(r"Arena (\d+):\nsystem bytes\s*=\s*(\d+)\nin use bytes\s*=\s*(\d+)", text)
    assert [int(number) for number, _, _ in found] == list(range(len(found))), text
    return [(int(system), int(in_use)) for _, system, in_use in found]


def require_none(problems):
    if problems:
        pytest.fail(chunktruth.summary(problems), pytrace=False)


def is_dtv(words, chunk):
    """
    Whether a chunk is a thread's vector of TLS blocks: it begins with its own length, and a thread's control block,
    which is no part of the heap, points behind that entry.
    """
    entry = 2 * words.word
    length = words.at(chunk.address)
    return length is not None and (length + 2) * entry <= chunk.usable < (length + 4) * entry and \
        words.holds(chunk.address + entry)


def is_empty_tcache(words, chunk, chunks):
    """
    Whether a chunk is the cache of a thread, in which nothing is: as long as the main thread's, and all zero.

    Where a core says of no thread where its TLS is, nothing leads to it: it was never used.
    """
    first = min((c for c in chunks if c.arena == "0"), key=lambda c: c.address)
    return first.state == "overhead" and chunk.size == first.size and not any(
        words.at(address) for address in range(chunk.address, chunk.address + chunk.usable, words.word))


def is_startup(heap, chunk):
    """Whether a static program's C library asked for a chunk before the program did: it set up dlopen."""
    return chunk.arena == "0" and chunk.address < next(iter(heap.live))


def check_tight(heap, chunks, word, variant):
    """Chunks that malloc itself cut have no more room than rounding and a remainder too small to split explain."""
    if variant == "large-tcache":
        return  # hands out anything up to twice as long
    by_address = {c.address: c for c in chunks}
    slack = 16 + 4 * word + (1 if variant == "checked" else 0)
    loose = [f"live 0x{address:x}: {size} bytes were asked for, but it is {by_address[address]}"
             for address, (size, label) in heap.live.items()
             if label.startswith("exact") and by_address[address].arena != "mmap"
             and by_address[address].usable > max(size, 3 * word) + slack]
    require_none(loose)


def check_arenas(stats, chunks, core):
    """Each arena got what malloc_stats says, and what is free of it adds up to the byte."""
    rows = {row["arena"]: row for row in json.loads(chunktruth.run("arenas", core, "--format", "json"))["arenas"]
            if row["arena"] != "mmap"}
    free = {}
    for chunk in chunks:
        if chunk.state in chunktruth.FREE_STATES and chunk.state != "tcache":
            free[chunk.arena] = free.get(chunk.arena, 0) + chunk.size
    expected = {i: {"system": system, "free": system - in_use} for i, (system, in_use) in enumerate(stats)}
    found = {i: {"system": row["system_bytes"], "free": free.get(str(i), 0)} for i, row in rows.items()}
    assert found == expected


def check_mmapped(said, chunks):
    """As many mapped chunks as mallinfo counts."""
    count, _ = map(int, re.search(r"^mmapped (\d+) (\d+)$", said, re.M).groups())
    assert len([c for c in chunks if c.arena == "mmap"]) == count


def check_states(variant, libc, chunks):
    states = {c.state for c in chunks}
    assert set(variant.states) <= states and not states & set(variant.without), states
    assert "fastbin" not in states or libc.release < (2, 43), "2.43 did away with fastbins"


def check_layout(layout, release):
    """The layouts that were chosen are those of this release."""
    state = "2.43 and later" if release >= (2, 43) else "2.27-2.42"
    par = "2.43 and later" if release >= (2, 43) else "2.35-2.42" if release >= (2, 35) else "2.26-2.34"
    assert re.match(f"glibc {state} .malloc_state., {par}(, libc_malloc_debug)? .malloc_par., ", layout), layout


@functools.lru_cache(maxsize=None)
def library(suite, arch):
    return debian.libc(suite, arch)


@pytest.mark.parametrize("suite,arch,name", CASES)
def test_every_chunk(suite, arch, name):
    variant = VARIANTS[name]
    try:
        libc = library(suite, arch)
        run = variant.run(libc)
        with run as left:
            compare(variant, name, libc, left)
    except debian.Unavailable as reason:
        pytest.skip(f"{suite} {arch} {name}: {reason}")


@pytest.mark.parametrize("name", ["default", "static"])
def test_thread_pointers_of_arm64(name):
    """
    The kernel's cores say where the TLS of each thread is: above the thread pointer, in a static program at the
    beginning of the heap's mapping.
    """
    try:
        libc = library("bookworm", "arm64")
        with VARIANTS[name].run(libc) as left:
            pointers = re.findall(r"^tls (\d+) (\S+)$", left.said, re.M)
            add_tls_notes(left.core, {int(lwp): int(tls, 16) for lwp, tls in pointers})
            compare(VARIANTS[name], name, libc, left)
            rows = json.loads(chunktruth.run("maps", left.core, "--format", "json"))["mappings"]
    except debian.Unavailable as reason:
        pytest.skip(f"bookworm arm64 {name}: {reason}")
    blocks = [row for row in rows if row["kind"] == "tls"]
    assert len(blocks) == 5 and sum(row["size"] for row in blocks) < 5 * 0x2000, blocks


def compare(variant, name, libc, left):
    assert libc.release >= SUITES[libc.suite], f"{libc.suite} has {libc.package}"
    assert left.said.endswith("\nend\n") and "brk-not-blocked" not in left.said, left.said[-200:]
    heap, chunks = read_heap(left.said), chunktruth.chunks_of(left.core)
    problems, others = chunktruth.compare(heap, chunks)
    words = CoreWords(left.core)
    problems += [f"nothing explains {chunk}" for chunk in others if not is_dtv(words, chunk) and
                 not ("static" in variant.how and is_startup(heap, chunk)) and
                 not (left.emulated and name == "no-tcache" and is_empty_tcache(words, chunk, chunks))]
    require_none(problems)
    check_tight(heap, chunks, words.word, name)
    check_mmapped(left.said, chunks)
    stats = read_stats(left.stats)
    assert variant.arenas in (None, len(stats)), stats
    check_arenas(stats, chunks, left.core)
    check_states(variant, libc, chunks)
    info = json.loads(chunktruth.run("info", left.core, "--format", "json"))
    del info["modules"]
    check_layout(info["heap"]["layout"], libc.release)
    assert not info["partial"] and not info["remarks"] and info["heap"]["inconsistencies_total"] == 0, info
    # Notes that qemu does not write were added to some.
    if left.emulated and not re.search(r"^tls ", left.said, re.M) and libc.arch not in programs.WITHOUT_CORE:
        assert info["process"]["written_by"] is None, info["process"]
