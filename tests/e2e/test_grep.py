"""grep: patterns, scopes, groups, formats, and what happens to patterns that take for ever."""
import re

import pytest

import corefile
from test_cli import validate

# Of testdata/haystack.c.
TOKENS, LOST, JSON, RUN = 300, 7, 12, 100000


@pytest.fixture(scope="module")
def core(dump):
    return dump("haystack.c")


def count(heapcore, core, *args):
    """Matches and chunks, by the summary of JSON."""
    *_, end = heapcore("grep", core, "-c", *args, "--format", "json", status=None).jsonl
    return end["summary"]["matches"], end["summary"].get("chunks")


def hits(heapcore, core, *args):
    _, *rows, end = heapcore("grep", core, *args, "--format", "json", status=None).jsonl
    for row in rows:
        validate(row, "grep")
    assert end["summary"]["matches"] == len(rows)
    return rows


class TestPatterns:
    def test_several(self, heapcore, core):
        all_tokens = TOKENS + LOST
        assert count(heapcore, core, r"TOKEN=\d") == (all_tokens, all_tokens)
        assert count(heapcore, core, "-e", r"TOKEN=\d", "-e", "DSONVAL") == (all_tokens + JSON, all_tokens + JSON)
        assert count(heapcore, core, "-F", "-e", "TOKEN=", "-e", "CATALOG") == (all_tokens + 1, all_tokens + 1)

    def test_the_first_of_several_wins(self, heapcore, core):
        found = heapcore("grep", core, "-o", "-e", "CATA", "-e", "CATALOG").text.split()
        assert found == ["CATA"]

    def test_groups_are_each_patterns_own(self, heapcore, core):
        """\\1 of the second pattern is its own first group; so is what --top counts."""
        rows = heapcore("grep", core, "--top", "0", "-e", "(no such) thing", "-e", r"(TOKEN)=(\d)\2", "--format",
                        "csv").rows()
        # 11, 22, 33, 44 of 0 … 49, each six times.
        assert [(r["matches"], r["text"]) for r in rows] == [("24", "TOKEN")]

    def test_file(self, heapcore, core, tmp_path):
        (tmp_path / "patterns").write_text("CATALOG\n\nDSONVAL\n")
        assert count(heapcore, core, "-f", tmp_path / "patterns")[0] == JSON + 1
        assert count(heapcore, core, "-f", tmp_path / "patterns", "-e", "LIVE")[0] == JSON + 1
        (tmp_path / "patterns").write_text("\n\n")
        assert b"no pattern" in heapcore("grep", core, "-f", tmp_path / "patterns", status=2).err
        assert heapcore("grep", core, "-f", tmp_path / "missing", status=2).err
        (tmp_path / "patterns").write_bytes(b"a\0b\n")
        assert b"NUL" in heapcore("grep", core, "-f", tmp_path / "patterns", status=2).err

    def test_word(self, heapcore, core):
        assert count(heapcore, core, "CAT")[0] == 2
        assert count(heapcore, core, "-w", "CAT")[0] == 1
        assert count(heapcore, core, "-wi", "cat|catalog")[0] == 2
        assert count(heapcore, core, "-wF", "CAT")[0] == 1

    def test_fixed_strings_have_no_metacharacters(self, heapcore, core):
        assert count(heapcore, core, "-F", "TOKEN=.")[0] == 0
        assert count(heapcore, core, "-F", '", "id": 1')[0] == 3  # 1, 10, 11

    @pytest.mark.parametrize("pattern,matches", [("8f 01 42 fe 1d c3", 1), ("8F0142FE1DC3", 1), ("8f01??fe1d", 1),
                                                 ("01:42:fe:1e", 0), ("??1dc3??", 1)])
    def test_hex(self, heapcore, core, pattern, matches):
        rows = hits(heapcore, core, "--hex", pattern)
        assert len(rows) == matches
        for row in rows:
            assert int(row["address"], 16) in (int(row["chunk"], 16) + 21, int(row["chunk"], 16) + 24)

    @pytest.mark.parametrize("args,text", [
        (["Grüße"], "Grüße"), (["-F", "Grüße-42😀"], "Grüße-42😀"), ([r"G\w..e-\d+"], "Grüße-42"),
        ([r"(?<=e-)(\d)\d"], "42"), (["-i", "GR[^x]"], "Grü"), (["-w", "r"], None), (["-w", r"\d\d"], "42"),
        (["r(ü|x)(ß)?e"], "rüße"), ([r"\b42"], "42"), ([r"4{1,3}2"], "42"), (["Gruesse"], None)])
    def test_wide(self, heapcore, core, args, text):
        rows = hits(heapcore, core, "--wide", *args)
        assert len(rows) == (text is not None)
        for row in rows:
            data = row["match"].encode().decode("unicode_escape").encode("latin-1")
            assert data.decode("utf-16-le") == text

    @pytest.mark.parametrize("args", [["--hex", "8f0"], ["--hex", "xx"], ["--wide", "--hex", "00"], ["-F", "--hex", "00"],
                                      ["-e", "a", "b"], [], ["-e", "("], ["-e", "a", "-e", "(?R)?b"], ["--wide", r"\p{L}"],
                                      ["--wide", "[ä]"], ["--wide", "(*UTF)a"], ["--by", "colour", "a"],
                                      ["--by", "size", "--maps", "a"], ["--maps", "--stacks", "a"], ["-o", "-c", "a"],
                                      ["--stacks", "--leaked", "a"], ["-C", "x", "a"], ["--by", "size", "--top", "a"],
                                      ["--by", "class", "--content", "none", "a"]])
    def test_usage(self, heapcore, core, args):
        result = heapcore("grep", core, *args, status=2)
        assert result.out == b"" and result.err.count(b"\n") <= 2, result


