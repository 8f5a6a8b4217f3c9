"""What chunks have in common, found without being asked for anything."""
import pytest

import corefile
from test_cases import EMPTY, LEAKED, server_core  # noqa: F401 (server_core is a fixture)

RECORDS, BUFFERS = 20000, 400


def sets(heapcore, core, *args):
    return heapcore("common", core, "--format", "json", *args).json["sets"]


@pytest.fixture(scope="module")
def requests(heapcore, server_core):  # noqa: F811
    """The one suspect of case 1."""
    (only,) = sets(heapcore, server_core)
    return only


class TestRequests:
    """Case 1: the channel that all leaked requests have, and the path."""

    def test_the_channel_comes_first(self, requests):
        first = requests["repeats"]["texts"][0]
        assert first["text"] == "channelid=4099"
        assert first["chunks"] == LEAKED
        assert abs(first["share"] - LEAKED / (LEAKED + EMPTY)) < 1e-5
        assert (first["key"], first["values"]) == ("channelid=", 2)
        assert requests["repeats"]["counted"] == requests["chunks"] == LEAKED + EMPTY

    def test_what_is_the_same_everywhere_comes_later(self, requests):
        texts = requests["repeats"]["texts"]
        (everywhere,) = [t for t in texts if t["chunks"] == LEAKED + EMPTY]
        assert texts.index(everywhere) > 0
        assert {"locale=en_GB", "Host: profile.example", "/profile/query"} <= {everywhere["text"], *everywhere["alike"]}

    def test_uniform_values_are_no_choice(self, requests):
        for text in requests["repeats"]["texts"]:
            if text["text"].startswith("uid="):
                assert text["values"] == 7 and text["bits"] < 0.1

    def test_template(self, requests):
        lines = {line["text"]: line for line in requests["template"]["lines"]}
        assert list(lines)[0] == "POST /profile/query?appid=N HTTP/1.1"
        line = lines["POST /profile/query?appid=N HTTP/1.1"]
        assert line["chunks"] == LEAKED + EMPTY
        (slot,) = line["slots"]
        assert slot["name"] == "appid" and not slot["constant"]
        body = lines["channelid=4099&uid=N&fields=name,avatar,level,score&locale=en_GB"]
        values = {s["name"]: s for s in body["slots"]}
        assert [(v["text"], v["count"]) for v in values["channelid"]["values"]] == [("4099", LEAKED), ("", EMPTY)]
        assert values["uid"]["distinct"] == 7

    def test_text(self, heapcore, server_core):  # noqa: F811
        text = heapcore("common", server_core).text
        assert "channelid=4099" in text and "POST /profile/query?appid=N HTTP/1.1" in text
        assert f"{LEAKED:,}" in text

    def test_a_selection(self, heapcore, server_core):  # noqa: F811
        (only,) = sets(heapcore, server_core, "--leaked", "--class", "http-request")
        assert only["group"] is None and only["chunks"] == LEAKED + EMPTY
        assert only["repeats"]["texts"][0]["text"] == "channelid=4099"

    def test_an_empty_selection(self, heapcore, server_core):  # noqa: F811
        (only,) = sets(heapcore, server_core, "--size", "7777777")
        assert only["chunks"] == 0 and only["repeats"]["texts"] == [] and only["byte_profile"] is None
        assert heapcore("common", server_core, "--size", "7777777").text.startswith("0 chunks")

    @pytest.mark.parametrize("verb", ["common", "analyze"])
    def test_content_hides_texts(self, heapcore, server_core, verb):  # noqa: F811
        for form in ("text", "json"):
            hidden = heapcore(verb, server_core, "--content", "class", "--format", form).text
            for secret in ("4099", "profile/query", "en_GB", "9f86d081"):
                assert secret not in hidden

    def test_top(self, heapcore, server_core):  # noqa: F811
        text = heapcore("common", server_core, "--top", "1").text
        assert "channelid=4099" in text and "uid=880033" not in text


