"""Containers of the standard libraries, on a program that says what it has, built in every way."""
import functools
import shutil
import subprocess

import pytest

import conftest

BUILDS = {
    "gcc": ("g++", []),
    "gcc-unoptimized-stripped": ("g++", ["-O0", "-s"]),
    "libc++": ("clang++", ["-stdlib=libc++"]),
    "libc++-unoptimized-stripped": ("clang++", ["-stdlib=libc++", "-O0", "-s"]),
}
LIBRARIES = {"map", "deque", "string"}  # kinds whose form tells the library


@functools.cache
def has_libcxx(folder):
    """Whether clang++ makes programs with libc++ here."""
    clang = shutil.which("clang++")
    return bool(clang) and subprocess.run([clang, "-stdlib=libc++", "-x", "c++", "-", "-o", folder / "libcxx"],
                                          input=b"#include <map>\nint main(){}\n", capture_output=True,
                                          timeout=120).returncode == 0


@pytest.fixture(scope="module", params=BUILDS)
def build(request):
    return request.param


@pytest.fixture(scope="module")
def core(dump, build, tmp_path_factory):
    compiler, flags = BUILDS[build]
    if compiler == "g++":
        return dump("containers.cc", flags=flags)
    if not has_libcxx(tmp_path_factory.getbasetemp()):
        pytest.skip("clang++ with libc++ is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXX", compiler)
        return dump("containers.cc", flags=flags)


@pytest.fixture(scope="module")
def document(heapcore, core):
    return heapcore("containers", core, "--top", 0, "--format", "json").json


def told(core):
    """head → (kind, place, elements, used, nodes)"""
    return {head: (kind, place, None if elements == "-" else int(elements), int(used), int(nodes))
            for kind, place, head, elements, used, nodes in core.lines("CONTAINER")}


def test_every_container_is_found(core, document):
    rows = {row["head"]: row for row in document["containers"]}
    truth = told(core)
    assert len(truth) == 22
    assert {head: rows[head]["container"] for head in truth if head in rows} == \
        {head: facts[0] for head, facts in truth.items()}
    for head, (kind, place, elements, used, nodes) in truth.items():
        row = rows[head]
        # A thread's block may lie in memory whose use is not known otherwise.
        assert (row["elements"], row["nodes"], row["place"]) == (elements, nodes, place), row
        assert row["used_bytes"] == (used if elements is None else None), row
        assert row["bytes"] == row["node_bytes"] + row["array_bytes"] >= used
        assert row["element_max"] is None or row["element_max"] > 0


def test_the_largest_are_first_and_parts_add_up(document):
    sizes = [row["bytes"] for row in document["containers"]]
    assert sizes == sorted(sizes, reverse=True) and len(sizes) == document["total"]
    assert document["all"]["bytes"] == sum(sizes) == sum(row["bytes"] for row in document["kinds"])
    assert document["all"]["chunks"] == sum(row["nodes"] + row["arrays"] for row in document["containers"])
    assert not document["stopped"] and not document["partial"]
    assert sum(row["containers"] - row["inline"] for row in document["kinds"]) == document["total"]


def test_whose_library_it_is(core, document, build):
    truth = told(core)
    expected = "libc++" if "libc++" in build else "libstdc++"
    for row in document["containers"]:
        if row["head"] in truth:
            assert row["library"] == (expected if row["container"] in LIBRARIES else None)


def test_names_where_there_are_symbols(core, document, build):
    rows = {row["head"]: row for row in document["containers"]}
    for _, place, head, *_ in core.lines("CONTAINER"):
        if place == "data":
            symbol = rows[head]["symbol"]
            assert symbol is None if "stripped" in build else symbol.startswith("g_")
        if place == "chunk":
            assert rows[head]["chunk_offset"] > 0


def test_what_shared_ptr_counts(heapcore, core, document, build):
    rows = [row for row in document["containers"] if row["container"] == "shared_ptr"]
    truth = core.lines("SHARED")
    assert sorted((int(uses), int(weak)) for uses, weak, _ in truth) == \
        sorted((row["uses"], row["weak"]) for row in rows)
    assert {row["library"] for row in rows} == {"libc++" if "libc++" in build else "libstdc++"}
    for uses, weak, address in truth:
        if address == "-":
            continue
        (row,) = [row for row in rows if 0 < int(address, 16) - int(row["head"], 16) < row["bytes"]]
        assert (row["uses"], row["weak"]) == (int(uses), int(weak))
        assert (row["place"], row["chunk_offset"], row["elements"], row["used_bytes"]) == ("chunk", 0, None, None)
        part = heapcore("what", core, row["head"], "--format", "json").json["container"]
        assert (part["kind"], part["part"], part["uses"], part["weak"]) == \
            ("shared_ptr", "head", row["uses"], row["weak"])
    assert "std::shared_ptr object of 41 shared_ptrs and 13 weak_ptrs" in \
        " ".join(heapcore("what", core, next(row["head"] for row in rows if row["uses"] == 41)).text.split())
    assert "41 shared, 13 weak: 0x" in heapcore("containers", core, "--kind", "shared_ptr", env={"COLUMNS": "200"}).text
    assert {row["uses"] for row in document["containers"] if row["container"] != "shared_ptr"} == {None}


