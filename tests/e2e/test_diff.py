"""
heapcore diff: cores of one program at three moments, of another run of it, and saved maps and smaps; the program
does what it is told in between, so that every count is known.
"""
import os
import re
import shutil
import subprocess

import pytest

import conftest
import corefile
from conftest import machine
from test_cli import validate

LOST, HELD = (1000, 20000, 30000), (2000, 500, 100)


class Stages:
    """The program, at work."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"end\n"

    def tell(self, *commands):
        for command in commands:
            self.process.stdin.write(command.encode() + b"\n")
            self.process.stdin.flush()
            assert self.process.stdout.readline() == b"done\n"

    def core(self, path):
        conftest.gcore(self.process.pid, path)

    def end(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def moments(compiled, tmp_path_factory):
    """core.1 to core.3 of one process, its maps and smaps, and few.core and other.core of another one."""
    machine.need("ptrace")
    folder = tmp_path_factory.mktemp("moments")
    program = compiled("stages.cc")
    stages = Stages(program)
    try:
        for i, commands in enumerate([("lose 1000", "hold 2000"), ("lose 20000", "hold 500", "map 3"),
                                      ("lose 30000", "drop 700", "touch")], 1):
            stages.tell(*commands)
            stages.core(folder / f"core.{i}")
            os.utime(folder / f"core.{i}", (1_000_000 + 3600 * i,) * 2)
            for name in ("maps", "smaps"):
                shutil.copyfile(f"/proc/{stages.process.pid}/{name}", folder / f"{name}.{i}")
    finally:
        stages.end()
    other = Stages(program)
    try:
        other.tell("lose 40", "hold 2600")
        other.core(folder / "few.core")
        other.tell("lose 960")
        other.core(folder / "other.core")
    finally:
        other.end()
    return folder


def diff(heapcore, moments, *names, options=()):
    arguments = [moments / name for name in names]
    return heapcore("diff", *arguments, *options, "--format", "json", "-q").json


def kinds(document):
    """By class or type."""
    return {row["type"] or row["class"]: row for row in document["kinds"]}


class TestCores:
    def test_leak(self, heapcore, moments):
        document = diff(heapcore, moments, "core.1", "core.2")
        assert document["compared"] == "heaps" and document["same_process"] and document["seconds"] == 3600
        assert (document["verdict"], document["cause"]) == ("leak", "lost")
        requests = kinds(document)["http-request"]
        assert requests["change_chunks"] == requests["change_lost_chunks"] == 20000
        assert (requests["before_chunks"], requests["after_chunks"]) == (1000, 21000)
        # Nothing writes to what is lost.
        assert (requests["unchanged_chunks"], requests["fresh_chunks"]) == (1000, 20000)
        sessions = kinds(document)["Session"]
        assert (sessions["change_chunks"], sessions["change_lost_chunks"]) == (500, 0)
        assert sessions["change_bytes"] == 500 * sessions["min_size"] > 0
        assert document["change"]["lost"] == requests["change_bytes"]
        assert "stayed_chunks" not in requests

    def test_sums(self, heapcore, moments):
        """Kinds add up to what each core says by itself."""
        document = diff(heapcore, moments, "core.1", "core.2", "core.3")
        for i, (name, side) in enumerate((("core.1", "before"), ("core.3", "after"))):
            alone = heapcore("leaks", moments / name, "--format", "json", "-q").json
            lost = alone["definite"]["chunks"] + alone["indirect"]["chunks"]
            moment = document["moments"][2 * i]
            assert moment["lost"]["chunks"] == lost == sum(row[f"{side}_lost_chunks"] for row in document["kinds"])
            used = heapcore("histogram", moments / name, "--format", "json", "-q").json["in_use"]
            assert moment["held"]["chunks"] + moment["lost"]["chunks"] == used["chunks"]
            assert used == {"chunks": sum(row[f"{side}_chunks"] for row in document["kinds"]),
                            "bytes": sum(row[f"{side}_bytes"] for row in document["kinds"])}

    def test_what_stayed(self, heapcore, moments):
        document = diff(heapcore, moments, "core.1", "core.2", "core.3")
        requests, sessions = kinds(document)["http-request"], kinds(document)["Session"]
        assert requests["change_chunks"] == 50000 and requests["stayed_chunks"] == 20000
        assert sessions["change_chunks"] == -200
        # Those that are left were all written to.
        assert (sessions["unchanged_chunks"], sessions["stayed_chunks"]) == (0, 0)

    def test_shrinking_and_steady(self, heapcore, moments):
        assert diff(heapcore, moments, "core.3", "core.1")["verdict"] == "shrinking"
        same = diff(heapcore, moments, "core.2", "core.2")
        assert same["verdict"] == "steady" and same["growth_bytes"] == 0
        assert all(row["change_bytes"] == 0 and row["fresh_chunks"] == 0 for row in same["kinds"])

    def test_other_process(self, heapcore, moments):
        """Kinds mean the same where addresses don't."""
        document = diff(heapcore, moments, "core.1", "other.core")
        assert not document["same_process"]
        row = kinds(document)["Session"]
        assert (row["change_chunks"], row["fresh_chunks"]) == (600, None)
        assert kinds(document)["http-request"]["change_chunks"] == 0
        assert "different processes" in heapcore("diff", moments / "core.1", moments / "other.core").text

    def test_by_holder(self, heapcore, moments):
        """What keeps chunks alive has a name in every core, of this process or another."""
        for names, grown, hours in ((("core.1", "core.2"), 500, 1), (("core.1", "other.core"), 600, None)):
            document = diff(heapcore, moments, *names, options=("--by", "holder"))
            validate(document, "diff")
            plain = diff(heapcore, moments, *names)
            assert document["by"] == "holder" and plain["by"] == "kind" and "kinds" not in document
            assert document["change"] == plain["change"] and document["growth_bytes"] == plain["growth_bytes"]
            table = max(document["places"], key=lambda row: row["after_bytes"] - row["after_lost_bytes"])
            assert re.match(r"table \(stages|stages-\w+\+0x", table["place"]), table
            sessions = kinds(plain)["Session"]
            # The array of pointers is one more; a session that a register points to as well, one less.
            assert abs(table["change_chunks"] - grown) <= 2
            assert abs(table["before_chunks"] - sessions["before_chunks"]) <= 2
            assert abs(table["change_bytes"] - sessions["change_bytes"]) <= 2 * sessions["max_size"]
            assert hours is None or table["change_per_hour"] == table["change_bytes"]
            lost = next(row for row in document["places"] if row["place"] == "nobody: lost")
            assert lost["after_lost_bytes"] == lost["after_bytes"] > 0
            assert sum(row["change_bytes"] for row in document["places"]) == sum(row["change_bytes"] for row in plain["kinds"])

    def test_by_place_of_three(self, heapcore, moments):
        plain = diff(heapcore, moments, "core.1", "core.2", "core.3")
        for by in "arena", "thread", "mapping":
            document = diff(heapcore, moments, "core.1", "core.2", "core.3", options=("--by", by))
            validate(document, "diff")
            for side, moment in (("before", 0), ("after", 2)):
                for key in "chunks", "bytes":
                    assert document["moments"][moment]["free"][key] == sum(row[f"{side}_free_{key}"] for row in document["places"])
            for key in "after_chunks", "after_bytes", "stayed_chunks", "fresh_chunks":
                assert sum(row[key] for row in document["places"]) == sum(row[key] for row in plain["kinds"]), (by, key)
            rows = heapcore("diff", moments / "core.1", moments / "core.3", "--by", by, "--format", "csv", "-q").rows()
            assert all(round(int(row["change_bytes"]) / 2) - int(row["change_per_hour"]) in (-1, 0, 1) for row in rows)
        text = heapcore("diff", moments / "core.1", moments / "core.3", "--by", "thread").text
        assert "Chunks in use by thread" in text and "AN HOUR" in text and "(main)" in text

    @pytest.mark.parametrize("names", [("core.1", "core.2"), ("core.2", "core.1"), ("core.1", "other.core"),
                                       ("core.1", "core.2", "core.3")])
    def test_by_finding(self, heapcore, moments, names):
        """What is listed of one core is counted in all of them; the parts are the whole."""
        document = diff(heapcore, moments, *names, options=("--by", "finding"))
        validate(document, "diff")
        plain = diff(heapcore, moments, *names)
        assert document["by"] == "finding" and document["change"] == plain["change"]
        places = {row["place"]: row for row in document["places"]}
        assert len(places) == len(document["places"])
        assert [row["change_bytes"] for row in document["places"]] == sorted(
            (row["change_bytes"] for row in document["places"]), reverse=True)
        for side, name, moment in (("before", names[0], document["moments"][0]), ("after", names[-1], document["moments"][-1])):
            in_use = sum(moment[key]["chunks"] for key in ("held", "lost"))
            assert sum(row[f"{side}_chunks"] - row[f"{side}_free_chunks"] for row in places.values()) == in_use
            assert sum(row[f"{side}_free_bytes"] for row in places.values()) == moment["free"]["bytes"]
            assert sum(row[f"{side}_lost_bytes"] for row in places.values()) == moment["lost"]["bytes"]
            found = heapcore("analyze", moments / name, "--format", "json", "-q").json
            for finding in found["findings"]:
                (row,) = [row for row in places.values() if row["cause"] == finding["kind"] and self.says(row["place"], finding)]
                touched = finding["kind"] in ("stacks", "outside")
                assert row[f"{side}_bytes"] == finding["touched" if touched else "bytes"], (row, finding)
                assert row[f"{side}_chunks"] == finding["chunks"]
        for row in places.values():
            before, after = row["before_bytes"], row["after_bytes"]
            assert row["change_bytes"] == after - before
            assert row["how"] == ("same" if before == after else "new" if not before else "gone" if not after
                                  else "grown" if before < after else "shrunk")
        if len(names) == 3:
            for key in "stayed_chunks", "fresh_chunks":
                assert sum(row[key] for row in places.values()) == sum(row[key] for row in plain["kinds"])

    @staticmethod
    def says(place, finding):
        """Whether a place of a finding's kind is that finding."""
        if finding["kind"] not in ("lost", "held"):
            return True
        sized = place.endswith(f" {finding['size']} bytes")
        if finding["kind"] == "held":
            return sized or (finding["max_size"] > finding["size"] and not place.endswith(" bytes"))
        return sized

    def test_finding_of_small_groups(self, heapcore, moments):
        """A group that is not listed before, since others are larger, was there all the same."""
        leaked = {name: [int(chunk["chunk_size"]) for chunk in
                         heapcore("chunks", moments / name, "--leaked", "--format", "csv").rows()]
                  for name in ("core.1", "core.2", "few.core")}
        for old, new, least in (("core.1", "core.2", 9), ("core.1", "few.core", 12)):
            rows = diff(heapcore, moments, old, new, options=("--by", "finding"))["places"]
            lost = [row for row in rows if row["cause"] == "lost"]
            assert len(lost) >= least
            for row in lost:
                size = int(re.match(r"lost: HTTP request, (\d+) bytes$", row["place"])[1])
                assert row["before_chunks"] == leaked[old].count(size) > 0
                assert row["after_chunks"] == leaked[new].count(size)
                assert row["how"] == ("grown" if new == "core.2" else "shrunk" if row["after_chunks"] else "gone")
                assert row["change_bytes"] == row["change_lost_bytes"]
                assert new != "core.2" or row["change_per_hour"] == row["change_bytes"]
        rows = diff(heapcore, moments, "core.1", "core.2", options=("--by", "finding"))["places"]
        (blocks,) = [row for row in rows if row["how"] == "new"]
        assert (blocks["cause"], blocks["change_bytes"], blocks["after_chunks"]) == ("outside", 3 << 20, 0)

    def test_finding_in_words(self, heapcore, moments):
        cores = moments / "core.2", moments / "core.1"
        text = heapcore("diff", *reversed(cores), "--by", "finding", "--top", "0").text
        assert "\nFindings\n" in text and "lost: HTTP request, 4" in text and "AN HOUR" in text
        text = heapcore("diff", *cores, "--by", "finding", "--format", "markdown").text
        assert "| gone, " in text or "| lost: " in text
        # What is in chunks does not show where it must not.
        for form in "text", "json", "csv":
            shown = heapcore("diff", *cores, "--by", "finding", "--content", "none", "--format", form).text
            assert "HTTP" not in shown and "Session" not in shown and "lost: 4" in shown

    def test_by_without_a_heap(self, heapcore, moments):
        for by in "arena", "thread", "holder", "finding":
            result = heapcore("diff", moments / "maps.1", moments / "core.2", "--by", by, status=2)
            assert b"is about the chunks of cores" in result.err and result.err.count(b"\n") == 1
        heapcore("diff", moments / "maps.1", moments / "maps.2", "--by", "mapping")

    def test_text(self, heapcore, moments):
        text = heapcore("diff", moments / "core.1", moments / "core.2", "--top", "5").text
        assert "Leak. What nothing points to any more grew by" in text and "in 60 minutes" in text
        assert "20,000 more are lost" in text and "+20,000" in text
        assert all(len(line) <= 80 for line in text.splitlines() if "heapcore " not in line and str(moments) not in line)

    def test_fail_if_grown(self, heapcore, moments):
        cores = moments / "core.1", moments / "core.2"
        grown = diff(heapcore, moments, "core.1", "core.2")["growth_bytes"]
        heapcore("diff", *cores, "--fail-if-grown", grown)
        heapcore("diff", *cores, "--fail-if-grown", grown - 1, status=1)
        heapcore("diff", *reversed(cores), "--fail-if-grown", "0")

    def test_missing_bytes(self, heapcore, moments, tmp_path):
        """What is missing is no match, and is said."""
        lacking = tmp_path / "lacking.core"
        table = next(int(row["start"], 16) for row in heapcore("maps", moments / "core.2", "--format", "json").json["mappings"]
                     if row["kind"] == "mmapped-chunk")
        core = corefile.Core(moments / "core.2")
        corefile.without_bytes(core, lambda load: load.start <= table < load.start + load.memsz, lacking)
        for names in (("core.2", lacking), (lacking, lacking)):
            document = diff(heapcore, moments, *names)
            assert document["partial"] and document["same_process"]
            assert all(row["fresh_chunks"] + row["unchanged_chunks"] == row["after_chunks"] for row in document["kinds"])

    @pytest.mark.parametrize("jobs", ["1", "3"])
    def test_jobs(self, heapcore, moments, jobs):
        assert diff(heapcore, moments, "core.1", "core.2", options=("--jobs", jobs)) == diff(heapcore, moments, "core.1", "core.2")

    def test_bad_input(self, heapcore, moments, tmp_path):
        bad = tmp_path / "bad"
        bad.write_text("no core\n")
        for arguments in ((moments / "core.1", bad), (bad, moments / "core.1")):
            result = heapcore("diff", *arguments, status=2)
            assert result.err.count(b"\n") == 1 and b"bad: " in result.err
        assert b"diff needs OLD NEW" in heapcore("diff", moments / "core.1", status=2).err
        before = (moments / "core.2").read_bytes()
        result = heapcore("diff", moments / "core.1", moments / "core.2", "-o", moments / "core.2", "--force", status=2)
        assert b"is being read" in result.err and (moments / "core.2").read_bytes() == before


