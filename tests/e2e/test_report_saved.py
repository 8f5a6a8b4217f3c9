"""
A report that was saved as JSON, or the document of another verb, made a page of without the core: the same page, and nothing that
somebody wrote into the file comes to life or gets the program out of step.
"""
import json
import random
import subprocess

import pytest

from conftest import TIMEOUT
from test_cli import validate
from test_report import check, core, hostile, report  # noqa: F401 (fixtures)

WIDTHS = {"COLUMNS": "40"}
EVIL = ["<script>document.title='x'</script>", "\u001b]0;x\u0007", "\u202e\"onload=", "</style></title>&lt;", "a|b`c`\n# d", "\U0010ffff",
        "%s%n", "{}", "  more:  heapcore x", "x" * 3000]


@pytest.fixture(scope="module")
def saved(heapcore, hostile, tmp_path_factory):  # noqa: F811
    """A saved report, its JSON."""
    path = tmp_path_factory.mktemp("saved") / "saved.json"
    heapcore("report", hostile, "--format", "json", "-o", path, "--content", "sample")
    return path, json.loads(path.read_text())


def render(heapcore, tmp_path, document, status=0, *args):
    path = tmp_path / "changed.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return heapcore("report", path, "-o", "-", *args, status=status, env=WIDTHS)


