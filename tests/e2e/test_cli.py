"""The command line: help, options, files, streams, what may show, and what fits on a screen."""
import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import time

import pytest

import conftest

try:
    import jsonschema
except ImportError:
    jsonschema = None

VERBS = ["analyze", "info", "maps", "arenas", "threads", "histogram", "chunks", "leaks", "what", "grep", "classify", "types",
         "common", "check", "strings", "refs", "retained", "containers", "dump"]
NO_CORE = ["signatures", "shell"]
MANY_CORES = ["diff"]
TABLES = ["export", "sql"]
TO_A_FILE = ["report"]
HEAP_VERBS = ["arenas", "histogram", "chunks", "leaks", "grep", "classify", "types", "common", "check", "strings", "retained",
              "containers"]
SCHEMAS = conftest.ROOT / "docs/schema"


@pytest.fixture
def core(dump):
    return dump("growth.c")


def arguments(verb, core):
    return {"what": [verb, core, "0x1000"], "refs": [verb, core, "0x1000"], "grep": [verb, core, "session"]}.get(verb, [verb, core])


def in_use(heapcore, core, *options):
    return heapcore("chunks", core, "--format", "csv", *options).rows()


def validate(document, name):
    if not jsonschema:
        pytest.skip("python3-jsonschema is not installed")
    schema = json.loads((SCHEMAS / f"heapcore.{name}.json").read_text())
    # An old jsonschema doesn't know this dialect, but what the schemas use of it means the same in draft 7.
    jsonschema.validators.validator_for(schema, default=jsonschema.Draft7Validator)(schema).validate(document)


class TestHelp:
    def test_eighty_columns(self, heapcore):
        for args in [["--help"]] + [[verb, "--help"] for verb in VERBS + NO_CORE + MANY_CORES + TABLES + TO_A_FILE]:
            assert max(map(len, heapcore(*args).text.splitlines())) <= 80, args

    def test_all_ways_to_ask(self, heapcore):
        assert heapcore("help").out == heapcore("--help").out == heapcore("-h").out
        for verb in VERBS:
            assert heapcore("help", verb).out == heapcore(verb, "--help").out == heapcore(verb, "x", "-h").out

    def test_every_verb_has_examples(self, heapcore):
        for verb in VERBS:
            text = heapcore(verb, "--help").text
            assert f"usage: heapcore {verb} [OPTION]... CORE" in text
            assert f"  heapcore {verb} " in text.split("Examples:")[1]

    def test_offers_nothing_that_is_not_there(self, heapcore):
        offered = re.findall(r"^  (\w+) ", heapcore("--help").text.split("Verbs:")[1].split("\n\n")[0], re.M)
        assert sorted(offered) == sorted(VERBS + NO_CORE + MANY_CORES + TABLES + TO_A_FILE)

    @pytest.mark.parametrize("typed,meant", [("analize", "analyze"), ("histo", "histogram"), ("leak", "leaks"),
                                             ("map", "maps"), ("gerp", "grep"), ("chunk", "chunks")])
    def test_suggests_the_nearest_verb(self, heapcore, typed, meant):
        assert f"did you mean '{meant}'" in heapcore(typed, status=2).err.decode()

    def test_no_far_fetched_suggestion(self, heapcore):
        assert b"did you mean" not in heapcore("threads", status=2).err

    def test_a_file_in_place_of_a_verb(self, heapcore, tmp_path):
        (tmp_path / "core.123").touch()
        assert b"try 'heapcore analyze core.123'" in heapcore("core.123", status=2, cwd=tmp_path).err

    def test_help_to_a_full_disk(self, heapcore):
        with open("/dev/full", "w") as full:
            for args in (["--help"], ["grep", "--help"], ["--version"]):
                assert subprocess.run([heapcore.path, *args], stdout=full, stderr=subprocess.PIPE).returncode == 2


