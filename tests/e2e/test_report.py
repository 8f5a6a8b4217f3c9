"""
report: one file that needs nothing else, in which what comes from a core is never markup, read by a parser of HTML and, where
there is one, by a browser.
"""
import base64
import hashlib
import html.parser
import json
import os
import re
import subprocess

import pytest

import machine
from conftest import TIMEOUT
from test_secrets import shows, told  # noqa: F401 (a fixture)

MAX_SIZE = 2_000_000
VOID = {"meta"}
# All elements and attributes that the program writes. What a core holds can't add to them.
ELEMENTS = set("html head meta title style body header h1 h2 h3 p nav ul li a main section b code pre dl div dt dd figure "
               "figcaption svg g rect path text span table caption thead tbody tr th td script".split())
ATTRIBUTES = set("lang charset http-equiv content name id href class aria-label aria-labelledby aria-hidden role tabindex scope "
                 "title data-c data-t data-v data-cell data-runs viewbox preserveaspectratio x y d width height".split())
# That a reader of the page finds in it, if it was not lost on the way: names and, with --content full, bytes.
NAMES = ["<script>\"'onload=&"]
TEXTS = ["<script>document.title='broken out", "</style></script></title></textarea><img src=x onerror=",
         "\" onload=\"document.title='broken out"]
TURNS = "".join(map(chr, [0x61C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]))