class TestSnapshots:
    @pytest.mark.parametrize("name", ["maps", "smaps"])
    def test_growth(self, heapcore, moments, name):
        document = diff(heapcore, moments, f"{name}.1", f"{name}.2")
        assert document["compared"] == "mappings" and document["same_process"]
        assert (document["verdict"], document["cause"]) == ("growth", "outside")
        new = [row for row in document["mappings"] if row["how"] == "new" and row["after_size"] == 1 << 20]
        assert len(new) == 3 and all(row["change_bytes"] == 1 << 20 for row in new)
        heap = [row for row in document["mappings"] if row["kind"] == "main-heap"]
        assert [row["how"] for row in heap] == ["grown"] and heap[0]["change_bytes"] > 6 << 20
        assert document["growth_bytes"] >= heap[0]["change_bytes"] + (3 << 20)

    def test_the_other_way_round(self, heapcore, moments):
        document = diff(heapcore, moments, "maps.2", "maps.1")
        assert document["verdict"] == "shrinking"
        assert [row["how"] for row in document["mappings"] if row["before_size"] == 1 << 20] == ["gone"] * 3

    def test_core_and_snapshot(self, heapcore, moments):
        """Mappings are what they have in common."""
        document = diff(heapcore, moments, "maps.1", "core.2")
        assert document["compared"] == "mappings" and document["verdict"] == "growth"

    def test_csv(self, heapcore, moments):
        rows = heapcore("diff", moments / "maps.1", moments / "maps.2", "--format", "csv").rows()
        assert {"change_bytes", "how", "kind"} <= set(rows[0])
        rows = heapcore("diff", moments / "core.1", moments / "core.2", "--format", "csv").rows()
        assert [row["change_chunks"] for row in rows if row["class"] == "http-request"] == ["20000"]