class TestOptions:
    def test_may_stand_anywhere(self, heapcore, core):
        one = heapcore("chunks", "--size", "72", core, "--format", "csv").out
        two = heapcore("chunks", core, "--format=csv", "--size=72").out
        assert one == two and one.count(b"\n") > 1

    def test_dashes_end_options(self, heapcore, core):
        assert heapcore("grep", "-c", core, "--", "-no-such-text", status=1).out

    def test_too_many_arguments(self, heapcore, core):
        assert b"unexpected argument 'b'" in heapcore("histogram", core, "b", status=2).err

    def test_names_the_option_at_fault(self, heapcore, core):
        for args, text in [(["--jobs", "0"], b"--jobs"), (["--format", "xml"], b"--format"), (["--siez=3"], b"--siez"),
                           (["--size"], b"--size"), (["--leaked=3"], b"--leaked"), (["-Z"], b"-Z"),
                           (["--content", "much"], b"--content"), (["--color", "blue"], b"--color")]:
            result = heapcore("chunks", core, *args, status=2)
            assert text in result.err and b"chunks --help" in result.err and result.out == b"", result

    def test_abbreviations_as_getopt_has_them(self, heapcore, core):
        assert heapcore("histogram", core, "--form", "csv").text.startswith("min_size,")

    @pytest.mark.parametrize("verb", ["analyze", "info", "maps", "arenas", "threads", "histogram", "chunks", "leaks", "classify",
                                      "types", "common", "check", "signatures"])
    def test_every_verb_has_csv(self, heapcore, core, verb):
        args = [] if verb == "signatures" else [core]
        header, *rows = heapcore(verb, *args, "--format", "csv").text.splitlines()
        first = header.split(",")[0]
        assert re.fullmatch(r"[a-z_]+(,[a-z_]+)*", header)
        chosen = heapcore(verb, *args, "--format", "csv", "--columns", first, "--noheadings").text.splitlines()
        assert len(chosen) == len(rows)
        if rows:
            assert chosen[0] == rows[0].split(",")[0]

    @pytest.mark.parametrize("args,text", [
        (["histogram", "--columns", "nonsense"], "--columns: no column 'nonsense' here; there are part, arena, min_size, "),
        (["histogram", "--sort", "nonsense"], "--sort: no column 'nonsense' here"),
        (["histogram", "--sort", "size:down"], "size:down"),
        (["histogram", "--columns", ""], "no column ''"),
        (["histogram", "--columns", "size", "--format", "json"], "--columns goes with text and csv"),
        (["arenas", "--columns", "nonsense"], "tcache_bytes"),
        (["grep", "--columns", "nonsense", "session"], "no column 'nonsense'"),
        (["chunks", "--columns", "nonsense"], "there are address, chunk_size, usable_size, state, arena"),
        (["chunks", "--sort", "chunk_size"], "sort(1)"), (["grep", "--sort", "address", "session"], "sort(1)")])
    def test_columns_that_are_not_there(self, heapcore, core, args, text):
        verb, *options = args
        result = heapcore(verb, core, *options, status=2)
        assert result.out == b"" and text in result.err.decode(), result
        assert len(result.err.splitlines()) <= 2

    def test_sort(self, heapcore, core):
        def column(*args):
            return [row["free_chunks"] for row in heapcore("histogram", core, "--format", "csv", *args).rows()]

        up = column("--sort", "free_chunks:asc")
        assert list(map(int, up)) == sorted(map(int, up)) and len(up) > 3
        assert sorted(map(int, column("--sort", "free_chunks")), reverse=True) == \
            list(map(int, column("--sort", "free_chunks:desc")))
        # What --top leaves are the first ones of that order.
        assert column("--sort", "free_chunks", "--top", 2) == column("--sort", "free_chunks")[:2]

    def test_text_of_chosen_columns(self, heapcore, core):
        lines = heapcore("histogram", core, "--columns", "size,in_use_bytes", "--bytes", "--top", 1).text.splitlines()
        at = lines.index(next(line for line in lines if line.split() == ["SIZE", "BYTES"]))
        assert re.fullmatch(r" *[\d,]+ +\d+", lines[at + 1])
        plain = heapcore("histogram", core, "--columns", "size", "--noheadings").text
        assert "SIZE" not in plain.splitlines()
        address = heapcore("chunks", core, "--limit", 1, "--format", "csv").rows()[0]["address"]
        assert heapcore("chunks", core, "--limit", 1, "--columns", "address", "--noheadings").text.split()[0] == address
        assert heapcore("chunks", core, "--limit", 1, "--columns=-state,-arena", "--format", "csv").text.startswith(
            "address,chunk_size,usable_size\n")

    def test_help_has_columns(self, heapcore):
        text = heapcore("help", "columns", "arenas").text
        assert "Columns:\n  arena " in text and "LIST_bytes" in text
        assert "Columns of one group, with --group:" in heapcore("help", "columns", "leaks").text

    @pytest.mark.parametrize("args,rows", [(["--top", "session"], 10), (["--top", "3", "session:\\d+"], 3),
                                           (["--top=4", "session:\\d+"], 4), (["session:\\d+", "--top", "5"], 5),
                                           (["session:\\d+", "--top"], 10), (["--top", "0", "session:\\d+"], 20000)])
    def test_top_with_and_without_a_number(self, heapcore, core, args, rows):
        lines = heapcore("grep", core, *args, "--format", "csv").rows()
        assert len(lines) == (1 if args[-1] == "session" else rows)

    def test_verbose_reports_costs(self, heapcore, core):
        err = heapcore("leaks", core, "-v").err.decode()
        assert re.search(r"^following pointers: \d+\.\d+ s$", err, re.M)
        assert re.search(r"^pointers: [\d,]+ words seen, [\d,]+ pointers followed", err, re.M)
        assert re.search(r"^anonymous memory.*: [\d.]+ [KM]iB$", err, re.M)
        assert re.search(r"^peak memory.*: [\d.]+ [KMG]iB$", err, re.M)


    def test_messages_show_what_was_typed(self, heapcore, core):
        assert rb"'\d('" in heapcore("grep", core, r"\d(", status=2).err
        assert b"/no\\x1bfile" in heapcore("info", "/no\33file", status=2).err


