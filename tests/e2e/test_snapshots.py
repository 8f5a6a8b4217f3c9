"""Snapshots of /proc beside a core, and in place of one: what is used, what is refused, and why."""
import json
import pathlib
import re
import shutil
import subprocess

import conftest
import pytest

from test_cli import validate

PAGE = 4096
HOLDER = r"""
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char written[64 << 10] = {1};

int main(void)
{
	char *some = mmap(NULL, 5 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	memset(some, 1, 5 << 20);
	written[0] = 2;
	puts("end");
	fflush(stdout);
	for (;;)
		pause();
}
"""
FILES = ("smaps", "maps", "smaps_rollup")


@pytest.fixture(scope="module")
def two(tmp_path_factory, compiled):
    """A process with a core and its snapshots, and snapshots of another one of the same program."""
    conftest.machine.need("proc")
    conftest.machine.need("ptrace")
    folder = tmp_path_factory.mktemp("snapshots")
    (folder / "holder.c").write_text(HOLDER)
    program = compiled(folder / "holder.c")
    for name in ("a", "b"):
        (folder / name).mkdir()
        with conftest.running([program]) as process:
            conftest.read_until(process.stdout, b"end")
            for file in FILES:
                (folder / name / file).write_bytes(pathlib.Path(f"/proc/{process.pid}/{file}").read_bytes())
            if name == "a":
                conftest.gcore(process.pid, folder / "core")
    return folder


def mapping_lines(text):
    return [line for line in text.splitlines() if re.match("[0-9a-f]+-[0-9a-f]+ ", line)]


def fields(text, name):
    """The values of a field of smaps, bytes, by the start of the mapping."""
    start, ret = None, {}
    for line in text.splitlines():
        if re.match("[0-9a-f]+-[0-9a-f]+ ", line):
            start = "0x" + line.split("-")[0].lstrip("0")
        elif line.startswith(name + ":"):
            ret[start] = int(line.split()[1]) * 1024
    return ret


class TestBesideACore:
    def refused(self, heapcore, two, verb, file):
        result = heapcore(verb, two / "core", "--smaps", file, status=2)
        assert result.out == b"" and result.err.count(b"\n") == 1, result
        return result.err.decode()

    @pytest.mark.parametrize("verb", ["analyze", "info", "maps"])
    def test_refused(self, heapcore, two, verb):
        said = self.refused(heapcore, two, verb, two / "a/smaps_rollup")
        assert "smaps_rollup, which has only sums" in said and "/proc/PID/smaps" in said
        said = self.refused(heapcore, two, verb, two / "a/maps")
        assert "nothing of resident memory, as a maps file" in said and "/proc/PID/smaps" in said
        assert re.search("is of another process: nothing is mapped at 0x[0-9a-f]+, where this one has its",
                         self.refused(heapcore, two, verb, two / "b/smaps"))

    def test_of_another_after_a_cut(self, heapcore, two, tmp_path):
        lines = (two / "b/smaps").read_text().splitlines(keepends=True)
        (tmp_path / "cut").write_text("".join(lines[:60]) + "7ff")
        assert "is of another process" in self.refused(heapcore, two, "info", tmp_path / "cut")

    def test_used(self, heapcore, two):
        smaps = (two / "a/smaps").read_text()
        document = heapcore("maps", two / "core", "--smaps", two / "a/smaps", "--format", "json").json
        validate(document, "maps")
        anonymous, resident = fields(smaps, "Anonymous"), fields(smaps, "Rss")
        rows = {row["start"]: row for row in document["mappings"]}
        assert not document["partial"]
        assert sum(row["resident"] or 0 for row in rows.values()) == \
            sum(value for start, value in resident.items() if start != "0xffffffffff600000")
        assert sum(row["resident_anonymous"] or 0 for row in rows.values()) == sum(anonymous.values())
        accounting = heapcore("analyze", two / "core", "--smaps", two / "a/smaps", "--format", "json").json["accounting"]
        assert 5 << 20 <= accounting["resident"] <= sum(anonymous.values())

    def test_cut(self, heapcore, two, tmp_path):
        """Cut in its last line: the rest is used, and the answer says so."""
        smaps = (two / "a/smaps").read_text()
        last = mapping_lines(smaps)[-1]
        (tmp_path / "cut").write_text(smaps[:smaps.index(last) + 9])
        result = heapcore("maps", two / "core", "--smaps", tmp_path / "cut", "--format", "json")
        assert "the last line is cut short; left it out" in result.json["remarks"][0] and result.json["partial"]
        assert b"the last line is cut short" in result.err


