"""The output for one core that is kept in the source tree, byte for byte.

scripts/check --update-golden writes the expected files anew; read the difference before you commit it.
"""
import difflib
import lzma
import os

import pytest

import conftest

FOLDER = conftest.TESTDATA / "golden"
UPDATE = bool(os.environ.get("HEAPCORE_UPDATE_GOLDEN"))

# File name → arguments after the core. "ORDER" stands for the address of the first lost order.
RUNS = {
    "analyze.txt": ["analyze"],
    "analyze.json": ["analyze", "--format", "json"],
    "info.txt": ["info"],
    "info.json": ["info", "--format", "json"],
    "maps.txt": ["maps"],
    "maps.json": ["maps", "--format", "json"],
    "maps.csv": ["maps", "--format", "csv"],
    "arenas.txt": ["arenas"],
    "arenas.json": ["arenas", "--format", "json"],
    "arenas.csv": ["arenas", "--format", "csv"],
    "histogram.txt": ["histogram"],
    "histogram.json": ["histogram", "--format", "json"],
    "histogram.csv": ["histogram", "--format", "csv"],
    "histogram-log2.txt": ["histogram", "--log2"],
    "chunks.txt": ["chunks", "--limit", "20"],
    "chunks.json": ["chunks", "--limit", "20", "--format", "json"],
    "chunks.csv": ["chunks", "--format", "csv", "--state",
                   "in-use,tcache,fastbin,unsorted,smallbin,largebin,top,overhead"],
    "chunks-leaked.csv": ["chunks", "--format", "csv", "--leaked"],
    "leaks.txt": ["leaks"],
    "leaks.json": ["leaks", "--format", "json"],
    "leaks.csv": ["leaks", "--format", "csv"],
    "leaks-group.txt": ["leaks", "--group", "1"],
    "what.txt": ["what", "ORDER"],
    "what.json": ["what", "ORDER", "--format", "json"],
    "classify.txt": ["classify"],
    "classify.json": ["classify", "--format", "json"],
    "classify.csv": ["classify", "--format", "csv"],
    "types.txt": ["types"],
    "types.json": ["types", "--format", "json"],
    "common.txt": ["common"],
    "common.json": ["common", "--format", "json", "--leaked", "--class", "http-request"],
    "grep.txt": ["grep", "channelid=[0-9]+"],
    "grep.json": ["grep", "channelid=[0-9]+", "--format", "json"],
    "grep-count.txt": ["grep", "-c", "channelid=[0-9]+"],
    "grep-only.txt": ["grep", "-o", "order:[0-9]+:pending"],
    "grep-top.txt": ["grep", "--top=5", "channelid=([0-9]+)"],
}


@pytest.fixture(scope="session")
def folder(cache):
    """Where golden.core lies: its name, not its path, is in the output."""
    core = cache / "golden.core"
    with conftest.once(core) as needed:
        if needed:
            core.write_bytes(lzma.decompress((FOLDER / "golden.core.xz").read_bytes()))
    return cache


def first_order(heapcore, folder):
    rows = heapcore("chunks", "golden.core", "--format", "csv", "--reach", "definite", "--request", "200",
                    cwd=folder).rows()
    return rows[0]["address"]


@pytest.mark.parametrize("name", RUNS)
def test_golden(heapcore, folder, name):
    verb, *options = RUNS[name]
    options = [first_order(heapcore, folder) if option == "ORDER" else option for option in options]
    result = heapcore(verb, "golden.core", *options, cwd=folder)
    expected = FOLDER / name
    if UPDATE:
        expected.write_bytes(result.out)
        return
    assert result.err == b"", "a whole core needs no warning"
    difference = list(difflib.unified_diff(expected.read_text().splitlines(), result.text.splitlines(),
                                           f"golden/{name}", "output", lineterm=""))
    assert not difference, "\n".join(difference[:60])


def test_no_stale_expectations():
    assert {p.name for p in FOLDER.iterdir()} == {*RUNS, "golden.core.xz"}


class TestWhatTheProgramSays:
    """Golden files can be wrong; these are the facts of testdata/golden.cc."""

    def test_lost_orders(self, heapcore, folder):
        rows = heapcore("chunks", "golden.core", "--format", "csv", "--leaked", cwd=folder).rows()
        definite = sorted(int(r["chunk_size"]) for r in rows if r["reach"] == "definite")
        assert definite[:-1] == [208] * 40 and definite[-1] >= 200000
        indirect = [int(r["chunk_size"]) for r in rows if r["reach"] == "indirect"]
        assert sorted(set(indirect)) == [64, 320] and len(indirect) == 80

    def test_classes(self, heapcore, folder):
        classes = {c["class"]: c["chunks"]
                   for c in heapcore("classify", "golden.core", "--format", "json", cwd=folder).json["classes"]}
        for name, count in {"http-request": 40, "sql": 1, "markup": 1, "form-data": 1, "redis-command": 1,
                            "utf8": 1}.items():
            assert classes[name] == count, name
        assert classes["json"] >= 12 and classes["key"] == 40 and classes["zero"] >= 2
