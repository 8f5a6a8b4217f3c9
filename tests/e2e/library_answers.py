"""What the Python module says of a core, as JSON: for test_library.py, which may need another environment for it.

usage: library_answers.py CORE PATTERN
"""
import json
import sys
import threading
from dataclasses import asdict

import heapcore


def chunk(core, item):
    state = heapcore.STATES[item.state]
    return [item.address, item.size, item.usable, core.list_name(item) or state, item.arena,
            heapcore.REACHES[item.reach] if item.reach < len(heapcore.REACHES) else None, item.kind]


def referrers(core, address):
    found = core.referrers(address, 50)
    return {"total": found.total, "items": [[item.from_, item.address, item.value, item.chunk and item.chunk.address]
                                            for item in found.items]}


def failure(call, *args, **options):
    try:
        call(*args, **options)
    except (heapcore.Error, ValueError) as error:
        return [type(error).__name__, str(error), getattr(error, "address", None)]
    return None


def failures(core):
    return {"find": failure(core.find, 16), "read": failure(core.read, 16, 8), "pattern": failure(core.search, "("),
            "class": failure(core.count, content_class="no-such"), "type": failure(core.count, type="no_such"),
            "state": failure(core.count, state="lost"), "arena": failure(core.count, arena=99),
            "group": failure(core.leak_chunks, 99), "finding": failure(core.count, finding=99),
            "folder": failure(heapcore.open, "/"), "file": failure(heapcore.open, __file__),
            "nothing": failure(heapcore.open, "/no/such/core")}


def cancelled(path, pattern):
    """A call that is cancelled, and the one after it."""
    with heapcore.open(path, jobs=2) as core:
        core.cancel()
        first = failure(lambda: core.leaks)
        return [first and first[0], cancelled_within(core, pattern), len(core.leaks.groups)]


def cancelled_within(core, pattern):
    """A call within a callback, which is cancelled as soon as it works."""
    failures = []

    def hear(match):
        core.cancel()
        failures.append(failure(lambda: core.kinds))
        return True

    failure(core.search, pattern, on_match=hear)
    return failures[0] and failures[0][0]


def in_threads(core):
    """Four threads ask one core: they take turns."""
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(len(core.chunks(state=heapcore.STATES)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def closed(path):
    core = heapcore.open(path)
    chunks = core.chunks()
    core.close()
    core.close()
    return [failure(core.count), chunks[-1].address]


def columns(core):
    try:
        import numpy
    except ImportError:
        return None
    chunks = core.chunks()
    array = chunks.numpy()
    assert numpy.shares_memory(array, numpy.frombuffer(chunks._array, dtype=numpy.uint8))
    return {"num": len(array), "size": int(array["size"].sum()), "lost": int((array["reach"] < 2).sum()),
            "last": int(array["address"][-1])}


def stops(core, pattern):
    """Matches in callbacks, which may call back; what they raise is raised."""
    seen = []

    def hear(match):
        seen.append(core.find(match.chunk.address).size == match.chunk.size)
        raise KeyError("enough")

    try:
        core.search(pattern, on_match=hear)
    except KeyError:
        return seen
    return None


def main(path, pattern):
    with heapcore.open(path) as core:
        everything = core.chunks(state=heapcore.STATES, kinds=True)
        some = [item.address for item in core.chunks()][:: max(1, len(everything) // 20)]
        matches = core.search(pattern)
        answer = {
            "version": heapcore.version(), "info": asdict(core.info), "heap": asdict(core.heap), "partial": core.partial,
            "remarks": core.remarks, "failures": failures(core), "chunks": [chunk(core, item) for item in everything],
            "leaks": asdict(core.leaks), "leak_chunks": [[item.address for item in core.leak_chunks(group.number)]
                                                         for group in core.leaks.groups],
            "verdict": asdict(core.verdict), "kinds": [asdict(kind) for kind in core.kinds],
            "findings": [asdict(core.count(finding=finding.number)) for finding in core.findings
                         if finding.kind in ("lost", "held")],
            "lost": asdict(core.count(reach=("definite", "indirect"))),
            "classes": {address: core.classify(address).content_class for address in some},
            "referrers": {address: referrers(core, address) for address in some},
            "matches": [[match.address, match.bytes.hex(), match.group.hex(), match.chunk.address] for match in matches],
            "limited": len(core.search(pattern, limit=1)), "stops": stops(core, pattern),
            "range": [item.address for item in core.chunks(start=some[3], end=some[5])],
            "first": core.read(some[0], 8).hex(), "threads": in_threads(core), "columns": columns(core),
        }
    answer["closed"], answer["cancelled"] = closed(path), cancelled(path, pattern)
    json.dump(answer, sys.stdout)


main(*sys.argv[1:])
