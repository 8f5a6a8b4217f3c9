"""Where each release of glibc keeps what in malloc's structures.

Written from the structure definitions in malloc/malloc.c and malloc/arena.c of each release, and from DWARF of the
Debian packages where there are such; deliberately a second time and in another form than heapcore's own tables, so
that a mistake in one of them shows.
"""

# struct malloc_state: byte offsets, and how many fastbins there are. Letters are generations, in their order.
STATE = {
    # 2.10-2.14, built without --enable-experimental-malloc
    ("A0", 64): dict(fastbins=8, nfast=10, top=88, last_remainder=96, bins=104, binmap=2136, next=2152,
                     system=2160, max_system=2168, size=2176),
    # 2.10-2.22
    ("A", 64): dict(fastbins=8, nfast=10, top=88, last_remainder=96, bins=104, binmap=2136, next=2152,
                    next_free=2160, system=2168, max_system=2176, size=2184),
    # 2.23-2.26.0: attached_threads
    ("B", 64): dict(fastbins=8, nfast=10, top=88, last_remainder=96, bins=104, binmap=2136, next=2152,
                    next_free=2160, attached=2168, system=2176, max_system=2184, size=2192),
    # 2.27-2.42: have_fastchunks
    ("C", 64): dict(have_fast=8, fastbins=16, nfast=10, top=96, last_remainder=104, bins=112, binmap=2144, next=2160,
                    next_free=2168, attached=2176, system=2184, max_system=2192, size=2200),
    # 2.43-: no fastbins
    ("D", 64): dict(nfast=0, top=8, last_remainder=16, bins=24, binmap=2056, next=2072,
                    next_free=2080, attached=2088, system=2096, max_system=2104, size=2112),
    ("A0", 32): dict(fastbins=8, nfast=10, top=48, last_remainder=52, bins=56, binmap=1072, next=1088,
                     system=1092, max_system=1096, size=1100),
    ("A", 32): dict(fastbins=8, nfast=10, top=48, last_remainder=52, bins=56, binmap=1072, next=1088,
                    next_free=1092, system=1096, max_system=1100, size=1104),
    ("B", 32): dict(fastbins=8, nfast=10, top=48, last_remainder=52, bins=56, binmap=1072, next=1088,
                    next_free=1092, attached=1096, system=1100, max_system=1104, size=1108),
    # 2.26.0: 16-byte alignment, hence one fastbin more
    ("B'", 32): dict(fastbins=8, nfast=11, top=52, last_remainder=56, bins=60, binmap=1076, next=1092,
                     next_free=1096, attached=1100, system=1104, max_system=1108, size=1112),
    ("C", 32): dict(have_fast=8, fastbins=12, nfast=11, top=56, last_remainder=60, bins=64, binmap=1080, next=1096,
                    next_free=1100, attached=1104, system=1108, max_system=1112, size=1116),
    # The same where malloc aligns to 8 in every release: 32-bit arm and mips.
    ("C8", 32): dict(have_fast=8, fastbins=12, nfast=10, top=52, last_remainder=56, bins=60, binmap=1076, next=1092,
                     next_free=1096, attached=1100, system=1104, max_system=1108, size=1112),
    ("D", 32): dict(nfast=0, top=8, last_remainder=12, bins=16, binmap=1032, next=1048,
                    next_free=1052, attached=1056, system=1060, max_system=1064, size=1068),
    # Imagined: one word more in front of top, one more between attached_threads and system_mem.
    ("future", 64): dict(nfast=0, top=16, last_remainder=24, bins=32, binmap=2064, next=2080,
                         next_free=2088, attached=2096, system=2112, max_system=2120, size=2128),
    ("future", 32): dict(nfast=0, top=12, last_remainder=16, bins=20, binmap=1036, next=1052,
                         next_free=1056, attached=1060, system=1068, max_system=1072, size=1076),
}

