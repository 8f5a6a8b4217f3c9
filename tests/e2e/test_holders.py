"""Who holds it: referrers, on a program that says who does, built in every way."""
import re
import subprocess

import pytest

import conftest
from test_cli import validate

BUILDS = {
    "default": [],
    "unoptimized": ["-O0"],
    "stripped": ["-s"],
    "static": ["-static"],
    "position-dependent": ["-no-pie"],
}
NAMES = ["g_cache", "local_cache", "t_cache", "frame"]


class Truth:
    """What the program said."""

    def __init__(self, core):
        self.holders = {line[0]: line[1:] for line in core.lines("HOLDS")}
        self.shared, = core.lines("SHARED")[0]
        self.list = core.lines("LIST")[0]
        self.stale, self.text = core.lines("STALE")[0]
        self.tree, self.below, self.cycle = core.lines("LOST")[0]

    def cache(self, name):
        return self.holders[name][2]


@pytest.fixture(scope="module", params=BUILDS)
def build(request):
    return request.param


@pytest.fixture(scope="module")
def core(dump, build):
    return dump("holders.c", flags=BUILDS[build])


def ask(heapcore, core, *args):
    """The document, and its referrers by the block that they point into."""
    document = heapcore("refs", core, *args, "--format", "json").json
    found = {row["address"]: [] for row in document["targets"]}
    for row in document["referrers"]:
        found.setdefault(row["target"], []).append(row)
    return document, found


class TestRefs:
    def test_every_cache_has_its_holder(self, heapcore, core, build):
        truth = Truth(core)
        document, found = ask(heapcore, core, *(truth.cache(name) for name in NAMES))
        assert [row["total_referrers"] for row in document["targets"]] == [1] * 4
        rows = {name: found[truth.cache(name)][0] for name in NAMES}
        assert [rows[name]["kind"] for name in NAMES] == ["data", "data", "tls", "stack"]
        assert all(row["into"] == 0 and not row["stale"] for row in rows.values())
        thread = rows["frame"]["thread"]
        assert thread != rows["t_cache"]["thread"]
        assert rows["frame"]["sp_offset"] >= 0
        if build == "stripped":
            assert rows["g_cache"]["symbol"] is None and rows["g_cache"]["symbol_offset"] > 0
            assert rows["g_cache"]["module"].endswith(rows["local_cache"]["module"])
            return
        assert rows["g_cache"]["symbol"] == "g_cache" and rows["g_cache"]["symbol_offset"] == 0
        assert rows["local_cache"]["symbol"].startswith("local_cache")
        assert rows["t_cache"]["symbol"] == "t_cache"
        assert (rows["frame"]["function"], rows["frame"]["variable"]) == ("park", "parked_cache")

    def test_chunks_and_their_members(self, heapcore, core, build):
        truth = Truth(core)
        cache, table, entry, key = truth.holders["g_cache"][2:]
        _, found = ask(heapcore, core, table, entry, key, truth.shared)
        assert [(row["chunk"], row["chunk_offset"]) for row in found[table]] == [(cache, 8)]
        assert [(row["chunk"], row["chunk_offset"]) for row in found[entry]] == [(table, 999 * 8)]
        assert [(row["chunk"], row["chunk_offset"]) for row in found[key]] == [(entry, 8)]
        assert len(found[truth.shared]) == 2
        assert {row["chunk_offset"] for row in found[truth.shared]} == {16}
        if build != "stripped":
            assert (found[table][0]["type"], found[table][0]["member"]) == ("struct cache", "slots")
            assert (found[key][0]["type"], found[key][0]["member"]) == ("struct entry", "key")

    def test_stale_words_come_last_and_lost_ones_count(self, heapcore, core):
        truth = Truth(core)
        _, found = ask(heapcore, core, truth.stale, truth.below, truth.cycle)
        assert all(row["stale"] for row in found[truth.stale]) and found[truth.stale]
        assert {row["chunk"] for row in found[truth.stale]} == {truth.text}
        assert [row["reach"] for row in found[truth.below]] == ["indirect"]
        assert len(found[truth.cycle]) == 1

    def test_names(self, heapcore, core, build):
        truth = Truth(core)
        if build == "stripped":
            assert "no variable" in heapcore("refs", core, "g_cache", status=2).err.decode()
            return
        document, _ = ask(heapcore, core, "*g_cache", "*local_cache", "g_cache", "*g_cache+8")
        rows = document["targets"]
        # What *g_cache+8 means is in the table, another block.
        assert [row["asked"] for row in rows] == ["*g_cache", "*local_cache", "g_cache", "*g_cache+8"] or \
            [row["asked"] for row in rows] == ["*g_cache", "*local_cache", "g_cache"]
        assert [row["chunk"] for row in rows[:2]] == [truth.cache("g_cache"), truth.cache("local_cache")]
        assert rows[2]["symbol"] == "g_cache"

    def test_limit(self, heapcore, core):
        truth = Truth(core)
        rows = heapcore("refs", core, truth.list[2], "--limit", 1, "--format", "csv").rows()
        assert len(rows) == 1 and rows[0]["target"] == truth.list[2]
        document, found = ask(heapcore, core, truth.list[2], "--limit", 3)
        # Each node knows the first one; the global and the first's own word, which doesn't count.
        assert document["targets"][0]["total_referrers"] == int(truth.list[0])
        assert len(found[truth.list[2]]) == 3
        assert "more; --limit" in heapcore("refs", core, truth.list[2]).text


