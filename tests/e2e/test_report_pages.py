"""
How reports look, in a browser: of five incidents, wide and narrow, light and dark. What a person would see at a glance is asked of
the layout: nothing sticks out, no two texts lie on each other, the answer is in the first screen, all of it can be read and reached.

HEAPCORE_SCREENSHOTS names a folder for pictures of all of them. HEAPCORE_AXE names axe.min.js of axe-core; without it npm brings
one. Where it can't, that test is skipped, and the rules that are written here remain.
"""
import json
import os
import pathlib

import pytest

import browser as browsers
import machine
from test_report import report

CORES = {
    "leak": ("tickets.cc", [], ["-s"]),
    "held": ("holders.c", [], []),
    "retention": ("retention.c", [], []),
    "stacks": ("idle_threads.c", [], []),
    "damaged": ("damage.c", ["overflow"], []),
}
# Width, and whether it is dark. Both matter by themselves; pictures are taken of the fourth as well.
LOOKS = [(1400, False), (1400, True), (800, False)]
HEIGHT = 900

# Each returns a list of what is wrong.
LAYOUT = """(function () {
    const wrong = [], wide = document.documentElement.clientWidth;
    const say = (what, node) => wrong.push(what + ": " + node.outerHTML.slice(0, 120));
    if (document.documentElement.scrollWidth > wide)
        wrong.push("the page is wider than the screen: " + document.documentElement.scrollWidth);
    for (const node of document.querySelectorAll("body *")) {
        const box = node.getBoundingClientRect();
        if (!node.closest(".scroll > *, pre, caption") && box.width && (box.right > wide + 1 || box.left < -1))
            say("sticks out", node);
    }
    const verdict = document.querySelector("#summary .strong").getBoundingClientRect();
    if (verdict.bottom > innerHeight)
        wrong.push("the verdict is below the first screen");
    for (const chart of document.querySelectorAll("svg.chart")) {
        const texts = Array.from(chart.querySelectorAll("text")).filter((text) => text.textContent);
        const boxes = texts.map((text) => text.getBoundingClientRect());
        boxes.forEach(function (a, i) {
            const part = texts[i].parentNode.querySelector(":scope > rect:not(.hit)");
            const room = (part || chart).getBoundingClientRect();
            if (a.left < room.left - 1 || a.right > room.right + 12 || (part && a.right > room.right + 1))
                say("is cut off", texts[i]);
            for (const b of boxes.slice(i + 1))
                if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 &&
                    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 2)
                    say("lies on another text", texts[i]);
        });
    }
    return wrong;
})()"""

RULES = """(function () {
    const wrong = [];
    const say = (what, node) => wrong.push(what + ": " + node.outerHTML.slice(0, 120));
    const levels = Array.from(document.querySelectorAll("h1, h2, h3, h4"), (h) => Number(h.tagName[1]));
    levels.forEach((level, i) => i && level > levels[i - 1] + 1 && wrong.push("a level of headings is left out"));
    if (levels.filter((level) => level === 1).length !== 1 || document.querySelectorAll("main").length !== 1)
        wrong.push("one h1, one main");
    for (const th of document.querySelectorAll("th"))
        if (th.scope !== "col" || !th.textContent)
            say("a heading without words", th);
    for (const node of document.querySelectorAll("svg"))
        if (node.getAttribute("aria-hidden") !== "true" && !(node.getAttribute("role") && node.getAttribute("aria-label")))
            say("a chart without a name", node);
    for (const node of document.querySelectorAll("svg.chart g"))
        if (!node.getAttribute("aria-label") || !node.hasAttribute("tabindex"))
            say("a part of a chart that can't be reached", node);
    for (const node of document.querySelectorAll("input, button"))
        if (!(node.getAttribute("aria-label") || node.textContent))
            say("no name", node);
    for (const node of document.querySelectorAll(".scroll, pre"))
        if (node.tabIndex !== 0)
            say("scrolls, but not by the keyboard", node);
    const channel = (c) => ((c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
    const numbers = (color) => color.match(/[0-9.]+/g).map(Number);
    const seen = new Set();
    for (const node of document.querySelectorAll("body *")) {
        if (!Array.from(node.childNodes).some((child) => child.nodeType === 3 && child.data.trim()) || node.closest("svg, script"))
            continue;
        let behind = node;
        while (behind && numbers(getComputedStyle(behind).backgroundColor)[3] === 0)
            behind = behind.parentElement;
        const pair = [getComputedStyle(node).color, behind ? getComputedStyle(behind).backgroundColor : "rgb(255, 255, 255)"];
        if (seen.has(String(pair)))
            continue;
        seen.add(String(pair));
        const [a, b] = pair.map((color) => light(numbers(color))).sort((x, y) => y - x);
        if ((a + 0.05) / (b + 0.05) < 4.5)
            say("hard to read " + pair, node);
    }
    return wrong;
})()"""