# struct malloc_par, by the release that each form came with. Four ints begin at n_mmaps.
PAR = {
    ("2.10-A0", 64): dict(n_mmaps=24, mmapped=48, sbrk_base=72, size=80),
    ("2.10", 64): dict(arena_test=24, n_mmaps=40, mmapped=64, sbrk_base=88, size=96),
    ("2.15", 64): dict(arena_test=24, n_mmaps=40, mmapped=56, sbrk_base=80, size=88),
    ("2.24", 64): dict(arena_test=24, n_mmaps=40, mmapped=56, sbrk_base=72, size=80),
    ("2.26", 64): dict(arena_test=24, n_mmaps=40, mmapped=56, sbrk_base=72, tcache_bins=80, tcache_max=88,
                       tcache_count=96, size=112),
    ("2.35", 64): dict(arena_test=24, n_mmaps=60, mmapped=80, sbrk_base=96, tcache_bins=104, tcache_max=112,
                       tcache_count=120, size=136),
    ("2.43", 64): dict(arena_test=24, n_mmaps=68, mmapped=88, sbrk_base=104, tcache_bins=112, tcache_max=120,
                       tcache_count=128, size=144),
    ("2.44", 64): dict(arena_test=24, n_mmaps=68, mmapped=88, sbrk_base=104, tcache_bins=112, tcache_max=120,
                       tcache_count=128, size=136),
    ("2.10-A0", 32): dict(n_mmaps=12, mmapped=32, sbrk_base=44, size=48),
    ("2.10", 32): dict(arena_test=12, n_mmaps=20, mmapped=40, sbrk_base=52, size=56),
    ("2.15", 32): dict(arena_test=12, n_mmaps=20, mmapped=36, sbrk_base=48, size=52),
    ("2.24", 32): dict(arena_test=12, n_mmaps=20, mmapped=36, sbrk_base=44, size=48),
    ("2.26", 32): dict(arena_test=12, n_mmaps=20, mmapped=36, sbrk_base=44, tcache_bins=48, tcache_max=52,
                       tcache_count=56, size=64),
    ("2.35", 32): dict(arena_test=12, n_mmaps=32, mmapped=48, sbrk_base=56, tcache_bins=60, tcache_max=64,
                       tcache_count=68, size=76),
    ("2.43", 32): dict(arena_test=12, n_mmaps=36, mmapped=52, sbrk_base=60, tcache_bins=64, tcache_max=68,
                       tcache_count=72, size=80),
    ("2.44", 32): dict(arena_test=12, n_mmaps=36, mmapped=52, sbrk_base=60, tcache_bins=64, tcache_max=68,
                       tcache_count=72, size=76),
}

# struct tcache_perthread_struct: bytes of a counter, lists, offset of the heads, size of the chunk it sits in.
TCACHE = {
    ("2.26", 64): dict(counter=1, lists=64, entries=64, chunk=0x250, down=False),
    ("2.30", 64): dict(counter=2, lists=64, entries=128, chunk=0x290, down=False),
    ("2.42", 64): dict(counter=2, lists=76, entries=152, chunk=0x300, down=True),
    ("2.26", 32): dict(counter=1, lists=64, entries=64, chunk=0x150, down=False),
    ("2.30", 32): dict(counter=2, lists=64, entries=128, chunk=0x190, down=False),
    ("2.42", 32): dict(counter=2, lists=76, entries=152, chunk=0x1d0, down=True),
}

# Where malloc aligns to 8.
NARROW_TCACHE_CHUNK = {"2.26": 0x148, "2.30": 0x188, "2.42": 0x1d0}

# First bin of a run, its first chunk size, step from bin to bin. Bin 127 is never used.
LARGE_TAIL = [(112, 0x2a00, 0), (113, 0x3000, 0x1000), (120, 0xa000, 0), (121, 0x10000, 0x8000), (124, 0x28000, 0),
              (125, 0x40000, 0), (126, 0x80000, 0), (127, None, 0)]
LARGE_BINS = {
    (64, 16): [(64, 0x400, 0x40), (97, 0xc40, 0), (98, 0xe00, 0x200)] + LARGE_TAIL,
    (32, 8): [(64, 0x200, 0x40), (96, 0xa00, 0x200)] + LARGE_TAIL,
    (32, 16): [(64, 0x3f0, 0), (65, 0x400, 0x40), (96, 0xb80, 0), (97, 0xc00, 0x200)] + LARGE_TAIL,
}
SMALL_INDEX = {(64, 16): lambda size: size >> 4, (32, 8): lambda size: size >> 3, (32, 16): lambda size: (size >> 4) + 1}
FIRST_LARGE = {(64, 16): 0x400, (32, 8): 0x200, (32, 16): 0x3f0}

