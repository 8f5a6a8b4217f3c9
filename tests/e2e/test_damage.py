"""What survives damage, how many chunks of how many, and what check says about it.

The truth is the manifest of testdata/damage.c. Some damage the program does to itself; the rest is written into
a good core here, so that what is damaged is known to the byte.
"""
import random
import shutil
import struct

import pytest

import conftest
import corefile

STATES = "in-use,tcache,fastbin,unsorted,smallbin,largebin,top,overhead"
TEXT = b"GET /index.html HTTP/1.1\r\nHost: example.org\r\nAccept: */*\r\n\r\n"
DIE = ["die-next", "die-out", "die-tcache", "die-unlink", "die-top"]
PLAUSIBLE = 0x61


class Heap:
    """All chunks of a core, as heapcore sees them."""

    def __init__(self, heapcore, core, *options):
        rows = heapcore("chunks", core, "--format", "csv", "--state", STATES, *options).rows()
        self.chunks = {int(r["address"], 16): (int(r["chunk_size"]), r["state"]) for r in rows}

    def of_state(self, *states):
        return [a for a, (_, state) in sorted(self.chunks.items()) if state in states]

    def in_use(self):
        return set(self.of_state("in-use"))


class Good:
    """A sound core and its manifest, and copies of it with words written over."""

    def __init__(self, heapcore, core, folder):
        self.run, self.core, self.folder = heapcore, core, folder
        self.file = corefile.Core(core)
        self.heap = Heap(heapcore, core)
        self.live = {int(a, 16) for a, _ in core.lines("live")}
        self.dead = {int(a, 16) for a, _ in core.lines("dead")} - self.live
        self.data = bytearray(self.file.data)
        self.mangled = "links mangled" in heapcore("info", core, "--format", "json").json["heap"]["evidence"]

    def offset(self, address):
        load = next(s for s in self.file.loads if s.start <= address < s.start + s.filesz)
        return load.offset + address - load.start

    def word(self, address):
        return int.from_bytes(self.file.data[self.offset(address):][:self.file.word], "little")

    def patched(self, *changes, name="damaged"):
        """(address, word or bytes) → path of a copy with that written over."""
        path = self.folder / name
        shutil.copyfile(self.core, path)
        with open(path, "r+b") as file:
            for address, data in changes:
                file.seek(self.offset(address))
                file.write(data if isinstance(data, bytes) else
                           struct.pack("<Q", data & (2**64 - 1))[:self.file.word])
        return path

    def lost(self, path, *options):
        """Live chunks that are not found, or not as they were; and dead ones that are taken for live."""
        after = Heap(self.run, path, *options)
        gone = {a for a in self.live if after.chunks.get(a) != self.heap.chunks[a]}
        return gone, self.dead & after.in_use(), after


@pytest.fixture
def good(heapcore, dump, tmp_path):
    good = Good(heapcore, dump("damage.c", "none"), tmp_path)
    assert len(good.live) > 7000 and good.live <= good.heap.in_use()
    assert not good.dead & good.heap.in_use()
    return good


def check(heapcore, core, status=1, **options):
    document = heapcore("check", core, "--format", "json", status=status, **options).json
    assert document["sound"] is (status == 0)
    assert (document["inconsistencies_total"] == 0) is (status == 0)
    return document


def at(document, address):
    found = [i for i in document["inconsistencies"] if i["address"] == hex(address)]
    assert found, f"{address:#x} is not among {[i['address'] for i in document['inconsistencies']][:20]}"
    return found[0]


def overlong(address, following):
    """A text that fills a chunk and goes on over the size field of the next."""
    return (TEXT * 100)[:following - address]