# Where the keyboard is shows: an outline, or a frame around a part of a chart.
FOCUS = """(function () {
    const node = document.activeElement, style = getComputedStyle(node), part = node.querySelector("rect");
    return node !== document.body && (style.outlineStyle !== "none" && style.outlineWidth !== "0px" ||
        Boolean(part && getComputedStyle(part).strokeWidth === "2px"));
})()"""


@pytest.fixture(scope="module")
def pages(heapcore, dump, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name, (source, args, flags) in CORES.items():
        report(heapcore, folder, dump(source, *args, flags=flags), name=f"{name}.html")
    return {name: folder / f"{name}.html" for name in CORES}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with browsers.browser(tmp_path_factory.mktemp("browser")) as found:
        if not found:
            pytest.skip("chromium is not installed")
        yield found


def axe():
    """The text of axe-core."""
    named = os.environ.get("HEAPCORE_AXE")
    return (pathlib.Path(named) if named else machine.need_npm("axe-core") / "axe.min.js").read_text()


@pytest.mark.parametrize("name", CORES)
def test_looks_right(browser, pages, name):
    pictures = os.environ.get("HEAPCORE_SCREENSHOTS")
    for width, dark in LOOKS + [(800, True)] * bool(pictures):
        assert browser.open(pages[name], width, HEIGHT, dark) == []
        assert browser.ask(LAYOUT) == [], (width, dark)
        if width == 1400:
            assert browser.ask(RULES) == [], dark
        if pictures:
            os.makedirs(pictures, exist_ok=True)
            browser.picture(pathlib.Path(pictures) / f"{name}-{width}-{'dark' if dark else 'light'}.png", whole=True)


def test_questions_notice(browser, pages):
    """What the layout and the rules are asked for is found when it is there."""
    browser.open(pages["held"])
    for change, words in (("document.querySelector('h1').style.width = '2000px'", "sticks out"),
                          ("document.querySelector('.flame text').textContent = 'm'.repeat(300)", "is cut off"),
                          ("document.querySelector('h1').style.height = '1000px'", "below the first screen"),
                          ("document.querySelector('.flame g + g text').setAttribute('x', "
                           "document.querySelector('.flame text').getAttribute('x'))", "lies on another text"),
                          ("document.querySelector('main p').style.color = '#999'", "hard to read"),
                          ("document.querySelector('h2').outerHTML = '<h4>x</h4>'", "level of headings")):
        browser.ask(change)
        assert any(words in wrong for wrong in browser.ask(LAYOUT) + browser.ask(RULES)), words


def test_axe_finds_nothing_serious(browser, pages):
    script = axe()
    for name in ("leak", "held"):
        browser.open(pages[name])
        browser.ask(script + "; 0")
        found = browser.ask("axe.run().then((found) => found.violations.map((one) => [one.impact, one.id, "
                            "one.nodes.map((node) => node.html.slice(0, 120))]))")
        assert [one for one in found if one[0] in ("serious", "critical")] == [], name


def test_keyboard(browser, pages):
    """Every stop shows; within a chart, arrows go from part to part, and each is told."""
    browser.open(pages["held"])
    for _ in range(40):
        browser.press("Tab")
        assert browser.ask(FOCUS), browser.ask("document.activeElement.outerHTML.slice(0, 200)")
    browser.ask("document.querySelector('svg.flame g').focus()")
    first = browser.ask("document.activeElement.getAttribute('aria-label')")
    browser.press("ArrowRight")
    second = browser.ask("document.activeElement.getAttribute('aria-label')")
    assert first != second
    assert browser.ask("document.querySelector('svg.flame').parentNode.lastChild.textContent") == second
    assert browser.ask("document.activeElement.tabIndex + ',' + document.querySelectorAll('svg.flame g[tabindex=\"0\"]').length") == "0,1"


def test_flame_is_what_retained_says(browser, pages, heapcore, dump):
    """Widths are the bytes of the stacks, over the whole width; holders are the table's."""
    browser.open(pages["held"])
    parts = browser.ask("Array.from(document.querySelectorAll('svg.flame g'), (g) => [g.getAttribute('aria-label'), "
                        "...['x', 'y', 'width'].map((a) => Number(g.querySelector('rect').getAttribute(a)))])")
    core = dump(CORES["held"][0])
    lines = heapcore("retained", core, "--format", "collapsed", "--top", "200").text.splitlines()
    total = sum(int(line.rsplit(" ", 1)[1]) for line in lines)
    for label, _, y, width in parts:
        if y == 0:
            name = label.rsplit(": ", 1)[0]
            own = sum(int(line.rsplit(" ", 1)[1]) for line in lines if line.rsplit(" ", 1)[0].split(";")[0] == name)
            assert abs(own * 1000 / total - width) < 0.02, label
    # What a part holds is below it.
    for _, x, y, width in parts:
        assert not y or any(b == y - 20 and a <= x + 0.02 and x + width <= a + w + 0.02 for _, a, b, w in parts)


# Values of the first two columns of those rows of a table that are in the page.
ROWS = """Array.from(document.querySelector("table").tBodies[0].rows, (row) => [row.cells[0].textContent, row.cells[1].textContent])"""
TOTAL = 1000


@pytest.fixture
def long(browser, pages, heapcore, dump, tmp_path):
    """A page with a table of a thousand rows: numbers, each six times but for those that are not known, and names."""
    saved = tmp_path / "saved.json"
    heapcore("report", dump(CORES["held"][0]), "--format", "json", "-o", saved)
    columns = [{"name": name, "title": name.upper(), "help": "", "kind": kind, "left": False, "shown": True}
               for name, kind in (("number", "count"), ("word", "name"))]
    rows = [[None if i % 6 == 5 else i * 7919 % TOTAL // 6, {"text": f"row{i}x"}] for i in range(TOTAL)]
    table = {"table": {"key": "", "name": "a", "columns": columns, "rows": rows, "more": 0}}
    saved.write_text(json.dumps({**json.loads(saved.read_text()),
                                 "sections": [{"id": "a", "title": "A", "command": "", "nodes": [table]}]}))
    report(heapcore, tmp_path, saved, "--detail", "max")
    browser.open(tmp_path / "r.html")
    return [("-" if number is None else str(number), word["text"]) for number, word in rows]


def by_number(rows, sign):
    """What is not known comes last; what is equal stays as it was."""
    return sorted(rows, key=lambda row: (row[0] == "-", row[0] != "-" and sign * int(row[0])))


def test_long_table(browser, long):
    """Those rows are in the page that can be seen; more come by scrolling; sorting and the filter are of all of them."""
    def rows():
        return list(map(tuple, browser.ask(ROWS)))

    def click(column):
        browser.ask(f"document.querySelectorAll('th button')[{column}].click()")

    def begins(expected):
        """A frame may have come in between, for which there is more."""
        found = rows()
        return len(found) < 100 and found == expected[:max(len(found), min(20, len(expected)))]

    assert begins(long)
    assert browser.ask("document.querySelector('table').getAttribute('aria-rowcount')") == str(TOTAL + 1)
    width = browser.ask("document.querySelector('table').offsetWidth")
    for _ in range(TOTAL):
        # A frame after the next one, so that what listens to scrolling was called.
        browser.ask("""new Promise(function (done) { const region = document.querySelector(".scroll"); region.scrollTop = region.scrollHeight;
                       requestAnimationFrame(() => requestAnimationFrame(done)); })""")
        if len(rows()) == TOTAL:
            break
    assert rows() == long and browser.ask("document.querySelector('table').offsetWidth") == width
    click(0)
    assert begins(by_number(long, -1)) and browser.ask("document.querySelector('.scroll').scrollTop") == 0
    click(0)
    ascending = by_number(by_number(long, -1), 1)
    assert begins(ascending)
    browser.ask("(function (input) { input.value = 'W99'; input.dispatchEvent(new Event('input')); })(document.querySelector('input'))")
    assert rows() == [row for row in ascending if "w99" in row[1]]
    assert browser.ask("document.querySelector('.tools .note').textContent") == "11 of 1,000 rows"
    click(1)
    assert [word for _, word in rows()] == ["row99x", *(f"row{i}x" for i in range(990, 1000))]
    browser.ask("(function (input) { input.value = ''; input.dispatchEvent(new Event('input')); })(document.querySelector('input'))")
    assert begins(long)


@pytest.mark.parametrize("act", ["dispatchEvent(new Event('beforeprint'))",
                                 "document.dispatchEvent(new KeyboardEvent('keydown', { key: 'f', ctrlKey: true, bubbles: true }))"])
def test_long_table_is_whole(browser, long, act):
    """For the printer, and where the browser searches."""
    assert len(browser.ask(ROWS)) < 100
    browser.ask(act)
    assert list(map(tuple, browser.ask(ROWS))) == long