class TestChains:
    def test_from_the_holder_to_the_key(self, heapcore, core):
        """root, cache, table, entry: each word stands in the chunk that the one before leads to."""
        truth = Truth(core)
        kinds = {"g_cache": "data", "local_cache": "data", "t_cache": "tls", "frame": "stack"}
        for name in NAMES:
            cache, table, entry, key = truth.holders[name][2:]
            rows = heapcore("refs", core, key, "--to-root", "--format", "json").json["chains"]
            assert [row["chunk"] for row in rows] == [None, cache, table, entry], name
            assert [row["value"] for row in rows] == [cache, table, entry, key]
            assert rows[0]["kind"] == kinds[name] and {row["length"] for row in rows} == {4}

    def test_all(self, heapcore, core):
        truth = Truth(core)
        rows = heapcore("refs", core, truth.shared, "--to-root", "--all", "--format", "json").json["chains"]
        assert {row["chunk"] for row in rows if row["step"] == 2} == {truth.cache("g_cache"), truth.cache("local_cache")}
        assert {row["chain"] for row in rows} == {1, 2}
        rows = heapcore("refs", core, truth.shared, "--to-root", "--all", "--limit", 1, "--format", "json").json["chains"]
        assert {row["chain"] for row in rows} == {1}

    def test_what_says_it_in_a_line(self, heapcore, core, build):
        truth = Truth(core)
        names = {"g_cache": "g_cache (", "local_cache": "local_cache", "t_cache": "t_cache (", "frame": "park: parked_cache"}
        for name in NAMES:
            holder = heapcore("what", core, truth.holders[name][5], "--format", "json").json["holder"]
            assert len(holder.split(" > ")) == 4, holder
            assert holder.startswith(names[name]) or build == "stripped"
        assert "held by" in heapcore("what", core, truth.cache("g_cache")).text
        number = int(truth.list[0]) - 1
        assert f" > {number:,} × " in heapcore("what", core, truth.list[3], "--format", "json").json["holder"]
        assert heapcore("what", core, truth.tree, "--format", "json").json["holder"] is None

    def test_analyze_says_it_of_what_is_held(self, heapcore, core):
        finding = heapcore("analyze", core, "--format", "json").json["findings"][0]
        assert finding["kind"] == "held"
        holder = heapcore("what", core, finding["sample_address"], "--format", "json").json["holder"]
        # what knows more types than analyze has read.
        assert finding["holder"].split(" > ")[0] == holder.split(" > ")[0]
        assert f"holder:  {holder.split(' > ')[0]}" in heapcore("analyze", core, env={"COLUMNS": "200"}).text

    def test_what_a_known_holder_holds_is_not_told(self, heapcore, core, build, tmp_path):
        plain = heapcore("analyze", core, "--format", "json").json
        finding, *others = plain["findings"]
        file = tmp_path / "known"
        manual = (conftest.ROOT / "docs/manual/analyze.man").read_text()
        # The list has 20,000 of the 22,000 chunks, the caches have the others.
        file.write_text(manual.split(".nf\n")[1].split(".fi\n")[0].replace("g_cache", "g_list"))
        if build == "stripped":
            file.write_text("holder:/holders-*")
        assert finding["holder"].startswith("g_list") or build == "stripped"
        result = heapcore("analyze", core, "--suppress", file, "--format", "json")
        validate(result.json, "analyze")
        assert not result.err
        # What is one thing with it goes, too; the others keep their numbers.
        left = [row for row in others if row["kind"] != "held" or row["with"] not in (None, 1)]
        gone = [row for row in plain["findings"] if row not in left]
        # Where leaks may be left out, groups and findings have the numbers that they have without these.
        more = rf" --suppress {file} \1" if "leak:" in file.read_text() else r" \1"
        assert result.json["findings"] == [{**row, "more": re.sub(" (--group|--finding)", more, row["more"])} for row in left]
        assert len(gone) > 1
        assert result.json["suppressed_held"] == {what: sum(row[what] for row in gone) for what in ("chunks", "bytes")}
        assert result.json["rest"] == plain["rest"] and result.json["verdict"] == plain["verdict"]
        text = heapcore("analyze", core, "--suppress", file).text
        assert "held chunks (" in text and "whose holder --suppress names" in text
        file.write_text("holder:^nobody$\n")
        other = heapcore("analyze", core, "--suppress", file, "--format", "json").json
        assert other["findings"] == plain["findings"] and other["suppressed_held"] == {"chunks": 0, "bytes": 0}
        assert "suppressed" not in other and "lost chunks" not in heapcore("analyze", core, "--suppress", file).text.split("Suppressed:")[1]

    def test_a_long_list_and_what_is_lost(self, heapcore, core):
        truth = Truth(core)
        rows = heapcore("refs", core, truth.list[3], "--to-root", "--format", "json").json["chains"]
        assert {row["length"] for row in rows} == {int(truth.list[0])}
        assert [row["step"] for row in rows] == [*range(1, 51), *range(int(truth.list[0]) - 49, int(truth.list[0]) + 1)]
        result = heapcore("refs", core, truth.tree, truth.below, truth.cycle, "--to-root", "--format", "json")
        assert result.json["chains"] == []
        assert "No chain" in heapcore("refs", core, truth.tree, "--to-root").text


