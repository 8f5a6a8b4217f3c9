"""Types of chunks: C++ classes and C structs that are counted exactly, in programs built in every way."""
import bisect
import collections
import contextlib
import json
import re
import subprocess

import pytest

import conftest
import corefile

# How classes.cc is built. Stripped programs have nothing but what they need to run.
BUILDS = {
    "pie": [],
    "stripped": ["-s"],
    "position-dependent": ["-no-pie", "-s"],
    "code-and-constants-together": ["-no-pie", "-s", "-Wl,-z,noseparate-code"],
    "no-relro": ["-s", "-Wl,-z,norelro"],
    "static": ["-static", "-s"],
    "static-runtime": ["-s", "-static-libstdc++"],
    "unoptimized": ["-O0", "-s"],
}


def expected(core):
    """name → (chunks, leaked)"""
    rows = [line.split(maxsplit=3) for line in core.said if line.startswith("CLASS ")]
    return {name: (int(chunks), int(leaked)) for _, chunks, leaked, name in rows}


def inside(core):
    """Chunks that have an object in the middle."""
    return sum(int(row[0]) for row in core.lines("INSIDE"))


def counted(heapcore, core, *options):
    """What vtables tell; what debug information adds is another test's."""
    document = heapcore("types", core, "--with-leaks", "--format", "json", *options).json
    document["types"] = [row for row in document["types"] if row["known_by"] in ("vtable", "symbol")]
    return {row["type"]: (row["chunks"], row["leaked_chunks"]) for row in document["types"]}, document


@pytest.mark.parametrize("build", BUILDS)
def test_every_class_is_counted(heapcore, dump, how, build):
    core = dump("classes.cc", how=how, flags=BUILDS[build])
    types, document = counted(heapcore, core)
    assert types == expected(core)
    assert {row["known_by"] for row in document["types"]} == {"vtable"}
    if "-s" in BUILDS[build]:
        assert document["typed"]["chunks"] == sum(chunks for chunks, _ in types.values()) + inside(core)


def test_without_typeinfos_symbols_tell(heapcore, dump, how):
    core = dump("classes.cc", how=how, flags=["-fno-rtti"])
    types, document = counted(heapcore, core)
    assert types == expected(core)
    assert {row["known_by"] for row in document["types"]} == {"symbol"}


def test_without_typeinfos_and_symbols_there_is_nothing(heapcore, dump):
    core = dump("classes.cc", flags=["-fno-rtti", "-s"])
    types, _ = counted(heapcore, core)
    assert types == {}
    assert "virtual functions" in heapcore("types", core).text
    assert "--debug-dir" in heapcore("types", core).text


def test_without_the_files_there_are_no_names(heapcore, dump, compiled, tmp_path):
    """Names are constants, which cores lack. No file, no name, and no error; the output says what to do."""
    core = dump("classes.cc", how="gcore", flags=["-s"])
    moved = tmp_path / "core"
    # Paths that exist nowhere, as in a core from another machine.
    data = open(core, "rb").read().replace(b"/classes-", b"/nowhere-")
    moved.write_bytes(data)
    types, _ = counted(heapcore, moved)
    assert types == {}
    assert "--exe" in heapcore("types", moved).text
    types, _ = counted(heapcore, moved, "--exe", compiled("classes.cc", "-s"))
    assert types == expected(core)


def test_a_runtime_of_another_build_does_no_harm(heapcore, dump, tmp_path):
    """The program's file is at hand, its C++ runtime's is not."""
    core = dump("classes.cc", how="gcore", flags=["-s"])
    moved = tmp_path / "core"
    moved.write_bytes(open(core, "rb").read().replace(b"/libstdc++.so", b"/nosuchlib.so"))
    types, _ = counted(heapcore, moved)
    assert types == expected(core)


# How structs.c and structs_other.c are built; conftest adds -g.
DEBUG_BUILDS = {
    "default": [],
    "dwarf-4": ["-gdwarf-4"],
    "type-units": ["-gdwarf-5", "-fdebug-types-section"],
    "compressed": ["-gz"],
    "unoptimized": ["-O0"],
    "static": ["-static"],
    "position-dependent": ["-no-pie"],
}
OTHER = str(conftest.TESTDATA / "structs_other.c")


