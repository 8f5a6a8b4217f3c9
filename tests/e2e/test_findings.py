"""The findings of analyze: one list that adds up, and commands that show exactly what it says."""
import random

import conftest
import pytest
from corefile import Core

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
            assert b"maps" in heapcore("chunks", core, "--finding", finding["finding"], status=2).err
            continue
        assert b"heapcore chunks --finding shows it" in heapcore("maps", core, "--finding", finding["finding"], status=2).err
        rows = heapcore("chunks", core, "--finding", finding["finding"], "--format", "csv").rows()
        assert (len(rows), sum(int(r["chunk_size"]) for r in rows)) == (finding["chunks"], finding["bytes"]), finding


def test_counts_are_counts(heapcore, core):
    """Of findings as small as these, all chunks are looked at; classify counts the same."""
    for finding in heapcore("analyze", core, "--format", "json").json["findings"]:
        if finding["kind"] != "held":
            continue
        counted = {row["class"]: row["chunks"] for row in
                   heapcore("classify", core, "--finding", finding["finding"], "--format", "json").json["classes"]}
        assert finding["looked_at"] == finding["chunks"], finding["text"]
        assert finding["class_count"]["chunks"] == counted.get(finding["class"], 0), finding["text"]


def test_numbers_from_one(heapcore, dump):
    assert b"--finding takes a number from 1 on" in heapcore("chunks", dump("growth.c"), "--finding", 0, status=2).err
    assert b"there is no finding 99" in heapcore("chunks", dump("growth.c"), "--finding", 99, status=2).err


def hurt(core, how):
    """The core cut at a share of its size, or with garbage every few thousand bytes; the same in every run."""
    data = bytearray(Core(core).data)
    if isinstance(how, float):
        return data[:int(len(data) * how)]
    dice = random.Random(how)
    for at in range(64 * 1024, len(data) - 8, dice.randrange(2000, 6000)):
        data[at:at + 8] = dice.choice([bytes(8), b"\xff" * 8, dice.randbytes(8), data[at + 64:at + 72].ljust(8, b"\0")])
    return data


@pytest.mark.parametrize("how", [0.9, 0.5, 0.1, 1, 2], ids=str)
@pytest.mark.parametrize("program", ["mixed.c", "threads_tcache.c", "idle_threads.c"])
def test_a_hurt_core_adds_up(heapcore, dump, tmp_path, program, how):
    """And what is shown of a finding is the finding, whatever is wrong with the heap that it is in."""
    path = tmp_path / "hurt.core"
    path.write_bytes(hurt(dump(program), how))
    result = heapcore("analyze", path, "--format", "json", status=None)
    if result.status == 2:  # cut so short that there is nothing to read
        assert how == 0.1 and result.err.count(b"\n") >= 1
        return
    for finding in result.json["findings"]:
        assert conftest.shown(heapcore, finding) == (finding["chunks"], finding["bytes"]), finding["text"]


STATES = "in-use,tcache,fastbin,unsorted,smallbin,largebin,top,overhead"


def pinned(chunks, held, page=4096):
    """Free bytes of pages with chunks in use; and of those that held chunks of one size alone keep, with these chunks, by size."""
    free, kept = {}, {}
    for chunk in chunks:
        start = int(chunk["address"], 16) - 8
        end = start + int(chunk["chunk_size"])
        number = start // page
        while number * page < end:
            if chunk["state"] in ("in-use", "overhead"):
                size = chunk["chunk_size"] if chunk["address"] in held else None
                kept.setdefault(number, []).append((chunk["address"], size))
            else:
                free[number] = free.get(number, 0) + min(end, (number + 1) * page) - max(start, number * page)
            number += 1
    both = free.keys() & kept.keys()
    found = {}
    for number in both:
        sizes = {size for _, size in kept[number]}
        if len(sizes) == 1:
            of = found.setdefault(sizes.pop(), [0, set()])
            of[0] += free[number]
            of[1] |= {address for address, _ in kept[number]}
    return sum(free[number] for number in both), {size: (size_of, len(names)) for size, (size_of, names) in found.items()}