class TestBorders:
    def test_nothing_matches_across_chunks(self, heapcore, core):
        (a, b), = core.lines("border")
        assert [r["chunk"] for r in hits(heapcore, core, "HEAD")] == [a]
        assert [r["chunk"] for r in hits(heapcore, core, "TAIL")] == [b]
        assert count(heapcore, core, r"HEAD[\s\S]*TAIL") == (0, 0)
        assert count(heapcore, core, r"(?<=HEAD)[\s\S]{8}") == (0, 0)
        assert count(heapcore, core, "--maps", r"HEAD[\s\S]{8}TAIL")[0] == 1

    def test_large_chunk_has_each_match_once(self, heapcore, core):
        (address, number), = core.lines("large")
        for jobs in "1", "2", "3":
            rows = hits(heapcore, core, r"BIGWORD(\d{7})", "--jobs", jobs)
            assert len(rows) == int(number)
            for row in rows:
                assert int(row["address"], 16) == int(address, 16) + int(row["group"]) - 5 and row["chunk"] == address
        assert count(heapcore, core, r"BIGWORD(?=\d+)") == (int(number), 1)
        assert heapcore("grep", core, "-l", "BIGWORD").text.split() == [address]

    def test_anchors_of_a_large_chunk(self, heapcore, core):
        """^ and $ are the ends of the chunk, not of the parts that threads search."""
        (address, _), = core.lines("large")
        assert count(heapcore, core, "--address", address, r"^\x00")[0] == 1
        assert count(heapcore, core, "--address", address, r"\x00\z")[0] == 1
        assert count(heapcore, core, "--address", address, r"\z")[0] == 1
        assert count(heapcore, core, "--address", address, r"BIGWORD[\s\S]*\z")[0] == 1