def by_debug_information(heapcore, core, *options):
    """Types of the program; where the C library has debug information, too, its own chunks have others."""
    rows = heapcore("types", core, "--format", "json", *options).json["types"]
    source = (conftest.TESTDATA / "structs.c").read_text() + open(OTHER).read()
    ours = {name for tag in re.findall(r"struct (\w+)", source) for name in (f"struct {tag}", tag)} | {"config_t"}
    return {row["type"]: row["chunks"] for row in rows
            if row["known_by"] == "dwarf" and row["type"].rstrip("+*[]") in ours}


def expected_structs(core):
    rows = [line.split(maxsplit=2) for line in core.said if line.startswith("TYPE ")]
    return {name: int(chunks) for _, chunks, name in rows}


class TestDebugInformation:
    @pytest.mark.parametrize("build", DEBUG_BUILDS)
    def test_every_struct_is_counted(self, heapcore, dump, how, build):
        core = dump("structs.c", how=how, flags=[OTHER, *DEBUG_BUILDS[build]])
        assert by_debug_information(heapcore, core) == expected_structs(core)

    def test_clang(self, heapcore, dump, monkeypatch):
        conftest.machine.need_program("clang")
        monkeypatch.setenv("CC", "clang")
        # -DCLANG: another program for the cache.
        core = dump("structs.c", flags=[OTHER, "-DCLANG"])
        assert by_debug_information(heapcore, core) == expected_structs(core)

    def test_a_separate_file(self, heapcore, dump, compiled, tmp_path):
        """Stripped afterwards; the debug file is found by its build-id, where --debug-dir says."""
        program = compiled("structs.c", OTHER, "-Wl,--build-id", "-DSEPARATE")
        core = dump("structs.c", flags=[OTHER, "-Wl,--build-id", "-DSEPARATE"])
        notes = subprocess.run(["readelf", "-n", program], capture_output=True, text=True, check=True).stdout
        build_id = re.search(r"Build ID: (\w+)", notes).group(1)
        folder = tmp_path / "debug" / ".build-id" / build_id[:2]
        folder.mkdir(parents=True)
        subprocess.run(["objcopy", "--only-keep-debug", program, folder / f"{build_id[2:]}.debug"], check=True)
        stripped = tmp_path / "stripped"
        subprocess.run(["strip", "-o", stripped, program], check=True)
        moved = tmp_path / "core"
        moved.write_bytes(open(core, "rb").read().replace(b"/structs-", b"/nowhere-"))
        assert by_debug_information(heapcore, moved, "--exe", stripped) == {}
        assert by_debug_information(heapcore, moved, "--exe", stripped, "--debug-dir",
                                    tmp_path / "debug") == expected_structs(core)

    def test_stripped(self, heapcore, dump):
        core = dump("structs.c", flags=[OTHER, "-s"])
        assert by_debug_information(heapcore, core) == {}
        assert "C structs need it: --debug-dir" in " ".join(heapcore("types", core).text.split())

    def test_below_lost_objects(self, heapcore, dump, how):
        """A vtable is a starting point: what lost objects own is known, too."""
        core = dump("classes.cc", how=how)
        rows = {row["type"]: row for row in heapcore("types", core, "--with-leaks", "--format", "json").json["types"]}
        ((chunks, leaked, name),) = core.lines("BELOW")
        assert (rows[name]["chunks"], rows[name]["leaked_chunks"]) == (int(chunks), int(leaked))
        assert rows[name]["known_by"] == "dwarf"

    def test_selection(self, heapcore, dump):
        core = dump("structs.c", flags=[OTHER])
        counts = expected_structs(core)
        rows = heapcore("chunks", core, "--type", "struct entry", "--format", "csv").rows()
        assert len(rows) == counts["struct entry"]
        rows = heapcore("chunks", core, "--type", "struct entry*", "--format", "csv").rows()
        assert len(rows) == counts["struct entry"] + counts["struct entry*[]"]

    def test_what(self, heapcore, dump):
        core = dump("structs.c", flags=[OTHER])
        (row, *_) = heapcore("chunks", core, "--type", "struct tree", "--format", "csv").rows()
        assert "struct tree (by debug information" in heapcore("what", core, row["address"]).text
        for level in ("none", "vtable"):
            result = heapcore("what", core, row["address"], "--types", level, "--format", "json")
            assert result.json["chunk"]["type"] is None

    def test_any_number_of_threads(self, heapcore, dump):
        core = dump("structs.c", flags=[OTHER])
        assert len({heapcore("types", core, "--format", "csv", "--jobs", jobs).out for jobs in (1, 2, 5)}) == 1


