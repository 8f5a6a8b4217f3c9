"""No verb shows a secret of the heap at the level that is the default; --content full shows them."""
import re

import conftest
import pytest

MARK = "Xq7"
HEX = MARK.encode().hex()
# The bytes of a word in memory order, as a hexadecimal number shows them: the other way round.
WORD = MARK.encode()[::-1].hex()


@pytest.fixture(scope="session")
def core(dump):
    return dump("secrets.c")


@pytest.fixture(scope="session")
def told(dump):
    """The same, which was told secrets on its command line and in its environment."""
    return dump("secrets.c", f"--password={MARK}option{MARK}", "mysql", "-h", "db", f"-p{MARK}short{MARK}",
                f"postgres://app:{MARK}url{MARK}@db/shop", env={**conftest.ENVIRONMENT, "DB_PASSWORD": f"{MARK}env{MARK}"})


def addresses(heapcore, core, pattern):
    """Chunks that hold a match."""
    hits = heapcore("grep", core, pattern, "--format", "json").jsonl
    return sorted({hit["chunk"] for hit in hits if "chunk" in hit})


def shows(text):
    squeezed = re.sub(r"(?<=[0-9a-f]{4}) (?=[0-9a-f])", "", text)  # the columns of a hex dump
    return [sign for sign in (MARK, HEX, WORD) if sign in text or (sign == HEX and sign in squeezed)]


COMMANDS = {
    "analyze": ["text", "json"],
    "leaks": ["text", "json", "csv"],
    "classify": ["text", "json", "csv"],
    "common": ["text", "json"],
    "chunks": ["text", "json", "csv"],
    "histogram": ["text", "json", "csv"],
    "maps": ["text", "json", "csv"],
    "check": ["text", "json"],
    "strings": ["text", "json", "csv"],
}


@pytest.mark.parametrize("verb,form", [(verb, form) for verb, forms in COMMANDS.items() for form in forms])
def test_no_secret_at_sample(heapcore, core, verb, form):
    result = heapcore(verb, core, "--format", form)
    assert not shows(result.text)


@pytest.mark.parametrize("level", ["none", "class", "sample"])
@pytest.mark.parametrize("verb", [*COMMANDS, "info", "arenas", "types"])
def test_no_level_shows_what_the_process_was_told(heapcore, told, verb, level):
    for form in ("text", "json"):
        result = heapcore(verb, told, "--content", level, "--format", form, status=None)
        assert not shows(result.text), form
    if verb == "info":
        # What is no secret can be read.
        assert "--password=*** mysql -h db -p*** postgres://app:***@db/shop" in result.text


def test_the_command_line_in_full(heapcore, told):
    assert f"--password={MARK}option{MARK} mysql" in heapcore("info", told, "--content", "full", "--format", "json").text


@pytest.mark.parametrize("form", ["text", "json", "csv"])
def test_groups_and_selections(heapcore, core, form):
    for options in (["leaks", core, "--group", "1"], ["leaks", core, "--group", "2"],
                    ["classify", core, "--attributes"], ["classify", core, "--leaked"]):
        assert not shows(heapcore(*options, "--format", form).text), options


@pytest.mark.parametrize("form", ["text", "json"])
def test_every_chunk_alone(heapcore, core, form):
    found = addresses(heapcore, core, MARK)
    assert len(found) >= 40 * 12
    # One of each sort, from both ends of the heap: what is lost and what is kept.
    for address in found[:14] + found[-14:]:
        text = heapcore("what", core, address, "--format", form).text
        assert not shows(text), text


def test_grep_context(heapcore, core):
    for form in ("text", "json"):
        text = heapcore("grep", core, r"joe|Host|Basic|Cookie|api_key|app:|BEGIN|IDENTIFIED|token", "--format", form).text
        assert len(text.splitlines()) > 100
        assert not shows(text)


def test_what_was_asked_for_shows(heapcore, core):
    assert MARK in heapcore("grep", core, r"password=\w+").text
    assert f"{MARK}form{MARK}" in heapcore("grep", core, "-o", r"password=\w+").text
    assert f"{MARK}form{MARK}" in heapcore("grep", core, "--top", r"password=\w+").text


def test_full_shows(heapcore, core):
    assert f"{MARK}url{MARK}" in heapcore("classify", core, "--content", "full", "--format", "json").text
    address = addresses(heapcore, core, f"{MARK}basic")[0]
    assert f"Basic {MARK}basic{MARK}" in heapcore("what", core, address, "--content", "full", "--format", "json").text


def test_the_rest_stays(heapcore, core):
    """Only the secret goes: what it was, and what is beside it, can be read."""
    text = heapcore("classify", core, "--format", "json").text
    assert "postgres://app:***@db.example.org:5432/shop" in text
    address = addresses(heapcore, core, "password=")[0]
    assert "&password=***&remember=1" in heapcore("what", core, address).text