class TestSound:
    @pytest.mark.parametrize("program,kind", [("damage.c", "none"), ("damage.c", "foreign"), ("mixed.c", None),
                                              ("threads_tcache.c", None), ("leak_shapes.cc", None),
                                              ("retention.c", None), ("growth.c", None)])
    def test_no_false_alarm(self, heapcore, dump, how, program, kind):
        core = dump(program, *([kind] if kind else []), how=how)
        document = check(heapcore, core, status=0)
        assert document["inconsistencies"] == [] and document["abort_message"] is None
        assert "sound" in heapcore("check", core).text

    def test_foreign_sbrk(self, heapcore, dump, tmp_path):
        good = Good(heapcore, dump("damage.c", "foreign"), tmp_path)
        assert len(good.live) > 7000 and good.live <= good.heap.in_use()
        assert not good.dead & good.heap.in_use()


class TestOwnMistakes:
    """Damage that a program has really done."""

    def damaged(self, heapcore, dump, tmp_path, kind):
        core = dump("damage.c", kind)
        field, suspect = (int(core.lines(word)[0][0], 16) for word in ("field", "suspect"))
        return Good(heapcore, core, tmp_path), field, suspect

    def test_overflow(self, heapcore, dump, tmp_path):
        core, field, suspect = self.damaged(heapcore, dump, tmp_path, "overflow")
        assert core.live <= core.heap.in_use() and not core.dead & core.heap.in_use()
        document = check(heapcore, core.core)
        assert document["inconsistencies_total"] == 1
        fault = at(document, field)
        assert fault["fault"] == "header" and "free(): invalid next size (normal)" in fault["messages"]
        assert fault["last_good"]["address"] == hex(suspect) and fault["last_good"]["class"] == "text"
        assert fault["overflow"]["kind"] == "text" and fault["overflow"]["start"] == hex(suspect)
        assert fault["overflow"]["sample"] == "a name that is longer than whoever wrote t"
        assert int(fault["overflow"]["end"], 16) == suspect + 42
        text = heapcore("check", core.core, status=1).text
        assert f"{field:#x}" in text and f"{suspect:#x}" in text and "written over its end" in text
        assert "[61 6e 20 77 68 6f 65 76]" in text

    def test_underflow(self, heapcore, dump, tmp_path):
        core, field, suspect = self.damaged(heapcore, dump, tmp_path, "underflow")
        assert core.live <= core.heap.in_use() and not core.dead & core.heap.in_use()
        fault = at(check(heapcore, core.core), field)
        assert fault["fault"] == "header" and fault["chunk"] == hex(field + 8)
        assert fault["last_good"]["address"] == hex(suspect) and fault["overflow"] is None

    def test_doubled(self, heapcore, dump, tmp_path):
        """Swallows the next chunk and lands in another: no more than those two."""
        core, field, _ = self.damaged(heapcore, dump, tmp_path, "doubled")
        assert len(core.live - core.heap.in_use()) <= 2

    def test_tcache_loop(self, heapcore, dump, tmp_path):
        core, field, _ = self.damaged(heapcore, dump, tmp_path, "tcache")
        assert core.live <= core.heap.in_use() and not core.dead & core.heap.in_use()
        fault = at(check(heapcore, core.core), field)
        assert fault["fault"] == "list" and "free(): double free detected in tcache 2" in fault["messages"]

    def test_fastbin_loop(self, heapcore, dump, tmp_path):
        core, field, _ = self.damaged(heapcore, dump, tmp_path, "fastbin")
        if not core.heap.of_state("fastbin"):
            pytest.skip("this glibc has no fastbins")
        assert core.live <= core.heap.in_use()
        # The second free() wrote over the link to what had been freed before.
        assert {core.heap.chunks[a][0] for a in core.dead & core.heap.in_use()} <= {48}
        fault = at(check(heapcore, core.core), field)
        assert "double free or corruption (fasttop)" in fault["messages"]

    def test_top(self, heapcore, dump, tmp_path):
        core, field, suspect = self.damaged(heapcore, dump, tmp_path, "top")
        assert core.live <= core.heap.in_use() and not core.dead & core.heap.in_use()
        fault = at(check(heapcore, core.core), field)
        assert fault["fault"] == "top" and "malloc(): corrupted top size" in fault["messages"]
        assert fault["last_good"]["address"] == hex(suspect)
        assert fault["overflow"]["start"] == hex(suspect)