class TestScreen:
    @pytest.mark.parametrize("verb", VERBS[:-1])
    @pytest.mark.parametrize("columns", [80, 100, 132])
    def test_fits(self, heapcore, dump, verb, columns):
        """Wide are only commands to copy, lines of grep, and names of files in them."""
        core = dump("leak_shapes.cc")
        address = in_use(heapcore, core, "--limit", 1)[0]["address"]
        args = {"what": [address], "refs": [address], "grep": ["a+"]}.get(verb, [])
        text = heapcore(verb, core, *args, env={"COLUMNS": str(columns)}).text
        for line in text.splitlines():
            if verb != "grep" and " heapcore " not in line and str(core) not in line:
                assert len(line) <= columns, line

    def test_ascii_locale(self, heapcore, dump):
        core = dump("golden.cc", "abort", how="kernel")
        for verb in VERBS[:-1]:
            args = {"what": ["0x1000"], "refs": ["0x1000"], "grep": ["K.{1,3}ln"]}.get(verb, [])
            out = heapcore(verb, core, *args, env={"LC_ALL": "C"}).out
            assert out.isascii(), verb

    def test_utf8_locale(self, heapcore, dump):
        core = dump("golden.cc", "abort", how="kernel")
        assert "Köln" in heapcore("grep", core, "Grüße", env={"LC_ALL": "C.UTF-8"}).text

    def test_colour_only_when_wanted(self, heapcore, core):
        assert b"\33[" not in heapcore("analyze", core).out
        assert b"\33[1m" in heapcore("analyze", core, "--color", "always").out
        assert b"\33[" not in heapcore("analyze", core, "--color", "never").out

    def test_text_and_json_agree(self, heapcore, core):
        document = heapcore("histogram", core, "--format", "json").json
        text = heapcore("histogram", core, "--top", "0").text
        for row in document["rows"]:
            assert f"{row['min_size']:,} " in text and f" {row['in_use_chunks']:,} " in text