class TestRecords:
    """Case 4: 20-byte binary chunks: what each position holds."""

    @pytest.fixture(scope="class")
    def core(self, dump):
        return dump("small_structs.c")

    @pytest.fixture(scope="class")
    def profile(self, heapcore, core):
        (only,) = sets(heapcore, core, "--request", "20", "--leaked")
        assert only["chunks"] == RECORDS
        return only["byte_profile"]

    def test_fields(self, profile):
        fields = {(f["offset"], f["size"]): f for f in profile["fields"]}
        assert profile["usable_size"] == 24
        assert fields[0, 4]["kind"] == "counter"
        assert (fields[4, 2]["kind"], fields[4, 2]["min"], fields[4, 2]["max"]) == ("small-int", 1, 3)
        assert (fields[6, 2]["kind"], fields[6, 2]["value"]) == ("constant", "0x5aa5")
        assert (fields[8, 8]["kind"], fields[8, 8]["distinct"]) == ("pointer", 16)
        assert fields[8, 8]["target"] == "main-heap"
        assert fields[16, 4]["kind"] == "noise"

    def test_columns(self, profile):
        columns = profile["columns"]
        assert len(columns) == 24
        assert [(c["value"], c["share"]) for c in columns[6:8]] == [(0xa5, 1), (0x5a, 1)]
        assert columns[4]["distinct"] == 3 and columns[5]["distinct"] == 1
        assert columns[16]["distinct"] == 256

    def test_analyze_says_it(self, heapcore, core):
        text = " ".join(heapcore("analyze", core).text.split())
        assert "+0 counter" in text and "+6 constant 0x5aa5" in text, text

    def test_noise_has_nothing_in_common(self, heapcore, core):
        (only,) = sets(heapcore, core, "--request", "500", "--leaked")
        assert only["chunks"] == BUFFERS
        assert only["repeats"]["texts"] == [] and only["template"]["lines"] == []

    def test_text(self, heapcore, core):
        text = heapcore("common", core, "--request", "20", "--leaked").text
        assert "No text repeats." in text
        assert " a5 5a " in text and "small number, 1 to 3" in text


class TestJobs:
    @pytest.mark.parametrize("args", [(), ("--leaked",), ("--state", "in-use,tcache,top")])
    def test_any_number_gives_the_same(self, heapcore, server_core, args):  # noqa: F811
        outputs = {heapcore("common", server_core, "--format", "json", "--jobs", jobs, *args).text for jobs in (1, 2, 7)}
        assert len(outputs) == 1


@pytest.mark.parametrize("source", ["retention.c", "growth.c", "threads_tcache.c", "leak_shapes.cc"])
def test_other_programs(heapcore, dump, source):
    """Every core gets an answer, whatever its verdict."""
    for one in sets(heapcore, dump(source)):
        assert one["kept"] == one["chunks"]
        for text in one["repeats"]["texts"]:
            assert 3 <= text["chunks"] <= one["repeats"]["counted"]
            assert text["key_tokens"] is None or text["key_tokens"] >= text["chunks"]
        for line in one["template"]["lines"]:
            assert 3 <= line["chunks"] <= one["template"]["counted"]


class TestPages:
    """Memory that no allocator known here has cut, page by page."""

    @pytest.fixture(scope="class")
    def core(self, dump):
        return dump("mixed.c")

    def test_pages_are_those_that_hold_anything(self, heapcore, core):
        """Counted once more, from the file."""
        rows = heapcore("maps", core, "--format", "json").json["mappings"]
        memory, chosen = corefile.Core(core), {"main-heap", "main-stack"}
        expected = 0
        for row in (r for r in rows if r["kind"] in chosen):
            first, end = int(row["start"], 16), int(row["start"], 16) + row["size"]
            for page in range(-(-first // 4096) * 4096, end - 4095, 4096):
                expected += any(memory.read(page, 4096))
        (pages,) = sets(heapcore, core, "--maps", "--kind", ",".join(sorted(chosen)))
        assert (pages["chunks"], pages["unit"], pages["byte_profile"]) == (expected, "page", None)
        assert expected > 2

    def test_text(self, heapcore, core):
        lines = heapcore("common", core, "--maps", "--kind", "main-stack").text.splitlines()
        assert lines[0].split()[1] in ("page", "pages") and " of 1 mapping: " in lines[0]
        assert not any("chunk" in line for line in lines)

    @pytest.mark.parametrize("args, words", [(("--kind", "stack"), "--maps"), (("--maps", "--leaked"), "--maps"),
                                             (("--maps", "--kind", "nonsense"), "nonsense")])
    def test_bad_options(self, heapcore, core, args, words):
        done = heapcore("common", core, *args, status=2)
        assert words.encode() in done.err and done.err.count(b"\n") <= 2
