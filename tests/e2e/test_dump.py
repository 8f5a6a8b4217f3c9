"""dump of a selection: the index beside the file, hexadecimal, and the filters."""
import subprocess

import pytest

import corefile
from conftest import machine
from test_cli import validate


@pytest.fixture(scope="module")
def core(dump):
    return dump("haystack.c")


@pytest.mark.parametrize("args,number", [(["--leaked"], 7), (["--match", r"TOKEN=1\x00"], None), (["--class", "json"], 12),
                                         (["--match", "TOKEN", "--leaked", "--limit", "3"], 3),
                                         (["--size", "100-", "--match", "DSONVAL"], 12)])
def test_index(heapcore, core, tmp_path, args, number):
    """The index says where each chunk is in the file: the bytes there are those of the chunk."""
    document = heapcore("dump", core, *args, "-o", tmp_path / "out", "--format", "json").json
    validate(document, "dump")
    data, file = (tmp_path / "out").read_bytes(), corefile.Core(core)
    rows = heapcore("chunks", core, *args, "--format", "csv").rows()
    lines = [line.split() for line in (tmp_path / "out.index").read_text().splitlines()]
    assert [line[1] for line in lines] == [row["address"] for row in rows]
    assert [line[2] for line in lines] == [row["usable_size"] for row in rows]
    assert number in (None, len(rows)) and document["chunks"] == len(rows) > 0
    assert document["index"] == str(tmp_path / "out.index")
    end = 0
    for offset, address, size in lines:
        assert int(offset) == end
        end += int(size)
        load = next(s for s in file.loads if s.start <= int(address, 16) < s.start + s.filesz)
        at = load.offset + int(address, 16) - load.start
        assert data[int(offset):end] == file.data[at:at + int(size)]
    assert end == len(data)


def test_index_is_not_overwritten(heapcore, core, tmp_path):
    (tmp_path / "out.index").write_text("mine")
    heapcore("dump", core, "--leaked", "-o", tmp_path / "out", status=2)
    assert not (tmp_path / "out").exists() and (tmp_path / "out.index").read_text() == "mine"
    heapcore("dump", core, "--leaked", "-o", tmp_path / "out", "--force")
    assert (tmp_path / "out.index").read_text().startswith("0 0x")
    assert (tmp_path / "out.index").stat().st_mode & 0o777 == 0o600


def test_no_index_where_none_is_needed(heapcore, core, tmp_path):
    (address,), = core.lines("stack")
    heapcore("dump", core, address, hex(int(address, 16) + 9), "-o", tmp_path / "range")
    heapcore("dump", core, "--leaked", "--format", "hex", "-o", tmp_path / "hex")
    heapcore("dump", core, "--leaked", "--split", tmp_path / "split")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["hex", "range", "split"]
    assert (tmp_path / "range").read_bytes() == b"LIVE-WORD"


def test_hex(heapcore, core):
    """As xxd has it, but for the offset."""
    (address,), = core.lines("stack")
    start = int(address, 16) & ~15
    text = heapcore("dump", core, hex(start), hex(start + 41), "--format", "hex").text
    lines = text.splitlines()
    assert [int(line.split(":")[0], 16) for line in lines] == [start, start + 16, start + 32]
    assert "LIVE" in text
    if machine.which("xxd"):
        raw = heapcore("dump", core, hex(start), hex(start + 41)).out
        expected = subprocess.run(["xxd"], input=raw, stdout=subprocess.PIPE, check=True).stdout.decode()
        assert [line.split(": ", 1)[1] for line in lines] == [line.split(": ", 1)[1] for line in expected.splitlines()]


def test_hex_of_chunks(heapcore, core):
    rows = heapcore("chunks", core, "--leaked", "--format", "csv").rows()
    lines = heapcore("dump", core, "--leaked", "--format", "hex").text.splitlines()
    assert len(lines) == 5 * len(rows)  # 72 bytes
    starts = {int(line.split(":")[0], 16) for line in lines}
    assert {int(row["address"], 16) for row in rows} <= starts


@pytest.mark.parametrize("args", [["--leaked", "--format", "hex", "--zero-fill"], ["--leaked", "--format", "csv"]])
def test_usage(heapcore, core, args):
    heapcore("dump", core, *args, status=2)


def test_hex_is_dumps_alone(heapcore, core):
    assert b"no hex output" in heapcore("chunks", core, "--format", "hex", status=2).err
