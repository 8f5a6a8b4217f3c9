"""Manners: what is typed is understood or answered in one line, and what is printed fits and reads well."""
import os
import pty
import re
import select
import subprocess

import pytest

from test_cli import VERBS

STRING = "Ticket<std::string>"


@pytest.fixture(scope="module")
def folder(dump, tmp_path_factory):
    """A folder with two cores of short names, so that what is too wide is not the name."""
    folder = tmp_path_factory.mktemp("manners")
    os.symlink(dump("tickets.cc", flags=["-s"]).path, folder / "t")
    os.symlink(dump("growth.c", "3000").path, folder / "g")
    return folder


@pytest.fixture
def run(heapcore, folder):
    def run_(*args, **options):
        return heapcore(*args, cwd=folder, **options)

    return run_


def refused(run, *args):
    """The one line that says what is wrong; beside it only where the help is."""
    result = run(*args, status=2)
    first, *rest = result.err.decode().splitlines()
    assert result.out == b"" and first.startswith("heapcore: "), result
    assert rest in ([], [f"Try 'heapcore {args[0]} --help'."]), result
    assert len(first) <= 320, first
    return first


def in_use(run, *args):
    return run("chunks", "g", "--format", "csv", *args).rows()


class TestMeant:
    @pytest.mark.parametrize("args,meant", [
        (["leak", "t"], "'leaks'"), (["analyse", "t"], "'analyze'"), (["summary", "t"], "'analyze'"),
        (["find", "t"], "'grep'"), (["smaps", "t"], "'maps'"), (["hexdump", "t"], "'dump'"),
        (["chunks", "t", "--lmit", "3"], "--limit"), (["chunks", "t", "--max-count", "3"], "--limit"),
        (["chunks", "t", "--json"], "--format json"), (["leaks", "t", "--head", "3"], "--top"),
        (["chunks", "t", "--format", "jsno"], "'json'"), (["chunks", "t", "--state", "used"], "'in-use'"),
        (["chunks", "t", "--reach", "lost"], "'definite'"), (["chunks", "t", "--state", "tcahe"], "'tcache'"),
        (["chunks", "t", "--class", "jsno"], "'json'"), (["chunks", "t", "--class", "htp request"], "'http-request'"),
        (["chunks", "t", "--type", "Ticket<std::strin>"], f"'{STRING}'"), (["grep", "t", "--by", "sise", "a"], "'size'"),
        (["chunks", "t", "--color", "on"], "'always'"), (["help", "gerp"], "'grep'"),
        (["help", "optoins"], "'options'"), (["chunks", "t", "--class", "HTTP"], "'http-request'"),
        (["leaks", "t", "-n", "5"], "--top"), (["chunks", "t", "--columns", "addr"], "'address'"),
        (["histogram", "t", "--sort", "byte"], "'bytes'"),
    ])
    def test_by_spelling_and_by_meaning(self, run, args, meant):
        line = refused(run, *args)
        assert f"did you mean {meant}?" in line, line

    @pytest.mark.parametrize("args", [["tree", "t"], ["stat", "t"], ["xyzzy", "t"], ["thorough", "t"], ["x1", "t"],
                                      ["chunks", "t", "--xyzzy"], ["chunks", "t", "--class", "spaceship"],
                                      ["chunks", "t", "--type", "spaceship"], ["chunks", "t", "--format", "yaml"]])
    def test_nothing_silly(self, run, args):
        assert "did you mean" not in refused(run, *args)

    def test_says_which_verbs_have_an_option(self, run):
        assert "tcache,fastbin" in refused(run, "chunks", "t", "--state", "free")
        assert "analyze has no --group; it goes with leaks" in refused(run, "analyze", "t", "--group", "1")

    def test_a_file_that_is_called_like_a_verb_with_a_slip(self, run, folder):
        (folder / "leak").touch()
        assert "did you mean 'leaks'" in refused(run, "leak", "t")
        assert "try 'heapcore analyze t'" in refused(run, "t")
        assert "the verb comes first: heapcore leaks t" in refused(run, "t", "leaks")

    def test_options_before_the_verb(self, run):
        after = run("chunks", "g", "--format", "csv", "--limit", "3").out
        assert run("--format", "csv", "chunks", "g", "--limit", "3").out == after
        assert b"only common options may stand before the verb" in run("--limit", "3", "chunks", "g", status=2).err
        for args in (["--verbose", "grep", "g", "-c", "user"], ["grep", "g", "-c", "user", "--verbose"],
                     ["-v", "grep", "g", "-c", "user"]):
            assert b"peak" in run(*args).err, args


