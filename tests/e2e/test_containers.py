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


UNNAMED = {
    "gcc": ("g++", ["-fno-rtti"]),
    "gcc-unoptimized-static-stripped": ("g++", ["-fno-rtti", "-O0", "-static", "-s"]),
    "libc++-stripped": ("clang++", ["-stdlib=libc++", "-fno-rtti", "-s"]),
}


@pytest.mark.parametrize("unnamed", UNNAMED)
def test_what_shared_ptr_counts_is_known_by_its_owners(heapcore, dump, unnamed, tmp_path):
    """Where no typeinfo names the class that counts: as many pairs lead to it."""
    compiler, flags = UNNAMED[unnamed]
    if compiler == "clang++" and not has_libcxx(tmp_path):
        pytest.skip("clang++ with libc++ is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CXX", compiler)
        core = dump("containers.cc", flags=flags)
    rows = heapcore("containers", core, "--kind", "shared_ptr", "--format", "json").json["containers"]
    truth = core.lines("SHARED")
    assert sorted((int(uses), int(weak)) for uses, weak, _ in truth) == sorted((row["uses"], row["weak"]) for row in rows)
    assert {row["library"] for row in rows} == {"libc++" if "libc++" in unnamed else "libstdc++"}
    for row in rows:
        part = heapcore("what", core, row["head"], "--format", "json").json["container"]
        assert (part["kind"], part["uses"], part["weak"]) == ("shared_ptr", row["uses"], row["weak"])


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
        assert sum(row["container"] == "hashbrown" for row in rows) == len(told)
        assert {row["container"] for row in rows} <= {"hashbrown", "vec", "rc"}

    def test_what_a_body_is_part_of(self, heapcore, core):
        """Of the table's control bytes, which its head points to, and slots."""
        row = heapcore("containers", core, "--kind", "hashbrown", "--format", "csv").rows()[0]
        targets = heapcore("what", core, row["head"], "--format", "json").json["targets"]
        (target,) = [target for target in targets if target["chunk_size"] == int(row["array_bytes"])]
        part = heapcore("what", core, target["chunk"], "--format", "json").json["container"]
        assert (part["kind"], part["part"], part["head"]) == ("hashbrown", "array", row["head"])