class TestScopes:
    def test_chunks_in_use_are_the_default(self, heapcore, core):
        assert count(heapcore, core, "FREE-WORD")[0] == 0
        assert count(heapcore, core, "FREE-WORD", "--state", "unsorted,smallbin,largebin,top")[0] == 1
        assert count(heapcore, core, "LIVE-WORD")[0] == 0

    def test_stacks(self, heapcore, core):
        (address,), = core.lines("stack")
        row, = hits(heapcore, core, "--stacks", "LIVE-WORD")
        assert row["address"] == address and "stack" in row["kind"]
        assert count(heapcore, core, "--stacks", "DEAD-WORD")[0] == 0
        assert count(heapcore, core, "--maps", "DEAD-WORD")[0] == 1
        assert count(heapcore, core, "--stacks", "TOKEN=")[0] == 0

    def test_all(self, heapcore, core):
        """Chunks know themselves, whatever their state; everything else is in mappings; nothing is found twice."""
        (address,), = core.lines("stack")
        rows = hits(heapcore, core, "--all", "(LIVE|FREE|DEAD)-WORD")
        found = {r["match"]: r for r in rows}
        assert len(found) == len(rows) == 3
        assert found["LIVE-WORD"]["address"] == address and "mapping" in found["LIVE-WORD"]
        assert found["FREE-WORD"]["state"] != "in-use"
        addresses = [int(r["address"], 16) for r in hits(heapcore, core, "--all", "TOKEN|WORD")]
        assert addresses == sorted(set(addresses))
        assert addresses == [int(r["address"], 16) for r in hits(heapcore, core, "--maps", "TOKEN|WORD")]
        text = heapcore("grep", core, "--all", "-c", "E-WORD").text
        assert "chunk" in text and "mapping" in text

    def test_maps_agree_with_the_file(self, heapcore, core):
        data = corefile.Core(core).data
        assert count(heapcore, core, "--maps", "BIGWORD")[0] == len(re.findall(b"BIGWORD", data))


class TestGroups:
    def rows(self, heapcore, core, by, *args):
        head, *rows, end = heapcore("grep", core, "--by", by, *args, "--format", "json").jsonl
        for line in [head, *rows, end]:
            validate(line, "grep")
        assert sum(r["matches"] for r in rows) == end["summary"]["matches"]
        assert sum(r["chunks"] for r in rows) == end["summary"]["chunks"]
        assert sum(r["bytes"] for r in rows) == end["summary"]["bytes"]
        assert [r["matches"] for r in rows] == sorted((r["matches"] for r in rows), reverse=True)
        return rows

    @pytest.mark.parametrize("jobs", ["1", "2"])
    def test_size(self, heapcore, core, jobs):
        rows = self.rows(heapcore, core, "size", "TOKEN", "--jobs", jobs)
        assert {(r["chunk_size"], r["matches"]) for r in rows} == {(48, 200), (208, 100), (80, LOST)}

    def test_reach(self, heapcore, core):
        rows = {r["reach"]: r for r in self.rows(heapcore, core, "reach", "TOKEN")}
        assert rows["reachable"]["matches"] == TOKENS
        assert rows["definite"]["matches"] == LOST

    def test_class(self, heapcore, core):
        rows = self.rows(heapcore, core, "class", "DSONVAL")
        assert [(r["class"], r["matches"]) for r in rows] == [("json", JSON)]

    def test_arena(self, heapcore, core):
        (_, number), = core.lines("large")
        rows = {r["arena"]: r for r in self.rows(heapcore, core, "arena", "TOKEN|BIGWORD")}
        assert rows[0]["matches"] == TOKENS + LOST
        assert rows["mmap"]["matches"] == int(number) and rows["mmap"]["chunks"] == 1

    def test_text_and_csv(self, heapcore, core):
        assert re.search(r"^ *48 +200 +200 ", heapcore("grep", core, "--by", "size", "TOKEN").text, re.M)
        rows = heapcore("grep", core, "--by", "size", "TOKEN", "--format", "csv").rows()
        assert rows[0]["chunk_size"] == "48" and rows[0]["matches"] == "200"


