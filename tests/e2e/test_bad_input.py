"""What is no core, not the whole core, or not a core of ours: one line, the right status, never a crash."""
import gzip
import itertools
import lzma
import os
import pathlib
import random
import shutil
import struct
import subprocess

import pytest

import conftest
import corefile

VERBS = ["analyze", "info", "maps", "arenas", "histogram", "chunks", "leaks", "what", "grep", "classify", "common",
         "check", "strings", "refs", "retained", "containers", "dump"]
HEAP_VERBS = ["arenas", "histogram", "chunks", "leaks", "grep", "classify", "common", "strings", "retained", "containers"]


def arguments(verb, core, tmp_path):
    return {"what": [verb, core, "0x1000"], "refs": [verb, core, "0x1000"], "grep": [verb, core, "x"],
            "dump": [verb, core, "0x1000", "0x2000", "-o", tmp_path / "dumped"]}.get(verb, [verb, core])


def refused(heapcore, *args, cwd=None):
    """Exit 2 and exactly one line on stderr, nothing on stdout. Returns the line."""
    result = heapcore(*args, status=2)
    assert result.out == b"", result
    lines = result.err.decode().splitlines()
    assert len(lines) == 1 and lines[0].startswith("heapcore: "), result
    return lines[0]


@pytest.fixture
def small(dump):
    return dump("mixed.c")


def patched(core, path, *changes):
    """A copy of a core with (offset, bytes) written over it."""
    shutil.copyfile(core, path)
    with open(path, "r+b") as file:
        for offset, data in changes:
            file.seek(offset)
            file.write(data)
    return path


@pytest.mark.parametrize("verb", VERBS)
class TestNoCore:
    def test_missing(self, heapcore, verb, tmp_path):
        line = refused(heapcore, *arguments(verb, "/proc/nonexistent/core", tmp_path))
        assert "/proc/nonexistent/core" in line and "No such file" in line

    def test_directory(self, heapcore, verb, tmp_path):
        assert "directory" in refused(heapcore, *arguments(verb, tmp_path, tmp_path)).lower()

    def test_empty(self, heapcore, verb, tmp_path):
        (tmp_path / "empty").touch()
        assert "empty" in refused(heapcore, *arguments(verb, tmp_path / "empty", tmp_path))

    def test_device(self, heapcore, verb, tmp_path):
        refused(heapcore, *arguments(verb, "/dev/null", tmp_path))

    def test_text(self, heapcore, verb, tmp_path):
        (tmp_path / "text").write_text("dear diary\n" * 100)
        refused(heapcore, *arguments(verb, tmp_path / "text", tmp_path))

    def test_executable(self, heapcore, verb, tmp_path):
        assert "core" in refused(heapcore, *arguments(verb, "/bin/sh", tmp_path))

    def test_other_machine(self, heapcore, verb, tmp_path, small):
        other = patched(small, tmp_path / "other", (18, struct.pack("<H", 15)))  # EM_PARISC
        assert "pa-risc" in refused(heapcore, *arguments(verb, other, tmp_path)).lower()

    def test_big_endian(self, heapcore, verb, tmp_path, small):
        refused(heapcore, *arguments(verb, patched(small, tmp_path / "big", (5, b"\2")), tmp_path))

    def test_unreadable(self, heapcore, verb, tmp_path, small):
        front = conftest.machine.need("permissions")
        shutil.copyfile(small, tmp_path / "secret")
        os.chmod(tmp_path / "secret", 0)
        line = refused(conftest.Heapcore(heapcore.path, front), *arguments(verb, tmp_path / "secret", tmp_path))
        assert "Permission denied" in line


class TestWhatItIs:
    """What can't be read is called by its name."""

    def test_archives(self, heapcore, small, tmp_path):
        for form, name, command in (("gztar", "tar archive", "tar -xf"), ("tar", "tar archive", "tar -xf"),
                                    ("zip", "zip archive", "unzip")):
            (tmp_path / form).mkdir()
            shutil.copyfile(small, tmp_path / form / "core")
            path = shutil.make_archive(tmp_path / f"packed-{form}", form, tmp_path / form)
            line = refused(heapcore, "analyze", path)
            assert f"is a {name}; unpack it with '{command}' and give the core" in line
        (tmp_path / "core.lzma").write_bytes(lzma.compress(pathlib.Path(small).read_bytes(), lzma.FORMAT_ALONE))
        assert "is a lzma file; unpack it with 'lzma -d'" in refused(heapcore, "analyze", tmp_path / "core.lzma")

    def test_other_system(self, heapcore, small, tmp_path):
        other = patched(small, tmp_path / "netbsd", (7, b"\2"))
        assert "is a core of NetBSD" in refused(heapcore, "info", other)

    def test_rollup(self, heapcore, tmp_path):
        (tmp_path / "rollup").write_bytes(open("/proc/self/smaps_rollup", "rb").read())
        assert "smaps_rollup, which has only sums" in refused(heapcore, "info", tmp_path / "rollup")