class TestInside:
    """Objects that do not start their chunk: behind a header, in a list's node, many in a block."""

    @pytest.fixture(scope="class", params=["gcc -O0", "clang -O2 -s"])
    def core(self, request, dump):
        compiler, *flags = request.param.split()
        with pytest.MonkeyPatch.context() as patch:
            if compiler == "clang":
                conftest.machine.need_program("clang++")
                patch.setenv("CXX", "clang++")
            # A name of its own for each in the cache.
            return dump("embedded.cc", flags=[*flags, f"-DBUILT_BY_{compiler.upper()}"])

    def test_all_are_counted(self, heapcore, core):
        document = heapcore("types", core, "--with-leaks", "--format", "json").json
        found = {(row["type"], row["chunks"], row["objects"], row["leaked_chunks"], row["offset"])
                 for row in document["types"] if row["known_by"] == "embedded"}
        assert found == {(f"{name} inside", int(chunks), int(objects), int(leaked), int(offset))
                         for chunks, objects, leaked, offset, name in core.lines("INSIDE")}
        assert not any(row["known_by"] == "vtable" for row in document["types"])

    def test_selections_know_them(self, heapcore, core):
        """And nodes of the list are no other type's: no debug information is needed."""
        counts = {name: (int(chunks), int(leaked)) for chunks, _, leaked, _, name in core.lines("INSIDE")}
        rows = heapcore("chunks", core, "--type", "* inside", "--format", "csv").rows()
        assert len(rows) == sum(chunks for chunks, _ in counts.values())
        rows = heapcore("chunks", core, "--type", "bank::Token inside", "--leaked", "--format", "csv").rows()
        assert len(rows) == counts["bank::Token"][1]

    def test_what_names_them(self, heapcore, core):
        for address, offset, name in core.lines("AT")[1::4]:
            at = int(address, 16) + int(offset)
            stride = 48
            kind = heapcore("what", core, hex(at + 8), "--format", "json").json["chunk"]["type"]
            assert (kind["name"], kind["known_by"]) == (f"{name}[] inside", "embedded")
            assert kind["objects"]["object"] == hex(at) and kind["objects"]["stride"] == stride
            assert kind["objects"]["ordinal"] == 1 + (int(offset) - 32) // stride
        text = " ".join(heapcore("what", core, hex(at + 8)).text.split())
        assert f"{name}[] inside (C++ objects inside of it, by their vtables): 3 from +32 on, every 48 bytes" in text
        assert f"the address is in place {1 + (int(offset) - 32) // stride}, {hex(at)}" in text
        # Before the first, and behind the last.
        for other in int(address, 16), int(address, 16) + 900:
            kind = heapcore("what", core, hex(other), "--format", "json").json["chunk"]["type"]
            assert kind["objects"]["object"] is None

    def test_schema(self, heapcore, core):
        jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")
        for args in ["types"], ["what", core.lines("AT")[0][0], "--types", "vtable"]:
            schema = json.loads((conftest.ROOT / f"docs/schema/heapcore.{args[0]}.json").read_text())
            jsonschema.validate(heapcore(args[0], core, *args[1:], "--format", "json").json, schema)


