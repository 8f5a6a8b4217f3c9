"""What users' scripts may rely on: formats, exit statuses, files. Form, not truth."""
import json
import os
import stat
import subprocess

import pytest

import conftest

try:
    import jsonschema
except ImportError:
    jsonschema = None

VERBS = ["analyze", "info", "maps", "arenas", "histogram", "chunks", "leaks", "what", "grep", "classify", "common",
         "types", "check", "strings", "dump"]
DOCUMENTS = ["analyze", "info", "maps", "arenas", "histogram", "leaks", "classify", "types", "common", "check"]
TABLES = ["maps", "arenas", "histogram", "chunks", "leaks", "classify"]
SCHEMAS = conftest.ROOT / "docs/schema"


def validator_of(schema):
    """An old jsonschema doesn't know draft 2020-12, but what the schemas use of it means the same in draft 7."""
    return jsonschema.validators.validator_for(schema, default=jsonschema.Draft7Validator)


@pytest.fixture
def core(dump):
    return dump("leak_shapes.cc")


def first_chunk(heapcore, core):
    (row,) = heapcore("chunks", core, "--format", "csv", "--limit", 1).rows()
    return int(row["address"], 16), int(row["usable_size"])


class TestHelp:
    def test_program(self, heapcore):
        result = heapcore("--help")
        assert result.err == b""
        for verb in VERBS:
            assert verb in result.text
        assert heapcore("--version").text.startswith("heapcore ")

    @pytest.mark.parametrize("verb", VERBS)
    def test_verb(self, heapcore, verb):
        result = heapcore(verb, "--help")
        assert result.err == b"" and result.text
        assert max(map(len, result.text.splitlines())) <= 100

    @pytest.mark.parametrize("args", [[], ["nonsense"], ["analyze"], ["--nonsense"], ["grep", "/dev/null"]])
    def test_usage_errors(self, heapcore, args):
        result = heapcore(*args, status=2)
        assert result.out == b""
        assert 1 <= len(result.err.splitlines()) <= 3
        assert result.err.startswith(b"heapcore: ") or b"usage" in result.err.lower()


class TestJson:
    @pytest.mark.parametrize("verb", DOCUMENTS)
    def test_document(self, heapcore, core, verb):
        document = heapcore(verb, core, "--format", "json").json
        assert document["schema"] == conftest.schema(verb)
        assert document["partial"] is False

    def addresses_are_strings(self, node):
        if isinstance(node, dict):
            for key, value in node.items():
                if key in ("address", "start", "end") and value is not None:
                    assert isinstance(value, str) and value.startswith("0x"), (key, value)
                if key.endswith(("bytes", "chunks", "_size")) and not isinstance(value, (dict, list)):
                    assert value is None or isinstance(value, int), (key, value)
                self.addresses_are_strings(value)
        elif isinstance(node, list):
            for value in node:
                self.addresses_are_strings(value)

    @pytest.mark.parametrize("verb", DOCUMENTS)
    def test_types(self, heapcore, core, verb):
        self.addresses_are_strings(heapcore(verb, core, "--format", "json").json)

    @pytest.mark.parametrize("verb", DOCUMENTS + ["what"])
    def test_schema_file(self, heapcore, core, verb):
        if not jsonschema:
            pytest.skip("python3-jsonschema is not installed")
        schema = json.loads((SCHEMAS / f"heapcore.{verb}.json").read_text())
        validator_of(schema).check_schema(schema)
        args = [hex(first_chunk(heapcore, core)[0])] if verb == "what" else []
        validator_of(schema)(schema).validate(heapcore(verb, core, *args, "--format", "json").json)

    @pytest.mark.parametrize("args", [["chunks"], ["grep", "[a-z]{4,}"], ["strings"]])
    def test_streams_are_json_lines(self, heapcore, core, args):
        verb, *rest = args
        result = heapcore(verb, core, *rest, "--format", "json")
        first, *others = result.jsonl
        assert first["schema"] == conftest.schema(verb)
        assert first["partial"] is False
        assert len(others) > 1

    @pytest.mark.parametrize("verb", ["chunks", "grep", "strings"])
    def test_stream_schema_files(self, heapcore, core, verb):
        if not jsonschema:
            pytest.skip("python3-jsonschema is not installed")
        schema = json.loads((SCHEMAS / f"heapcore.{verb}.json").read_text())
        validator = validator_of(schema)(schema)
        for line in heapcore(verb, core, *(["string"] if verb == "grep" else []), "--format", "json").jsonl[:2000]:
            validator.validate(line)


