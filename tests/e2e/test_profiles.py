"""Stacks for viewers of profiles: what retained and leaks say, read by programs that are not ours."""
import gzip
import shutil
import subprocess

import pytest

import conftest

RUNS = {
    "retained": ("holders.c", ["retained"]),
    "first": ("holders.c", ["retained", "--top", 2]),
    "leaks": ("leak_shapes.cc", ["leaks"]),
    "few": ("leak_shapes.cc", ["leaks", "--top", 1]),
    "group": ("leak_shapes.cc", ["leaks", "--group", 1]),
}


def total(document):
    """Chunks and bytes, as JSON has them."""
    if "held" in document:
        return document["held"]["chunks"], document["held"]["bytes"]
    if "rows" in document:
        return tuple(sum(row[key] for row in document["rows"]) for key in ("chunks", "bytes"))
    return tuple(document["definite"][key] + document["indirect"][key] for key in ("chunks", "bytes"))


@pytest.fixture(scope="module", params=RUNS)
def asked(request, heapcore, dump):
    """A function that asks in one format, and the total as JSON has it."""
    program, words = RUNS[request.param]
    core = dump(program)

    def ask(form, *more):
        return heapcore(words[0], core, *words[1:], *more, "--format", form)
    return ask, total(ask("json").json)


def stacks_of(text):
    """Lines of collapsed stacks, read strictly: frames without control characters, a blank, a number."""
    stacks = []
    for line in text.splitlines():
        assert line.isprintable(), line
        frames, _, value = line.rpartition(" ")
        assert value.isdecimal() and value != "0" and all(frames.split(";")), line
        stacks.append((frames.split(";"), int(value)))
    assert text.endswith("\n")
    return stacks


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7f) << shift
        shift += 7
        at += 1
        if not data[at - 1] & 0x80:
            return value, at


def fields(data):
    """The fields of a message of protocol buffers: number, and varint or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        value, at = varint(data, at)
        if key & 7 == 2:
            size = value
            value, at = data[at:at + size], at + size
            assert len(value) == size
        else:
            assert key & 7 == 0
        yield key >> 3, value


def packed(data):
    at, values = 0, []
    while at < len(data):
        value, at = varint(data, at)
        values.append(value)
    return values


def profile_of(data):
    """Types of values, and stacks with their values, from the outermost frame on."""
    message = list(fields(gzip.decompress(data)))
    texts = [value.decode() for number, value in message if number == 6]
    assert texts[0] == ""
    types = [tuple(texts[part] for _, part in fields(value)) for number, value in message if number == 1]
    functions = {entry[1]: texts[entry[2]] for entry in (dict(fields(value)) for number, value in message if number == 5)}
    locations = {}
    for location in (dict(fields(value)) for number, value in message if number == 4):
        locations[location[1]] = functions[dict(fields(location[4]))[1]]
    samples = [dict(fields(value)) for number, value in message if number == 2]
    return types, [([locations[place] for place in reversed(packed(sample[1]))], packed(sample[2])) for sample in samples]


class TestProfiles:
    def test_totals(self, asked):
        """Objects and bytes of both formats, and of JSON."""
        ask, (chunks, size) = asked
        types, samples = profile_of(ask("pprof").out)
        assert types == [("objects", "count"), ("space", "bytes")]
        assert sum(values[0] for _, values in samples) == chunks > 0
        assert sum(values[1] for _, values in samples) == size
        stacks = stacks_of(ask("collapsed").text)
        assert stacks == [(frames, values[1]) for frames, values in samples]

    def test_pprof_reads_it(self, asked, tmp_path):
        if not shutil.which("go"):
            pytest.skip("needs go")
        ask, (chunks, size) = asked
        ask("pprof", "--output", tmp_path / "profile.pb.gz")
        raw = subprocess.run(["go", "tool", "pprof", "-raw", tmp_path / "profile.pb.gz"], stdout=subprocess.PIPE, check=True,
                             stderr=subprocess.DEVNULL, timeout=conftest.TIMEOUT,
                             env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}).stdout.decode()
        head, rest = raw.split("objects/count space/bytes[dflt]\n")
        rows, locations = rest.split("Locations\n")
        values = [[int(word) for word in row.split(":")[0].split()] for row in rows.splitlines()]
        assert "Samples:" in head and [sum(row[i] for row in values) for i in range(2)] == [chunks, size]
        names = {name for frames, _ in profile_of(ask("pprof").out)[1] for name in frames}
        assert all(f" {name} :0" in locations for name in names)

    def test_it_is_the_same_every_time(self, asked):
        ask, _ = asked
        assert ask("pprof", "--jobs", 1).out == ask("pprof", "--jobs", 3).out

    def test_nothing_of_the_content(self, asked):
        ask, (_, size) = asked
        stacks = stacks_of(ask("collapsed", "--content", "none").text)
        assert sum(value for _, value in stacks) == size
        assert not any("struct" in name or "pointers" in name for frames, _ in stacks for name in frames)


def test_chains(heapcore, dump):
    """From the variable down to the keys, and from what holds one thing down to what that holds."""
    core = dump("holders.c")
    stacks = stacks_of(heapcore("retained", core, "--format", "collapsed").text)
    values = {tuple(frame.split(" (")[0] for frame in frames): value for frames, value in stacks}
    assert values[("g_cache", "struct cache", "struct entry*[]", "struct entry", "80 bytes")] == 80 * 1000
    _, _, cache, table, entry, _ = {line[0]: line[1:] for line in core.lines("HOLDS")}["g_cache"]
    stacks = stacks_of(heapcore("retained", core, "--of", entry, "--format", "collapsed").text)
    for frames, _ in stacks:
        assert frames[0].startswith("g_cache (")
        assert [frame.split(",")[0] for frame in frames[1:4]] == [cache, table, entry]
    assert [value for _, value in stacks] == [32, 80]


def test_what_cannot_be_shown(heapcore, dump):
    core = dump("holders.c")
    for args in (["analyze"], ["chunks"], ["strings"], ["refs"]):
        more = ["0x1000"] if args == ["refs"] else []
        result = heapcore(*args, core, *more, "--format", "pprof", status=2)
        assert result.out == b"" and f"{args[0]} has no pprof output".encode() in result.err
    for more in (["--columns", "share"], ["--sort", "share"], ["--noheadings"]):
        result = heapcore("retained", core, *more, "--format", "collapsed", status=2)
        assert result.out == b"" and b"collapsed output has none" in result.err
    # Nothing is lost there: no stacks.
    core = dump("tables.c")
    assert heapcore("leaks", core, "--format", "collapsed").out == b""
    assert profile_of(heapcore("leaks", core, "--format", "pprof").out)[1] == []