class Page(html.parser.HTMLParser):
    """Every element is closed, in order, and no two have one id."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.attributes, self.ids, self.hrefs, self.metas = [], set(), set(), [], [], {}
        self.text, self.whole, self.charts, self.tables = {}, "", [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}
        assert len(dict(attrs)) == len(attrs)
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        self.hrefs += [found["href"]] if "href" in found else []
        self.charts += [found] if tag == "svg" else []
        if tag == "meta":
            self.metas[found.get("http-equiv") or found.get("name")] = found.get("content")
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append(0)
        if tag in ("td", "th"):
            self.tables[-1][-1] += 1
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data):
        self.text[self.open[-1] if self.open else ""] = self.text.get(self.open[-1] if self.open else "", "") + data
        if self.open and self.open[-1] not in ("script", "style"):
            self.whole += data

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data}")

    handle_pi = unknown_decl = handle_comment


def check(data):
    """What holds of every report."""
    assert len(data) <= MAX_SIZE
    text = data.decode("utf-8")
    assert text.startswith("<!DOCTYPE html>\n") and text.endswith("</html>\n")
    # Nothing of the file but its own characters: no controls, no change of direction.
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f" + TURNS + "]", text)
    page = Page(text)
    assert page.elements <= ELEMENTS, page.elements - ELEMENTS
    assert page.attributes <= ATTRIBUTES, page.attributes - ATTRIBUTES
    assert len(set(page.ids)) == len(page.ids)
    assert page.hrefs and all(href[0] == "#" and href[1:] in page.ids for href in page.hrefs)
    # Links of any kind would be in an attribute; an address in text is none. The name of SVG is the parser's own.
    assert "//" not in re.sub(r">[^<]*<", "><", re.sub(r"<(style|script)>.*?</\1>", "", text, flags=re.S)).split("<body>")[0]
    policy = page.metas["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    for element in ("script", "style"):
        found = re.findall(rf"<{element}>(.*?)</{element}>", text, re.S)
        assert len(found) == 1
        digest = base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy
    for table in page.tables:
        assert len(set(table)) == 1, "rows of different length"
    assert all(chart.get("aria-hidden") == "true" or chart.get("aria-label") for chart in page.charts)
    return page


@pytest.fixture(scope="module")
def core(dump):
    return dump("page.c", "<i onclick='x'>\"argument\"</i>", "</title>\u202e")


@pytest.fixture(scope="module")
def hostile(core, tmp_path_factory):
    """A core whose path is hostile as well."""
    path = tmp_path_factory.mktemp("report") / "<img src=x onerror=\"document.title='broken out'\">'&amp;\u202e.core"
    path.symlink_to(core)
    return path


def report(heapcore, tmp_path, *args, name="r.html", **options):
    path = tmp_path / name
    heapcore("report", *args, "-o", path, **options)
    return path.read_bytes()


def browse(path, folder, *args):
    """What a browser makes of the page: its document, and what it says on its console."""
    chromium = machine.which("chromium")
    if not chromium:
        pytest.skip("chromium is not installed")
    process = subprocess.run([chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                              f"--user-data-dir={folder}", "--enable-logging=stderr", "--no-first-run",
                              "--disable-background-networking", *args, path.as_uri()],
                             capture_output=True, timeout=TIMEOUT, stdin=subprocess.DEVNULL)
    said = [line for line in process.stderr.decode(errors="replace").splitlines() if "CONSOLE" in line]
    return process.stdout.decode(errors="replace"), said


class TestNothingBreaksOut:
    @pytest.mark.parametrize("content", ["none", "class", "sample", "full"])
    def test_everything_is_text(self, heapcore, hostile, tmp_path, content):
        data = report(heapcore, tmp_path, hostile, "--content", content, "--detail", "max")
        page = check(data)
        for name in NAMES:
            assert name in page.whole, name
        assert "<img src=x onerror=\"document.title" in page.text["h1"]
        assert page.text["title"].startswith("heapcore report: <img src=x")
        assert f"--content {content}" in page.whole
        if content in ("none", "class"):
            assert "broken out 3" not in page.whole and "evil" not in page.whole
        if content == "full":
            assert any(text in page.whole for text in TEXTS)

    @pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
    def test_same_in_every_locale(self, heapcore, hostile, tmp_path, locale):
        """A terminal's encoding and width are of no concern."""
        expected = report(heapcore, tmp_path, hostile, "--content", "full", name="a.html")
        env = {"LC_ALL": locale, "COLUMNS": "40", "TERM": "dumb"}
        found = report(heapcore, tmp_path, hostile, "--content", "full", "--color", "always", name="b.html", env=env)
        assert found == expected

    def test_browser_runs_nothing(self, heapcore, hostile, tmp_path):
        path = tmp_path / "r.html"
        report(heapcore, tmp_path, hostile, "--content", "full", "--detail", "max")
        document, said = browse(path, tmp_path / "profile", "--dump-dom")
        assert said == []
        assert "<html lang=\"en\" class=\"on\">" in document
        title = re.search("<title>(.*?)</title>", document)[1]
        assert title.startswith("heapcore report: &lt;img")
        # What the script added is its own: no element came to life.
        elements = set(re.findall(r"<([a-z0-9]+)[\s>]", re.sub(r"<(style|script)>.*?</\1>", "", document, flags=re.S)))
        assert elements <= ELEMENTS | {"button", "input", "label", "text", "line"}, elements - ELEMENTS
        assert "aria-label=\"What each holder retains; " in document
        assert "aria-label=\"Chunks by size, bytes\"" in document and "data-c=\"size\"><button" in document

    def test_style_and_script_are_alone(self, heapcore, core, tmp_path):
        """A browser does what the page says: another script in it is refused."""
        data = report(heapcore, tmp_path, core)
        path = tmp_path / "changed.html"
        path.write_bytes(data.replace(b"<main>", b"<main><script>document.title='ran'</script>", 1))
        document, said = browse(path, tmp_path / "profile", "--dump-dom")
        assert "<title>ran</title>" not in document and any("Content Security Policy" in line for line in said)