class TestValues:
    def test_sizes_as_they_are_typed(self, run):
        wanted = in_use(run, "--size", "200-256")
        assert wanted
        for typed in ("0xc8-0x100", "200B-256B", "200-0x100"):
            assert in_use(run, "--size", typed) == wanted, typed
        assert in_use(run, "--size", "1024-") == in_use(run, "--size", "1KiB-") == in_use(run, "--size", "1k-") \
            == in_use(run, "--size", "0x400-") == in_use(run, "--size", "1,024-")

    def test_classes_and_types_as_they_are_printed(self, run):
        title = next(line for line in run("classify", "t").text.splitlines() if "HTTP request" in line)
        assert title
        by_name = run("chunks", "t", "--class", "http-request", "--format", "csv").out
        assert by_name.count(b"\n") > 20
        assert run("chunks", "t", "--class", "HTTP request", "--format", "csv").out == by_name
        printed = run("types", "t").text
        assert STRING in printed and "Ticket<std::vector<long>>" in printed and "basic_string" not in printed
        full = run("types", "t", "--full-names").text
        assert re.search(r"Ticket<std::__cxx11::basic_string<char, .*>, std::allocator<.*> >", full)
        chunks = run("chunks", "t", "--type", STRING, "--format", "csv").out
        assert chunks.count(b"\n") == 1 + 540
        assert run("chunks", "t", "--type", "Ticket<std::str…", "--format", "csv").out == chunks
        names = [t["type"] for t in run("types", "t", "--format", "json").json["types"]]
        assert any("basic_string" in name for name in names)

    @pytest.mark.parametrize("args", [
        ["chunks", "t", "--arena", "7"], ["arenas", "t", "--arena", "7"], ["histogram", "t", "--arena", "7"],
        ["classify", "t", "--arena", "7"], ["grep", "t", "--arena", "7", "a"], ["strings", "t", "--arena", "7"],
        ["leaks", "t", "--arena", "7"], ["common", "t", "--arena", "7"], ["types", "t", "--arena", "7"],
        ["chunks", "t", "--arena", "mmap"], ["leaks", "t", "--arena", "mmap"], ["arenas", "t", "--arena", "mmap"],
        ["dump", "t", "--arena", "7", "-o", "x"], ["leaks", "t", "--group", "99"], ["leaks", "t", "--group", "0"],
        ["chunks", "t", "--finding", "99"], ["chunks", "t", "--finding", "0"]])
    def test_what_does_not_exist_is_an_error(self, run, args):
        refused(run, *args)


class TestRows:
    def test_limit_is_about_chunks(self, run):
        for verb in ("histogram", "classify", "types", "common"):
            assert f"--limit of {verb}; did you mean --top?" in refused(run, verb, "g", "--limit", "3")
        assert "--top N shows fewer groups" in refused(run, "leaks", "t", "--limit", "3")
        assert "--limit N" in refused(run, "leaks", "t", "--group", "1", "--top", "3")
        assert "--attributes" in refused(run, "classify", "t", "--top", "3")
        assert len(in_use(run, "--limit", "3")) == 3

    @pytest.mark.parametrize("verb,key", [("leaks", "groups"), ("histogram", "rows"), ("types", "types"),
                                          ("maps", "mappings")])
    def test_top_is_the_same_in_every_format(self, run, verb, key):
        every = run(verb, "t", "--format", "json").json[key]
        assert len(every) > 1
        assert run(verb, "t", "--format", "json", "--top", "1").json[key] == every[:1]
        assert run(verb, "t", "--format", "json", "--top", "0").json[key] == every
        assert len(run(verb, "t", "--format", "csv", "--top", "1").text.splitlines()) == 2

    def test_leaks_by_what_any_chunk_holds(self, run):
        everything = run("leaks", "t", "--format", "json").json
        json_, = run("leaks", "t", "--class", "json", "--format", "json").json["groups"]
        # A register may still have the last one.
        assert 39 <= json_["roots"] <= 40 and json_["below"] == json_["roots"]
        http, = run("leaks", "t", "--class", "http-request", "--format", "json").json["groups"]
        assert 19 <= http["roots"] <= 20 and http["bytes"] < json_["bytes"]
        assert run("leaks", "t", "--match", "/tickets/3 ", "--format", "json").json["definite"]["chunks"] == 1
        assert len(everything["groups"]) == 2
        for name, group in (("json", json_), ("http-request", http)):
            run("leaks", "t", "--class", name, "--fail-if-leaked", str(group["bytes"]), status=0)
            run("leaks", "t", "--class", name, "--fail-if-leaked", str(group["bytes"] - 1), status=1)
        run("leaks", "t", "--class", "sql", "--fail-if-leaked", "0", status=0)
        assert "None of the chosen chunks is lost." in run("leaks", "t", "--class", "sql").text

    def test_maps_has_what_was_touched_first(self, run):
        text = run("maps", "g").text
        assert "touched first" in text and "--sort address" in text
        rows = text.split("NAME\n")[1].split("\n\n")[0].splitlines()
        assert "main heap" in rows[0]
        by_address = run("maps", "g", "--sort", "address", "--noheadings").text.split("\n\n")[1].splitlines()
        starts = [int(line.split()[0], 16) for line in by_address if line.lstrip().startswith("0x")]
        assert starts == sorted(starts) and len(starts) == len(rows)
        starts = [int(m["start"], 16) for m in run("maps", "g", "--format", "json").json["mappings"]]
        assert starts == sorted(starts)

    def test_samples_in_json_are_plain(self, run):
        groups = run("leaks", "t", "--format", "json").json["groups"]
        samples = [g["sample"] for g in groups]
        assert r"GET /tickets/0 HTTP/1.1\r\nHost: tickets.example\r\n\r\n" in samples
        assert any(s.startswith('{"ticket":1,') for s in samples)


