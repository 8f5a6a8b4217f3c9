"""Compressed cores: as good as plain ones; cut short, damaged or hostile they end like such plain ones do."""
import bz2
import gzip
import lzma
import io
import json
import os
import pty
import random
import resource
import select
import signal
import struct
import subprocess
import time

import pytest

import corefile
from conftest import machine, once, wait_for

# How the tools that people and systemd-coredump use write them.
PACK = {"zstd": ["zstd", "-q", "-c"], "lz4": ["lz4", "-q", "-c"], "xz": ["xz", "-1", "-c"], "gzip": ["gzip", "-c"],
        "bzip2": ["bzip2", "-c"]}
FORMATS = sorted(PACK)


def pack(form, source, path):
    machine.need_program(form)
    with open(source, "rb") as plain, open(path, "wb") as packed:
        subprocess.run(PACK[form], stdin=plain, stdout=packed, check=True, timeout=120)
    return path


@pytest.fixture(scope="module")
def core(dump):
    return dump("growth.c", "20000")


@pytest.fixture(scope="module", params=FORMATS)
def packed(request, core, cache):
    """The core in each format."""
    machine.need_program(request.param)
    path = cache / f"packed.{request.param}"
    with once(path) as needed:
        if needed:
            pack(request.param, core, path)
    return path


def without_name(result, path):
    """The document, but for the name of the file: suggested commands have it, too."""
    return json.loads(result.text.replace(str(path), "CORE"))


def one_line(result):
    assert result.status == 2 and result.out == b"", result
    lines = result.err.decode().splitlines()
    assert len(lines) == 1 and lines[0].startswith("heapcore: "), result
    return lines[0]


class TestWhole:
    def test_same_verdict(self, heapcore, core, packed):
        plain, unpacked = (heapcore("analyze", path, "--format", "json") for path in (core, packed))
        assert unpacked.err == b"", unpacked
        assert without_name(unpacked, packed) == without_name(plain, core)

    def test_same_chunks(self, heapcore, core, packed):
        plain, unpacked = (heapcore("chunks", path, "--format", "csv").out for path in (core, packed))
        assert plain == unpacked and len(plain.splitlines()) > 20000

    def test_name_says_nothing(self, heapcore, packed, tmp_path):
        """The format is known by its content: systemd's names end in .zst, others' in anything."""
        os.symlink(packed, tmp_path / "core.worker.1000.8704")
        assert heapcore("info", tmp_path / "core.worker.1000.8704").err == b""