KINDS = {"g_cache": "data", "local_cache": "data", "t_cache": "tls", "frame": "stack"}
HEADER = 8  # of a chunk, beside its usable bytes


def held(row):
    return int(row["retained_chunks"]), int(row["retained_bytes"])


def truth_of(chunks, usable):
    return int(chunks), int(usable) + HEADER * int(chunks)


class TestRetained:
    @pytest.fixture(scope="class")
    def document(self, heapcore, core):
        return heapcore("retained", core, "--format", "json").json

    def test_every_cache(self, document, core, build):
        """Its chunks and bytes, exactly; not what two of them hold."""
        truth = Truth(core)
        for name in NAMES:
            chunks, usable, cache, table = truth.holders[name][:4]
            row, = [row for row in document["holders"] if row["value"] == cache]
            assert held(row) == truth_of(chunks, usable), name
            assert (row["kind"], row["own_bytes"], row["accumulation_point"]) == (KINDS[name], 0, table)
            if build == "stripped":
                assert row["symbol"] is None
            elif name == "frame":
                assert (row["function"], row["variable"]) == ("park", "parked_cache")
            else:
                assert row["symbol"].startswith(name)
        row, = [row for row in document["holders"] if row["chunk"] == truth.shared]
        assert held(row) == (1, row["own_bytes"]) and row["kind"] == "chunk"

    def test_a_list_is_one_step(self, document, core):
        truth = Truth(core)
        chunks, usable, first, _ = truth.list
        row, = [row for row in document["holders"] if row["value"] == first]
        assert held(row) == truth_of(chunks, usable) and row["accumulation_point"] == first
        groups = [group for group in document["groups"] if group["holder"] == row["number"]]
        assert [(group["depth"], group["chunks"]) for group in groups] == [(0, 0), (1, int(chunks))]

    def test_kinds_below(self, document, core):
        truth = Truth(core)
        for name in NAMES:
            chunks, _, cache, table, _, _ = truth.holders[name]
            row, = [row for row in document["holders"] if row["value"] == cache]
            groups = [group for group in document["groups"] if group["holder"] == row["number"]]
            num = (int(chunks) - 2) // 2
            assert [group["chunks"] for group in groups] == [0, 1, 1, num, num]
            assert [group["depth"] for group in groups] == [0, 1, 2, 3, 4]
            assert [group["sample"] for group in groups][:3] == [None, cache, table]
            assert [group["parent"] for group in groups[1:]] == [group["group"] for group in groups[:-1]]
            assert groups[0]["retained_bytes"] == row["retained_bytes"] == sum(group["bytes"] for group in groups)

    def test_everything_is_held_by_one(self, heapcore, document, core):
        rows = heapcore("chunks", core, "--reach", "reachable,possible", "--format", "csv").rows()
        assert document["held"] == {"chunks": len(rows), "bytes": sum(int(row["chunk_size"]) for row in rows)}
        assert sum(row["retained_bytes"] for row in document["holders"]) == document["held"]["bytes"]
        assert sum(row["retained_chunks"] for row in document["holders"]) == document["held"]["chunks"]
        assert len(document["holders"]) == document["total_holders"]
        sizes = [row["retained_bytes"] for row in document["holders"]]
        assert sizes == sorted(sizes, reverse=True)

    def test_of(self, heapcore, core):
        truth = Truth(core)
        for name in NAMES:
            chunks, usable, cache, table, entry, key = truth.holders[name]
            document = heapcore("retained", core, "--of", key, "--format", "json").json
            assert [row["chunk"] for row in document["chain"]] == [key, entry, table, cache, None]
            assert document["chain"][4]["kind"] == KINDS[name]
            assert document["chain"][4]["retained_bytes"] == truth_of(chunks, usable)[1]
            assert document["holders"] == [] and document["total_holders"] == 0
            document = heapcore("retained", core, "--of", table, "--top", 7, "--format", "json").json
            assert document["total_holders"] == (int(chunks) - 2) // 2 and len(document["holders"]) == 7
            assert {held(row)[0] for row in document["holders"]} == {2}

    def test_of_a_name(self, heapcore, core, build):
        truth = Truth(core)
        if build == "stripped":
            assert "no variable" in heapcore("retained", core, "--of", "g_cache", status=2).err.decode()
            return
        for name in ("g_cache", "*g_cache", "local_cache", "t_cache"):
            chunks = truth.holders[name.lstrip("*")][0]
            result = heapcore("retained", core, "--of", name)
            assert f" in {int(chunks):,} chunks would be free" in result.text, name
        assert "Who holds it" in result.text and "t_cache" in result.text

    def test_what_holds_nothing(self, heapcore, core):
        truth = Truth(core)
        for word in (truth.tree, truth.cycle, "0x1000"):
            result = heapcore("retained", core, "--of", word, status=2)
            assert result.out == b"" and len(result.err.splitlines()) == 1 and word.encode() in result.err

    def test_text_and_csv(self, heapcore, core):
        truth = Truth(core)
        text = heapcore("retained", core).text
        assert "20,000 × " in text and "> 1,000 × " in text and "1 × 80 bytes each" in text
        rows = heapcore("retained", core, "--top", 2, "--format", "csv").rows()
        assert [held(row) for row in rows] == [truth_of(*truth.list[:2]), truth_of(*truth.holders["g_cache"][:2])]
        assert "more; --top N" in heapcore("retained", core, "--top", 2).text


