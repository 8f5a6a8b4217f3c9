"""
Healthy programs of Debian's, a little used and then idle: nothing of them is a leak or damage, and little is possibly lost.

A few of them do lose a small block or two (an old value of putenv(), a context that nobody frees): what is lost is bounded, not nothing.
"""
import os

import pytest

import conftest
import debian_programs as programs

# One build answers: these are about rules, not about the program's own errors.
pytestmark = conftest.release_only

# Bytes that a healthy program may have lost, for good and in all.
LOST = 8 << 10
# Of what malloc has in use, in percent; small heaps have a few KiB.
POSSIBLE, POSSIBLE_BYTES = 6, 8 << 10
# malloc of these is somebody else's.
OTHER_ALLOCATOR = {"redis-server": "jemalloc"}
VERDICTS = ("held", "outside malloc", "mixed", "nothing stands out", "retention", "stacks")


@pytest.fixture(scope="module", params=programs.PROGRAMS)
def core(request, cache):
    conftest.machine.need("ptrace")
    conftest.machine.need("loopback")
    path = cache / f"idle-{request.param}.core"
    with conftest.once(path) as needed:
        if needed:
            with programs.PROGRAMS[request.param]() as pid:
                programs.settle(pid)
                conftest.gcore(pid, path)
    yield request.param, path
    if not os.environ.get("HEAPCORE_TEST_CACHE"):
        path.unlink()


def test_idle(heapcore, core):
    name, path = core
    analysis = heapcore("analyze", path, "--format", "json").json
    assert analysis["verdict"] in VERDICTS
    text = heapcore("analyze", path).text
    assert "Damage" not in text and not text.splitlines()[2].startswith("Leak"), text
    if name in OTHER_ALLOCATOR:
        assert OTHER_ALLOCATOR[name] in {owner["name"] for owner in analysis["owners"]}
        assert OTHER_ALLOCATOR[name].encode() in heapcore("leaks", path, status=2).err
        return
    checked = heapcore("check", path, "--format", "json").json
    assert checked["sound"], checked["inconsistencies"]
    leaks = heapcore("leaks", path, "--format", "json").json
    assert leaks["lost_known"] == "known"
    assert leaks["definite"]["bytes"] + leaks["indirect"]["bytes"] <= LOST, heapcore("leaks", path).text
    assert not [f for f in analysis["findings"] if f["kind"] == "lost" and f["touched"] > LOST]
    in_use = sum(row["bytes"] for row in analysis["accounting"]["parts"] if row["part"] in ("in-use", "mmapped"))
    allowed = max(in_use * POSSIBLE // 100, POSSIBLE_BYTES)
    assert leaks["possible"]["bytes"] <= allowed, heapcore("chunks", path, "--reach", "possible").text[:3000]