class TestGrep:
    def test_inverted(self, run):
        every = {c["address"] for c in run("chunks", "t", "--format", "csv").rows()}
        has = set(run("grep", "t", "-l", "held \\d+\n").text.split())
        lacks = set(run("grep", "t", "-v", "-l", "held \\d+\n").text.split())
        assert len(has) == 500 and not has & lacks and has | lacks == every
        assert f"{len(lacks):,} chunks" in run("grep", "t", "-vc", "held \\d+\n").text
        rows = run("grep", "t", "-v", "held", "--class", "json", "--format", "json").jsonl[1:-1]
        assert len(rows) == 40 and all("match" not in row and row["context"].startswith('{"ticket"') for row in rows)
        run("grep", "t", "-v", "held", "--size", "100-104", "--match", "held", status=1)
        for args in (["-o"], ["--top"], ["--maps"], ["--stacks"]):
            assert "-v finds chunks without a match" in refused(run, "grep", "t", "-v", *args, "held")

    def test_line_numbers(self, run):
        text = run("grep", "t", "-n", "third", "--limit", "2").text
        assert all(re.fullmatch(r"0x[0-9a-f]+: 112: 3: third line of it", line) for line in text.splitlines()), text
        assert run("grep", "t", "-n", "second", "--limit", "1", "--format", "json").jsonl[1]["line"] == 2
        assert "line" not in run("grep", "t", "second", "--limit", "1", "--format", "json").jsonl[1]

    def test_context_is_lines_or_bytes(self, run):
        def context(*args):
            return run("grep", "t", *args, "second", "--limit", "1", "--format", "json").jsonl[1]["context"]

        assert context() == "second line"
        assert re.fullmatch(r"held \d+\\nsecond line", context("-B", "1"))
        assert context("-A1") == r"second line\nthird line of it"
        assert re.fullmatch(r"held \d+\\nsecond line\\nthird line of it", context("-C", "1"))
        assert context("-C", "2B") == context("--context", "2b") != context("-C", "2")
        assert re.fullmatch(r"\d\\nsecond l", context("-C", "2B")[-11:])
        assert "second" in context("-C", "0")


def outputs(run, columns, **env):
    """What every verb says about both cores, by command line."""
    address = in_use(run, "--limit", "9")[8]["address"]
    lines = [[verb, core] for core in ("t", "g") for verb in VERBS if verb not in ("what", "refs", "grep", "dump", "strings")]
    lines += [["signatures"], ["what", "g", address], ["refs", "g", address], ["refs", "g", address, "--to-root"],
              ["diff", "t", "g"], ["retained", "g", "--of", address], ["leaks", "t", "--group", "1"], ["grep", "g", "user"],
              ["grep", "g", "-v", "user", "--limit", "5"], ["grep", "g", "--top", "user.{3}"],
              ["grep", "g", "--by", "size", "user"], ["grep", "t", "-c", "/tickets/3 "], ["strings", "g", "--top"],
              ["chunks", "t", "--limit", "1"], ["leaks", "t", "--match", "/tickets/3 "], ["common", "t", "--request", "64"],
              ["maps", "g", "--all"], ["classify", "t", "--with-leaks", "--attributes"], ["histogram", "t", "--with-leaks"],
              ["types", "t", "--with-leaks"], ["dump", "t", "--match", "/tickets/3 ", "-o", "one", "--force"]]
    for args in lines:
        yield args, run(*args, env={"COLUMNS": str(columns), "LC_ALL": "C.UTF-8", **env}).text


