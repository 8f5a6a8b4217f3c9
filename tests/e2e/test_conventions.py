"""Chunks that programs hold otherwise than by pointers to their start, and those of a busy process."""
import pytest

import conftest


@pytest.fixture
def core(dump, how):
    return dump("conventions.c", how=how)


def by_size(heapcore, core, reach):
    sizes = {}
    for row in heapcore("chunks", core, "--format", "csv", "--reach", reach).rows():
        sizes[int(row["chunk_size"])] = sizes.get(int(row["chunk_size"]), 0) + 1
    return sizes


def test_kinds(heapcore, core):
    said = {line.split()[0]: int(line.split()[1]) for line in core.said[:-1]}
    # What tags hide is possible, half of it nodes and half payloads; all else is held by conventions.
    assert by_size(heapcore, core, "possible") == {32: said["queue"] // 2, 64: said["queue"] // 2}
    assert by_size(heapcore, core, "definite") == {176: said["lost"] // 2}
    assert by_size(heapcore, core, "indirect") == {144: said["lost"] // 2}
    reachable = by_size(heapcore, core, "reachable")
    assert reachable[96] == reachable[128] == said["list"] // 2
    assert sum(count for size, count in reachable.items() if size % 16 == 0 and 240 <= size <= 544) >= said["wrapped"]


def test_json_names_them(heapcore, core):
    document = heapcore("leaks", core, "--format", "json").json
    conventions = {(row["size"], row["offset"]): row for row in document["conventions"]}
    assert conventions[96, 24] == {"size": 96, "offset": 24, "chunks": 5000, "others": 0}
    assert {offset for size, offset in conventions if size != 96} == {32}
    assert document["tagged"] == {"tag": "top", "size": 32, "offset": 0, "chunks": 40000, "bytes": 20000 * (32 + 64)}
    assert document["possible"] == {"chunks": 40000, "bytes": 20000 * (32 + 64)}
    assert document["lost_known"] == "known"
    text = " ".join(heapcore("leaks", core).text.split())
    assert "40,000 chunks (1.83 MiB) are held, but only by pointers with a tag in their top 16 bits" in text


def test_what_names_them(heapcore, core):
    rows = heapcore("chunks", core, "--format", "csv", "--reach", "reachable", "--size", 88).rows()
    node = rows[len(rows) // 2]["address"]
    document = heapcore("what", core, node, "--format", "json").json
    assert document["convention"] == {"size": 96, "offset": 24, "chunks": 5000, "others": 0}
    assert {(row["into"], row["heuristic"]) for row in document["referrers"]} == {(24, "convention")}
    text = " ".join(heapcore("what", core, node).text.split())
    assert "Pointers to +24 count as pointers to the start: so 5,000 of 5,000 chunks of 96 bytes" in text

    rows = heapcore("chunks", core, "--format", "csv", "--reach", "possible", "--size", 24).rows()
    document = heapcore("what", core, rows[0]["address"], "--format", "json").json
    assert [(row["into"], row["heuristic"]) for row in document["referrers"]] == [(0, "tagged")]
    assert "Tagged pointers" in heapcore("what", core, rows[0]["address"]).text


def test_jobs_do_not_change_the_answer(heapcore, core):
    answers = [heapcore("leaks", core, "--format", "json", "--jobs", jobs).out for jobs in (1, 2, 5)]
    assert answers[0] == answers[1] == answers[2]


def test_a_busy_process_loses_nothing(heapcore, compiled, tmp_path):
    """
    Cores taken in the middle of malloc, free and realloc of four threads.

    Where they are is chance. What is half written then is asked of test_inflight.py, at every instruction that writes.
    """
    inside = 0
    with conftest.running([compiled("busy.c"), "pause", "120"]) as process:
        conftest.read_until(process.stdout, b"end")
        for i in range(8):
            path = tmp_path / "busy.core"
            conftest.gcore(process.pid, path)
            document = heapcore("leaks", path, "--format", "json", "-q").json
            lost = document["definite"]["chunks"] + document["indirect"]["chunks"]
            assert lost == 0, heapcore("chunks", path, "--leaked", "--format", "csv").text
            inside += document["in_flight"]["threads"]
            path.unlink()
    assert inside  # four threads, each nearly always in the allocator