@pytest.mark.parametrize("level", ["-O2", "-O0"])
def test_a_hash_table(heapcore, dump, level):
    """A table, 200,000 nodes, and a text of each."""
    core = dump("hash_table.cc", flags=[level])
    chunks, usable = truth_of(*core.lines("TABLE")[0])
    document = heapcore("retained", core, "--top", 1, "--format", "json").json
    row, = document["holders"]
    # The table is a mapping of its own, with a header of twice the size.
    assert held(row) == (chunks, usable + HEADER)
    assert row["kind"] == "data" and row["symbol"].startswith("sessions")
    # malloc gave a few of them a little more than the others, which makes another kind.
    nodes, texts = [group for group in document["groups"] if 199900 <= group["chunks"] <= 200000]
    assert (nodes["depth"], nodes["retained_chunks"]) == (1, 2 * nodes["chunks"])
    assert texts["parent"] == nodes["group"]
    assert f"{nodes['chunks']:,} × " in heapcore("retained", core).text


def test_a_name_without_its_tag(heapcore, dump):
    """The symbol is sessions[abi:cxx11], since the table has strings of C++11."""
    core = dump("hash_table.cc", flags=["-O2"])
    rows = [heapcore("refs", core, name, "--format", "json").json["targets"] for name in ("*sessions", "*sessions[abi:cxx11]")]
    assert len(rows[0]) == 1 and rows[0][0]["chunk"] == rows[1][0]["chunk"] is not None
    assert heapcore("refs", core, "*session", status=2).out == b""