class TestStructsOfASize:
    """All structs of debug information that chunks of one size may hold."""

    @pytest.fixture
    def core(self, dump):
        return dump("shelves.c")

    def structs(self, heapcore, core, *options):
        return heapcore("types", core, *options, "--format", "json").json["structs"]

    def sizes(self, core):
        return {name: (int(size), int(chunks)) for key in ("shelf", "book") for size, chunks in core.lines(key)
                for name in (key,)}

    @pytest.mark.parametrize("compiler", ["gcc", "clang"])
    def test_by_request(self, heapcore, dump, compiler, monkeypatch):
        if compiler == "clang":
            conftest.machine.need_program("clang")
            monkeypatch.setenv("CC", "clang")
        # -DCLANG: another program for the cache.
        core = dump("shelves.c", flags=["-DCLANG"] if compiler == "clang" else [])
        size, _ = self.sizes(core)["shelf"]
        found = self.structs(heapcore, core, "--request", size)
        assert (found["min_size"], found["max_size"]) == (size, size)
        assert {item["size"] for item in found["items"]} == {size} and len(found["items"]) == found["num"]
        (shelf,) = [item for item in found["items"] if item["struct"] == "struct shelf"]
        assert "/shelves-" in shelf["module"] and shelf["namespace"] is None and shelf["modules"] == 1
        members = [(m["member"], m["offset"], m["size"], m["type"]) for m in shelf["members"]]
        word = size // 6
        assert members == [("next", 0, word, "void *"), ("books", word, 4 * word, "void *[4]"),
                           ("width", 5 * word, 2, "uint16_t"), ("height", 5 * word + 1, 2, "uint16_t"),
                           ("label", 5 * word + 2, 6, "char[6]")]
        assert [m.get("bits") for m in shelf["members"]] == [None, None, 9, 7, None]
        # One that has a typedef alone, and types of all sorts.
        size, _ = self.sizes(core)["book"]
        (book,) = [item for item in self.structs(heapcore, core, "--request", size)["items"] if "shelves" in item["module"]]
        assert book["struct"] == "book_t" and book["members"][0]["type"] == "char[180]"
        (drawer,) = [item for item in self.structs(heapcore, core, "--request", 5 * word + 48)["items"]
                     if "shelves" in item["module"]]
        assert [m["type"] for m in drawer["members"]] == [
            "void *", "void *", "struct drawer *", "const char **", "function *", "double[2][3]"]

    def test_by_the_size_of_chunks(self, heapcore, core):
        """All for which malloc gives the chunk, of the program's first."""
        size, chunks = self.sizes(core)["shelf"]
        (usable,) = {int(row["usable_size"]) for row in
                     heapcore("chunks", core, "--request", size, "--format", "csv").rows()
                     if int(row["usable_size"]) >= size}
        found = self.structs(heapcore, core, "--size", usable)
        assert found["min_size"] <= size <= found["max_size"] == usable
        assert found["items"][0]["struct"] == "struct shelf"
        assert all(found["min_size"] <= item["size"] <= usable for item in found["items"])
        text = " ".join(heapcore("types", core, "--size", usable).text.split())
        assert f"struct shelf, {size} bytes (shelves-" in text and "books void *[4]" in text

    def test_nothing_to_list(self, heapcore, core, tmp_path):
        assert self.structs(heapcore, core) is None
        assert self.structs(heapcore, core, "--size", "24-40") is None
        assert self.structs(heapcore, core, "--request", 48, "--content", "none") is None
        document = self.structs(heapcore, core, "--size", 21)
        assert document["min_size"] is None and document["items"] == []
        assert "No chunk in use has 21 usable bytes" in heapcore("types", core, "--size", 21).text
        # No file of a module, and so no debug information.
        moved = tmp_path / "core"
        moved.write_bytes(re.sub(rb"/(shelves-|libc\.so|ld-linux)", lambda m: b"/" + b"x" * len(m[1]), open(core, "rb").read()))
        assert self.structs(heapcore, moved, "--request", 48)["modules_with_debug_information"] == 0
        text = " ".join(heapcore("types", moved, "--request", 48).text.split())
        assert "no module's debug information was found. --debug-dir DIR says where it is" in text

    def test_which_type_would_tell_most(self, heapcore, core):
        """Shelves lead to each other, but for the first, and to all books; tickets to one shelf alone."""
        size, shelves = self.sizes(core)["shelf"]
        _, books = self.sizes(core)["book"]
        found = heapcore("types", core, "--format", "json").json["unlocks_most"]
        assert found["kind"]["chunks"] == shelves and found["usable"] >= size
        assert found["reached"]["chunks"] == shelves - 1 + books
        text = " ".join(heapcore("types", core).text.split())
        assert f"those of {found['usable']} usable bytes would tell most: 100 chunks with pointers to 400 others" in text
        assert heapcore("types", core, "--leaked", "--format", "json").json["unlocks_most"] is None

    def test_schema(self, heapcore, core):
        jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")
        schema = json.loads((conftest.ROOT / "docs/schema/heapcore.types.json").read_text())
        for options in [], ["--request", 48]:
            jsonschema.validate(heapcore("types", core, *options, "--format", "json").json, schema)

    def test_namespaces(self, heapcore, dump):
        core = dump("classes.cc")
        items = self.structs(heapcore, core, "--size", 24)["items"]
        (owner,) = [item for item in items if item["struct"] == "shop::Owner"]
        assert owner["namespace"] == "shop" and owner["members"][0]["offset"] == 0


