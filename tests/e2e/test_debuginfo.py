"""Debug information that no compiler wrote: chosen damage, and bytes that were changed at random.

A debug file is taken when its build-id is the core's. It need not be sound for that.
"""
import concurrent.futures
import os
import random
import re
import subprocess

import pytest

import conftest

# What is bounded takes fractions of a second; without the bound, half a minute and more.
HANG = 20
NODES = 300000


def types_of(heapcore, core, *options):
    return heapcore("types", core, "--format", "json", *options, timeout=HANG).json["types"]


@pytest.mark.parametrize("damage", ["SIBLINGS", "SLOTS", "OVERLAP", "DIMENSIONS", "NESTED"])
def test_chosen_damage_costs_no_time(heapcore, dump, damage):
    """Entries that lead to themselves, pointers in one place, arrays on top of each other or with thousands of bounds."""
    core = dump("hostile_types.c", flags=["-g0", f"-D{damage}"])
    document = heapcore("types", core, "--request", 8, "--format", "json", timeout=HANG).json
    (row,) = document["types"]
    assert (row["type"], row["chunks"]) == ("node", NODES)
    (node,) = [item for item in document["structs"]["items"] if item["struct"] == "node"]
    assert node["size"] == 8 and all(member["type"].startswith("node *") for member in node["members"])


@pytest.mark.parametrize("damage", ["LONG_NAME", "CONTROL"])
def test_names_that_can_not_be_shown_are_none(heapcore, dump, damage):
    core = dump("hostile_types.c", flags=["-g0", f"-D{damage}"])
    (row,) = types_of(heapcore, core)
    assert (row["type"], row["chunks"]) == ("struct (unnamed)", NODES)
    assert b"\x1b" not in heapcore("types", core, "--format", "csv").out


def test_names_have_a_bound(heapcore, dump, tmp_path):
    """840 MB of names, which overlap in a file of 5 MB."""
    core = dump("hostile_types.c", flags=["-g0", "-DNAMES"])
    result, resident = conftest.peak(heapcore, tmp_path, "types", core, "--format", "json")
    (row,) = result.json["types"]
    assert (row["type"], row["chunks"]) == ("node", NODES)
    if os.environ.get("HEAPCORE_BUILD") != "sanitized":
        assert resident < 720 << 20


VARIANTS = 300
SECTIONS = [".debug_info", ".debug_abbrev"]


def section(program, name):
    """offset, size in the file"""
    table = subprocess.run(["readelf", "-SW", program], capture_output=True, text=True, check=True).stdout
    row = re.search(rf"\] {re.escape(name)} +\w+ +\w+ (\w+) (\w+)", table)
    return int(row.group(1), 16), int(row.group(2), 16)


def corrupt(data, places, seed):
    chance = random.Random(seed)
    data = bytearray(data)
    start, size = chance.choice(places)
    for _ in range(chance.choice([1, 1, 2, 4, 16])):
        data[start + chance.randrange(size)] = chance.choice([0, 1, 0x7f, 0x80, 0xff, chance.randrange(256)])
    return bytes(data)


def test_changed_bytes(heapcore, dump, compiled, tmp_path):
    """Any answer will do, and so will none: without a crash, without a sanitizer's report, and in time."""
    flags = [str(conftest.TESTDATA / "structs_other.c")]
    program, core = compiled("structs.c", *flags), dump("structs.c", flags=flags)
    moved = tmp_path / "core"
    # No file but the one that --exe names: libc's symbols would take most of the time.
    moved.write_bytes(open(core, "rb").read().replace(b"/structs-", b"/nowhere-").replace(b"/libc.so", b"/nope.so"))
    data, places = program.read_bytes(), [section(program, name) for name in SECTIONS]
    sound = types_of(heapcore, moved, "--exe", program)

    def run(seed):
        path = tmp_path / f"program-{seed}"
        path.write_bytes(corrupt(data, places, seed))
        found = types_of(heapcore, moved, "--exe", path)
        path.unlink()
        return found

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, range(VARIANTS)))
    assert sound and sound in results
    assert sum(result != sound for result in results) > VARIANTS / 10