def test_tables_without_symbols(heapcore, dump):
    """A table is one holder, whatever it points to; pointers that stand together by chance are several."""
    core = dump("tables.c", flags=["-O2", "-s"])
    document = heapcore("retained", core, "--format", "json").json
    rows = [row for row in document["holders"] if row["kind"] == "data"]
    assert [held(row) for row in rows] == sorted((truth_of(*line[1:]) for line in core.lines("HELD")), key=lambda pair: -pair[1])
    assert all(row["symbol"] is None for row in rows)
    # Every entry leads to it.
    for row in rows[:2]:
        of = heapcore("retained", core, "--of", row["address"], "--format", "json").json
        assert [link["address"] for link in of["chain"]] == [row["address"]]


def test_many_from_stdin(heapcore, dump, tmp_path):
    core = dump("holders.c")
    truth = Truth(core)
    words = tmp_path / "words"
    words.write_text("\n".join(truth.cache(name) for name in NAMES) + "\n" + truth.cache("frame"))
    with open(words, encoding="ascii") as stdin:
        out = subprocess.run([*heapcore.front, heapcore.path, "refs", str(core), "-", "--format", "csv"], stdin=stdin,
                             stdout=subprocess.PIPE, check=True, timeout=conftest.TIMEOUT).stdout.decode()
    assert [line.split(",")[0] for line in out.splitlines()[1:]] == [truth.cache(name) for name in NAMES]


def test_bad_words(heapcore, dump):
    core = dump("holders.c")
    for word in ("nosuch", "*0x10", "0x", "g_cache+x"):
        result = heapcore("refs", core, word, status=2)
        assert result.out == b"" and len(result.err.splitlines()) == 1 and word.encode() in result.err
    assert heapcore("refs", core, "0x1234567812345", "--format", "json").json["referrers"] == []


class Test32Bit:
    def test_holders(self, heapcore, dump):
        core = dump("holders.c", flags=conftest.FLAGS_32_BIT)
        truth = Truth(core)
        _, found = ask(heapcore, core, *(truth.cache(name) for name in NAMES))
        rows = {name: found[truth.cache(name)][0] for name in NAMES}
        assert [rows[name]["kind"] for name in NAMES if name != "t_cache"] == ["data", "data", "stack"]
        assert rows["g_cache"]["symbol"] == "g_cache"
        assert (rows["frame"]["function"], rows["frame"]["variable"]) == ("park", "parked_cache")
        # gcore leaves out where the segments of an i386 program begin, the main thread's TLS among them.
        assert (rows["t_cache"]["kind"], rows["t_cache"]["symbol"]) in (("tls", "t_cache"), ("other", None))