class TestSelection:
    @pytest.fixture
    def core(self, dump):
        return dump("classes.cc", flags=["-s"])

    def chunks(self, heapcore, core, *options):
        return heapcore("chunks", core, "--format", "csv", *options).rows()

    def test_names(self, heapcore, core):
        counts = expected(core)
        for name, (chunks, leaked) in counts.items():
            assert len(self.chunks(heapcore, core, "--type", name)) == chunks
            assert len(self.chunks(heapcore, core, "--type", name, "--leaked")) == leaked
        both = self.chunks(heapcore, core, "--type", "Failure", "--type", "shop::Session")
        assert len(both) == counts["Failure"][0] + counts["shop::Session"][0]

    def test_patterns(self, heapcore, core):
        counts = expected(core)
        assert len(self.chunks(heapcore, core, "--type", "*Session")) == (
            counts["shop::Session"][0] + counts["shop::AdminSession"][0])
        assert len(self.chunks(heapcore, core, "--type", "*")) == sum(c for c, _ in counts.values()) + inside(core)

    def test_none(self, heapcore, core):
        every = len(self.chunks(heapcore, core))
        assert len(self.chunks(heapcore, core, "--type", "(none)")) == every - inside(core) - sum(
            c for c, _ in expected(core).values())

    def test_unknown(self, heapcore, core):
        result = heapcore("chunks", core, "--type", "shop::Nothing", status=2)
        assert result.err.startswith(b"heapcore: --type: 'shop::Nothing'") and result.err.count(b"\n") == 1

    def test_csv_of_chunks_stays(self, heapcore, core):
        lines = heapcore("chunks", core, "--format", "csv", "--type", "Failure").text.splitlines()
        assert lines[0] == "address,chunk_size,usable_size,state,arena"

    def test_classify_within_a_type(self, heapcore, core):
        document = heapcore("classify", core, "--type", "shop::Order", "--format", "json").json
        assert document["total"]["chunks"] == expected(core)["shop::Order"][0]