class TestTemporaryFile:
    def test_tmpdir(self, heapcore, packed, tmp_path):
        assert heapcore("info", packed, "--tmpdir", tmp_path).err == b""
        assert os.listdir(tmp_path) == [], "nothing is left behind"

    def test_tmpdir_from_environment(self, heapcore, packed, tmp_path):
        line = one_line(heapcore("info", packed, status=2, env={"TMPDIR": "/proc/nonexistent"}))
        assert "/proc/nonexistent" in line and "--tmpdir" in line
        # The option wins.
        heapcore("info", packed, "--tmpdir", tmp_path, env={"TMPDIR": "/proc/nonexistent"})

    def test_private(self, heapcore, core, tmp_path):
        """While it exists it has no name and nobody else may open it."""
        path = pack("xz", core, tmp_path / "core.xz")
        process = subprocess.Popen([heapcore.path, "analyze", path, "--tmpdir", tmp_path], stdout=subprocess.DEVNULL)
        seen = None
        while process.poll() is None and not seen:
            for entry in os.scandir(f"/proc/{process.pid}/fd"):
                try:
                    target, mode = os.readlink(entry.path), os.stat(entry.path).st_mode & 0o777
                except OSError:
                    continue
                if target.startswith(str(tmp_path)) and "core.xz" not in target:
                    seen = target, mode
        process.wait(60)
        assert seen, "no temporary file seen"
        assert seen[0].endswith(" (deleted)") and seen[1] == 0o600
        assert sorted(os.listdir(tmp_path)) == ["core.xz"]

    def test_file_size_limit(self, heapcore, packed):
        limit = 64 * 1024
        result = heapcore("info", packed, status=2,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        assert "File too large" in one_line(result)


class TestDamaged:
    @pytest.mark.parametrize("part", [0.1, 0.35, 0.6, 0.9, 0.999])
    def test_cut_short(self, heapcore, packed, tmp_path, part):
        data = packed.read_bytes()
        (tmp_path / "cut").write_bytes(data[:int(len(data) * part)])
        result = heapcore("analyze", tmp_path / "cut", "--format", "json", status=None)
        if result.status == 2:
            one_line(result)
            # bzip2 has blocks of 900 kB, lz4 of 4 MiB: of the beginning nothing may be left.
            assert part <= 0.6, result
            return
        assert result.json["partial"] is True
        assert b"cut short" in result.err
        text = heapcore("analyze", tmp_path / "cut").text
        assert "PARTIAL: " in text

    @pytest.mark.parametrize("part", [0.5, 0.98])
    def test_most_is_kept(self, heapcore, core, tmp_path, part):
        """The same as from a plain core that ends with the last whole block of 128 KiB."""
        path = pack("zstd", core, tmp_path / "core")
        os.truncate(path, int(path.stat().st_size * part))
        packed = heapcore("chunks", path, "--format", "csv", status=None)
        left = subprocess.run(["zstd", "-dcq", path], capture_output=True).stdout
        path.write_bytes(left[:len(left) // 131072 * 131072])
        plain = heapcore("chunks", path, "--format", "csv", status=None)
        assert (packed.status, packed.out) == (plain.status, plain.out)

    @pytest.mark.parametrize("seed", range(4))
    def test_flipped(self, heapcore, packed, tmp_path, seed):
        data = bytearray(packed.read_bytes())
        rng = random.Random(seed)
        for _ in range(3):
            data[rng.randrange(16, len(data))] ^= 1 << rng.randrange(8)
        (tmp_path / "flipped").write_bytes(data)
        result = heapcore("analyze", tmp_path / "flipped", "--format", "json", status=None)
        if result.status == 2:
            one_line(result)
        else:
            assert result.json["schema"] == "heapcore.analyze/2"

    def test_trailing_garbage(self, heapcore, core, packed, tmp_path):
        """What follows the end is left out, and is no damage."""
        whole = heapcore("chunks", core, "--format", "csv").out
        for rest in (b"not compressed at all", b"YZ", b"\0" * 5 + b"a note"):
            (tmp_path / "more").write_bytes(packed.read_bytes() + rest)
            result = heapcore("chunks", tmp_path / "more", "--format", "csv")
            assert result.out == whole
            assert b"%d bytes follow the end of the compressed data" % len(rest) in result.err, result

    def test_second_stream_cut_short(self, heapcore, core, tmp_path):
        """What begins like another part and ends in the middle of it is damage."""
        data = open(core, "rb").read()
        half = len(data) // 2
        parts = [lzma.compress(part, preset=0) for part in (data[:half], data[half:])]
        (tmp_path / "whole").write_bytes(parts[0] + bytes(8) + parts[1])
        result = heapcore("analyze", tmp_path / "whole", "--format", "json")
        assert result.json["partial"] is False and result.err == b"", result
        for left in (len(parts[1]) // 2, 100, 3):
            (tmp_path / "cut").write_bytes(parts[0] + bytes(8) + parts[1][:left])
            result = heapcore("analyze", tmp_path / "cut", "--format", "json", status=None)
            assert b"damaged or cut short" in result.err, result

    def test_several_members(self, heapcore, core, tmp_path):
        """Files that were written in pieces, as pigz -i and zstd with several frames do, are one file."""
        data = open(core, "rb").read()
        half = len(data) // 2
        for name, compress in (("gzip", lambda d: gzip.compress(d, 1)),
                               ("zstd", lambda d: subprocess.run(PACK["zstd"], input=d, capture_output=True,
                                                                 check=True).stdout)):
            (tmp_path / name).write_bytes(compress(data[:half]) + compress(data[half:]))
            result = heapcore("analyze", tmp_path / name, "--format", "json")
            assert result.json["partial"] is False and result.err == b"", result

    def test_frames_of_zstd(self, heapcore, core, tmp_path):
        """Frames to be skipped before, between and behind others, as pzstd writes them, and what is no frame at all."""
        data, skipped = open(core, "rb").read(), b"\x53\x2a\x4d\x18\x05\0\0\0abcde"
        pack = lambda part: subprocess.run(PACK["zstd"], input=part, capture_output=True, check=True).stdout
        half = len(data) // 2
        frames = skipped + pack(data[:half]) + skipped * 2 + pack(data[half:]) + skipped
        whole = heapcore("chunks", core, "--format", "csv").out
        (tmp_path / "frames").write_bytes(frames)
        result = heapcore("chunks", tmp_path / "frames", "--format", "csv")
        assert result.out == whole and result.err == b"", result
        for rest in (b"x", b"abc", b"no frame, but a note"):
            (tmp_path / "more").write_bytes(frames + rest)
            result = heapcore("chunks", tmp_path / "more", "--format", "csv")
            assert result.out == whole, result
            assert b"%d bytes follow the end of the compressed data (zstd); left them out" % len(rest) in result.err
        long = subprocess.run(["zstd", "-q", "-1", "--long=31"], input=data, capture_output=True, check=True).stdout
        (tmp_path / "long").write_bytes(long)
        result = heapcore("chunks", tmp_path / "long", "--format", "csv", status=None)
        assert result.out == whole or b"unpack it with 'zstd -d -M2048MB' and give the result" in result.err, result


class TestNoCore:
    @pytest.mark.parametrize("form", FORMATS)
    def test_text(self, heapcore, tmp_path, form):
        (tmp_path / "text").write_text("dear diary\n" * 1000)
        assert "its content is text, not a core" in one_line(
            heapcore("analyze", pack(form, tmp_path / "text", tmp_path / "packed"), status=2))

    @pytest.mark.parametrize("form", FORMATS)
    def test_empty(self, heapcore, tmp_path, form):
        (tmp_path / "empty").touch()
        assert "empty" in one_line(
            heapcore("analyze", pack(form, tmp_path / "empty", tmp_path / "packed"), status=2)) or form == "bzip2"

    def test_executable(self, heapcore, tmp_path):
        assert "executable" in one_line(
            heapcore("analyze", pack("zstd", "/bin/sh", tmp_path / "packed"), status=2))

    def test_only_the_magic(self, heapcore, tmp_path, packed):
        for size in (4, 6, 7, 12):
            (tmp_path / "magic").write_bytes(packed.read_bytes()[:size])
            one_line(heapcore("analyze", tmp_path / "magic", status=2))

    def test_refused_without_unpacking_all(self, heapcore, tmp_path):
        """A large file that is no core is refused after its first bytes."""
        path = tmp_path / "zeros.gz"
        with gzip.open(path, "wb", compresslevel=1) as file:
            for _ in range(256):
                file.write(bytes(1 << 20))
        limit = 4 << 20
        result = heapcore("analyze", path, status=2,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        assert "not an ELF file" in one_line(result)


def header(promised):
    """The beginning of a core of one thread's worth of nothing and one segment of this many bytes."""
    ident = b"\x7fELF\2\1\1" + bytes(9)
    ehdr = ident + struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    return ehdr + struct.pack("<IIQQQQQQ", 1, 6, 4096, 0x10000, 0, promised, promised, 4096)


class TestBomb:
    def test_promise_beyond_the_limit(self, heapcore, tmp_path):
        """A header that promises more than anybody would unpack is refused before anything is written."""
        (tmp_path / "bomb.gz").write_bytes(gzip.compress(header(1 << 45) + bytes(1 << 20)))
        line = one_line(heapcore("analyze", tmp_path / "bomb.gz", status=2))
        assert "32.0 TiB" in line and "limit" in line and "gzip -d" in line

    def test_zeros(self, heapcore, tmp_path):
        """33 kB that become 1 GiB of zeros: holes, in a time that depends on the 33 kB."""
        process = subprocess.run(["sh", "-c", "(cat; head -c 1G /dev/zero) | zstd -q -3 -c"], input=header(1 << 30),
                                 capture_output=True, check=True)
        path = tmp_path / "bomb.zst"
        path.write_bytes(process.stdout)
        assert path.stat().st_size < 200000
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_oublock
        result = heapcore("maps", path, "--tmpdir", tmp_path, "--format", "json")
        written = (resource.getrusage(resource.RUSAGE_CHILDREN).ru_oublock - before) * 512
        assert result.json["partial"] is True, "of the last pages nothing is there"
        assert written < 64 << 20, f"{written} bytes were written"

    def test_compressed_twice(self, heapcore, packed, tmp_path):
        """Formats in each other multiply what they expand to, or become something else; neither is followed."""
        (tmp_path / "twice").write_bytes(gzip.compress(packed.read_bytes(), 1))
        one_line(heapcore("analyze", tmp_path / "twice", status=2))


@pytest.fixture
def tiny(tmp_path):
    """A file system of 1 MiB."""
    machine.need("mount")
    folder = tmp_path / "tiny"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


class TestNoRoom:
    def test_needed_and_where(self, heapcore, core, packed, tiny):
        line = one_line(heapcore("analyze", packed, "--tmpdir", tiny, status=2))
        assert "takes at least" in line and str(tiny) in line and "--tmpdir" in line
        # On tmpfs all of the content takes room.
        size = max(s.offset + s.filesz for s in corefile.Core(core).loads)
        assert f"at least {size / 2**20:.1f} MiB" in line
        assert os.listdir(tiny) == []

    def test_less_than_the_compressed_file(self, heapcore, tiny, tmp_path):
        noise = random.Random(1).randbytes(2 << 20)
        (tmp_path / "core.gz").write_bytes(gzip.compress(header(2 << 20) + noise))
        line = one_line(heapcore("analyze", tmp_path / "core.gz", "--tmpdir", tiny, status=2))
        assert "takes at least 2.0 MiB" in line and str(tiny) in line

    def test_more_than_promised(self, heapcore, tiny, tmp_path):
        """The headers lie: what runs out of room while writing ends in the same way."""
        page = random.Random(1).randbytes(4096)
        (tmp_path / "core.gz").write_bytes(gzip.compress(header(4096) + page * 1024))
        line = one_line(heapcore("analyze", tmp_path / "core.gz", "--tmpdir", tiny, status=2))
        assert "--tmpdir" in line and "room" in line


def test_bar_on_a_terminal(heapcore, tmp_path):
    """What takes longer than a second shows how far it is."""
    path = tmp_path / "slow.bz2"
    path.write_bytes(bz2.compress(header(8 << 20) + random.Random(1).randbytes(8 << 20), 1))
    primary, secondary = pty.openpty()
    process = subprocess.Popen([heapcore.path, "info", path, "--tmpdir", tmp_path], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=secondary)
    os.close(secondary)
    # Half a second of work: it sleeps as soon as it has begun, until the line is due.
    wait_for(lambda: any("(deleted)" in os.readlink(entry.path) for entry in os.scandir(f"/proc/{process.pid}/fd")),
             "the temporary file")
    os.kill(process.pid, signal.SIGSTOP)
    time.sleep(1.2)
    os.kill(process.pid, signal.SIGCONT)
    shown = io.BytesIO()
    while select.select([primary], [], [], 60)[0]:
        try:
            shown.write(os.read(primary, 4096))
        except OSError:
            break
    os.close(primary)
    assert process.wait(60) == 0
    assert b"unpacking the core [" in shown.getvalue() and b"%" in shown.getvalue()