class TestLastWords:
    """glibc noticed, and said so."""

    EXPECTED = {"die-next": "free(): invalid next size (normal)", "die-out": "double free or corruption (out)",
                "die-tcache": "free(): double free detected in tcache 2",
                "die-unlink": "corrupted double-linked list", "die-top": "malloc(): corrupted top size"}

    @pytest.mark.kernel_core
    @pytest.mark.parametrize("kind", DIE)
    def test_message(self, heapcore, dump, tmp_path, kind):
        core = Good(heapcore, dump("damage.c", kind, how="kernel"), tmp_path)
        # Freed by the call that never came back: which of the last two chunks is in use is open.
        assert len(core.live - core.heap.in_use()) <= 1 and len(core.dead & core.heap.in_use()) == 0
        document = check(heapcore, core.core, status=0 if kind == "die-tcache" else 1)
        assert document["abort_message"] == self.EXPECTED[kind]
        if kind != "die-tcache":  # the heap is sound when that is noticed
            assert at(document, int(core.core.lines("field")[0][0], 16))["explains_abort"]
        assert heapcore("check", core.core, status=None).text.splitlines()[0].endswith(self.EXPECTED[kind])
        assert self.EXPECTED[kind] in heapcore("analyze", core.core).text
        analyzed = heapcore("analyze", core.core, "--format", "json").json
        assert analyzed["abort_message"] == self.EXPECTED[kind]