class TestElsewhere:
    """The type in other verbs."""

    @pytest.fixture
    def core(self, dump):
        return dump("classes.cc", flags=["-s"])

    def test_grep_by_type(self, heapcore, core):
        """Bytes 0x67 0x12 are 4711, which every order begins with behind its pointers."""
        result = heapcore("grep", core, "--hex", "67 12 00 00", "--by", "type", "--format", "json")
        counts = {row["type"]: row["chunks"] for row in result.jsonl[1:-1]}
        assert counts["shop::Order"] == expected(core)["shop::Order"][0]
        text = heapcore("grep", core, "--hex", "67 12 00 00", "--by", "type").text
        assert "shop::Order" in text

    def test_grep_groups_do_not_depend_on_threads(self, heapcore, core):
        runs = {heapcore("grep", core, ".", "--by", "type", "--format", "csv", "--jobs", jobs).out
                for jobs in (1, 2, 3, 8)}
        assert len(runs) == 1
        assert b"\n(none)," in runs.pop()

    def test_grep_rows(self, heapcore, core):
        _, *rows, _ = heapcore("grep", core, "--hex", "67 12 00 00", "--format", "json").jsonl
        by_type = collections.Counter(row.get("type") for row in rows)
        assert by_type["shop::Order"] == expected(core)["shop::Order"][0]
        lines = heapcore("grep", core, "--hex", "67 12 00 00", "--format", "csv").text.splitlines()
        assert lines[0].endswith(",context,type")
        assert sum(line.endswith(",shop::Order") for line in lines) == by_type["shop::Order"]

    def test_what(self, heapcore, core):
        (first, *_) = heapcore("chunks", core, "--type", "shop::Terminal", "--format", "csv").rows()
        document = heapcore("what", core, first["address"], "--format", "json").json
        assert document["chunk"]["type"] == {"name": "shop::Terminal", "known_by": "vtable"}
        for level, known in (("none", None), ("vtable", document["chunk"]["type"]), ("full", document["chunk"]["type"])):
            result = heapcore("what", core, first["address"], "--types", level, "--format", "json")
            assert result.json["chunk"]["type"] == known
        assert "shop::Terminal (C++ class" in heapcore("what", core, first["address"]).text
        (first, *_) = heapcore("chunks", core, "--type", "(none)", "--format", "csv").rows()
        assert heapcore("what", core, first["address"], "--format", "json").json["chunk"]["type"] is None

    def test_leaks(self, heapcore, core):
        groups = heapcore("leaks", core, "--format", "json").json["groups"]
        found = {group["root_type"]: group["roots"] for group in groups}
        assert found == {name: leaked for name, (_, leaked) in expected(core).items() if leaked}
        text = heapcore("leaks", core).text
        assert "shop::Session" in text and "Failure" in text
        assert "shop::Session" in heapcore("leaks", core, "--group", 1).text

    def test_analyze(self, heapcore, dump):
        core = dump("classes.cc", "5000", flags=["-s"], name="many")
        suspect = heapcore("analyze", core, "--format", "json").json["findings"][0]
        assert (suspect["type"], suspect["type_chunks"]) == ("shop::Session", 5012)
        assert "5,012 × shop::Session (" in heapcore("analyze", core).text

    @pytest.mark.parametrize("verb", ["types", "leaks", "analyze"])
    def test_content_none_hides_types(self, heapcore, core, verb):
        for form in ("text", "json"):
            assert "Session" not in heapcore(verb, core, "--content", "none", "--format", form).text

    def test_content_none_refuses_groups(self, heapcore, core):
        heapcore("grep", core, ".", "--by", "type", "--content", "none", status=2)


class TestSchemas:
    """What has a type is as the schema files say."""

    @pytest.mark.parametrize("args", [["types"], ["types", "--with-leaks"], ["leaks"], ["analyze"],
                                      ["types", "--content", "none"], ["analyze", "--content", "none"]])
    def test_documents(self, heapcore, dump, args):
        core = dump("classes.cc", flags=["-s"])
        self.validate(args[0], [heapcore(args[0], core, *args[1:], "--format", "json").json])

    def test_what(self, heapcore, dump):
        core = dump("classes.cc", flags=["-s"])
        (row, *_) = heapcore("chunks", core, "--type", "shop::*", "--format", "csv").rows()
        self.validate("what", [heapcore("what", core, row["address"], "--format", "json").json])

    @pytest.mark.parametrize("options", [[], ["--by", "type"]])
    def test_grep(self, heapcore, dump, options):
        core = dump("classes.cc", flags=["-s"])
        self.validate("grep", heapcore("grep", core, "--hex", "67 12", *options, "--format", "json").jsonl)

    def validate(self, verb, documents):
        jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")
        schema = json.loads((conftest.ROOT / f"docs/schema/heapcore.{verb}.json").read_text())
        validator = jsonschema.validators.validator_for(schema, default=jsonschema.Draft7Validator)(schema)
        for document in documents:
            validator.validate(document)


class TestOutput:
    @pytest.fixture
    def core(self, dump):
        return dump("classes.cc", flags=["-s"])

    def test_top(self, heapcore, core):
        names = list(expected(core))
        lines = heapcore("types", core, "--format", "csv").text.splitlines()
        assert lines[0] == "chunks,bytes,share,objects,offset,known_by,sample_address,type"
        assert len(lines) == len(names) + len(core.lines("INSIDE")) + 1
        assert len(heapcore("types", core, "--format", "csv", "--top", 3).rows()) == 3
        assert "more types; --top 0 shows all" in heapcore("types", core, "--top", 3).text

    def test_eighty_columns(self, heapcore, core):
        for options in ([], ["--with-leaks"]):
            lines = heapcore("types", core, *options, env={"COLUMNS": "80"}).text.splitlines()
            assert max(map(len, lines)) <= 80

    def test_a_program_in_c_has_none(self, heapcore, dump):
        document = heapcore("types", dump("mixed.c"), "--format", "json").json
        assert document["typed"] == {"chunks": 0, "bytes": 0} and document["types"] == []


