"""A process's heap as a release of glibc would leave it in memory, and the list of its chunks.

Chunks are laid out one after the other as planned, then put on the lists that their states name: boundary tags,
tcaches, fastbins, bins, with links protected as in that release. Contents of live blocks are numbers that no header
has, and pointers to other blocks.
"""
import random

from corewriter import PAGE, Memory, Thread, EXEC, READ

PREV_INUSE, IS_MMAPPED, NON_MAIN = 1, 2, 4
NONCONTIGUOUS = 2
BINNED = ("unsorted", "smallbin", "largebin")


class Chunk:
    """A chunk by the address of its header."""

    def __init__(self, header, size, state, arena, usable=None):
        self.header, self.size, self.state, self.arena, self.usable = header, size, state, arena, usable

    @property
    def binned(self):
        return self.state in BINNED


class Arena:
    def __init__(self, number, address):
        self.number, self.address = number, address
        self.chunks, self.top, self.system, self.attached = [], None, 0, 0

    @property
    def label(self):
        return str(self.number)


class HeapImage:
    def __init__(self, release, large_tcache=False, with_tls=True, machine=None):
        self.release = self.r = release
        self.memory = Memory(release.bits, machine)
        self.random = random.Random(repr(release))
        self.large_tcache, self.with_tls = large_tcache, with_tls
        self.key = self.random.getrandbits(release.bits) | 1
        self.mmapped, self.tcaches = [], []
        self.place()
        self.build()

    # where things are

    def place(self):
        wide = self.r.bits == 64
        self.text = 0x7f10_0000_0000 if wide else 0xf7a0_0000
        self.data = self.text + PAGE
        self.heap = 0x5555_5555_0000 if wide else 0x5655_5000
        self.maps = 0x7f0f_8000_0000 if wide else 0xf660_0000
        self.tls = 0x7f11_0000_0000 if wide else 0xf7f0_0000
        self.stack = 0x7ffd_0000_0000 if wide else 0xffdd_0000
        # The second arena has two heaps, and lies above the third.
        self.thread_heaps = [0x7f0e_0000_0000 + i * (64 << 20) if wide else 0xf500_0000 + i * (1 << 20)
                             for i in (4, 1, 2)]
        name = f"libc-{'.'.join(map(str, self.r.number))}.so" if self.r.number < (2, 34) else "libc.so.6"
        self.memory.map(self.text, PAGE, flags=READ | EXEC, file=f"/proc/nonexistent/{name}", dumped=False)
        self.memory.map(self.data, 4 * PAGE, file=f"/proc/nonexistent/{name}", offset=PAGE)
        self.par = self.data + 0x300
        self.main = Arena(0, self.data + 0x300 + 0x900)
        self.memory.map(self.tls, 2 * PAGE)
        self.memory.map(self.stack, 8 * PAGE)

    # plans

    def plan(self, arena_index):
        """(state, chunk size) in address order; binned chunks have a neighbour in use on both sides."""
        r, step = self.r, self.r.alignment
        rows = []
        for i in range(60):
            rows.append([("in-use", r.min_chunk + step * self.random.randrange(0, 90))])
        for i in range(6):
            size = r.min_chunk + step * (2 * i)
            if r.tcache:
                rows += [[("tcache", size)] for _ in range(1 + i % r.tcache_count)]
            if r.state["nfast"] and size <= r.fast_limit:
                rows += [[("fastbin", size)] for _ in range(i + 1)]
        gap = ("in-use", r.min_chunk + 2 * step)
        for i in range(5):
            rows.append([("smallbin", r.min_chunk + step * (3 + i // 2)), gap])
            rows.append([("unsorted", r.min_chunk + step * (1 + 40 * i)), gap])
            rows.append([("largebin", r.first_large + step * (i // 2 + 60 * (i % 2))), gap])
        rows.append([("largebin", r.first_large + step * 700), gap])
        self.random.shuffle(rows)
        tcache = [[("overhead", r.tcache["chunk"])]] if r.tcache and arena_index < 2 else []
        if r.late_tcache:
            rows[len(rows) // 2:len(rows) // 2] = tcache
        else:
            rows = tcache + rows
        return [gap] + [chunk for row in rows for chunk in row] + [gap]

    def lay(self, arena, plan, at):
        """Place chunks from a header address on; returns where they end."""
        for state, size in plan:
            arena.chunks.append(Chunk(at, size, state, arena))
            at += size
        return at

    def first_header(self, address):
        r = self.r
        return -(-(address + r.header) // r.alignment) * r.alignment - r.header

    # arenas

    def build(self):
        second = Arena(1, self.thread_heaps[0] + self.r.heap_info)
        third = Arena(2, self.thread_heaps[2] + self.r.heap_info)
        self.arenas = [self.main, second, third]
        self.build_main()
        self.build_thread_arena(second, self.thread_heaps[0], self.thread_heaps[1])
        self.build_thread_arena(third, self.thread_heaps[2], None)
        self.main.attached, second.attached = 1, 1
        self.build_mmapped()
        for arena in self.arenas:
            self.write_tags(arena)
            self.write_contents(arena)
            self.write_arena(arena)
        if self.r.tcache:
            self.write_tcaches()
        self.write_par()
        self.write_threads()

    def build_main(self):
        at = self.lay(self.main, self.plan(0), self.first_header(self.heap))
        size = -(-(at - self.heap) // PAGE) * PAGE + 0x20000
        self.memory.map(self.heap, size)
        self.main.system = size
        self.main.top = Chunk(at, self.heap + size - at, "top", self.main)

    def heap_header(self, arena, base, prev, size):
        self.memory.map(base, size)
        words = [arena.address, prev, size, size] + ([PAGE] if self.r.has_pagesize else [])
        for i, value in enumerate(words):
            self.memory.put_word(base + i * self.r.word, value)
        arena.system += size

    def build_thread_arena(self, arena, base, newer):
        r = self.r
        at = self.lay(arena, self.plan(arena.number), base + r.first_chunk)
        if newer is None:
            size = -(-(at - base) // PAGE) * PAGE + 0x10000
            self.heap_header(arena, base, 0, size)
            arena.top = Chunk(at, base + size - at, "top", arena)
            return
        # An older heap ends with a filler and a header of size 0; what was left before them was used up.
        size = -(-(at - base) // PAGE) * PAGE + PAGE
        end = base + size
        filler = (end - 2 * r.header + r.header) // r.alignment * r.alignment - r.header
        arena.chunks.append(Chunk(at, filler - at, "in-use", arena))
        self.heap_header(arena, base, 0, size)
        self.memory.put_word(filler + r.word, r.header | PREV_INUSE | NON_MAIN * 0)
        self.memory.put_word(filler + r.header + r.word, 0 | PREV_INUSE)
        at = self.first_header(newer + r.heap_info)
        at = self.lay(arena, self.plan(2), at)
        size = -(-(at - newer) // PAGE) * PAGE + 3 * PAGE
        self.heap_header(arena, newer, base, size)
        arena.top = Chunk(at, newer + size - at, "top", arena)

    def write_tags(self, arena):
        """Size fields and footers."""
        flag = NON_MAIN if arena.number else 0
        previous_binned = False
        for chunk in arena.chunks + [arena.top]:
            bits = 0 if chunk.binned or chunk.state == "top" else flag
            self.memory.put_word(chunk.header + self.r.word, chunk.size | bits |
                                 (0 if previous_binned else PREV_INUSE))
            previous_binned = chunk.binned
            if chunk.binned:
                self.memory.put_word(chunk.header + chunk.size, chunk.size)
            chunk.usable = chunk.size - self.r.word

    def write_contents(self, arena):
        live = [c for c in arena.chunks if c.state == "in-use"]
        for chunk in live:
            words = chunk.usable // self.r.word
            for i in range(words):
                pointer = self.random.choice(live).header + self.r.header
                value = pointer if i % 5 == 0 else self.random.getrandbits(self.r.bits)
                self.memory.put_word(chunk.header + self.r.header + i * self.r.word, value)

    def write_arena(self, arena):
        state, put = self.r.state, self.memory.put_word
        address = arena.address
        self.memory.put_word(address + 4, NONCONTIGUOUS if arena.number else 0, size=4)
        put(address + state["top"], arena.top.header)
        put(address + state["next"], self.arenas[(arena.number + 1) % len(self.arenas)].address)
        put(address + state["system"], arena.system)
        put(address + state["max_system"], arena.system)
        if "attached" in state:
            put(address + state["attached"], arena.attached)
        self.write_fastbins(arena)
        self.write_bins(arena)

    # lists

    def link(self, field, target):
        """Store a singly linked list's pointer."""
        self.memory.put_word(field, target ^ field >> 12 if self.r.mangled else target)

    def write_fastbins(self, arena):
        lists = {}
        for chunk in arena.chunks:
            if chunk.state == "fastbin":
                lists.setdefault(self.r.fast_index(chunk.size), []).append(chunk)
        for index, chunks in lists.items():
            self.random.shuffle(chunks)
            for chunk, after in zip(chunks, chunks[1:] + [None]):
                self.link(chunk.header + self.r.header, after.header if after else 0)
            self.memory.put_word(arena.address + self.r.state["fastbins"] + index * self.r.word, chunks[0].header)
        if lists and "have_fast" in self.r.state:
            self.memory.put_word(arena.address + self.r.state["have_fast"], 1, size=4)

    def write_bins(self, arena):
        """Doubly linked through the arena; a bin's head is where a chunk's fd and bk would be."""
        r, lists = self.r, {}
        for chunk in arena.chunks:
            if chunk.state == "unsorted":
                lists.setdefault(1, []).append(chunk)
            elif chunk.binned:
                index = r.small_index(chunk.size) if chunk.state == "smallbin" else r.large_index(chunk.size)
                lists.setdefault(index, []).append(chunk)
        for index in range(1, 128):
            head = arena.address + r.state["bins"] + 2 * (index - 1) * r.word - r.header
            chunks = sorted(lists.get(index, []), key=lambda c: -c.size)
            ring = [head] + [c.header for c in chunks] + [head]
            for before, after in zip(ring, ring[1:]):
                self.memory.put_word(before + 2 * r.word, after)
                self.memory.put_word(after + 3 * r.word, before)
            if index >= 64:
                self.link_sizes(chunks)
            if chunks and index > 1:
                at = arena.address + r.state["binmap"] + index // 32 * 4
                self.memory.put_word(at, self.read32(at) | 1 << index % 32, size=4)

    def read32(self, address):
        return self.memory.get_word(address) & 0xffffffff

    def link_sizes(self, chunks):
        """The first chunk of each size of a large bin is on a second ring."""
        firsts = [c for before, c in zip([None] + chunks, chunks) if before is None or before.size != c.size]
        for i, chunk in enumerate(firsts):
            self.memory.put_word(chunk.header + 4 * self.r.word, firsts[(i + 1) % len(firsts)].header)
            self.memory.put_word(chunk.header + 5 * self.r.word, firsts[i - 1].header)
        for chunk in chunks:
            if chunk not in firsts:
                self.memory.put_word(chunk.header + 4 * self.r.word, 0)
                self.memory.put_word(chunk.header + 5 * self.r.word, 0)

    def write_tcaches(self):
        """Two threads; each caches chunks of its own arena, and the second also some of the third arena."""
        owners = [[self.main], self.arenas[1:]]
        for arenas in owners:
            struct = next(c for c in arenas[0].chunks if c.state == "overhead")
            cached = [c for arena in arenas for c in arena.chunks if c.state == "tcache"]
            if self.large_tcache and arenas[0] is self.main:
                cached += [c for c in self.mmapped if c.state == "tcache"]
            self.write_tcache(struct.header + self.r.header, cached)

    def write_tcache(self, mem, cached):
        r, shape, lists = self.r, self.r.tcache, {}
        self.tcaches.append(mem)
        for chunk in cached:
            index = r.tcache_index(chunk.size)
            if index >= 64:
                index = 64 + chunk.size.bit_length() - (r.min_chunk + 63 * r.alignment).bit_length()
            chunks = lists.setdefault(index, [])
            if index < 64 and len(chunks) == r.tcache_count:
                chunk.state = "in-use"  # the bin is full
            else:
                chunks.append(chunk)
        for index in range(shape["lists"]):
            chunks = lists.get(index, [])
            count = len(chunks)
            if shape["down"]:
                count = r.tcache_count - count
            self.memory.put_word(mem + index * shape["counter"], count, size=shape["counter"])
            head = chunks[0].header + r.header if chunks else 0
            self.memory.put_word(mem + shape["entries"] + index * r.word, head)
            for chunk, after in zip(chunks, chunks[1:] + [None]):
                entry = chunk.header + r.header
                self.link(entry, after.header + r.header if after else 0)
                if r.key:
                    self.memory.put_word(entry + r.word, mem if r.key == "tcache" else self.key)

    # chunks that are mappings

    def build_mmapped(self):
        """Back to back in one mapping, as the kernel merges them, with pages of something else in between."""
        r, at = self.r, self.maps
        normal = r.alignment - r.header
        plans = [(40 * PAGE, 0), (33 * PAGE, 64), (50 * PAGE, 0), (40 * PAGE, 4096), (64 * PAGE, 16384)]
        if self.large_tcache:
            plans.insert(2, (45 * PAGE, 0))
        self.memory.map(self.maps, sum(size for size, _ in plans) + 6 * PAGE)
        self.memory.put(at, bytes(range(256)) * 16)
        at += 2 * PAGE
        for i, (size, alignment) in enumerate(plans):
            cached, offset = self.large_tcache and i == 2, normal
            if alignment:
                self.mmap_header(at, size, normal)  # which memalign leaves behind
                offset = -(-(at + normal + r.header) // alignment) * alignment - r.header - at
            header, chunk_size, trailer = self.mmap_header(at, size, offset)
            self.mmapped.append(Chunk(header, chunk_size, "tcache" if cached else "in-use", None,
                                      chunk_size - trailer))
            at += size
        self.mmapped_bytes = sum(size for size, _ in plans)

    def mmap_header(self, start, size, offset):
        r = self.r
        chunk_size = size - offset - (r.header if r.new_mmap else 0)
        self.memory.put_word(start + offset, offset)
        self.memory.put_word(start + offset + r.word, chunk_size | IS_MMAPPED)
        return start + offset, chunk_size, r.word if r.new_mmap else r.header

    # what is not heap

    def write_par(self):
        par, put = self.r.par, self.memory.put_word
        for i, value in enumerate((128 << 10, 128 << 10, 128 << 10)):
            put(self.par + i * self.r.word, value)
        if "arena_test" in par:
            put(self.par + par["arena_test"], 8 if self.r.bits == 64 else 2)
        for i, value in enumerate((len(self.mmapped), 65536, len(self.mmapped) + 1, 0)):
            put(self.par + par["n_mmaps"] + 4 * i, value, size=4)
        put(self.par + par["mmapped"], self.mmapped_bytes)
        put(self.par + par["mmapped"] + self.r.word, self.mmapped_bytes + 40 * PAGE)
        put(self.par + par["sbrk_base"], self.heap)
        if "tcache_bins" in par:
            put(self.par + par["tcache_bins"], 64)
            put(self.par + par["tcache_max"], 4000000 if self.large_tcache else 1032)
            put(self.par + par["tcache_count"], self.r.tcache_count)

    def write_threads(self):
        """Thread blocks that point to themselves, with thread_arena and tcache in libc's TLS below."""
        w, self.threads = self.r.word, []
        for i, arena in enumerate(self.arenas[:2]):
            tp = self.tls + PAGE * i + 0x800
            self.memory.put_word(tp, tp)
            self.memory.put_word(tp + 2 * w, tp)
            self.memory.put_word(tp - 7 * w, arena.address)
            if self.tcaches:
                self.memory.put_word(tp - 9 * w, self.tcaches[i])
            self.threads.append(Thread(1000 + i, self.text + 0x100, self.stack + 0x7000 - 0x2000 * i,
                                       tp if self.with_tls else None))

    # the truth

    def expected(self):
        """address → (chunk size, usable size, state, arena) of everything but overhead."""
        rows = {}
        for arena in self.arenas:
            for chunk in arena.chunks + [arena.top]:
                if chunk.state != "overhead":
                    rows[chunk.header + self.r.header] = (chunk.size, chunk.usable, chunk.state, arena.label)
        for chunk in self.mmapped:
            rows[chunk.header + self.r.header] = (chunk.size, chunk.usable, chunk.state, "mmap")
        return rows

    def overhead(self):
        return {c.header + self.r.header for a in self.arenas for c in a.chunks if c.state == "overhead"}