# Bytes of heap_info, and offset of the first chunk in a heap that begins with an arena.
HEAP_INFO = {
    ("A0", 64, "old"): (32, 0x8a0), ("A", 64, "old"): (32, 0x8b0), ("B", 64, "old"): (32, 0x8b0),
    ("C", 64, "old"): (32, 0x8c0), ("C", 64, "pagesize"): (48, 0x8d0), ("D", 64, "pagesize"): (48, 0x870),
    ("A0", 32, "old"): (16, 0x460), ("A", 32, "old"): (16, 0x460), ("B", 32, "old"): (16, 0x468),
    ("B'", 32, "old"): (24, 0x478), ("C", 32, "old"): (24, 0x478), ("C", 32, "pagesize"): (24, 0x478),
    ("C8", 32, "old"): (16, 0x468), ("C8", 32, "pagesize"): (24, 0x470), ("D", 32, "pagesize"): (24, 0x448),
    ("future", 64, "pagesize"): (48, 0x880), ("future", 32, "pagesize"): (24, 0x458),
}


class Release:
    """One release on one word size, and where that is 32 bits on machines of one kind; "narrow" ones align to 8."""

    def __init__(self, name, bits, state, par, tcache=None, heap="old", libc=None, narrow=False):
        self.name, self.bits, self.word = name, bits, bits // 8
        number = tuple(int(n) for n in (libc or name).split("-")[0].split(".")[:2])
        self.number = number
        self.header = 2 * self.word
        self.narrow = narrow
        self.alignment = 8 if bits == 32 and (narrow or number < (2, 26)) else 16
        self.min_chunk = 32 if bits == 64 else 16
        if bits == 32 and number == (2, 26) and state == "B" and not narrow:
            state = "B'"
        if narrow and state == "C":
            state = "C8"
        self.state = STATE[state, bits]
        self.par = PAR[par, bits]
        self.tcache = TCACHE[tcache, bits] if tcache else None
        if tcache and narrow:
            self.tcache = {**self.tcache, "chunk": NARROW_TCACHE_CHUNK[tcache]}
        self.heap_info, self.first_chunk = HEAP_INFO[state, bits, heap]
        self.has_pagesize = heap == "pagesize"
        self.heap_max = 64 << 20 if bits == 64 else 1 << 20
        self.first_large = FIRST_LARGE[bits, self.alignment]
        self.mangled = number >= (2, 32)
        self.key = None if number < (2, 29) else "tcache" if number < (2, 34) else "random"
        self.tcache_count = 16 if number >= (2, 43) else 7
        self.fast_limit = 0x80 if bits == 64 else 0x40
        self.new_mmap = number >= (2, 43)
        self.late_tcache = number >= (2, 43)

    def __repr__(self):
        return f"{self.name}-{self.bits}{'-narrow' if self.narrow else ''}"

    def small_index(self, size):
        return SMALL_INDEX[self.bits, self.alignment](size)

    def large_index(self, size):
        """The last bin whose first size is not above this one."""
        runs = LARGE_BINS[self.bits, self.alignment]
        found = None
        for (first_bin, first, step), (next_bin, _, _) in zip(runs, runs[1:]):
            for i in range(next_bin - first_bin if step else 1):
                if first + i * step <= size:
                    found = first_bin + i
        return found

    def fast_index(self, size):
        return (size >> (4 if self.bits == 64 else 3)) - 2

    def tcache_index(self, size):
        return (size - self.min_chunk) // self.alignment


# name, state, par, tcache, heap_info
TABLE = [
    ("2.12-without-per-thread-arenas", "A0", "2.10-A0", None, "old"),
    ("2.12", "A", "2.10", None, "old"),
    ("2.17", "A", "2.15", None, "old"),
    ("2.19", "A", "2.15", None, "old"),
    ("2.23", "B", "2.15", None, "old"),
    ("2.24", "B", "2.24", None, "old"),
    ("2.26", "B", "2.26", "2.26", "old"),
    ("2.27", "C", "2.26", "2.26", "old"),
    ("2.28", "C", "2.26", "2.26", "old"),
    ("2.30", "C", "2.26", "2.30", "old"),
    ("2.32", "C", "2.26", "2.30", "old"),
    ("2.34", "C", "2.26", "2.30", "old"),
    ("2.35", "C", "2.35", "2.30", "pagesize"),
    ("2.37", "C", "2.35", "2.30", "pagesize"),
    ("2.39", "C", "2.35", "2.30", "pagesize"),
    ("2.42", "C", "2.35", "2.42", "pagesize"),
    ("2.43", "D", "2.43", "2.42", "pagesize"),
    ("2.44", "D", "2.44", "2.42", "pagesize"),
]
RELEASES = [Release(name, bits, *rest) for name, *rest in TABLE for bits in (64, 32)]
NARROW = [Release(name, 32, *rest, narrow=True) for name, *rest in TABLE]
FUTURE = [Release("2.99", bits, "future", "2.44", "2.42", "pagesize") for bits in (64, 32)]