@contextlib.contextmanager
def fed(argv, text):
    """A program that has read a text from its stdin and waits for more."""
    with conftest.machine.child(argv) as (process, _):
        process.stdin.write(text)
        process.stdin.flush()
        yield process


def test_gdb(heapcore, cache):
    """A stripped program of others. How many of some objects there are follows from what they are for."""
    conftest.machine.need_program("gdb")
    core = cache / "gdb.core"
    with conftest.once(core) as needed:
        if needed:
            with fed(["gdb", "-q", "-nx", "--interpreter=mi"], b"3-gdb-version\n") as process:
                assert any(line.startswith(b"3^done") for line in process.stdout)
                conftest.gcore(process.pid, core)
    rows = {row["type"]: row["chunks"] for row in heapcore("types", core, "--format", "json").json["types"]
            if row["known_by"] == "vtable"}
    if not any(name.startswith("mi_") for name in rows):
        pytest.skip(f"this gdb has no file that heapcore may read, or other classes: {list(rows)[:5]}")
    assert rows["mi_interp"] == 1 and rows["mi_ui_out"] == 1
    assert rows["mi_command_mi"] > 20
    assert all(re.fullmatch(r"[\w:<>,()\[\]&*{}# -]+", name) for name in rows), rows


def symbols_of_vtables(path):
    """Address in the file → demangled name and size, as nm reads them."""
    out = subprocess.run(["nm", "-D", "-C", "-S", "--defined-only", path], capture_output=True, text=True).stdout
    found = re.findall(r"^(\w+) (\w+) [VDdB] vtable for (.+)$", out, re.M)
    return {int(address, 16): (name, int(size, 16)) for address, size, name in found}


def first_word(process, address):
    segment = next(s for s in process.loads if s.start <= address < s.end)
    offset = segment.offset + address - segment.start
    return int.from_bytes(process.data[offset:offset + 8], "little")


def test_every_class_has_the_symbol_of_its_vtable(heapcore, cache):
    """Libraries of others that export the symbols of their vtables, as nm and /proc/PID/maps see them."""
    conftest.machine.need("proc")
    clang = conftest.machine.which("clang++") or conftest.machine.which("clang++-14")
    if not clang:
        pytest.skip("clang++ is not installed")
    core = cache / "clang.core"
    with conftest.once(core) as needed:
        if needed:
            with fed([clang, "-cc1", "-fsyntax-only", "-x", "c++", "-"], b"int f();\n") as process:
                conftest.wait_for(lambda: conftest.state_of(process.pid) == "S", "clang reads its stdin")
                maps = open(f"/proc/{process.pid}/maps").read()
                conftest.gcore(process.pid, core)
            open(f"{core}.maps", "w").write(maps)
    vtables = {}
    for line in open(f"{core}.maps").read().splitlines():
        fields = line.split()
        if len(fields) == 6 and fields[2] == "00000000" and fields[5].startswith("/") and ".so" in fields[5]:
            base = int(fields[0].split("-")[0], 16)
            for address, vtable in symbols_of_vtables(fields[5]).items():
                vtables[base + address] = vtable
    starts = sorted(vtables)
    if len(starts) < 1000:
        pytest.skip("this clang++ has no libraries that export vtables")

    process = corefile.Core(core)
    checked = collections.Counter()
    for row in heapcore("chunks", core, "--format", "csv").rows():
        word = first_word(process, int(row["address"], 16))
        i = bisect.bisect_right(starts, word) - 1
        if i >= 0 and word < starts[i] + vtables[starts[i]][1] and word == starts[i] + 16:
            checked[vtables[starts[i]][0]] += 1
    assert len(checked) > 10
    types = {row["type"]: row["chunks"] for row in heapcore("types", core, "--format", "json").json["types"]}
    assert {name: types.get(name) for name in checked} == dict(checked)