class TestOutput:
    def test_addresses(self, heapcore, core):
        chunks = {r["chunk"] for r in hits(heapcore, core, "TOKEN")}
        lines = heapcore("grep", core, "-l", "TOKEN|K|E").text.split()
        assert len(lines) == len(set(lines)) and chunks < set(lines)
        assert set(heapcore("grep", core, "-l", "TOKEN").text.split()) == chunks
        row = hits(heapcore, core, "-l", "CATALOG")[0]
        assert "match" not in row and "context" not in row

    def test_context(self, heapcore, core):
        row, = hits(heapcore, core, "-C", "1B", "ATAL")
        assert row["context"] == "CATALO"
        row, = hits(heapcore, core, "-C", "3B", "CATALOG")
        assert row["context"] == r"CATALOG\x00\x00\x00"
        assert r": CATALOG\x00" in heapcore("grep", core, "-C", "1B", "CATALOG").text

    def test_csv(self, heapcore, core):
        rows = heapcore("grep", core, "CATALOG", "--format", "csv").rows()
        assert [r["match"] for r in rows] == ["CATALOG"] and rows[0]["chunk_size"] == "48"
        rows = heapcore("grep", core, "--stacks", "LIVE-WORD", "--format", "csv").rows()
        assert rows[0]["chunk"] == "" and "stack" in rows[0]["kind"]
        rows = heapcore("grep", core, "-c", "TOKEN", "--format", "csv").rows()
        assert rows[0]["matches"] == str(TOKENS + LOST)
        assert "CATALOG" not in heapcore("grep", core, "CATALOG", "--format", "csv", "--content", "class").text

    def test_rows_know_their_chunk(self, heapcore, core):
        rows = hits(heapcore, core, "DSONVAL", "--reach", "reachable")
        assert {(r["state"], r["reach"], r["class"], r["arena"]) for r in rows} == {("in-use", "reachable", "json", 0)}
        assert all("class" not in r for r in hits(heapcore, core, "DSONVAL", "--content", "none"))


class TestMatchLimit:
    @pytest.mark.parametrize("jobs", ["1", "2"])
    def test_the_rest_goes_on(self, heapcore, core, jobs):
        """100,000 q and no end of line: every start takes exponential time. The chunk with five of them matches."""
        result = heapcore("grep", core, r"^(q+)+(?=\x00)", "--jobs", jobs)
        assert result.text.count("\n") == 1 and "qqqqq" in result.text
        assert b"the pattern took too long in 1 place" in result.err
        *_, end = heapcore("grep", core, "-c", r"(q+)+$", "--format", "json", status=1).jsonl
        assert end["summary"]["given_up"] == 1

    def test_a_chunk_goes_on_behind_the_hard_part(self, heapcore, core):
        """Only the parts with a hard place are given up."""
        result = heapcore("grep", core, "-o", r"(q+)+\x01|BEHIND")
        assert result.text == "BEHIND\n" and b"too long in 1 place" in result.err

    def test_quiet(self, heapcore, core):
        assert heapcore("grep", core, "-q", r"(q+)+$", status=1).err == b""


class TestAttribute:
    """Forty requests of testdata/secrets.c: GET /user/N/cart."""

    @pytest.fixture
    def requests(self, dump):
        return dump("secrets.c")

    def test_only_its_value(self, heapcore, requests):
        assert count(heapcore, requests, "--attribute", "method", "^GET$") == (40, 40)
        assert count(heapcore, requests, "--attribute", "method", "HTTP")[0] == 0
        assert count(heapcore, requests, "--attribute", "channelid", "-w", "4099") == (40, 40)
        rows = hits(heapcore, requests, "--attribute", "path", "--class", "http-request", r"^/user/(\d+)/cart$")
        assert len(rows) == 40 and {r["class"] for r in rows} == {"http-request"}
        assert all(int(r["address"], 16) == int(r["chunk"], 16) + len("GET ") for r in rows)

    def test_groups_and_jobs(self, heapcore, requests):
        for jobs in "1", "2":
            rows = heapcore("grep", requests, "--attribute", "method", "--by", "class", "--jobs", jobs, ".*", "--format",
                            "csv").rows()
            assert ("http-request", "40") in [(r["class"], r["chunks"]) for r in rows]

    def test_usage(self, heapcore, requests):
        assert b"no class has an attribute" in heapcore("grep", requests, "--attribute", "colour", "x", status=2).err
        heapcore("grep", requests, "--attribute", "path", "--maps", "x", status=2)