class TestCsv:
    def test_chunks(self, heapcore, core):
        result = heapcore("chunks", core, "--format", "csv")
        assert result.text.splitlines()[0] == "address,chunk_size,usable_size,state,arena"
        for row in result.rows():
            assert row["address"].startswith("0x") and row["state"] == "in-use"
            assert row["arena"] == "mmap" or row["arena"].isdigit()
            assert int(row["usable_size"]) < int(row["chunk_size"])

    def test_chunks_with_reach(self, heapcore, core):
        for options in (["--leaked"], ["--reach", "reachable"]):
            result = heapcore("chunks", core, "--format", "csv", *options)
            assert result.text.splitlines()[0] == "address,chunk_size,usable_size,state,arena,reach"
            assert result.rows()

    def test_addresses_ascend(self, heapcore, core):
        addresses = [int(r["address"], 16) for r in heapcore("chunks", core, "--format", "csv").rows()]
        assert addresses == sorted(set(addresses))

    @pytest.mark.parametrize("verb", TABLES)
    def test_tables(self, heapcore, core, verb):
        lines = heapcore(verb, core, "--format", "csv").text.splitlines()
        assert len(lines) > 1 and all(line.count(",") >= lines[0].count(",") for line in lines)


class TestSelection:
    """Every filter against a filter of all chunks made here."""

    @pytest.fixture
    def every(self, heapcore, core):
        return heapcore("chunks", core, "--format", "csv", "--state",
                        "in-use,tcache,fastbin,unsorted,smallbin,largebin,top,overhead").rows()

    def pick(self, heapcore, core, *options):
        return heapcore("chunks", core, "--format", "csv", *options, status=None).rows()

    @pytest.mark.parametrize("state", ["in-use", "tcache", "fastbin", "unsorted", "smallbin", "largebin", "top",
                                       "overhead", "tcache,top"])
    def test_state(self, heapcore, core, every, state):
        assert self.pick(heapcore, core, "--state", state) == [r for r in every if r["state"] in state.split(",")]

    @pytest.mark.parametrize("option,least,most", [("104", 104, 104), ("100-200", 100, 200), ("1K-", 1024, 1 << 60),
                                                   ("-50", 0, 50)])
    def test_size(self, heapcore, core, every, option, least, most):
        assert self.pick(heapcore, core, f"--size={option}") == [
            r for r in every if r["state"] == "in-use" and least <= int(r["usable_size"]) <= most]

    def test_request(self, heapcore, core, every):
        """malloc(100) gives 112 bytes, or 128 when the rest would have been too small for a chunk."""
        rows = self.pick(heapcore, core, "--request", "100")
        assert rows and {r["chunk_size"] for r in rows} <= {"112", "128"}
        assert [r for r in every if r["state"] == "in-use" and r["chunk_size"] == "112"] == [
            r for r in rows if r["chunk_size"] == "112"]

    def test_arena(self, heapcore, core, every):
        for arena in ("0", "mmap"):
            rows = self.pick(heapcore, core, "--arena", arena)
            assert rows == [r for r in every if r["state"] == "in-use" and r["arena"] == arena]

    def test_address(self, heapcore, core, every):
        in_use = [r for r in every if r["state"] == "in-use"]
        middle = in_use[len(in_use) // 2]
        inside = int(middle["address"], 16) + 5
        assert self.pick(heapcore, core, "--address", hex(inside)) == [middle]
        start, end = int(in_use[10]["address"], 16), int(in_use[20]["address"], 16)
        assert self.pick(heapcore, core, "--address", f"{start:#x}-{end:#x}") == in_use[10:20]

    def test_limit(self, heapcore, core, every):
        assert self.pick(heapcore, core, "--limit", "7") == [r for r in every if r["state"] == "in-use"][:7]

    def test_conjunction(self, heapcore, core):
        both = self.pick(heapcore, core, "--leaked", "--size", "1K-", "--arena", "mmap")
        one = self.pick(heapcore, core, "--leaked")
        assert both == [r for r in one if r["arena"] == "mmap" and int(r["usable_size"]) >= 1024]
        assert len(both) == 2

    def test_match(self, heapcore, core, every):
        rows = self.pick(heapcore, core, "--match", "forty-one characters")
        assert len(rows) == 1 and rows[0] in every


class TestGrep:
    def test_no_match_is_status_1(self, heapcore, core):
        result = heapcore("grep", core, r"zzz-no-such-text-\d{9}", status=1)
        assert result.out == b""

    def test_bad_pattern(self, heapcore, core):
        assert heapcore("grep", core, "(", status=2).err.startswith(b"heapcore: ")

    def test_count_and_only(self, heapcore, dump):
        core = dump("growth.c")
        assert "20,000" in heapcore("grep", core, "-c", r"session:\d+:state").text.replace("20000", "20,000")
        lines = heapcore("grep", core, "-o", r"session:\d+:state").text.split()
        assert {x for x in lines if x.startswith("session:")} == {f"session:{i}:state" for i in range(20000)}

    def test_maps(self, heapcore, core):
        """A text of the program's own data, which is in no chunk."""
        heapcore("grep", core, "-c", "another text that is not there", status=1)
        assert heapcore("grep", core, "--maps", "-c", "GLIBC_2", status=0).out


class TestDump:
    @pytest.fixture
    def chunk(self, heapcore, core):
        return first_chunk(heapcore, core)

    def test_exact_and_private(self, heapcore, core, chunk, tmp_path):
        start, size = chunk
        old = os.umask(0)
        try:
            heapcore("dump", core, hex(start), hex(start + size), "-o", tmp_path / "bytes")
        finally:
            os.umask(old)
        assert os.path.getsize(tmp_path / "bytes") == size
        assert stat.S_IMODE(os.stat(tmp_path / "bytes").st_mode) == 0o600

    def test_never_overwrites(self, heapcore, core, chunk, tmp_path):
        start, size = chunk
        (tmp_path / "bytes").write_text("precious")
        args = ["dump", core, hex(start), hex(start + size), "-o", tmp_path / "bytes"]
        assert heapcore(*args, status=2).err.startswith(b"heapcore: ")
        assert (tmp_path / "bytes").read_text() == "precious"
        heapcore(*args, "--force")
        assert os.path.getsize(tmp_path / "bytes") == size

    def test_missing_bytes_are_reported(self, heapcore, core, chunk, tmp_path):
        result = heapcore("dump", core, "0x1000", "0x3000", "-o", tmp_path / "hole", status=None)
        assert result.err.startswith(b"heapcore: "), result
        result = heapcore("dump", core, "0x1000", "0x3000", "--zero-fill", "-o", tmp_path / "zeros", status=None)
        assert result.err.startswith(b"heapcore: "), result

    def test_split(self, heapcore, core, tmp_path):
        rows = heapcore("chunks", core, "--format", "csv", "--leaked", "--size", "1K-").rows()
        heapcore("dump", core, "--leaked", "--size", "1K-", "--split", tmp_path / "parts")
        sizes = sorted(os.path.getsize(tmp_path / "parts" / name) for name in os.listdir(tmp_path / "parts"))
        assert sizes == sorted(int(r["usable_size"]) for r in rows)


class TestOutput:
    @pytest.mark.parametrize("verb", DOCUMENTS)
    def test_full_disk(self, heapcore, core, verb):
        with open("/dev/full", "w") as full:
            result = subprocess.run([heapcore.path, verb, core], stdin=subprocess.DEVNULL, stdout=full,
                                    stderr=subprocess.PIPE, timeout=120)
        assert result.returncode == 2 and result.stderr.startswith(b"heapcore: ")

    def test_closed_stdout(self, heapcore, core):
        result = subprocess.run(["sh", "-c", 'exec "$0" histogram "$1" >&-', heapcore.path, core],
                                stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120)
        assert result.returncode == 2 and result.stderr

    def test_output_file(self, heapcore, core, tmp_path):
        heapcore("histogram", core, "--format", "json", "-o", tmp_path / "out.json")
        assert stat.S_IMODE(os.stat(tmp_path / "out.json").st_mode) == 0o600
        assert json.loads((tmp_path / "out.json").read_text())["schema"] == "heapcore.histogram/1"
        heapcore("histogram", core, "-o", tmp_path / "out.json", status=2)

    def test_content_none(self, heapcore, dump):
        """--content none: nothing of the heap's own bytes; class: no more than what kind they are."""
        core = dump("growth.c")
        for verb in ("analyze", "leaks", "classify", "common"):
            for form in ("text", "json"):
                out = heapcore(verb, core, "--content", "class", "--format", form).out
                assert b'"user"' not in out and b"\\\"user" not in out and b"session:" not in out
                if verb == "classify":
                    continue  # shows nothing else
                out = heapcore(verb, core, "--content", "none", "--format", form).out
                assert b'"user"' not in out and b"\\\"user" not in out and b"session:" not in out

    def test_no_control_characters(self, heapcore, core):
        for verb in DOCUMENTS:
            out = heapcore(verb, core).text
            assert all(c in "\n" or c.isprintable() for c in out)

    def test_quiet(self, heapcore, core):
        assert heapcore("histogram", core, "-q").err == b""

    def test_deterministic(self, heapcore, core):
        for verb in DOCUMENTS:
            assert heapcore(verb, core).out == heapcore(verb, core).out

    def test_snapshot_instead_of_core(self, heapcore, dump, tmp_path):
        conftest.machine.need("proc")
        core = dump("threads_tcache.c")
        (tmp_path / "maps").write_text(core.maps)
        rows = heapcore("maps", tmp_path / "maps", "--format", "json").json["mappings"]
        assert len(rows) == len(core.maps.splitlines())
