"""Cores without NT_FILE, as kernels before 3.7 write them and others that lack notes: what is known all the same."""
import os

import conftest
import corefile
import pytest

KEYS = ("start", "end", "permissions", "anonymous", "kind")


@pytest.fixture(scope="module")
def whole(dump):
    """A core as the kernel writes it, if it does: without the code."""
    how = "kernel" if conftest.machine.has("core-pattern") else "gcore"
    return corefile.Core(dump("leak_shapes.cc", how=how))


@pytest.fixture(scope="module")
def nameless(whole, tmp_path_factory):
    return corefile.without_note(whole, corefile.NT_FILE, tmp_path_factory.mktemp("nameless") / "core")


def rows_of(heapcore, core):
    return heapcore("maps", core, "--format", "json").json["mappings"]


def modules_of(heapcore, core):
    return heapcore("info", core, "--format", "json").json["modules"]


def is_library(row):
    return row["path"] is not None and ".so" in row["path"]


def test_mappings_are_the_same(heapcore, whole, nameless):
    """What each is for, and whether it counts as anonymous, without any name in the core's notes."""
    expected, found = rows_of(heapcore, whole.path), rows_of(heapcore, nameless)
    mapped = {row["start"] for row in expected if row["kind"] in ("file", "shared")}
    assert [[row[key] for key in KEYS] for row in found if row["start"] not in mapped] == \
        [[row[key] for key in KEYS] for row in expected if row["start"] not in mapped]
    assert [os.path.realpath(row["path"]) for row in found if is_library(row)] == \
        [os.path.realpath(row["path"]) for row in expected if is_library(row)]


def test_names_are_the_dynamic_linkers(heapcore, whole, nameless):
    """A library has the path by which it was loaded, so that its file is found."""
    expected, found = modules_of(heapcore, whole.path), modules_of(heapcore, nameless)
    assert [module["start"] for module in found] == [module["start"] for module in expected]
    for old, new in zip(expected, found):
        assert new["build_id"] == old["build_id"]
        if old["role"] == "library":
            assert os.path.realpath(new["path"]) == os.path.realpath(old["path"]) and new["status"] == old["status"]
        else:
            assert os.path.basename(new["path"]) == os.path.basename(old["path"])


def test_heap_is_the_same(heapcore, whole, nameless):
    assert heapcore("chunks", nameless, "--format", "csv").out == heapcore("chunks", whole.path, "--format", "csv").out


def test_headers_are_missing(heapcore, whole, nameless, tmp_path):
    """ELF headers of libraries were not dumped either: their names and places are known to the dynamic linker."""
    libraries = {}
    for start, end, offset, path in whole.files:
        if ".so" in path and "/ld-" not in path:
            libraries.setdefault(path, []).append((start, end))
    inside = [piece for pieces in libraries.values() for piece in pieces]
    assert inside
    core = corefile.without_bytes(corefile.Core(nameless), lambda s: not s.flags & corefile.PF_W and
                                  any(start <= s.start < end for start, end in inside if start == s.start) and
                                  s.start in {pieces[0][0] for pieces in libraries.values()}, tmp_path / "core")
    modules = {module["path"]: int(module["start"], 16) for module in modules_of(heapcore, core)}
    for path, pieces in libraries.items():
        assert modules[next(name for name in modules if os.path.realpath(name) == os.path.realpath(path))] == pieces[0][0]
    rows = rows_of(heapcore, core)
    for start, end in inside:
        row = next(row for row in rows if int(row["start"], 16) <= start < int(row["end"], 16))
        assert not row["anonymous"] and row["path"], row


def test_text_is_not_anonymous(heapcore, nameless, tmp_path):
    """Not even the dynamic linker's list: what can't be written to and is not in the core is a file's."""
    core = corefile.without_bytes(corefile.Core(nameless), lambda s: not s.flags & corefile.PF_W, tmp_path / "core")
    for row in rows_of(heapcore, core):
        assert not (row["anonymous"] and "x" in row["permissions"]), row


def test_unnamed_modules_are_told_apart(heapcore, nameless, tmp_path):
    """No list, and strings of names that were not dumped: each module is one of its own."""
    data = bytearray(nameless.read_bytes())
    core = corefile.Core(nameless)
    for pos, kind, desc, size in core.note_offsets:
        if kind == corefile.NT_AUXV:
            data[desc:desc + size] = bytes(size)
    (tmp_path / "core").write_bytes(data)
    paths = [module["path"] for module in modules_of(heapcore, tmp_path / "core")]
    assert len(paths) == len(set(paths)) >= 3, paths
    text = heapcore("maps", tmp_path / "core", "--top", "0").text
    assert sum(" executable/library " in line for line in text.splitlines()) == len(paths), text
