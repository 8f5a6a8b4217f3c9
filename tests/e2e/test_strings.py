"""strings: what is printable in chunks and elsewhere, against Python's regular expressions."""
import collections
import re

import pytest

import corefile
from test_cli import validate


@pytest.fixture(scope="module")
def core(dump):
    return dump("haystack.c")


def chunk_bytes(heapcore, core):
    """The bytes of every chunk in use, by address."""
    file = corefile.Core(core)
    for row in heapcore("chunks", core, "--format", "csv").rows():
        address, size = int(row["address"], 16), int(row["usable_size"])
        load = next(s for s in file.loads if s.start <= address < s.start + s.filesz)
        offset = load.offset + address - load.start
        yield address, file.data[offset:min(offset + size, load.offset + load.filesz)]


@pytest.mark.parametrize("least", [4, 7, 30])
def test_all_of_them(heapcore, core, least):
    expected = [(address + m.start(), m[0].decode())
                for address, data in chunk_bytes(heapcore, core)
                for m in re.finditer(rb"[\t -~]{%d,}" % least, data)]
    for jobs in "1", "2":
        _, *rows, end = heapcore("strings", core, "--min", least, "--format", "json", "--jobs", jobs, "--content",
                                 "full").jsonl
        unescape = [(int(r["address"], 16), r["match"].replace("\\t", "\t").replace("\\\\", "\\")) for r in rows]
        assert unescape == expected
        assert end["summary"]["matches"] == len(rows)
    for row in rows[:50]:
        validate(row, "strings")


def test_top(heapcore, core):
    counts = collections.Counter(m[0].decode() for _, data in chunk_bytes(heapcore, core)
                                 for m in re.finditer(rb"[\t -~]{7,}", data))
    head, *rows, end = heapcore("strings", core, "--top", "0", "--format", "json", "--content", "full").jsonl
    assert {r["text"].replace("\\t", "\t").replace("\\\\", "\\"): r["matches"] for r in rows} == counts
    assert end["summary"]["distinct"] == len(counts) and end["summary"]["exact"]
    for line in [head, *rows[:50], end]:
        validate(line, "strings")


def test_wide(heapcore, core):
    text = heapcore("strings", core, "--wide", "--only-strings", "--min", "2").text
    assert "e-42" in text.splitlines()


def test_scopes_and_selection(heapcore, core):
    assert "LIVE-WORD" in heapcore("strings", core, "--stacks", "--only-strings").text
    assert "LIVE-WORD" not in heapcore("strings", core, "--only-strings").text
    leaked = heapcore("strings", core, "--leaked", "--only-strings", "--content", "full").text.split()
    assert sorted(leaked) == [f"TOKEN={i}" for i in range(7)]
    rows = heapcore("strings", core, "--leaked", "--by", "size", "--format", "csv").rows()
    assert [(r["chunk_size"], r["matches"]) for r in rows] == [("80", "7")]


def test_content(heapcore, core):
    heapcore("strings", core, "--only-strings", "--content", "class", status=2)
    assert "CATALOG" not in heapcore("strings", core, "--content", "class").text
    heapcore("strings", core, "--min", "0", status=2)
    heapcore("strings", core, "--min", "65536", status=2)


def test_secrets_are_masked(heapcore, dump):
    core = dump("secrets.c")
    plain, masked = (heapcore("strings", core, "--only-strings", *args).text for args in (["--content", "full"], []))
    assert "***" in masked and "***" not in plain