def test_what_lies_is_not_believed(core, document):
    heads = {row["head"] for row in document["containers"]}
    damaged = {head for _, head in core.lines("DAMAGED")}
    assert len(damaged) == 2 and not damaged & heads


def test_what_a_chunk_is_part_of(heapcore, core):
    for kind, address, ordinal, head in core.lines("NODE"):
        part = heapcore("what", core, address, "--format", "json").json["container"]
        assert (part["kind"], part["part"], part["head"]) == (kind, "node", head)
        # Which end of a list is its first is not told by its form.
        assert part["ordinal"] == (None if kind == "list" else int(ordinal))
    for kind, address, head in core.lines("BODY"):
        part = heapcore("what", core, address, "--format", "json").json["container"]
        assert (part["kind"], part["part"], part["head"]) == (kind, "array", head)
    head = core.lines("NODE")[0][3]
    part = heapcore("what", core, head, "--format", "json").json["container"]
    assert (part["kind"], part["part"], part["elements"]) == ("map", "head", 1000)


def test_what_people_read(heapcore, core, build):
    _, address, _, head = core.lines("NODE")[0]
    text = " ".join(heapcore("what", core, address).text.split())
    assert f"node 417 of a std::map or set of 1,000 elements at {head}, " in text
    assert ("g_map (" in text) == ("stripped" not in build)
    text = heapcore("containers", core).text
    assert "smaller ones; --top N shows more" in text
    assert max(map(len, text.splitlines())) <= 80
    assert {"map", "deque"} < {line.split()[0] for line in text.splitlines() if line}
    # A container tells what kind of content there is.
    hidden = heapcore("containers", core, "--content", "none").text
    assert not {"map", "deque"} & {line.split()[0] for line in hidden.splitlines() if line}
    assert heapcore("what", core, address, "--content", "none", "--format", "json").json["container"] is None


def test_kinds_and_top(heapcore, core):
    rows = heapcore("containers", core, "--kind", "deque", "--format", "csv").rows()
    assert len(rows) == 3 and {row["container"] for row in rows} == {"deque"}
    assert len(heapcore("containers", core, "--top", 2, "--format", "csv").rows()) == 2
    assert b"--kind" in heapcore("containers", core, "--kind", "rope", status=2).err


def test_any_number_of_jobs(heapcore, core, document):
    assert heapcore("containers", core, "--top", 0, "--jobs", 1, "--format", "json").json == \
        heapcore("containers", core, "--top", 0, "--jobs", 3, "--format", "json").json == document


class TestRust:
    """A real program, of whatever release of rustc there is."""

    @pytest.fixture(scope="class")
    def core(self, dump):
        conftest.machine.need_program("rustc")
        return dump("tables.rs", flags=["-C", "strip=symbols"])

    def test_tables_are_found_and_counted(self, heapcore, core):
        rows = heapcore("containers", core, "--top", 0, "--format", "json").json["containers"]
        told = core.lines("CONTAINER")
        assert len(told) == 7
        for kind, address, size, elements in told:
            (row,) = [row for row in rows if 0 <= int(row["head"], 16) - int(address, 16) < int(size)]
            assert (row["container"], row["elements"], row["library"]) == (kind, int(elements), "Rust")
            assert row["arrays"] == 1 and row["place"] in ("chunk", "stack")
        # No table that lost its elements, and nothing that a Rust program does not have.
        assert len(rows) == len(told)

    def test_what_a_body_is_part_of(self, heapcore, core):
        """Of the table's control bytes, which its head points to, and slots."""
        row = heapcore("containers", core, "--kind", "hashbrown", "--format", "csv").rows()[0]
        targets = heapcore("what", core, row["head"], "--format", "json").json["targets"]
        (target,) = [target for target in targets if target["chunk_size"] == int(row["array_bytes"])]
        part = heapcore("what", core, target["chunk"], "--format", "json").json["container"]
        assert (part["kind"], part["part"], part["head"]) == ("hashbrown", "array", row["head"])


def test_programs_in_c_have_none(heapcore, dump):
    """A list built by hand is none, where no C++ library is."""
    document = heapcore("containers", dump("rings.c"), "--format", "json").json
    assert document["total"] == 0, document["containers"]