class TestHostileBytes:
    """What a heap holds must not reach the terminal as it is."""

    SOURCE = r"""
    #include <stdlib.h>
    #include <string.h>
    #include <stdio.h>
    #include <unistd.h>
    static char *kept[3];
    int main(void)
    {
        kept[0] = strcpy(malloc(200), "evil \033]0;owned\007 text \033[31m red \r\n\tand \xe2\x80\xae backwards, \\ \"q\"");
        kept[1] = strcpy(malloc(300), "marker,with,commas and \"quotes\"\n");
        for (int i = 0; i < 2; i++)
            printf("%p\n", (void *)kept[i]);
        printf("end\n");
        fflush(stdout);
        pause();
        return kept[0][0] + kept[1][0] + !kept[2];
    }
    """

    @pytest.fixture(scope="class")
    def evil(self, tmp_path_factory):
        folder = tmp_path_factory.mktemp("evil")
        (folder / "evil.c").write_text(self.SOURCE)
        subprocess.run(["gcc", "-o", folder / "evil", folder / "evil.c"], check=True)
        with conftest.running([folder / "evil"]) as process:
            conftest.read_until(process.stdout, b"end")
            conftest.gcore(process.pid, folder / "core")
        return folder / "core"

    @pytest.mark.parametrize("args", [["grep", "evil"], ["grep", "-o", "evil[^.]*"], ["grep", "--top", "evil.*"],
                                      ["classify"], ["grep", "evil", "--content", "full"], ["grep", "--maps", "evil"]])
    def test_escaped(self, heapcore, evil, args):
        verb, *rest = args
        text = heapcore(verb, evil, *rest).text
        assert all(c == "\n" or c.isprintable() for c in text)
        if verb == "grep":
            assert r"evil \x1b]0;owned\x07 text" in text

    def test_whole_match_with_line_breaks(self, heapcore, evil):
        assert r"red \r\n\tand \xe2\x80\xae backwards, \\ " in heapcore("grep", "-o", evil, r"evil[\s\S]*q").text

    def test_json_is_ascii_and_reversible(self, heapcore, evil):
        lines = heapcore("grep", evil, r"evil[\s\S]*q", "--format", "json").jsonl
        (hit,) = [x for x in lines if "match" in x and x["chunk_size"] == 208]
        raw = re.sub(rb"\\(x..|.)", lambda m: {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"\\": b"\\"}.get(
            m[1]) or bytes([int(m[1][1:], 16)]), hit["match"].encode())
        assert raw == b"evil \033]0;owned\007 text \033[31m red \r\n\tand \xe2\x80\xae backwards, \\ \"q"
        validate(hit, "grep")

    def test_csv_quotes(self, heapcore, evil):
        import csv
        text = heapcore("grep", evil, "--size", "300-", "--top", r"marker.*\"", "--format", "csv").text
        rows = list(csv.reader(text.splitlines()))
        assert rows[1][3] == 'marker,with,commas and "quotes"'

    @pytest.mark.parametrize("level", ["none", "class"])
    def test_content(self, heapcore, evil, level):
        address = [r for r in in_use(heapcore, evil) if r["chunk_size"] == "208"][0]["address"]
        for verb, *rest in (["grep", "evil"], ["grep", "--top", "evil"], ["what", address], ["classify"], ["analyze"],
                            ["leaks"], ["maps"]):
            for form in ("text", "json"):
                out = heapcore(verb, evil, *rest, "--content", level, "--format", form).text
                assert "owned" not in out and "6576696c" not in out and "6576 696c" not in out, (verb, out)
                if level == "none" and verb != "maps":
                    assert "http-request" not in out and "printable" not in out, out
        heapcore("dump", evil, address, "-o", "/dev/null/x", "--content", level, status=2)
        heapcore("grep", "-o", evil, "evil", "--content", level, status=2)

    def test_full_content(self, heapcore, evil):
        rows = [r for r in in_use(heapcore, evil) if int(r["usable_size"]) > 2000]
        short = heapcore("what", evil, rows[0]["address"]).text
        full = heapcore("what", evil, rows[0]["address"], "--content", "full").text
        assert "more bytes" in short and "more bytes" not in full and len(full) > len(short)