class TestSums:
    """Pairs of smaps_rollup, or one and smaps."""

    @pytest.fixture
    def rollups(self, two, tmp_path):
        """Two, of which the second has 80 MB more."""
        old = (two / "a/smaps_rollup").read_text()
        new = re.sub(r"(Anonymous: +)(\d+)", lambda m: f"{m[1]}{int(m[2]) + 80000}", old)
        for name, text in (("old", old), ("new", new)):
            (tmp_path / name).write_text(text)
            for suffix, command in (("gz", ["gzip", "-k"]), ("xz", ["xz", "-k"]), ("zst", ["zstd", "-q"])):
                if shutil.which(command[0]):
                    subprocess.run([*command, tmp_path / name], check=True)
        return tmp_path

    def growth(self, document):
        validate(document, "diff")
        assert document["mappings"] == [] and document["verdict"] == "growth"
        return document["growth_bytes"]

    def test_two(self, heapcore, rollups):
        result = heapcore("diff", rollups / "old", rollups / "new")
        assert "Growth. Resident anonymous memory grew by 78.1 MiB" in result.text and "These are sums over all mappings" in result.text
        assert "different processes" not in result.text and "Mappings," not in result.text and "None changed" not in result.text
        assert self.growth(heapcore("diff", rollups / "old", rollups / "new", "--format", "json").json) == 80000 << 10
        assert "Steady" in heapcore("diff", rollups / "old", rollups / "old").text
        assert heapcore("diff", rollups / "old", rollups / "new", "--fail-if-grown", "1M", status=1).text == result.text

    @pytest.mark.parametrize("suffix", ["gz", "xz", "zst"])
    def test_packed_and_piped(self, heapcore, rollups, suffix):
        if not (rollups / f"new.{suffix}").exists():
            pytest.skip(f"nothing that makes .{suffix} is installed")
        packed = heapcore("diff", rollups / f"old.{suffix}", rollups / f"new.{suffix}", "--format", "json").json
        for old, new, piped in (("-", "new", f"old.{suffix}"), (f"old.{suffix}", "-", "new"), ("old", "-", f"new.{suffix}")):
            found = subprocess.run([heapcore.path, "diff", old, new, "--format", "json"], cwd=rollups, stdout=subprocess.PIPE,
                                   input=(rollups / piped).read_bytes(), check=True)
            assert self.growth(json.loads(found.stdout)) == self.growth(packed) == 80000 << 10

    def test_with_smaps(self, heapcore, two, rollups):
        """The sums are those of its mappings."""
        smaps = (two / "a/smaps").read_text()
        document = heapcore("diff", two / "a/smaps", rollups / "new", "--format", "json").json
        more = sum(fields((rollups / "new").read_text(), "Anonymous").values()) - sum(fields(smaps, "Anonymous").values())
        assert self.growth(document) == more > 70 << 20

    def test_refused(self, heapcore, two, rollups):
        for other in (two / "a/maps", two / "core"):
            assert b"has no sums to compare" in heapcore("diff", rollups / "old", other, status=2).err
        (rollups / "cut").write_text((rollups / "old").read_text()[:120])
        assert b"doesn't say how much is anonymous" in heapcore("diff", rollups / "cut", rollups / "old", status=2).err


class TestAlone:
    def test_rollup(self, heapcore, two):
        rollup = (two / "a/smaps_rollup").read_text()
        document = heapcore("maps", two / "a/smaps_rollup", "--format", "json").json
        validate(document, "maps")
        assert document["mappings"] == [] and document["kinds"] == []
        for key, name in (("resident", "Rss"), ("proportional", "Pss"), ("private_dirty", "Private_Dirty"),
                          ("resident_anonymous", "Anonymous"), ("swap", "Swap")):
            assert [document["totals"][key]] == list(fields(rollup, name).values())
        text = heapcore("maps", two / "a/smaps_rollup").text
        assert "EiB" not in text and "Sums over all mappings" in text and "rollup]" not in text

    def test_anonymous(self, heapcore, two):
        """Of a private file only what was written is anonymous."""
        smaps = (two / "a/smaps").read_text()
        document = heapcore("maps", two / "a/smaps", "--format", "json").json
        anonymous = fields(smaps, "Anonymous")
        assert {row["start"]: row["resident_anonymous"] for row in document["mappings"]} == anonymous
        data = [row for row in document["mappings"] if row["kind"] == "data"]
        assert any(row["resident"] > row["resident_anonymous"] for row in document["mappings"] if row["path"])
        assert any(row["resident_anonymous"] for row in data)

    def test_older_kernels(self, heapcore, tmp_path):
        """Without the field, and without any: nothing is made up."""
        (tmp_path / "smaps").write_text("1000-3000 rw-p 0 00:00 0\nRss: 4 kB\n")
        (tmp_path / "maps").write_text("1000-3000 rw-p 0 00:00 0\n")
        row, = heapcore("maps", tmp_path / "smaps", "--format", "json").json["mappings"]
        assert row["resident"] == PAGE and row["resident_anonymous"] is None
        row, = heapcore("maps", tmp_path / "maps", "--format", "json").json["mappings"]
        assert "resident" not in row and "resident_anonymous" not in row

    def test_overlap(self, heapcore, tmp_path):
        """The process went on while the file was written."""
        (tmp_path / "smaps").write_text("1000-4000 rw-p 0 00:00 0\nRss: 12 kB\n3000-5000 rw-p 0 00:00 0\nRss: 8 kB\n"
                                        "4800-4900 rw-p 0 00:00 0\nRss: 4 kB\n")
        result = heapcore("maps", tmp_path / "smaps", "--format", "json")
        remark, = result.json["remarks"]
        assert remark.startswith("2 lines overlap another; the process went on") and result.json["partial"]
        assert [(row["start"], row["end"], row["resident"]) for row in result.json["mappings"]] == \
            [("0x1000", "0x4000", 3 * PAGE), ("0x4000", "0x5000", PAGE)]
        assert heapcore("maps", tmp_path / "smaps").text.startswith("PARTIAL: 2 lines overlap")

    def test_cut(self, heapcore, tmp_path):
        (tmp_path / "maps").write_text("1000-2000 rw-p 0 00:00 0\n3000-40")
        result = heapcore("maps", tmp_path / "maps")
        assert result.text.startswith("PARTIAL: the last line is cut short") and b"cut short" in result.err
