"""
What belongs to which thread: a program of threads in arenas of their own, at two moments. Its mappings as pmap prints
them, selections by thread, and what grew in which arena.
"""
import gzip
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import types

import conftest
import pytest
from conftest import machine
from test_cli import validate

HANDLERS = 6
WIDGETS = r"""
#include <stdio.h>
#include <unistd.h>

struct Widget {
	virtual ~Widget() {}
	char *text = new char[100]();
	long number = 7;
};

static Widget *volatile last;

int main()
{
	for (int i = 0; i < 100; i++)
		last = new Widget;
	last = nullptr;
	puts("end");
	fflush(stdout);
	for (;;)
		pause();
}
"""
FORMS = ("", "-x", "-X", "-XX", "-d")


def pmap_of(pid, form):
    return subprocess.run(["pmap", *form.split(), str(pid)], capture_output=True, check=True).stdout


def converted(smaps, form):
    """What pmap would print, for machines that have none. Names without folders, as it has them."""
    lines, total = [b"12:   handlers"], 0
    if form == "-x":
        lines.append(b"Address           Kbytes     RSS   Dirty Mode  Mapping")
    for head, rss in re.findall(rb"(?m)^([0-9a-f]+-[0-9a-f]+ .*)\n(?:.*\n)*?Rss: +(\d+) kB", smaps):
        place, permissions, _, _, _, *name = head.split(maxsplit=5)
        start, end = (int(part, 16) for part in place.split(b"-"))
        file = name[0] if name else b""
        file = b"  [ stack ]" if file == b"[stack]" else os.path.basename(file) if file[:1] == b"/" else b"  [ anon ]"
        mode = permissions.replace(b"p", b"-") + b"-"
        size, total = (end - start) >> 10, total + (end - start >> 10)
        lines.append(b"%016x %7d %7d %7d %s %s" % (start, size, int(rss), 0, mode, file) if form == "-x"
                     else b"%016x %6dK %s %s" % (start, size, mode, file))
    lines.append(b"total kB %d 0 0" % total if form == "-x" else b" total %dK" % total)
    return b"\n".join(lines) + b"\n"