def texts(node, path=()):
    """Places of all strings."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        if isinstance(value, str):
            yield (*path, key)
        yield from texts(value, (*path, key))


def put(document, path, value):
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


class TestSamePage:
    @pytest.mark.parametrize("args", [["--content", "none"], ["--content", "full", "--detail", "max"], ["--detail", "minimal"]])
    def test_of_a_core(self, heapcore, hostile, tmp_path, args):  # noqa: F811
        expected = report(heapcore, tmp_path, hostile, *args, name="a.html")
        path = tmp_path / "saved.json"
        heapcore("report", hostile, *args, "--format", "json", "-o", path)
        validate(json.loads(path.read_text()), "report")
        assert report(heapcore, tmp_path, path, *args, name="b.html", env=WIDTHS) == expected

    def test_of_a_difference(self, heapcore, core, tmp_path):  # noqa: F811
        expected = report(heapcore, tmp_path, core, core, name="a.html")
        path = tmp_path / "saved.json"
        heapcore("report", core, core, "--format", "json", "-o", path)
        assert report(heapcore, tmp_path, path, name="b.html") == expected

    @pytest.mark.parametrize("tool", ["gzip", "zstd"])
    def test_packed(self, heapcore, saved, tmp_path, tool):
        """As tickets keep it; and no more of it is unpacked than a saved report can have."""
        expected = report(heapcore, tmp_path, saved[0], name="a.html", env=WIDTHS)
        path = tmp_path / "saved.json.packed"
        path.write_bytes(subprocess.run([tool, "-c", saved[0]], capture_output=True, check=True, timeout=TIMEOUT).stdout)
        assert report(heapcore, tmp_path, path, name="b.html", env=WIDTHS) == expected
        path.write_bytes(subprocess.run([tool, "-c"], input=b"{" + b" " * (33 << 20), capture_output=True, check=True,
                                        timeout=TIMEOUT).stdout)
        assert b"beyond the limit of 32.0 MiB" in heapcore("report", path, "-o", "-", status=2).err

    def test_needs_no_file(self, heapcore, saved, tmp_path):
        """As Markdown, with fewer rows, from a pipe; what it may show is what it was saved with."""
        path, _ = saved
        with open(path, "rb") as file:
            piped = subprocess.run([heapcore.path, "report", "-", "-o", "-"], stdin=file, capture_output=True, timeout=TIMEOUT)
        assert piped.returncode == 0 and check(piped.stdout)
        page = check(report(heapcore, tmp_path, path, "--detail", "minimal"))
        assert "(--content sample)" in page.whole
        markdown = report(heapcore, tmp_path, path, "--format", "markdown", name="r.md").decode()
        assert markdown.startswith("# heapcore report\n") and "\n## Threads\n" in markdown


class TestOtherDocuments:
    @pytest.mark.parametrize("verb", ["analyze", "leaks", "threads", "maps"])
    def test_facts_and_tables(self, heapcore, hostile, tmp_path, verb):  # noqa: F811
        out = heapcore(verb, hostile, "--format", "json", "--content", "sample").out
        page = check(render(heapcore, tmp_path, out.decode()).out)
        document = json.loads(out)
        rows = [value for value in document.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
        assert page.ids == [verb, f"h-{verb}"]
        # Each table of the document's own is one of the page, with its head.
        for value in rows:
            assert len(value) + 1 in [len(table) for table in page.tables]
        if verb == "analyze":
            assert f"Verdict: {document['verdict']}." in page.whole


class TestRefused:
    @pytest.mark.parametrize("text, words", [
        ('{"schema": "heapcore.report/1", "core":', "ends in the middle of line 1"),
        ("{nonsense", "is no JSON at line 1"),
        ('{"a": 1}', "not of heapcore"),
        ('{"schema": "heapcore.nothing/1"}', "not of heapcore"),
        ('{"schema": 7}', "not of heapcore"),
        ('{"schema": "heapcore.report/9"}', "newer heapcore: it is heapcore.report/9, and this one reads up to /1"),
        ('{"schema": "heapcore.analyze/99"}', "newer heapcore"),
        ('{"schema": "heapcore.report/1"}', "does not say what may show"),
        ('{"schema": "heapcore.chunks/1"}\n{"address": "0x1"}\n', "not of JSON Lines"),
        ('{"a":' + "[" * 100_000, "deeper than"),
        ('{"a": "\\u0000"}', "is no JSON"),
    ])
    def test_says_what_is_wrong(self, heapcore, tmp_path, text, words):
        result = render(heapcore, tmp_path, text, 2)
        assert words in result.err.decode() and result.err.count(b"\n") == 1 and result.out == b""

    def test_large(self, heapcore, tmp_path):
        path = tmp_path / "large.json"
        with open(path, "w") as file:
            file.write("{")
            file.truncate(1 << 30)
        assert b"more than 32 MiB" in heapcore("report", path, "-o", "-", status=2).err

    def test_json_again(self, heapcore, saved, tmp_path):
        assert b"is JSON already" in heapcore("report", saved[0], "-o", "-", "--format", "json", status=2).err

    @pytest.mark.parametrize("verb", ["analyze", "leaks"])
    def test_is_no_core(self, heapcore, saved, verb):
        assert b"is text, not a core" in heapcore(verb, saved[0], status=2).err


class TestHostile:
    """The file may have been changed by whoever had it."""

    def test_texts_stay_texts(self, heapcore, saved, tmp_path):
        rng = random.Random(7)
        for evil in EVIL:
            document = json.loads(json.dumps(saved[1]))
            for path in texts(document):
                # These are words of the format, and checked.
                if path[-1] not in ("schema", "content", "id", "title", "kind", "key") or "columns" in path and path[-1] == "title":
                    if rng.random() < 0.3 and path[-2:-1] != ("runs",):
                        put(document, path, evil)
            for form in ("html", "markdown"):
                result = render(heapcore, tmp_path, document, None, "--format", form)
                # A number or an address that is now text is damage.
                assert result.status == 0 or b"is no report as heapcore saves it" in result.err
                if result.status == 0 and form == "html":
                    check(result.out)
                assert not set(result.out.decode()) & set("\u001b\u0007\u202e")

    def test_names_of_everything(self, heapcore, saved, tmp_path):
        """Only texts that may be any: all of these, at once, and the page is whole."""
        for evil in EVIL:
            document = json.loads(json.dumps(saved[1]))
            for path in texts(document):
                if path[-1] in ("heading", "line", "value", "paragraph", "fact", "first", "core", "heapcore", "help", "command",
                                "frame", "name"):
                    put(document, path, evil)
            check(render(heapcore, tmp_path, document).out)

    @pytest.mark.parametrize("path, value", [
        (["sections", 0, "id"], "a\" onload=\"x"),
        (["sections", 1, "id"], "summary"),
        (["sections", 0, "title"], "<script>"),
        (["sections", 0, "nodes"], {"a": 1}),
        (["sections", 0, "nodes"], [{"what": "is this"}]),
        (["sections", 0, "nodes"], [{"frame": "a", "caller": 1, "chunks": 1, "bytes": 1}]),
        (["sections", 0, "nodes"], [{"table": {"key": "", "name": "", "columns": [], "rows": [[]], "more": 0}}]),
        (["sections", 0, "map"], {"column_bytes": 0, "left_out": 0, "left_out_bytes": 0, "strips": []}),
        (["sections", 0, "map"], {"column_bytes": 4096, "left_out": 0, "left_out_bytes": 0, "strips": [
            {"arena": 0, "bytes": 4096, "layers": [0] * 5, "columns": [[4096, 1, 0, 0, 0]], "runs": []}]}),
        (["sections"], []),
        (["sections"], [{"id": f"a{i}"} for i in range(65)]),
        (["content"], "everything"),
    ])
    def test_what_does_not_fit(self, heapcore, saved, tmp_path, path, value):
        document = json.loads(json.dumps(saved[1]))
        put(document, path, value)
        result = render(heapcore, tmp_path, document, 2)
        assert b"is no report as heapcore saves it" in result.err and result.out == b""

    def test_charts_of_other_columns(self, heapcore, saved, tmp_path):
        """Tables that are drawn, without the columns that the drawing is made of, and with cells of other kinds."""
        for name, key in (("lines", ""), ("", "mappings")):
            for value in (1, "x", None, {"name": "x"}, {"bytes": "18446744073709551615"}, {"share": 1e300}, {"bar": -1.5}):
                for column in ("part", "bytes", "title", "start", "size", "touched", "z"):
                    columns = [{"name": c, "title": "", "help": "", "kind": "count", "left": False, "shown": True}
                               for c in (column, "title")]
                    nodes = [{"table": {"key": key, "name": name, "columns": columns, "rows": [[value, 1]] * 2, "more": 1}}]
                    document = {**saved[1], "sections": [{"id": "a", "title": "A", "command": "", "nodes": nodes}]}
                    if (name, column) in (("lines", "part"), ("", "start")) or value == 1:
                        result = render(heapcore, tmp_path, document, None)
                        assert result.status == 0 and check(result.out) or b"a cell of a table" in result.err