class TestScreen:
    @pytest.mark.parametrize("columns", [40, 80, 132])
    def test_nothing_overflows(self, run, columns):
        for args, text in outputs(run, columns):
            for line in text.splitlines():
                # A path stays whole, for copying, and stands alone where it has no room.
                path = len(line.split()) == 1 and "/" in line
                assert len(line) <= columns or path, (args, line)

    @pytest.mark.parametrize("columns", [40, 80])
    def test_ascii(self, run, columns):
        for args, text in outputs(run, columns, LC_ALL="C"):
            assert text.isascii(), (args, [c for c in text if ord(c) > 127][:5])

    def test_singular_and_plural(self, run):
        nouns = ("chunk mapping object group segment thread arena root match size type text value set example "
                 "signature string row byte page module word place line stack block finding heap variable").split()
        several = "|".join(noun + ("es" if noun == "match" else "s") for noun in nouns)
        wrong = re.compile(rf"(?<![\d,.x+-])1 (?:(?:mmapped|more|other|lost|free|root|distinct) )?(?:{several})\b")
        for args, text in outputs(run, 132):
            for line in text.splitlines():
                assert not wrong.search(line), (args, line)
                assert not re.search(rf"(?<![\d.])(?:0|[2-9]|\d\d+) (?:{'|'.join(nouns)})\b(?![-' ]\w)", line), (args, line)

    def test_hexadecimal_lines(self, run):
        address = in_use(run, "--size", "200-", "--limit", "1")[0]["address"]
        for columns, size in ((80, 16), (60, 8), (40, 4)):
            text = run("what", "g", address, env={"COLUMNS": str(columns)}).text.split("\nBytes\n")[1]
            first, second = (int(line.split()[0], 16) for line in text.splitlines()[:2])
            assert second - first == size

    def test_a_long_type_is_one_line(self, run):
        text = run("leaks", "t").text
        assert re.search(r"^ +1 Ticket<std::string>$", text, re.M), text


class TestHelp:
    def test_fits_a_screen(self, run):
        for verb in [*VERBS, "signatures"]:
            lines = run(verb, "--help").text.splitlines()
            assert len(lines) <= 40, verb
            assert len([line for line in lines if line.startswith("Common options: ")]) == 1
        for page in (["help"], ["help", "options"], ["help", "selection"]):
            assert len(run(*page).text.splitlines()) <= 40, page

    def test_pages(self, run):
        options = run("help", "options").text
        for name in ("--format", "--output", "--content", "--columns", "--full-names", "--verbose"):
            assert f"{name} " in options
        selection = run("help", "selection").text
        assert "--class" in selection and "1KiB" in selection
        columns = run("help", "columns", "leaks").text
        assert columns == run("help", "leaks", "columns").text and "root_size" in columns
        assert "heapcore maps" in run("help", "columns").text

    def test_signatures_fit(self, run):
        assert max(map(len, run("signatures", env={"COLUMNS": "80"}).text.splitlines())) <= 80


class TestProgress:
    def test_while_rows_go_to_a_file(self, heapcore, folder):
        """A pattern that takes as long as one likes: it is ended when the line was seen. What it says is a unit test's."""
        line = re.compile(rb"searching(?: \[[#.]{24}\] \d+ %)?, \d+ s")
        master, slave = pty.openpty()
        with open(folder / "rows", "wb") as rows:
            process = subprocess.Popen([heapcore.path, "grep", "g", "--jobs", "1", "--format", "json",
                                        r"(?:[ -~]+)+[\x01-\x08][\x01-\x08]"], cwd=folder, stdout=rows, stderr=slave,
                                       stdin=subprocess.DEVNULL)
        os.close(slave)
        try:
            seen = b""
            while not line.search(seen) and select.select([master], [], [], 120)[0]:
                seen += os.read(master, 4096)
            assert line.search(seen), seen
        finally:
            process.kill()
            process.wait()
            os.close(master)