class Handlers:
    """The program, at work."""

    def __init__(self, program):
        self.process = subprocess.Popen([program, str(HANDLERS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.threads = {}
        while (line := self.process.stdout.readline()) != b"end\n":
            _, lwp, name = line.split()
            self.threads.setdefault(name.decode(), []).append(int(lwp))

    def tell(self, *commands):
        for command in commands:
            self.process.stdin.write(command.encode() + b"\n")
            self.process.stdin.flush()
            assert self.process.stdout.readline() == b"done\n"

    def save(self, folder, number):
        pid = self.process.pid
        smaps = pathlib.Path(f"/proc/{pid}/smaps").read_bytes()
        (folder / f"smaps.{number}").write_bytes(smaps)
        for form in FORMS:
            if shutil.which("pmap"):
                (folder / f"pmap{form}.{number}").write_bytes(pmap_of(pid, form))
            elif form in ("", "-x"):
                (folder / f"pmap{form}.{number}").write_bytes(converted(smaps, form))
        conftest.gcore(pid, folder / f"core.{number}")
        # What arenas reserve is zeroes.
        subprocess.run(["fallocate", "--dig-holes", folder / f"core.{number}"], check=False)
        os.utime(folder / f"core.{number}", (1_000_000 + 1800 * number,) * 2)

    def end(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def handlers(compiled, tmp_path_factory):
    """core.1 and core.2, and smaps and outputs of pmap of the same moments."""
    machine.need("ptrace")
    machine.need("proc")
    folder = tmp_path_factory.mktemp("handlers")
    program = Handlers(compiled("handlers.c"))
    try:
        program.tell("keep 1000", "lose 10")
        program.save(folder, 1)
        program.tell("keep 5000", "lose 2000", "store 100")
        program.save(folder, 2)
    finally:
        program.end()
    return types.SimpleNamespace(folder=folder, threads=program.threads)


def forms(handlers, number):
    return [path for path in (handlers.folder / f"pmap{form}.{number}" for form in FORMS) if path.exists()]


class TestPmap:
    def test_same_as_smaps(self, heapcore, handlers):
        """Every form of pmap has the mappings that smaps has, and what it says of them is the same."""
        smaps = heapcore("maps", handlers.folder / "smaps.1", "--format", "json").json
        for path in forms(handlers, 1):
            document = heapcore("maps", path, "--format", "json").json
            validate(document, "maps")
            assert not document["partial"]
            assert len(document["mappings"]) == len(smaps["mappings"])
            known = re.search("pmap-[xX]", path.name)
            for row, other in zip(document["mappings"], smaps["mappings"]):
                assert all(row[key] == other[key] for key in ("start", "end", "permissions")), (path, row, other)
                assert os.path.basename(row["path"] or "") == os.path.basename(other["path"] or "")
                assert row.get("resident") == (other["resident"] if known else None)
            arenas = [row["start"] for row in document["mappings"] if row["kind"] == "thread-heap"]
            assert len(arenas) == HANDLERS + 1
            assert arenas == [row["start"] for row in smaps["mappings"] if row["kind"] == "thread-heap"]

    def test_six_arenas(self, heapcore, handlers):
        for before, after in zip(forms(handlers, 1), forms(handlers, 2)):
            document = heapcore("diff", before, after, "--format", "json").json
            validate(document, "diff")
            assert document["same_process"] and document["verdict"] == "growth"
            first = document["mappings"][:HANDLERS]
            assert [(row["kind"], row["how"]) for row in first] == [("thread-heap", "grown")] * HANDLERS
            assert all(row["change_bytes"] > 5000 * 1000 for row in first)
            assert "Most of it is in 6 mappings of one kind, thread arena:" in heapcore("diff", before, after).text

    def test_whose(self, heapcore, handlers):
        """A core of the process says whose the mappings are."""
        before, after = (handlers.folder / f"pmap-x.{i}" for i in (1, 2))
        for core in "core.1", "core.2":
            arguments = before, after, "--core", handlers.folder / core
            rows = heapcore("diff", *arguments, "--format", "json").json["mappings"][:HANDLERS]
            said = [re.fullmatch(r"arena \d+ \(thread (\d+)\): handler", row["note"]) for row in rows]
            assert sorted(int(match[1]) for match in said) == sorted(handlers.threads["handler"])
            assert "6 mappings of one kind, thread arena, of threads that began in handler: " in \
                " ".join(heapcore("diff", *arguments).text.split())

    def test_packed_and_standard_input(self, heapcore, handlers, tmp_path):
        before, after = (handlers.folder / f"pmap-x.{i}" for i in (1, 2))
        plain = heapcore("diff", before, after, "--format", "json").json
        (tmp_path / "packed.gz").write_bytes(gzip.compress(before.read_bytes()))
        mixed = json.loads(subprocess.run([heapcore.path, "diff", tmp_path / "packed.gz", "-", "--format", "json"],
                                          input=after.read_bytes(), stdout=subprocess.PIPE, check=True).stdout)
        assert mixed["mappings"] == plain["mappings"] and not mixed["partial"]
        packed = heapcore("maps", tmp_path / "packed.gz", "--format", "json").json
        assert packed["mappings"] == heapcore("maps", before, "--format", "json").json["mappings"]

    def test_with_smaps(self, heapcore, handlers):
        """Folders that pmap leaves out make no difference."""
        document = heapcore("diff", handlers.folder / "smaps.1", handlers.folder / "pmap-x.2", "--format", "json").json
        assert document["same_process"]
        assert all(row["how"] in ("same", "grown", "shrunk") for row in document["mappings"] if row["path"])

    def test_torn(self, heapcore, handlers, tmp_path):
        text = (handlers.folder / "pmap-x.1").read_bytes()
        lines = text.splitlines(keepends=True)
        torn = tmp_path / "torn"
        torn.write_bytes(b"".join(lines[:5]) + lines[5][:30] + b"\n" + b"".join(lines[6:]))
        for arguments in (("maps", torn), ("diff", torn, handlers.folder / "pmap-x.2")):
            result = heapcore(*arguments, status=2)
            assert result.err.count(b"\n") == 1 and b"torn: line 6 is none of pmap's output" in result.err
        torn.write_bytes(b"".join(lines[:8]))
        result = heapcore("maps", torn, "--format", "json")
        assert result.json["partial"] and "pmap's total is not at the end" in result.json["remarks"][0]
        torn.write_bytes(b"".join(lines) * 2)
        assert b"begins another process" in heapcore("maps", torn, status=2).err
        torn.write_bytes(text.rstrip())
        assert not heapcore("maps", torn, "--format", "json").json["partial"]

    def test_core_that_is_not(self, heapcore, handlers, tmp_path):
        before, after, core = handlers.folder / "pmap-x.1", handlers.folder / "pmap-x.2", handlers.folder / "core.1"
        result = heapcore("diff", core, core, "--core", core, status=2)
        assert b"--core names the mappings of snapshots" in result.err and result.err.count(b"\n") == 1
        other = tmp_path / "other"
        other.write_bytes(re.sub(rb"(?m)^0000", b"0001", before.read_bytes()))
        result = heapcore("diff", other, after, "--core", core, status=2)
        assert b"it is of another process than" in result.err and result.err.count(b"\n") == 1
        assert heapcore("diff", before, after, "--core", before, status=2).err.count(b"\n") == 1


def chunks_of(heapcore, core, *options):
    return {row["address"] for row in heapcore("chunks", core, *options, "--format", "csv").rows()}


class TestThreads:
    """handler() keeps 1000 + 5000 + 1 blocks of 1000 bytes and loses 2010 of 300; keeper() has 101 of 500."""

    def test_selection(self, heapcore, handlers):
        core = handlers.folder / "core.2"
        first, *_ = handlers.threads["handler"]
        keeper, = handlers.threads["keeper"]
        one, all_ = chunks_of(heapcore, core, "--thread", first), chunks_of(heapcore, core, "--thread", "handler")
        assert len(one & chunks_of(heapcore, core, "--request", "1000")) == 6001
        assert one < all_ and len(all_ & chunks_of(heapcore, core, "--request", "1000")) == HANDLERS * 6001
        assert chunks_of(heapcore, core, "--thread", keeper) == chunks_of(heapcore, core, "--thread", "keeper")
        threads = heapcore("threads", core, "--format", "json").json["threads"]
        arena = next(row["arena"] for row in threads if row["thread"] == first)
        assert one == chunks_of(heapcore, core, "--arena", arena)
        lost = heapcore("leaks", core, "--thread", first, "--format", "json").json
        assert lost["definite"]["chunks"] == 2010
        assert not chunks_of(heapcore, core, "--thread", "keeper", "--arena", arena)

    def test_nobody(self, heapcore, handlers):
        core = handlers.folder / "core.2"
        for verb, name in (("chunks", "nobody"), ("leaks", "1"), ("histogram", ""), ("classify", "-1")):
            result = heapcore(verb, core, "--thread", name, status=2)
            assert not result.out and result.err.count(b"\n") == 1 and b"--thread: there is no thread" in result.err
        assert b"did you mean 'handler'?" in heapcore("chunks", core, "--thread", "handlr", status=2).err

    @pytest.mark.parametrize("by", ["arena", "thread"])
    def test_leaks(self, heapcore, handlers, by):
        core = handlers.folder / "core.2"
        document = heapcore("leaks", core, "--by", by, "--format", "json").json
        validate(document, "leaks")
        assert document["by"] == by and document["groups"]
        parts = {row["thread"]: row for row in document["parts"]}
        for thread in handlers.threads["handler"]:
            assert parts[thread]["definite_chunks"] == parts[thread]["roots"] == 2010
            assert by == "arena" or parts[thread]["part"] == f"thread {thread} (handler)"
        for key in "definite", "indirect":
            assert sum(row[f"{key}_chunks"] for row in document["parts"]) == document[key]["chunks"]
            assert sum(row[f"{key}_bytes"] for row in document["parts"]) == document[key]["bytes"]
        rows = heapcore("leaks", core, "--by", by, "--format", "csv").rows()
        assert [row["part"] for row in rows] == [row["part"] for row in document["parts"]]
        assert b"--group" in heapcore("leaks", core, "--by", by, "--group", "1", status=2).err

    @pytest.mark.parametrize("by", ["arena", "thread"])
    def test_histogram(self, heapcore, handlers, by):
        core = handlers.folder / "core.2"
        whole = heapcore("histogram", core, "--with-leaks", "--format", "json").json
        document = heapcore("histogram", core, "--by", by, "--with-leaks", "--format", "json").json
        validate(document, "histogram")
        assert document["by"] == by and "by" not in whole and "part" not in whole["rows"][0]
        for key in "in_use", "free", "leaked":
            assert document[key] == whole[key]
            assert sum(row[f"{key}_chunks"] for row in document["rows"]) == whole[key]["chunks"]
        of_blocks = [row for row in document["rows"] if row["in_use_chunks"] == 6001]
        assert len({row["part"] for row in of_blocks}) == HANDLERS
        assert "handler" in heapcore("histogram", core, "--by", "thread").text
        only = heapcore("histogram", core, "--by", by, "--thread", "keeper", "--format", "json").json
        assert {row["part"] for row in only["rows"]} == \
            {row["part"] for row in document["rows"] if row["in_use_chunks"] == 101}

    def test_growth(self, heapcore, handlers):
        cores = handlers.folder / "core.1", handlers.folder / "core.2"
        document = heapcore("diff", *cores, "--by", "thread", "--format", "json").json
        validate(document, "diff")
        places = {row["place"]: row for row in document["places"]}
        for thread in handlers.threads["handler"]:
            row = places[f"thread {thread} (handler)"]
            assert row["change_chunks"] == 7000 and row["change_per_hour"] == 2 * row["change_bytes"]
            assert row["after_lost_bytes"] - row["before_lost_bytes"] == row["change_lost_bytes"] > 2000 * 300
        assert places[f"thread {handlers.threads['keeper'][0]} (keeper)"]["change_chunks"] == 100
        for by in "arena", "mapping":
            rows = heapcore("diff", *cores, "--by", by, "--format", "json").json["places"]
            assert [row["change_chunks"] for row in rows[:HANDLERS + 1]] == [7000] * HANDLERS + [100]


class TestSuppress:
    """Lost blocks are text, 2010 of each handler."""
    LOST = HANDLERS * 2010

    def test_by_class(self, heapcore, handlers, tmp_path):
        core, file = handlers.folder / "core.2", tmp_path / "known"
        plain = heapcore("leaks", core, "--format", "json").json
        assert plain["definite"]["chunks"] == self.LOST and "suppressed" not in plain
        file.write_text("# of our own\nleak:^te*t$\nrace:other\n")
        result = heapcore("leaks", core, "--suppress", file, "--fail-if-leaked", "0", "--format", "json")
        validate(result.json, "leaks")
        assert result.json["suppressed"] == plain["definite"] and result.json["groups"] == []
        assert result.json["definite"]["chunks"] == 0 and not result.json["partial"]
        assert result.err.count(b"\n") == 1 and b"known: line 3 is neither 'leak:PATTERN'" in result.err
        assert f"Suppressed: {self.LOST:,} lost chunks" in heapcore("leaks", core, "--suppress", file, "-q").text
        parts = heapcore("leaks", core, "--suppress", file, "--by", "thread", "--format", "json", "-q").json["parts"]
        assert parts == []
        file.write_text("leak:^nothing\n")
        left = heapcore("leaks", core, "--suppress", file, "--fail-if-leaked", "0", "--format", "json", status=1).json
        assert left["suppressed"]["chunks"] == 0 and left["groups"] == plain["groups"]

    def test_analyze(self, heapcore, handlers, tmp_path):
        core, file = handlers.folder / "core.2", tmp_path / "known"
        file.write_text("leak:^text$\n")
        plain = heapcore("analyze", core, "--fail-if-leaked", "0", "--format", "json", status=1).json
        document = heapcore("analyze", core, "--suppress", file, "--fail-if-leaked", "0", "--format", "json").json
        validate(document, "analyze")
        assert document["suppressed"]["chunks"] == self.LOST and document["lost_bytes"] == plain["lost_bytes"]
        assert len(document["findings"]) < len(plain["findings"])
        assert "Suppressed: " in heapcore("analyze", core, "--suppress", file).text

    def test_numbers(self, heapcore, dump, tmp_path):
        """Commands that are told find the findings that they were told under, whose numbers differ from those without --suppress."""
        core, file = dump("tickets.cc", flags=["-s"]), tmp_path / "known ones"
        file.write_text("leak:^json$\n")
        findings = heapcore("analyze", core, "--suppress", file, "--format", "json").json["findings"]
        assert [row["chunks"] for row in findings] != \
            [row["chunks"] for row in heapcore("analyze", core, "--format", "json").json["findings"]][:len(findings)]
        for row in findings:
            command = shlex.split(row["more"])[1:]
            assert command[2:4] == ["--suppress", str(file)]
            if command[0] == "maps":
                found = heapcore(*command, "--format", "json").json["mappings"]
                assert sum(mapping["size"] for mapping in found) == row["bytes"]
            elif command[0] == "chunks":
                assert len(heapcore(*command, "--format", "csv").rows()) == row["chunks"]
            else:
                group, = heapcore(*command, "--format", "json").json["groups"]
                assert group["bytes"] == row["bytes"]
            if row["kind"] == "lost":
                lost = heapcore("leaks", core, "--suppress", file, "--finding", row["finding"], "--format", "json").json
                assert sum(group["bytes"] for group in lost["groups"]) == row["bytes"]
        result = heapcore("chunks", core, "--suppress", file, status=2)
        assert b"it goes with --finding N" in result.err
        assert b"missing" in heapcore("maps", core, "--suppress", tmp_path / "missing", "--finding", "1", status=2).err

    def test_by_type_and_module(self, heapcore, compiled, tmp_path):
        core, file = tmp_path / "core", tmp_path / "known"
        (tmp_path / "widgets.cc").write_text(WIDGETS)
        with conftest.running([compiled(tmp_path / "widgets.cc")]) as process:
            conftest.read_until(process.stdout, b"end")
            conftest.gcore(process.pid, core)
        plain = heapcore("leaks", core, "--format", "json").json
        group = next(group for group in plain["groups"] if group["root_type"])
        for pattern in (f"^{group['root_type']}$", "/widgets-*"):
            file.write_text(f"leak:{pattern}\n")
            left = heapcore("leaks", core, "--suppress", file, "--format", "json").json
            assert group["root_type"] not in [other["root_type"] for other in left["groups"]]
            assert left["suppressed"]["chunks"] >= group["roots"] + group["below"]
            for finding in heapcore("analyze", core, "--suppress", file, "--format", "json").json["findings"]:
                if finding["kind"] == "lost":
                    shown = heapcore(*shlex.split(finding["more"])[1:], "--format", "json").json
                    assert shown["roots"] + shown["below"] == finding["chunks"]
            for count in "chunks", "bytes":
                assert left["suppressed"][count] + left["definite"][count] + left["indirect"][count] == \
                    plain["definite"][count] + plain["indirect"][count]

    def test_no_file(self, heapcore, handlers, tmp_path):
        for verb in "leaks", "analyze":
            for file, why in ((tmp_path / "none", b"No such file"), (tmp_path, b"not a regular file")):
                result = heapcore(verb, handlers.folder / "core.2", "--suppress", file, status=2)
                assert not result.out and result.err.count(b"\n") == 1
                assert b"--suppress " + os.fsencode(file) in result.err and why in result.err
