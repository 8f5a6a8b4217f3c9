"""classify --attributes: exact counts of what contents name, normalised, the same for any number of jobs."""
import pytest

from test_cli import validate

COPIES = 40  # of each text of testdata/secrets.c


@pytest.fixture(scope="session")
def core(dump):
    return dump("secrets.c")


def values(document, class_, attribute):
    for row in document["attributes"]:
        if (row["class"], row["attribute"]) == (class_, attribute):
            return {value["value"]: value["chunks"] for value in row["values"]}
    return {}


def test_counts(heapcore, core):
    document = heapcore("classify", core, "--attributes", "--format", "json").json
    validate(document, "classify")
    assert values(document, "http-request", "method") == {"GET": COPIES}
    assert values(document, "http-request", "path") == {"/user/N/cart": COPIES}
    assert values(document, "http-request", "host") == {"shop.example": COPIES}
    assert values(document, "http-request", "channelid") == {"4099": COPIES}
    assert values(document, "http-response", "status") == {"200": COPIES}
    assert values(document, "redis-command", "command") == {"auth": COPIES}
    assert values(document, "url", "path") == {"/shopN": COPIES}
    assert all(row["exact"] for row in document["attributes"])


def test_selection(heapcore, core):
    """Half of the copies are lost."""
    document = heapcore("classify", core, "--attributes", "--leaked", "--format", "json").json
    assert values(document, "http-request", "path") == {"/user/N/cart": COPIES // 2}
    document = heapcore("classify", core, "--attributes", "--class", "url", "--format", "json").json
    assert {row["class"] for row in document["attributes"]} == {"url"}


def test_any_number_of_jobs(heapcore, dump):
    core = dump("growth.c")
    one = heapcore("classify", core, "--attributes", "--jobs", "1", "--format", "json").out
    assert one == heapcore("classify", core, "--attributes", "--jobs", "4", "--format", "json").out
    keys = values(heapcore("classify", core, "--attributes", "--format", "json").json, "key", "key")
    assert keys["session:N:state"] >= 19000


def test_top(heapcore, dump):
    core = dump("growth.c")
    rows = heapcore("classify", core, "--attributes", "--top", "1", "--format", "csv").rows()
    assert len({(row["class"], row["attribute"]) for row in rows}) == len(rows)


def test_content_hides_values(heapcore, core):
    for content, shown in (("none", False), ("class", False), ("sample", True)):
        for form in ("text", "json", "csv"):
            text = heapcore("classify", core, "--attributes", "--content", content, "--format", form).text
            assert ("shop.example" in text) == shown, (content, form)
