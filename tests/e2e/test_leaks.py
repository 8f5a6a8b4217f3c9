"""Reachability, on a program of which every chunk's kind is known."""
import collections

import pytest


def reach_of(heapcore, core):
    """Kind of each chunk in use, by address."""
    rows = heapcore("chunks", core, "--format", "csv", "--reach",
                    "reachable,possible,indirect,definite").rows()
    return {int(row["address"], 16): row["reach"] for row in rows}


def manifest(dump):
    """(address, requested, kind, label) of each line."""
    for line in dump.said:
        fields = line.split()
        if fields[0].startswith("0x"):
            yield int(fields[0], 16), int(fields[1]), fields[2], fields[3]


@pytest.fixture
def shapes(dump, how):
    return dump("leak_shapes.cc", how=how)


def test_every_shape(heapcore, shapes):
    reach = reach_of(heapcore, shapes)
    wrong = collections.Counter()
    for address, _, kind, label in manifest(shapes):
        if not kind.startswith("cycle:") and reach.get(address) != kind:
            wrong[f"{label}: {kind}, not {reach.get(address)}"] += 1
    assert not wrong


def test_lost_cycles_have_one_definite_member(heapcore, shapes):
    reach = reach_of(heapcore, shapes)
    cycles = collections.defaultdict(list)
    for address, _, kind, _ in manifest(shapes):
        if kind.startswith("cycle:"):
            cycles[kind].append(reach.get(address))
    assert len(cycles) == 4
    for kind, found in cycles.items():
        assert sorted(found) == ["definite"] + ["indirect"] * (len(found) - 1), kind


def test_nothing_else_is_lost(heapcore, shapes):
    known = {address for address, *_ in manifest(shapes)}
    rows = heapcore("chunks", shapes, "--format", "csv", "--reach", "definite,indirect,possible").rows()
    extra = [row for row in rows if int(row["address"], 16) not in known]
    assert not extra


def test_leaked_is_definite_and_indirect(heapcore, shapes):
    leaked = heapcore("chunks", shapes, "--format", "csv", "--leaked").rows()
    both = heapcore("chunks", shapes, "--format", "csv", "--reach", "definite,indirect").rows()
    assert leaked == both
    expected = {a for a, _, kind, _ in manifest(shapes) if kind in ("definite", "indirect") or "cycle:" in kind}
    assert {int(row["address"], 16) for row in leaked} == expected


def test_jobs_do_not_change_the_answer(heapcore, shapes):
    one = heapcore("chunks", shapes, "--format", "csv", "--leaked", "--jobs", 1)
    four = heapcore("chunks", shapes, "--format", "csv", "--leaked", "--jobs", 4)
    assert one.out == four.out


def test_growth_is_not_a_leak(heapcore, dump, how):
    core = dump("growth.c", how=how)
    assert heapcore("chunks", core, "--format", "csv", "--reach", "definite,indirect,possible").rows() == []


@pytest.mark.parametrize("rounds", [1, 500])
def test_all_but_the_last_result(heapcore, dump, how, rounds):
    core = dump("worker_calloc.c", str(rounds), how=how)
    leaked = {int(r["address"], 16) for r in heapcore("chunks", core, "--format", "csv", "--leaked").rows()}
    assert leaked == {int(address, 16) for address, _ in core.lines("lost")}
    reach = reach_of(heapcore, core)
    (live,) = core.lines("live")
    assert reach[int(live[0], 16)] == "reachable"


def test_exited_threads(heapcore, dump, how):
    core = dump("threads_tcache.c", how=how)
    leaked = {int(r["address"], 16) for r in heapcore("chunks", core, "--format", "csv", "--leaked").rows()}
    assert leaked == {int(address, 16) for address, _ in core.lines("lost")}