class TestPipes:
    @staticmethod
    def piped(heapcore, data, *args):
        return subprocess.run([heapcore.path, *args], input=data, capture_output=True, check=False)

    def test_core(self, heapcore, small):
        data = open(small, "rb").read()
        for args in (["histogram", "-", "--format", "csv"], ["maps", "-", "--format", "csv"]):
            result = self.piped(heapcore, data, *args)
            assert result.returncode == 0 and result.stderr == b"", result
            assert result.stdout == heapcore(args[0], small, *args[2:]).out

    def test_packed_core(self, heapcore, small):
        result = self.piped(heapcore, gzip.compress(open(small, "rb").read(), 1), "histogram", "-", "--format", "csv")
        assert result.stdout == heapcore("histogram", small, "--format", "csv").out

    def test_snapshot(self, heapcore, tmp_path):
        data = open("/proc/self/smaps", "rb").read()
        (tmp_path / "smaps").write_bytes(data)
        assert self.piped(heapcore, data, "maps", "-", "--format", "csv").stdout == \
            heapcore("maps", tmp_path / "smaps", "--format", "csv").out

    def test_nothing(self, heapcore):
        result = self.piped(heapcore, b"", "info", "-")
        assert result.returncode == 2 and b"is a pipe, and nothing came out of it" in result.stderr


class TestNoHeap:
    def test_malloc_never_called(self, heapcore, dump, how):
        core = dump("no_heap.c", how=how)
        for verb in ("analyze", "info", "maps"):
            assert heapcore(verb, core).out
        for verb in ("histogram", "chunks", "leaks", "classify"):
            refused(heapcore, verb, core)

    def test_analyze_says_so(self, heapcore, dump):
        document = heapcore("analyze", dump("no_heap.c"), "--format", "json").json
        assert document["verdict"] == "nothing stands out" and document["no_heap"]


class TestWhyNoHeap:
    """Four answers, in text and for programs, each with the release where that is known."""

    @staticmethod
    def asked(heapcore, core, reason, words):
        for verb in ("info", "analyze", "maps"):
            document = heapcore(verb, core, "--format", "json").json
            assert document["no_heap_reason"] == reason, document["no_heap"]
            assert words in document["no_heap"]
            assert words in " ".join(heapcore(verb, core).text.split())
        assert words in refused(heapcore, "histogram", core)

    def test_never_called(self, heapcore, dump, tmp_path):
        core = corefile.Core(dump("no_heap.c"))
        self.asked(heapcore, core.path, "never-called", "malloc was never called: glibc 2.")
        libc = next(path for _, _, _, path in core.files if path.endswith("/libc.so.6")).encode()
        other = libc[:libc.rindex(b"/")][:-3] + b"/libc-2.31.so"
        named = corefile.renamed_file(core, libc, other.rjust(len(libc), b"/"), tmp_path / "named")
        self.asked(heapcore, named, "never-called",
                   "malloc was never called: glibc 2.31 (the name of the C library's file)")

    def test_not_dumped(self, heapcore, dump, tmp_path):
        core = corefile.Core(dump("mixed.c"))
        path = corefile.without_bytes(core, lambda s: s.flags & corefile.PF_W, tmp_path / "core")
        self.asked(heapcore, path, "not-dumped", "the heap was not dumped: the core lacks the data of glibc 2.")

    def test_unknown(self, heapcore, dump, tmp_path):
        """A C library of another name, whose arena is not as it was at the start, and no chunk."""
        core = corefile.Core(dump("no_heap.c"))
        path = corefile.without_note(core, corefile.NT_FILE, tmp_path / "core")
        path = corefile.without_bytes(corefile.Core(path), lambda s: True, tmp_path / "empty")
        self.asked(heapcore, path, "unknown", "no allocator that is known left a heap in the core")

    @pytest.mark.parametrize("flags", [["-static"], ["-static-pie", "-fPIE"], []], ids=["static", "static-pie", "dynamic"])
    def test_musl(self, heapcore, tmp_path, flags):
        conftest.machine.need("core-pattern")
        if not shutil.which("musl-gcc"):
            pytest.skip("musl-gcc is not installed")
        (tmp_path / "prog.c").write_text("#include <stdlib.h>\nvoid *volatile kept[64];\n"
                                         "int main(void) { for (int i = 0; i < 64; i++) kept[i] = malloc(100 + i); "
                                         "abort(); }\n")
        subprocess.run(["musl-gcc", "-O1", *flags, "prog.c", "-o", "prog"], cwd=tmp_path, check=True)
        with conftest.running([tmp_path / "prog"], cwd=tmp_path) as process:
            process.wait(60)
            conftest.take_kernel_core(tmp_path, tmp_path / "musl.core")
        self.asked(heapcore, tmp_path / "musl.core", "other-allocator", "the program allocates with musl")