class TestFiles:
    def test_force_replaces_at_once_and_privately(self, heapcore, core, tmp_path):
        target = tmp_path / "out"
        target.write_text("old")
        target.chmod(0o644)
        heapcore("histogram", core, "-o", target, status=2)
        assert target.read_text() == "old"
        heapcore("histogram", core, "-o", target, "--force")
        assert "chunks in use" in target.read_text()
        assert stat.S_IMODE(target.stat().st_mode) == 0o600
        assert os.listdir(tmp_path) == ["out"]

    def test_force_leaves_other_things_alone(self, heapcore, core, tmp_path):
        (tmp_path / "precious").write_text("old")
        (tmp_path / "link").symlink_to(tmp_path / "precious")
        for name in ("link", "."):
            heapcore("histogram", core, "-o", tmp_path / name, "--force", status=2)
        assert (tmp_path / "precious").read_text() == "old"
        assert sorted(os.listdir(tmp_path)) == ["link", "precious"]

    def test_failure_leaves_nothing(self, heapcore, tmp_path):
        heapcore("histogram", "/proc/nonexistent", "-o", tmp_path / "out", status=2)
        (tmp_path / "old").write_text("old")
        heapcore("histogram", "/proc/nonexistent", "-o", tmp_path / "old", "--force", status=2)
        assert os.listdir(tmp_path) == ["old"] and (tmp_path / "old").read_text() == "old"

    def test_grep_has_the_long_form(self, heapcore, core, tmp_path):
        heapcore("grep", "-o", core, r"session:\d+:state", "--limit", "3", "--output", tmp_path / "out")
        assert (tmp_path / "out").read_text().count("\n") == 3

    def test_reader_goes_away(self, heapcore, core):
        """Like other tools: killed by SIGPIPE, without a word."""
        process = subprocess.Popen([heapcore.path, "chunks", core], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == -signal.SIGPIPE

    def test_core_is_cut_short_meanwhile(self, heapcore, core, tmp_path):
        """grep waits for its reader; then the bytes that it was about to print are gone."""
        shutil.copyfile(core, tmp_path / "core")
        process = subprocess.Popen([heapcore.path, "grep", tmp_path / "core", r"session:\d+:state"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.readline()
        os.truncate(tmp_path / "core", 0)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 2
        assert err.startswith(b"heapcore: the core changed") and err.count(b"\n") == 1

    def test_closed_standard_files_are_not_written_to(self, heapcore, core, tmp_path):
        """Without 0, 1 and 2, messages must not end up in the output file."""
        subprocess.run(["sh", "-c", 'exec "$0" histogram "$1" -v -o "$2" <&- >&- 2>&-', heapcore.path, core,
                        tmp_path / "out"], timeout=60)
        text = (tmp_path / "out").read_text()
        assert "chunks in use" in text and "peak memory" not in text


class TestDump:
    def test_mapping(self, heapcore, core, tmp_path):
        heap = next(m for m in heapcore("maps", core, "--format", "json").json["mappings"] if m["kind"] == "main-heap")
        middle = (int(heap["start"], 16) + int(heap["end"], 16)) // 2
        document = heapcore("dump", core, hex(middle), "-o", tmp_path / "heap", "--format", "json").json
        validate(document, "dump")
        assert (tmp_path / "heap").stat().st_size == document["bytes"] == heap["present"]

    def test_selection_is_concatenated(self, heapcore, core, tmp_path):
        rows = in_use(heapcore, core, "--size", "40", "--limit", 5)
        heapcore("dump", core, "--size", "40", "--limit", 5, "-o", tmp_path / "all")
        data = (tmp_path / "all").read_bytes()
        assert len(data) == 5 * 40
        for i, row in enumerate(rows):
            one = heapcore("dump", core, row["address"], hex(int(row["address"], 16) + 40)).out
            assert one == data[i * 40:i * 40 + 40]

    def test_split_is_private(self, heapcore, core, tmp_path):
        heapcore("dump", core, "--size", "40", "--limit", 5, "--split", tmp_path / "parts")
        assert stat.S_IMODE((tmp_path / "parts").stat().st_mode) == 0o700
        names = os.listdir(tmp_path / "parts")
        assert len(names) == 5
        assert all(stat.S_IMODE((tmp_path / "parts" / name).stat().st_mode) == 0o600 for name in names)
        heapcore("dump", core, "--size", "40", "--limit", 5, "--split", tmp_path / "parts", status=2)

    def test_holes(self, heapcore, core, tmp_path):
        """Across the end of what is mapped: what is there is written, the rest reported."""
        heap = next(m for m in heapcore("maps", core, "--format", "json").json["mappings"] if m["kind"] == "main-heap")
        end = int(heap["end"], 16)
        cut = tmp_path / "cut"
        shutil.copyfile(core, cut)
        os.truncate(cut, os.path.getsize(core) // 2)
        maps = heapcore("maps", cut, "--format", "json").json["mappings"]
        part = next((m for m in maps if 0 < m["present"] < m["size"]), None)
        if not part:
            pytest.skip("the cut is not within a mapping")
        start, size, present = int(part["start"], 16), part["size"], part["present"]
        result = heapcore("dump", cut, hex(start), hex(start + size), "-o", tmp_path / "left")
        assert (tmp_path / "left").stat().st_size == present
        assert f"{start + present:#x}-{start + size:#x} is not in the core; left out" in result.err.decode()
        heapcore("dump", cut, hex(start), hex(start + size), "-o", tmp_path / "zeros", "--zero-fill")
        assert (tmp_path / "zeros").stat().st_size == size
        result = heapcore("dump", cut, hex(start + present), hex(start + size), "-o", tmp_path / "none", status=2)
        assert not (tmp_path / "none").exists()
        assert heapcore("dump", core, hex(end), hex(end + (1 << 40)), "--zero-fill", "-o", tmp_path / "huge",
                        status=None).status == 2

    @pytest.mark.parametrize("args", [[], ["0x2000", "0x1000"], ["zz"], ["0x1000", "--size", "40"],
                                      ["--size", "40", "--split", "d", "-o", "f"]])
    def test_usage(self, heapcore, core, args, tmp_path):
        heapcore("dump", core, *args, status=2, cwd=tmp_path)
        assert os.listdir(tmp_path) == []


class TestStreams:
    @pytest.mark.parametrize("args", [["chunks", "--limit", "50"], ["chunks", "--leaked", "--limit", "50"],
                                      ["chunks", "--state", "top,overhead,in-use", "--limit", "20"],
                                      ["grep", r"session:(\d+)", "--limit", "20"], ["grep", "-c", "session"],
                                      ["grep", "--top", r"session:(\d+)"], ["grep", "--maps", "GLIBC_2", "--limit", "9"],
                                      ["grep", "no such text", "--content", "none"],
                                      ["grep", "session", "--limit", "2", "--content", "class"]])
    def test_every_line_is_in_the_schema(self, heapcore, core, args):
        verb, *rest = args
        lines = heapcore(verb, core, *rest, "--format", "json", status=None).jsonl
        assert "schema" in lines[0] and "summary" in lines[-1]
        for line in lines:
            validate(line, verb)

    def test_summary_counts_the_lines(self, heapcore, core):
        _, *rows, end = heapcore("chunks", core, "--size", "40", "--format", "json").jsonl
        assert end["summary"] == {"chunks": len(rows), "bytes": sum(r["chunk_size"] for r in rows), "limited": False}
        _, *rows, end = heapcore("grep", core, "session", "--limit", "7", "--format", "json").jsonl
        assert len(rows) == end["summary"]["matches"] == 7 and end["summary"]["limited"]

    def test_three_formats_have_the_same_rows(self, heapcore, core):
        options = ["--size", "40-80", "--reach", "reachable"]
        csv = [tuple(r.values()) for r in in_use(heapcore, core, *options)]
        _, *rows, _ = heapcore("chunks", core, *options, "--format", "json").jsonl
        text = [tuple(line.split()) for line in heapcore("chunks", core, *options).text.splitlines()[1:-1]]
        assert csv == text == [tuple(str(v) for v in r.values()) for r in rows]


class TestDocuments:
    @pytest.mark.parametrize("args", [["leaks", "--group", "1"], ["analyze", "--content", "none"],
                                      ["leaks", "--content", "class"], ["classify", "--with-leaks"],
                                      ["histogram", "--with-leaks", "--log2"], ["maps", "--all"],
                                      ["classify", "--content", "none"]])
    def test_variants_are_in_the_schema(self, heapcore, dump, args):
        verb, *rest = args
        validate(heapcore(verb, dump("leak_shapes.cc"), *rest, "--format", "json").json, verb)

    def test_smaps_beside_a_core(self, heapcore, tmp_path):
        """Resident bytes of each mapping, and all of it in 80 columns."""
        conftest.machine.need("proc")
        with conftest.running(["sleep", "60"]) as process:
            status = pathlib.Path(f"/proc/{process.pid}/status")
            for _ in range(500):
                if re.search(r"Name:\tsleep\n(.*\n)*State:\tS", status.read_text()):
                    break
                time.sleep(0.01)
            shutil.copyfile(f"/proc/{process.pid}/smaps", tmp_path / "smaps")
            conftest.gcore(process.pid, tmp_path / "core")
        document = heapcore("maps", tmp_path / "core", "--smaps", tmp_path / "smaps", "--format", "json").json
        validate(document, "maps")
        heap = next(m for m in document["mappings"] if m["kind"] == "main-heap")
        assert 0 < heap["resident"] <= heap["size"]
        for options in ([], ["--all"]):
            text = heapcore("maps", tmp_path / "core", "--smaps", tmp_path / "smaps", *options).text
            assert "RESIDENT" in text and max(map(len, text.splitlines())) <= 80, text

    def test_snapshot_is_in_the_schema(self, heapcore, core, tmp_path):
        conftest.machine.need("proc")
        shutil.copyfile("/proc/self/smaps", tmp_path / "smaps")
        document = heapcore("maps", tmp_path / "smaps", "--format", "json").json
        validate(document, "maps")
        assert document["mappings"][0]["resident"] is not None

    def test_what_without_a_chunk(self, heapcore, core):
        validate(heapcore("what", core, "0x10", "--format", "json").json, "what")
        validate(heapcore("refs", core, "0x10", "--format", "json").json, "refs")

    def test_no_heap(self, heapcore, dump):
        core = dump("no_heap.c")
        for verb in ("analyze", "info", "maps"):
            document = heapcore(verb, core, "--format", "json").json
            validate(document, verb)
            assert document["no_heap"]


class TestPartial:
    @pytest.fixture
    def cut(self, dump, tmp_path):
        shutil.copyfile(dump("growth.c"), tmp_path / "core.cut")
        os.truncate(tmp_path / "core.cut", os.path.getsize(tmp_path / "core.cut") * 995 // 1000)
        return tmp_path / "core.cut"

    @pytest.mark.parametrize("verb", VERBS[:-1])
    def test_shows_in_every_format(self, heapcore, cut, verb):
        args = arguments(verb, cut)
        result = heapcore(*args, "-q")
        assert result.text.startswith("PARTIAL: "), result
        assert result.err == b""
        assert heapcore(*args).err.startswith(b"heapcore: ")
        first = heapcore(*args, "--format", "json").text
        document = json.loads(first.splitlines()[0] if verb in ("chunks", "grep", "strings") else first)
        assert document["partial"] is True and document["remarks"]


def test_fail_if_leaked_of_analyze(heapcore, dump):
    core = dump("leak_shapes.cc")
    heapcore("analyze", core, "--fail-if-leaked", "1G", status=0)
    assert heapcore("analyze", core, "--fail-if-leaked", "0", status=1).out


def test_group_that_is_not_there(heapcore, dump):
    assert b"--group 100000: there are" in heapcore("leaks", dump("leak_shapes.cc"), "--group", "100000", status=2).err


def test_histogram_adds_up(heapcore, core):
    """The rows add up to the totals, and the totals to the chunks."""
    for options in ([], ["--log2"], ["--with-leaks"], ["--size", "40-100"]):
        document = heapcore("histogram", core, *options, "--format", "json").json
        for column in ("in_use", "free"):
            for unit in ("chunks", "bytes"):
                assert sum(r[f"{column}_{unit}"] for r in document["rows"]) == document[column][unit]
    assert document["in_use"]["chunks"] == len(in_use(heapcore, core, "--size", "40-100"))
