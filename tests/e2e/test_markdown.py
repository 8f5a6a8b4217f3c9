"""
--format markdown, read by a Markdown processor: what comes from a core is never markup.
"""
import html.parser
import subprocess

import pytest

from conftest import TIMEOUT

# All that the renderer itself writes. Links, images and elements of HTML are not among it.
OWN = {"p", "h3", "table", "thead", "tbody", "tr", "th", "td", "strong", "code", "pre", "br"}

COMMANDS = [["analyze"], ["info"], ["maps"], ["leaks"], ["leaks", "--group", "1"], ["histogram"], ["arenas"],
            ["classify"], ["chunks"], ["chunks", "--leaked"], ["common", "--content", "full"], ["types"],
            ["strings"], ["grep"], ["check"], ["signatures"], ["what"]]


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = set(), set(), ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def core(dump):
    return dump("markup.c", "<i>argument</i>", "|`x`|")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_nothing_is_markup(heapcore, core, command):
    verb, *options = command
    arguments = {"grep": ["example|script"], "what": [core.lines("held")[0][0]]}.get(verb, [])
    target = [] if verb == "signatures" else [core]
    text = heapcore(verb, *target, *arguments, *options, "--format", "markdown", status=None).out
    # --unsafe lets HTML pass: what is not escaped shows up as an element.
    result = subprocess.run(["cmark-gfm", "--unsafe", "-e", "table", "-e", "autolink", "-e", "strikethrough"],
                            input=text, capture_output=True, check=True, timeout=TIMEOUT)
    page = Page(result.stdout.decode())
    assert text and page.tags <= OWN, page.tags - OWN
    assert page.attributes <= {"align"}
    if verb in ("grep", "strings"):
        assert "<script>alert(" in page.text


def test_rows_are_those_of_csv(heapcore, core):
    """A cell with a bar in it is one cell."""
    search = ["grep", core, "\\||script", "--columns", "address,match"]
    rows = heapcore(*search, "--format", "csv").rows()
    text = heapcore(*search, "--format", "markdown").out
    result = subprocess.run(["cmark-gfm", "-e", "table"], input=text, capture_output=True, check=True, timeout=TIMEOUT)
    assert len(rows) > 100 and any("|" in row["match"] for row in rows)
    assert result.stdout.count(b"<tr>") == 1 + len(rows)
    assert result.stdout.count(b"<td") == 2 * len(rows)


def test_colours_are_a_terminals(heapcore, core):
    search = ["grep", core, "script", "--format", "markdown"]
    assert heapcore(*search, "--color", "always").out == heapcore(*search).out