class TestContent:
    def test_is_class_unless_asked(self, heapcore, core, tmp_path):
        data = report(heapcore, tmp_path, core)
        assert data == report(heapcore, tmp_path, core, "--content", "class", name="b.html")
        page = check(data)
        assert "kinds of content, but no bytes of the heap (--content class)" in page.whole
        assert "broken out" not in page.whole

    @pytest.mark.parametrize("level", ["none", "class", "sample"])
    def test_secrets_are_masked(self, heapcore, told, tmp_path, level):  # noqa: F811
        assert not shows(check(report(heapcore, tmp_path, told, "--content", level, "--detail", "max")).whole)

    def test_full_shows_them(self, heapcore, told, tmp_path):  # noqa: F811
        assert shows(check(report(heapcore, tmp_path, told, "--content", "full")).whole)

    def test_says_what_analyze_says(self, heapcore, core, tmp_path):
        page = check(report(heapcore, tmp_path, core))
        words = " ".join(page.whole.split())
        text = heapcore("analyze", core, "--content", "class", env={"COLUMNS": "100"}).text
        first = text.split("\n\n")[1].replace("\n", " ").strip()
        assert first.split(". ")[0] in words
        document = heapcore("analyze", core, "--format", "json").json
        assert f"{document['arenas']} arena" in words
        for section in ("summary", "lost", "sizes", "heap", "content", "types", "space", "threads", "damage", "process"):
            assert section in page.ids, section

    def test_levels_of_detail(self, heapcore, core, tmp_path):
        sizes = [len(report(heapcore, tmp_path, core, "--detail", detail, name=f"{detail}.html"))
                 for detail in ("minimal", "default", "max")]
        assert sizes == sorted(sizes) and sizes[0] < sizes[1]

    def test_markdown(self, heapcore, core, tmp_path):
        text = report(heapcore, tmp_path, core, "--format", "markdown", name="r.md").decode()
        assert text.startswith("# heapcore report\n") and "\n## Summary\n" in text and "\n## Threads\n" in text

    def test_difference_of_two(self, heapcore, core, tmp_path):
        page = check(report(heapcore, tmp_path, core, core))
        assert page.ids and "h-summary" in page.ids and "h-lost" not in page.ids
        assert "heapcore diff" in page.whole


class TestFile:
    def test_is_asked_for(self, heapcore, core):
        result = heapcore("report", core, status=2)
        assert result.out == b"" and result.err == b"heapcore: report writes a file: -o FILE.html says which\n"

    def test_is_left_alone(self, heapcore, core, tmp_path):
        path = tmp_path / "there.html"
        path.write_text("mine")
        assert b"exists; it was left alone" in heapcore("report", core, "-o", path, status=2).err
        assert path.read_text() == "mine" and os.listdir(tmp_path) == ["there.html"]
        heapcore("report", core, "-o", path, "--force")
        check(path.read_bytes())
        assert path.stat().st_mode & 0o777 == 0o600

    def test_nothing_is_left_of_a_failure(self, heapcore, tmp_path):
        path = tmp_path / "no.core"
        path.write_bytes(b"\x7fELF")
        heapcore("report", path, "-o", tmp_path / "r.html", status=2)
        assert os.listdir(tmp_path) == ["no.core"]

    def test_has_no_rows(self, heapcore, core, tmp_path):
        result = heapcore("report", core, "-o", tmp_path / "r", "--format", "csv", status=2)
        assert b"report has no csv output" in result.err


class TestMap:
    def test_adds_up(self, heapcore, core, tmp_path):
        """Every byte of every arena is in its strip, and in the colour that chunks has for it."""
        page = check(report(heapcore, tmp_path, core))
        strips = [chart for chart in page.charts if chart.get("class") == "map"]
        arenas = heapcore("arenas", core, "--format", "json").json["arenas"]
        assert len(strips) == sum(1 for arena in arenas if arena["walked_bytes"])
        for strip in strips:
            runs = [run.split(":") for run in strip["data-runs"].split()]
            bytes_ = sum(int(size, 16) for _, size in runs)
            columns = int(strip["viewbox"].split()[2])
            assert columns == -(-bytes_ // int(strip["data-cell"]))
        # Addresses of chunks are in a run.
        spans = [(int(start, 16), int(start, 16) + int(size, 16)) for strip in strips
                 for start, size in (run.split(":") for run in strip["data-runs"].split())]
        for row in heapcore("chunks", core, "--format", "csv").rows():
            address = int(row["address"], 16)
            assert any(start <= address < end for start, end in spans)