@pytest.mark.parametrize("program", ["known/survivors.cc", "pinned.c"])
def test_what_pins_freed_memory(heapcore, dump, program):
    """Also where it is so little that it is no finding of its own. A page is shared by nobody else, so that pages tell exactly."""
    core = dump(program)
    document = heapcore("analyze", core, "--format", "json").json
    assert document["verdict"] == "retention"
    (freed,) = [finding for finding in document["findings"] if finding["kind"] == "freed"]
    held = {row["address"] for row in heapcore("chunks", core, "--reach", "reachable,possible", "--format", "csv").rows()}
    free, by_size = pinned(heapcore("chunks", core, "--state", STATES, "--arena", "0", "--format", "csv").rows(), held)
    found = freed["pinned"]
    assert found["free_bytes"] == free
    _, verb, _, *options = found["more"].split()
    rows = heapcore(verb, core, *options, "--format", "csv").rows()
    (size,) = {row["chunk_size"] for row in rows}
    assert (found["bytes"], found["chunks"]) == by_size[size]
    assert found["bytes"] == max(bytes_of for size, (bytes_of, _) in by_size.items() if size) > free * 0.9
    assert found["of"] == len(rows)
    text = " ".join(heapcore("analyze", core).text.split())
    assert f"of it is on pages that {found['by']} alone keep" in text and found["more"] in text


def test_mappings_of_a_kind(heapcore, dump):
    core = dump("idle_threads.c")
    rows = heapcore("maps", core, "--format", "csv").rows()
    wanted = [row for row in rows if row["kind"] in ("stack", "main-stack")]
    assert wanted and heapcore("maps", core, "--kind", "stack,main-stack", "--format", "csv").rows() == wanted
    assert b"none of text, rodata" in heapcore("maps", core, "--kind", "thing", status=2).err


def test_rows_of_a_finding_are_few(heapcore, dump):
    """People see the first ones and how many there are; programs get all."""
    core = dump("sessions.c", "2000")
    finding = next(f for f in heapcore("analyze", core, "--format", "json").json["findings"] if f["chunks"] > 100)
    command = ["chunks", core, "--finding", finding["finding"]]
    text = heapcore(*command).text
    assert f"40 of {finding['chunks']:,} shown; --limit N shows more" in text
    assert f"{finding['chunks']:,} chunks" in text.splitlines()[-1] and text.count(" 0x") + text.count("\n0x") >= 40
    assert len(heapcore(*command, "--format", "csv").rows()) == finding["chunks"]
    assert "shown;" not in heapcore(*command, "--limit", 5).text


def test_smaps_are_the_ruler(heapcore, dump, tmp_path):
    """What was resident counts, in the verdict, in data and in text: here, nothing of the threads' stacks, all of the rest."""
    core = dump("idle_threads.c")
    read = Core(core)
    stacks = [int(row["start"], 16) for row in heapcore("maps", core, "--kind", "stack", "--format", "csv").rows()]
    lines = []
    for segment in read.loads:
        size, flags = segment.memsz // 1024, segment.flags
        none = any(segment.start <= start < segment.end for start in stacks)
        lines += [f"{segment.start:x}-{segment.end:x} {'r' if flags & 4 else '-'}{'w' if flags & 2 else '-'}"
                  f"{'x' if flags & 1 else '-'}p 00000000 00:00 0 ", f"Size: {size:14} kB", f"Rss: {0 if none else size:15} kB"]
    smaps = tmp_path / "smaps"
    smaps.write_text("\n".join(lines) + "\n")
    without = heapcore("analyze", core, "--format", "json").json
    document = heapcore("analyze", core, "--smaps", smaps, "--format", "json").json
    assert document["touched"]["resident"] and not without["touched"]["resident"]
    main = heapcore("maps", core, "--kind", "main-stack", "--format", "json").json["mappings"][0]
    assert document["touched"]["stacks"] == main["size"] != without["touched"]["stacks"]
    assert "resident; " in heapcore("analyze", core, "--smaps", smaps).text