class TestForeignAllocator:
    @pytest.fixture
    def core(self, dump, how):
        library = next((os.path.join(folder, name) for folder, _, names in os.walk("/usr/lib")
                        for name in names if name == "libjemalloc.so.2"), None)
        if not library:
            pytest.skip("libjemalloc.so.2 is not installed")
        return dump("growth.c", "500", how=how, env={"LD_PRELOAD": library}, name="-jemalloc")

    @pytest.mark.parametrize("verb", HEAP_VERBS)
    def test_heap_verbs_name_it(self, heapcore, core, verb, tmp_path):
        assert "jemalloc" in refused(heapcore, *arguments(verb, core, tmp_path))

    def test_analyze_still_accounts(self, heapcore, core):
        result = heapcore("analyze", core)
        assert "jemalloc" in result.text
        document = heapcore("analyze", core, "--format", "json").json
        assert document["accounting"]["total"] == corefile.Core(core).anonymous_bytes()
        assert sum(p["bytes"] for p in document["accounting"]["parts"]) == document["accounting"]["total"]

    def test_what_needs_no_heap_works(self, heapcore, core, tmp_path):
        assert "jemalloc" in heapcore("maps", core).text
        assert heapcore("info", core).out
        found = heapcore("grep", core, "--maps", "-c", r"session:\d+:state")
        assert found.out
        load = next(s for s in corefile.Core(core).loads if s.flags & corefile.PF_W)
        heapcore("dump", core, hex(load.start), hex(load.start + 100), "-o", tmp_path / "bytes")
        assert (tmp_path / "bytes").read_bytes() == corefile.Core(core).data[load.offset:load.offset + 100]


