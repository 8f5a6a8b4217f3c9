"""The first screen: one list that adds up, words of verdicts, clues, and commands that show exactly their finding."""
import re

import conftest
import pytest

# Programs of every kind that the other tests have, with what the verdict of each is.
PROGRAMS = {
    "requests-lost": ("requests.c", ["3000", "300", "200"], "leak"),
    "requests-held": ("requests.c", ["0", "6000", "10"], "held"),
    "requests-both": ("requests.c", ["2000", "200", "10", "2000"], "mixed"),
    "shapes": ("leak_shapes.cc", [], None),
    "secrets": ("secrets.c", [], None),
    "retention": ("retention.c", [], None),
    "growth": ("growth.c", [], None),
    "threads": ("threads_tcache.c", [], None),
    "idle": ("idle_threads.c", [], None),
    "mixed": ("mixed.c", [], None),
    "redis": ("sessions.c", [], None),
}


@pytest.fixture(scope="module", params=PROGRAMS)
def case(request, dump):
    source, args, verdict = PROGRAMS[request.param]
    return dump(source, *args), verdict


@pytest.fixture(scope="module")
def analysis(heapcore, case):
    return heapcore("analyze", case[0], "--format", "json").json


def test_findings_and_the_rest_are_the_total(analysis):
    findings = analysis["findings"]
    assert sum(finding["touched"] for finding in findings) + analysis["rest"]["touched"] == analysis["touched"]["total"]
    assert [finding["touched"] for finding in findings] == sorted((f["touched"] for f in findings), reverse=True)
    assert all(finding["touched"] <= finding["bytes"] for finding in findings)
    causes = analysis["touched"]
    assert sum(causes[cause] for cause in ("lost", "held", "freed", "stacks", "outside")) <= causes["total"]


def test_verdict(case, analysis):
    assert analysis["verdict"] in ("leak", "held", "retention", "stacks", "outside malloc", "mixed", "nothing stands out",
                                   "can't tell")
    if case[1]:
        assert analysis["verdict"] == case[1]


def test_more_shows_exactly_the_finding(heapcore, analysis):
    for finding in analysis["findings"]:
        assert conftest.shown(heapcore, finding) == (finding["chunks"], finding["bytes"]), finding["text"]


def test_text_says_what_data_say(heapcore, case, analysis):
    text = heapcore("analyze", case[0]).text
    for finding in analysis["findings"]:
        # Small ones have a line each, and a command for all of them.
        verb = "chunks" if finding["kind"] in ("lost", "held", "freed") else "maps"
        brief = f"heapcore {verb} {case[0]} --finding"
        assert finding["more"] in text or f"{brief} N" in text or f"{brief} {finding['finding']}" in text, finding["more"]
        assert re.search(rf"^{finding['finding']:<3}", text, re.M)
    everything = heapcore("analyze", case[0], "--verbose").text
    assert all(finding["more"] in everything for finding in analysis["findings"])
    assert max(map(len, text.splitlines())) <= 80 or "heapcore" in max(text.splitlines(), key=len)


def test_a_leak_is_one_finding(heapcore, dump):
    """Stale words tie a third of the objects to others; what was lost is one thing all the same."""
    core = dump("requests.c", "3000", "300", "200")
    lost = [f for f in heapcore("analyze", core, "--format", "json").json["findings"] if f["kind"] == "lost"]
    assert lost[0]["roots"]["chunks"] in (2999, 3000)  # a register may still hold the last one
    assert lost[0]["below"]["chunks"] == 3 * lost[0]["roots"]["chunks"]
    assert sum(finding["touched"] for finding in lost[1:]) < lost[0]["touched"] / 100


def test_the_clue_distinguishes(heapcore, dump):
    core = dump("requests.c", "3000", "300", "200")
    document = heapcore("analyze", core, "--format", "json").json
    clues = document["findings"][0]["clues"]
    clue = next(clue for clue in clues if clue["text"] == "channelid=4099")
    assert clue["lost"]["chunks"] == clue["lost"]["of"] in (2999, 3000)
    assert clue["held"]["chunks"] <= 1 and clue["held"]["of"] in (300, 301)
    assert clue["freed"]["chunks"] == 0
    assert "channelid=4099 in all" in heapcore("analyze", core).text
    # What stands in the root objects themselves, whose content is below them.
    zone = next(clue for clue in clues if clue["text"] == "zone=lunar")
    assert zone["lost"]["chunks"] == zone["lost"]["of"] in (2999, 3000)
    assert zone["held"]["chunks"] <= 1 and zone["held"]["of"] in (300, 301)
    assert "channelid" not in heapcore("analyze", core, "--content", "class").text


@pytest.mark.parametrize("verb", ["chunks", "histogram", "classify", "strings"])
def test_an_unknown_finding_is_an_error(heapcore, dump, verb):
    core = dump("requests.c", "3000", "300", "200")
    result = heapcore(verb, core, "--finding", "99", status=2)
    assert result.err.count(b"\n") == 1 and b"finding" in result.err