class TestHeaders:
    """Size fields written over: what is lost is at most the chunks whose own headers those are."""

    def victims(self, good, num, seed):
        return sorted(random.Random(seed).sample(sorted(good.live), num))

    @pytest.mark.parametrize("num", [1, 10, 100, 1000])
    @pytest.mark.parametrize("what", ["text", "zero", "ones", "random"])
    def test_smashed(self, good, num, what):
        rng = random.Random(num)
        value = {"text": lambda: b"AAAABBBB", "zero": lambda: bytes(8), "ones": lambda: b"\xff" * 8,
                 "random": lambda: rng.randbytes(8)}[what]
        victims = self.victims(good, num, num)
        gone, risen, after = good.lost(good.patched(*[(v - 8, value()) for v in victims]))
        innocent = gone - set(victims)
        print(f"{num} {what}: {len(gone)} of {len(good.live)} lost, {len(innocent)} sound ones among them, "
              f"{len(risen)} of {len(good.dead)} risen")
        # Where two neighbours are smashed, nothing tells where the second begins.
        assert len(gone) <= (num // 3 if num == 1000 else num // 20) and len(innocent) <= num // 100
        assert len(risen) <= num // 100
        reported = {i["chunk"] for i in check(good.run, good.folder / "damaged")["inconsistencies"]}
        assert len(reported & {hex(v) for v in victims}) >= (0.85 * num if num == 1000 else 0.95 * num)

    def test_one_report_each(self, good):
        """What follows from a broken header is not reported as well."""
        victims = self.victims(good, 100, 8)
        document = check(good.run, good.patched(*[(v - 8, b"AAAABBBB") for v in victims]))
        assert document["inconsistencies_total"] <= 110

    @pytest.mark.parametrize("num", [1, 10, 100])
    def test_jobs(self, good, num):
        path = good.patched(*[(v - 8, b"AAAABBBB") for v in self.victims(good, num, 7)])
        one, many = (good.run("chunks", path, "--format", "csv", "--state", STATES, "--jobs", jobs).out
                     for jobs in (1, 2))
        assert one == many

    @pytest.mark.parametrize("seed", range(5))
    def test_text_runs_over(self, good, seed):
        """The whole chunk and the next size field, as strcpy() would."""
        rng = random.Random(seed)
        addresses = sorted(good.heap.chunks)
        pairs = [(a, b) for a, b in zip(addresses, addresses[1:])
                 if a in good.live and b in good.live and b - a == good.heap.chunks[a][0] and b - a >= 64]
        suspect, victim = rng.choice(pairs)
        gone, risen, _ = good.lost(good.patched((suspect, overlong(suspect, victim))))
        assert not gone and not risen
        fault = at(check(good.run, good.folder / "damaged"), victim - 8)
        assert fault["last_good"]["address"] == hex(suspect)
        assert fault["last_good"]["class"] == "http-request"
        assert fault["overflow"]["class"] == "http-request"
        assert fault["overflow"]["start"] == hex(suspect)

    @pytest.mark.parametrize("size", [0x21, 0x31, 0x41, 0x101, 0x1001, 0x10001])
    def test_possible_but_false(self, good, size):
        """A size that could be right hides what it covers, and nothing behind it."""
        for victim in self.victims(good, 5, size):
            own = good.heap.chunks[victim][0]
            gone, risen, _ = good.lost(good.patched((victim - 8, size & ~7 | good.word(victim - 8) & 7)))
            covered = {a for a in good.live if victim <= a < victim + max(own, size)}
            assert gone <= covered and not risen - covered, hex(victim)

    def test_poisoned_byte(self, good):
        """A zero behind the end of a text: the next header says that the chunk before it is free."""
        addresses = sorted(good.heap.chunks)
        pairs = [(a, b) for a, b in zip(addresses, addresses[1:])
                 if a in good.live and b in good.live and good.heap.chunks[b][0] % 256 == 0]
        suspect, victim = pairs[0]
        gone, risen, _ = good.lost(good.patched((victim - 8, b"\0")))
        assert gone <= {suspect} and not risen
        document = check(good.run, good.folder / "damaged")
        fault = [i for i in document["inconsistencies"] if i["chunk"] == hex(victim)][0]
        assert fault["fault"] == "boundary" and fault["last_good"]["address"] == hex(suspect)
        assert "corrupted size vs. prev_size" in fault["messages"]


class TestLists:
    """Links written over. Chunks in bins are told by their headers, so nothing is lost; what is cached, only by
    lists."""

    def free_chunks(self, good, state, num, seed=0):
        chunks = good.heap.of_state(state)
        if not chunks:
            pytest.skip(f"no {state} chunk here")
        return random.Random(seed).sample(chunks, min(num, len(chunks)))

    @pytest.mark.parametrize("state", ["smallbin", "largebin", "unsorted"])
    @pytest.mark.parametrize("link", [0, 8])
    @pytest.mark.parametrize("to", ["nowhere", "itself", "text"])
    def test_bin(self, good, state, link, to):
        for victim in self.free_chunks(good, state, 5):
            value = {"nowhere": 0x10, "itself": victim - 16, "text": b"dangling"}[to]
            gone, risen, after = good.lost(good.patched((victim + link, value)))
            assert not gone and not risen
            assert after.chunks[victim] == good.heap.chunks[victim]
            document = check(good.run, good.folder / "damaged")
            fault = at(document, victim + link)
            assert fault["fault"] == "list" and fault["chunk"] == hex(victim)
            assert fault["messages"] and document["inconsistencies_total"] <= 3

    def test_nextsize(self, good):
        heads = [a for a in good.heap.of_state("largebin") if good.word(a + 16)]
        assert heads, "no large bin with a ring of sizes"
        for victim in heads[:5]:
            gone, risen, _ = good.lost(good.patched((victim + 16, 0x10)))
            assert not gone and not risen
            fault = at(check(good.run, good.folder / "damaged"), victim + 16)
            assert "corrupted double-linked list (not small)" in fault["messages"]

    def test_bin_of_another_size(self, good):
        """A chunk taken out of its list and put in the place of another: links are sound, sizes are not."""
        by_size = {}
        for address in good.heap.of_state("smallbin"):
            by_size.setdefault(good.heap.chunks[address][0], []).append(address)
        lists = [chunks for chunks in by_size.values() if len(chunks) > 1]
        one, other = lists[0][0], lists[1][0]
        changes = [(good.word(one) + 24, good.word(one + 8)), (good.word(one + 8) + 16, good.word(one)),
                   (one, good.word(other)), (one + 8, good.word(other + 8)),
                   (good.word(other) + 24, one - 16), (good.word(other + 8) + 16, one - 16)]
        gone, risen, _ = good.lost(good.patched(*changes))
        assert not gone and not risen
        what = [i["what"] for i in check(good.run, good.folder / "damaged")["inconsistencies"]]
        assert any("belongs into bin" in w for w in what)

    def test_footer(self, good):
        for victim in self.free_chunks(good, "smallbin", 5):
            after = victim + good.heap.chunks[victim][0] - 16
            gone, risen, _ = good.lost(good.patched((after, 0x4141)))
            assert not gone and not risen
            fault = at(check(good.run, good.folder / "damaged"), after)
            assert fault["fault"] == "boundary" and "corrupted size vs. prev_size" in fault["messages"]
            assert fault["last_good"]["address"] == hex(victim)

    @pytest.mark.parametrize("to", ["text", "itself"])
    def test_tcache_entry(self, good, to):
        """What lies behind a broken link is found again by its key (2.29 and later)."""
        for victim in self.free_chunks(good, "tcache", 8):
            mangled = victim ^ victim >> 12
            path = good.patched((victim, b"use after free.."[:8] if to == "text" else mangled))
            gone, risen, after = good.lost(path)
            assert not gone and not risen and after.chunks[victim] == good.heap.chunks[victim]
            assert at(check(good.run, path), victim)["fault"] == "list"

    @pytest.mark.parametrize("num", [1, 3])
    def test_tcache_heads(self, good, num):
        """Heads in the tcache itself: its other lists are still followed."""
        (cache,) = [a for a in good.heap.of_state("overhead") if good.heap.chunks[a][0] in (0x250, 0x290, 0x300, 0x310)]
        size = good.heap.chunks[cache][0]
        entries = {0x250: 64, 0x290: 128}.get(size, 152)
        heads = [cache + entries + 8 * i for i in range(64) if good.word(cache + entries + 8 * i)]
        assert len(heads) > 10
        broken = random.Random(num).sample(heads, num)
        gone, risen, after = good.lost(good.patched(*[(h, b"smashed!") for h in broken]))
        assert not gone and not risen
        document = check(good.run, good.folder / "damaged")
        for head in broken:
            assert at(document, head)["fault"] == "list"

    @pytest.mark.parametrize("num", [8, 100])
    def test_tcache_zeroed(self, good, num):
        """Heads zeroed: the chunks of those bins are found by their key."""
        (cache,) = [a for a in good.heap.of_state("overhead") if good.heap.chunks[a][0] in (0x250, 0x290, 0x300, 0x310)]
        gone, risen, _ = good.lost(good.patched((cache + 200, bytes(num))))
        assert not gone and not risen
        assert check(good.run, good.folder / "damaged")["inconsistencies"][0]["fault"] == "list"

    @pytest.mark.parametrize("what", ["text", "random", "ones"])
    def test_tcache_overwritten(self, good, what):
        """The whole struct: still one, reported once, and its entries are found by their key."""
        (cache,) = [a for a in good.heap.of_state("overhead") if good.heap.chunks[a][0] in (0x250, 0x290, 0x300, 0x310)]
        size = good.heap.chunks[cache][0] - 16
        data = {"text": (TEXT * 100)[:size], "random": random.Random(2).randbytes(size), "ones": b"\xff" * size}[what]
        gone, risen, after = good.lost(good.patched((cache, data)))
        assert not gone and not risen and after.chunks[cache] == good.heap.chunks[cache]
        document = check(good.run, good.folder / "damaged")
        assert document["inconsistencies_total"] == 1
        (fault,) = document["inconsistencies"]
        assert fault["fault"] == "list" and fault["chunk"] == hex(cache) and "written over" in fault["what"]

    @pytest.mark.parametrize("part", ["all", "counters", "heads"])
    def test_tcache_emptied(self, good, part):
        """All zeroes, as if nothing had ever been cached: the entries still lead to each other, and carry a key."""
        (cache,) = [a for a in good.heap.of_state("overhead") if good.heap.chunks[a][0] in (0x250, 0x290, 0x300, 0x310)]
        size = good.heap.chunks[cache][0]
        if size >= 0x300:
            pytest.skip("here counters count down, and zeroes contradict themselves")
        heads = {0x250: 64, 0x290: 128}[size]
        start, end = {"all": (0, size - 16), "counters": (0, heads), "heads": (heads, size - 16)}[part]
        gone, risen, after = good.lost(good.patched((cache + start, bytes(end - start))))
        assert not gone and not risen and after.chunks[cache] == good.heap.chunks[cache]
        document = check(good.run, good.folder / "damaged")
        assert [i["chunk"] for i in document["inconsistencies"]] == [hex(cache)]
        assert part != "all" or "nothing but zeroes" in document["inconsistencies"][0]["what"]

    def test_fastbin_entry(self, good):
        """Behind a broken link of a fastbin chunks are known by the links between them: all, or where only one is left
        that one at most."""
        for victim in self.free_chunks(good, "fastbin", 5):
            behind, link = 0, victim
            while link := good.word(link) ^ good.mangled * (link >> 12):
                behind, link = behind + 1, link + 16
            path = good.patched((victim, b"use after free.."[:8]))
            gone, risen, _ = good.lost(path)
            assert not gone and (len(risen) <= 1 if behind == 1 else not risen)
            fault = at(check(good.run, path), victim)
            assert fault["fault"] == "list"
            assert behind < 2 or f"{behind} chunks behind" in fault["what"]


class TestArena:
    """main_arena written over: headers alone must do."""

    def arena(self, good):
        rows = good.run("arenas", good.core, "--format", "json").json["arenas"]
        return next(int(r["address"], 16) for r in rows if r["arena"] == 0)

    @pytest.mark.parametrize("what", ["zero", "random"])
    @pytest.mark.parametrize("whole_page", [False, True])
    def test_smashed(self, good, what, whole_page):
        address, size = self.arena(good), 2200
        if whole_page:
            address, size = address & ~0xfff, 8192
        data = bytes(size) if what == "zero" else random.Random(1).randbytes(size)
        gone, risen, after = good.lost(good.patched((address, data)))
        # Which chunks wait in fastbins is only known there; top is found as the last one.
        assert not gone
        assert risen <= set(good.heap.of_state("fastbin")), len(risen)

    @pytest.mark.parametrize("field", range(96, 2200, 104))
    def test_one_word(self, good, field):
        """Any field: no chunk is lost."""
        gone, risen, _ = good.lost(good.patched((self.arena(good) + field, b"smashed!")))
        assert not gone and risen <= set(good.heap.of_state("fastbin"))

    def test_binmap(self, good):
        """All bits cleared although bins hold chunks."""
        arena = self.arena(good)
        # The binmap is where four words before `next`, which leads back to the arena in this one-arena heap.
        following = next(arena + o for o in range(1000, 2400, 8) if good.word(arena + o) == arena)
        document = check(good.run, good.patched((following - 16, bytes(16))))
        assert all("binmap" in i["what"] for i in document["inconsistencies"])


class TestOutput:
    def test_many_are_grouped(self, good):
        victims = random.Random(5).sample(sorted(good.live), 300)
        path = good.patched(*[(v - 8, b"AAAABBBB") for v in victims])
        short, full = (good.run("check", path, *options, status=1).text for options in ([], ["--all"]))
        assert len(short.splitlines()) < 300 < 3000 < len(full.splitlines())
        assert "--all" in short and "--all" not in full

    def test_more_than_are_kept(self, good):
        victims = random.Random(6).sample(sorted(good.live), 3000)
        document = check(good.run, good.patched(*[(v - 8, b"AAAABBBB") for v in victims]))
        assert document["inconsistencies_total"] > 1000 >= len(document["inconsistencies"]) > 900

    @pytest.mark.parametrize("content", ["none", "class"])
    def test_content(self, heapcore, dump, content):
        core = dump("damage.c", "overflow")
        for form in ("text", "json"):
            out = heapcore("check", core, "--content", content, "--format", form, status=1).out
            assert b"a name that" not in out and b"61 20 6e" not in out and b"61206e" not in out

    def test_analyze_tells(self, heapcore, dump):
        core = dump("damage.c", "overflow")
        text = heapcore("analyze", core).text
        assert "Damage." in text and "heapcore check" in text
        document = heapcore("analyze", core, "--format", "json").json
        assert document["inconsistencies_total"] == 1 and len(document["damage"]) == 1


class Test32Bit:
    """The same on i386, whose words are half as long and whose keys and links have fewer bits to be told by."""

    @pytest.fixture
    def good(self, heapcore, dump, tmp_path):
        good = Good(heapcore, dump("damage.c", "none", flags=conftest.FLAGS_32_BIT), tmp_path)
        assert good.file.word == 4 and len(good.live) > 7000 and good.live <= good.heap.in_use()
        assert not good.dead & good.heap.in_use()
        return good

    def tcache(self, good):
        (cache,) = [a for a in good.heap.of_state("overhead") if good.heap.chunks[a][0] >= 0x150]
        return cache, good.heap.chunks[cache][0] - 4

    def test_sound(self, good):
        check(good.run, good.core, status=0)

    @pytest.mark.parametrize("num", [1, 10, 100])
    @pytest.mark.parametrize("data", [b"AAAA", bytes(4), b"\xff" * 4], ids=["text", "zero", "ones"])
    def test_smashed(self, good, num, data):
        victims = random.Random(num).sample(sorted(good.live), num)
        gone, risen, _ = good.lost(good.patched(*[(v - 4, data) for v in victims]))
        assert len(gone) <= num // 10 and len(gone - set(victims)) <= num // 50 and len(risen) <= num // 50
        document = check(good.run, good.folder / "damaged")
        assert len({i["chunk"] for i in document["inconsistencies"]} & {hex(v) for v in victims}) >= 0.95 * num
        assert document["inconsistencies_total"] <= 1.1 * num + 1

    @pytest.mark.parametrize("state", ["smallbin", "largebin", "unsorted"])
    def test_bin(self, good, state):
        chunks = good.heap.of_state(state)
        if not chunks:
            pytest.skip(f"no {state} chunk here")
        for victim in random.Random(1).sample(chunks, min(5, len(chunks))):
            gone, risen, after = good.lost(good.patched((victim, 0x10)))
            assert not gone and not risen and after.chunks[victim] == good.heap.chunks[victim]
            assert at(check(good.run, good.folder / "damaged"), victim)["fault"] == "list"

    def test_tcache_entry(self, good):
        chunks = good.heap.of_state("tcache")
        for victim in random.Random(2).sample(chunks, 8):
            gone, risen, after = good.lost(good.patched((victim, b"use.")))
            assert not gone and not risen and after.chunks[victim] == good.heap.chunks[victim]
            assert at(check(good.run, good.folder / "damaged"), victim)["fault"] == "list"

    def test_tcache_overwritten(self, good):
        cache, size = self.tcache(good)
        key = good.word(good.heap.of_state("tcache")[0] + 4)
        if any(s.start <= key < s.end for s in good.file.loads):
            pytest.skip(f"the random key of this process, {key:#x}, is an address")
        gone, risen, after = good.lost(good.patched((cache, (TEXT * 100)[:size])))
        assert not gone and not risen and after.chunks[cache] == good.heap.chunks[cache]
        assert check(good.run, good.folder / "damaged")["inconsistencies_total"] == 1

    def test_fastbin_entry(self, good):
        chunks = good.heap.of_state("fastbin")
        if not chunks:
            pytest.skip("no fastbin chunk here")
        for victim in random.Random(3).sample(chunks, min(5, len(chunks))):
            gone, risen, _ = good.lost(good.patched((victim, b"use.")))
            same = {a for a in chunks if good.heap.chunks[a][0] == good.heap.chunks[victim][0]}
            assert not gone and risen <= same - {victim}
            assert at(check(good.run, good.folder / "damaged"), victim)["fault"] == "list"