def cuts(core):
    """Offsets at which to cut: everywhere in the headers and notes, at segment borders, and at random."""
    file = corefile.Core(core)
    size = len(file.data)
    end = file.end
    notes = file.note_segment.offset
    offsets = {1, 4, 15, 16, 63, 64, 65, 100, file.phoff + file.phentsize * file.phnum, notes, notes + 1}
    offsets |= {position + delta for position, *_ in file.note_offsets for delta in (0, 5, 12, 20, 40)}
    offsets |= {file.phoff + file.phentsize * i + 7 for i in range(0, file.phnum, 5)}
    for load in file.loads:
        if load.filesz:
            offsets |= {load.offset, load.offset + 1, load.offset + load.filesz // 2}
    rng = random.Random(20)
    offsets |= {rng.randrange(size) for _ in range(20)}
    offsets |= {size * 995 // 1000, size - 4096, size - 1, end - 1, end}
    return sorted(o for o in offsets if 0 < o < size)


class TestCutShort:
    def test_anywhere(self, heapcore, small, tmp_path):
        """Analyzed and called partial, or refused with one line."""
        path = tmp_path / "cut"
        shutil.copyfile(small, path)
        # Behind the last segment gcore writes section headers, which nobody needs.
        end = corefile.Core(small).end
        analyzed = 0
        for offset in reversed(cuts(small)):
            os.truncate(path, offset)
            result = heapcore("analyze", path, "--format", "json", status=None)
            if result.status == 0:
                assert result.json["partial"] is (offset < end), f"cut at {offset}"
                assert result.err.startswith(b"heapcore: ") or offset >= end, f"cut at {offset}: silence"
                analyzed += 1
            else:
                assert result.status == 2 and result.out == b"", result
                assert len(result.err.splitlines()) == 1, result
        assert analyzed >= 10, "cores that lack some memory must be analyzed"

    @pytest.mark.parametrize("verb", HEAP_VERBS)
    @pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
    def test_other_verbs(self, heapcore, small, tmp_path, verb, part):
        path = tmp_path / "cut"
        shutil.copyfile(small, path)
        os.truncate(path, int(os.path.getsize(path) * part))
        result = heapcore(*arguments(verb, path, tmp_path), status=None)
        assert result.err.startswith(b"heapcore: "), result

    def test_half_a_percent(self, heapcore, dump, tmp_path):
        """Nearly everything is there: nearly everything is found."""
        whole = dump("growth.c")
        path = tmp_path / "cut"
        shutil.copyfile(whole, path)
        os.truncate(path, os.path.getsize(path) * 995 // 1000)
        before = len(heapcore("chunks", whole, "--format", "csv").rows())
        after = heapcore("chunks", path, "--format", "csv")
        assert len(after.rows()) >= before * 0.99
        text = heapcore("analyze", path).text
        assert "partial" in text or "incomplete" in text or "cut short" in text


class TestDamaged:
    """Bytes changed where a reader would trust them. Any outcome but a crash, a hang or silence."""

    others = itertools.cycle(["info", "maps", "arenas", "leaks", "classify"])

    def check(self, heapcore, path):
        for verb in ("analyze", next(self.others)):
            result = heapcore(verb, path, "--format", "json", status=None)
            if result.status == 2:
                assert result.out == b"" and result.err.startswith(b"heapcore: "), result
            else:
                assert result.json["schema"] == conftest.schema(verb)

    def test_program_headers(self, heapcore, small, tmp_path):
        file = corefile.Core(small)
        rng = random.Random(1)
        for _ in range(12):
            entry = file.phoff + file.phentsize * rng.randrange(file.phnum)
            field = rng.choice([8, 16, 32, 40])
            value = rng.choice([2**64 - 1, 2**63, 0, 1, len(file.data), 2**40, 0xFFFFFFFFFFFFF000])
            self.check(heapcore, patched(small, tmp_path / "bad", (entry + field, struct.pack("<Q", value))))

    def test_header(self, heapcore, small, tmp_path):
        for offset, data in [(32, struct.pack("<Q", 2**64 - 8)), (54, b"\0\0"), (54, b"\1\0"), (56, b"\xff\xff"),
                             (56, b"\0\0"), (40, struct.pack("<Q", 2**64 - 8)), (16, b"\2\0")]:
            self.check(heapcore, patched(small, tmp_path / "bad", (offset, data)))

    def test_notes(self, heapcore, small, tmp_path):
        file = corefile.Core(small)
        for position, kind, desc, size in file.note_offsets:
            for offset, data in [(position, b"\xff\xff\xff\xff"), (position + 4, b"\xff\xff\xff\x7f"),
                                 (position + 4, b"\0\0\0\0"), (desc, b"\xff" * min(size, 16))]:
                self.check(heapcore, patched(small, tmp_path / "bad", (offset, data)))

    def test_arena(self, heapcore, small, tmp_path):
        """Noise over the libraries' data, where arenas and tcache pointers live."""
        file = corefile.Core(small)
        rng = random.Random(2)
        data = [s for s in file.loads if s.flags & corefile.PF_W and s.filesz and
                any(start <= s.start < end for start, end, _, _ in file.files)]
        for load in data:
            for _ in range(4):
                at = load.offset + rng.randrange(load.filesz // 8) * 8
                noise = rng.choice([rng.randbytes(8), b"\xff" * 8, rng.randbytes(256)])
                self.check(heapcore, patched(small, tmp_path / "bad", (at, noise)))

    def test_chunk_headers(self, heapcore, small, tmp_path):
        """One smashed header costs the chunks around it, not the heap."""
        file = corefile.Core(small)
        rows = heapcore("chunks", small, "--format", "csv").rows()
        rng = random.Random(3)
        for row in rng.sample([r for r in rows if r["arena"] == "0"], 6):
            address = int(row["address"], 16) - 8
            load = next(s for s in file.loads if s.start <= address < s.end)
            for value in (0, 2**64 - 1, 0x41414141_41414141, 0x21, rng.randrange(1 << 20)):
                path = patched(small, tmp_path / "bad",
                               (load.offset + address - load.start, struct.pack("<Q", value)))
                self.check(heapcore, path)
                left = heapcore("chunks", path, "--format", "csv", status=0).rows()
                known = {r["address"] for r in rows}
                kept = sum(r["address"] in known for r in left)
                assert kept >= 0.8 * len(rows), (row, hex(value))

    def test_heap_noise(self, heapcore, small, tmp_path):
        file = corefile.Core(small)
        first = min(int(r["address"], 16) for r in heapcore("chunks", small, "--format", "csv").rows())
        heap = next(s for s in file.loads if s.start <= first < s.end)
        rng = random.Random(4)
        for size in (8, 64, 4096, 100000):
            for _ in range(3):
                at = heap.offset + rng.randrange(max(1, heap.filesz - size))
                self.check(heapcore, patched(small, tmp_path / "bad", (at, rng.randbytes(size))))


class TestUsage:
    @pytest.mark.parametrize("args", [
        ["--size", "banana"], ["--state", "asleep"], ["--reach", "sometimes"], ["--arena", "x"],
        ["--request", "-1"], ["--address", "zz"], ["--class", "nonsense"], ["--match", "("], ["--format", "yaml"],
        ["--limit", "many"], ["--jobs", "0x"], ["--no-such-option"], ["--size"],
    ])
    def test_bad_options(self, heapcore, small, args):
        result = heapcore("chunks", small, *args, status=2)
        assert result.out == b"" and result.err.startswith(b"heapcore: "), result

    def test_bad_pattern(self, heapcore, small):
        refused(heapcore, "grep", small, "(")

    def test_address_that_is_not_mapped(self, heapcore, small):
        result = heapcore("what", small, "0x10", status=None)
        assert result.out or result.err
