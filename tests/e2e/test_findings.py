"""The findings of analyze: one list that adds up, and commands that show exactly what it says."""
import pytest

PROGRAMS = [("mixed.c",), ("growth.c",), ("threads_tcache.c",), ("retention.c",), ("leak_shapes.cc",), ("sessions.c", "2000"),
            ("idle_threads.c",), ("no_heap.c",), ("classes.cc", "2000")]


@pytest.fixture(params=PROGRAMS, ids=lambda program: program[0])
def core(request, dump):
    return dump(*request.param)


def test_adds_up(heapcore, core):
    document = heapcore("analyze", core, "--format", "json").json
    findings, rest = document["findings"], document["rest"]
    assert sum(f["touched"] for f in findings) + rest["touched"] == document["touched"]["total"]
    assert sum(f["bytes"] for f in findings) + rest["bytes"] == document["accounting"]["total"]
    assert [f["touched"] for f in findings] == sorted((f["touched"] for f in findings), reverse=True)
    assert all(0 <= f["touched"] <= f["bytes"] for f in findings) and rest["chunks"] >= 0


def test_finding_is_its_chunks(heapcore, core):
    for finding in heapcore("analyze", core, "--format", "json").json["findings"]:
        if finding["kind"] not in ("lost", "held", "freed"):
            assert heapcore("chunks", core, "--finding", finding["finding"], status=2).err
            continue
        rows = heapcore("chunks", core, "--finding", finding["finding"], "--format", "csv").rows()
        assert (len(rows), sum(int(r["chunk_size"]) for r in rows)) == (finding["chunks"], finding["bytes"]), finding


def test_numbers_from_one(heapcore, dump):
    assert b"--finding takes a number from 1 on" in heapcore("chunks", dump("growth.c"), "--finding", 0, status=2).err
    assert b"there is no finding 99" in heapcore("chunks", dump("growth.c"), "--finding", 99, status=2).err