class TestRustOwners:
    """Vec, Rc and Box<dyn Trait>, of whatever release of rustc there is."""

    BUILDS = {"default": [], "unoptimized": ["-C", "opt-level=0", "-C", "debuginfo=2"], "stripped": ["-C", "strip=symbols"]}

    @pytest.fixture(scope="class", params=BUILDS)
    def build(self, request):
        return request.param

    @pytest.fixture(scope="class")
    def core(self, dump, build):
        conftest.machine.need_program("rustc")
        return dump("owned.rs", flags=self.BUILDS[build])

    @pytest.fixture(scope="class")
    def rows(self, heapcore, core):
        return heapcore("containers", core, "--top", 0, "--format", "json").json["containers"]

    def test_vectors(self, core, rows):
        vectors = {int(row["head"], 16): row for row in rows if row["container"] == "vec"}
        for address, elements, size in core.lines("VEC"):
            # Where in its three words the pointer stands depends on the release.
            (head,) = [head for head in vectors if 0 <= head - int(address, 16) < 24]
            row = vectors.pop(head)
            assert (row["elements"], row["library"], row["used_bytes"]) == (int(elements), "Rust", None)
            # Of a few small ones, rounding hides the size.
            assert row["element_max"] == int(size) if int(elements) > 16 else row["element_max"] >= int(size), (row, size)
            assert (row["place"], row["arrays"], row["nodes"]) == ("chunk", 1, 0)
        # What is left: the buffer of the output, and a deque, which may be a Vec with other numbers.
        (deque,) = core.lines("DEQUE")
        for head, row in vectors.items():
            if row["place"] == "data":
                assert (row["elements"], row["element_max"], row["bytes"]) == (0, 1, 1040)
            else:
                assert 0 <= head - int(deque[0], 16) < 32 and row["elements"] is None and row["element_max"] == 8
        assert len(vectors) <= 2

    def test_what_only_looks_like_one(self, core, rows):
        heads = {int(row["head"], 16) for row in rows}
        lies = core.lines("NONE")
        assert len(lies) == 11 and not {int(address, 16) for (address,) in lies} & heads

    def test_owners_are_counted(self, heapcore, core, rows):
        counted = {row["head"]: (row["uses"], row["weak"]) for row in rows if row["container"] == "rc"}
        told = {address: (int(uses), int(weak)) for address, uses, weak in core.lines("RC")}
        assert len(told) == 3 and counted == told
        for address, (uses, weak) in told.items():
            part = heapcore("what", core, address, "--format", "json").json["container"]
            assert (part["kind"], part["library"], part["uses"], part["weak"]) == ("rc", "Rust", uses, weak)
        text = " ".join(heapcore("what", core, min(told, key=lambda address: -told[address][0])).text.split())
        assert "head of a Rc or Arc of Rust of 40 owners and 12 weak pointers at 0x" in text

    def test_objects_behind_a_trait_have_their_type(self, heapcore, core, build):
        document = heapcore("types", core, "--format", "json").json
        by_trait = {row["type"]: row["chunks"] for row in document["types"] if row["known_by"] == "trait"}
        kinds = [kind for _, kind in core.lines("OBJECT")]
        if build == "stripped":
            assert sorted(by_trait.values()) == [5, 10, 30] and all(name.startswith("object of owned-") for name in by_trait)
        else:
            assert by_trait == {"owned::Square": kinds.count("Square"), "owned::Polygon": kinds.count("Polygon"),
                                "owned::Polygon inside": kinds.count("SharedPolygon")}
            for address, kind in core.lines("OBJECT")[::9]:
                known = heapcore("what", core, address, "--format", "json").json["chunk"]["type"]
                assert known["name"] == ("owned::Polygon inside" if kind == "SharedPolygon" else f"owned::{kind}")

    def test_a_body_knows_its_vector(self, heapcore, core, rows):
        row = max((row for row in rows if row["container"] == "vec" and row["elements"] == 1000), key=lambda row: row["bytes"])
        targets = heapcore("what", core, row["head"], "--format", "json").json["targets"]
        (target,) = [target for target in targets if target["chunk_size"] == row["array_bytes"]]
        part = heapcore("what", core, target["chunk"], "--format", "json").json["container"]
        assert (part["kind"], part["part"], part["head"], part["elements"]) == ("vec", "array", row["head"], 1000)
        # The first of 50 names, behind the five vectors that were told before: by whom it is held.
        (head, _, _) = core.lines("VEC")[5]
        body = heapcore("what", core, head, "--format", "json").json["targets"][0]
        held = " ".join(heapcore("what", core, body["chunk"]).text.split())
        assert "Vec or String of Rust of 50 elements" in held

    def test_text_of_the_program_is_known(self, heapcore, core):
        """lld lets code begin in the middle of a page."""
        mappings = heapcore("maps", core, "--format", "json").json["mappings"]
        assert [row for row in mappings if row["kind"] == "text" and "owned-" in (row["path"] or "")]


def test_programs_in_c_have_none(heapcore, dump):
    """A list built by hand is none, where no C++ library is."""
    document = heapcore("containers", dump("rings.c"), "--format", "json").json
    assert document["total"] == 0, document["containers"]


@pytest.mark.parametrize("program", ["containers.cc", "shelves.c", "leak_shapes.cc"])
def test_others_have_nothing_of_rust(heapcore, dump, program):
    rows = heapcore("containers", dump(program), "--top", 0, "--format", "json").json["containers"]
    assert not [row for row in rows if row["container"] in ("vec", "rc")]
