"""Content classes on real traffic: every chunk that a program says it holds, against what heapcore says of it.

Recall and precision are of chunks, by address. Precision counts every chunk of the process: what a program's libraries
hold besides is told apart by where it lies (see Truth).
"""
import bisect
import collections
import re

import pytest

import conftest
import corefile
import traffic
from test_cases import number
from test_truth import taken  # noqa: F401 (a fixture)

ENOUGH = 0.99
# What the programs call a piece, and the class that heapcore is to give it.
CLASSES = {
    "http_hoard": {"request": "http-request", "response": "http-response", "form": "form-data", "json": "json",
                   "xml": "markup", "url": "url"},
    "redis_handlers": {"command": "redis-command", "wire": "redis-command", "answer": "redis-reply", "json": "json",
                       "key": "key"},
    "orders": {"sql": "sql", "json": "json", "log": "log-line"},
}
MAKE = {"http_hoard": traffic.hoard_core, "redis_handlers": traffic.redis_core, "orders": traffic.orders_core}


class Piece:
    def __init__(self, state, kind, address, size, *words):
        self.state, self.kind, self.address, self.size, self.words = state, kind, int(address, 16), int(size), words


class Truth:
    """What a program said, and the chunks of its core. An address within a chunk means the chunk."""

    def __init__(self, heapcore, core):
        self.core, self.heapcore = core, heapcore
        self.pieces = [Piece(state, *fields) for state in ("held", "lost") for fields in core.lines(state)]
        rows = heapcore("chunks", core, "--format", "csv").rows()
        self.ends = {int(r["address"], 16): int(r["address"], 16) + int(r["usable_size"]) for r in rows}
        self.starts = sorted(self.ends)
        self.buffers = {self.chunk(int(address, 16)) for _, address in core.lines("inside")}

    def chunk(self, address):
        """The chunk in use that an address lies in."""
        start = self.starts[bisect.bisect_right(self.starts, address) - 1]
        assert start <= address < self.ends[start], hex(address)
        return start

    def of_class(self, program, name):
        return {self.chunk(p.address) for p in self.pieces if CLASSES[program].get(p.kind) == name}

    def found(self, name):
        return {int(r["address"], 16) for r in
                self.heapcore("chunks", self.core, "--class", name, "--format", "csv").rows()}


def counts_of(heapcore, core, *args):
    document = heapcore("classify", core, "--format", "json", *args).json
    return collections.Counter({c["class"]: c["chunks"] for c in document["classes"]})


@pytest.fixture(scope="module")
def truth_of(cache, compiled, heapcore):
    made = {}

    def truth(program):
        if program not in made:
            made[program] = Truth(heapcore, MAKE[program](cache, compiled))
        return made[program]

    return truth


CASES = [(program, name) for program, kinds in CLASSES.items() for name in dict.fromkeys(kinds.values())]


@pytest.mark.parametrize("program,name", CASES)
def test_recall_and_precision(truth_of, program, name):
    truth = truth_of(program)
    expected, found = truth.of_class(program, name), truth.found(name)
    assert len(expected) >= 40
    recall = len(expected & found) / len(expected)
    assert recall >= ENOUGH, f"{len(expected - found)} of {len(expected)} missed: {samples(truth, expected - found)}"
    wrong = found - expected - truth.buffers
    precision = len(expected & found) / (len(expected & found) + len(wrong))
    assert precision >= ENOUGH, f"{len(wrong)} of {len(found)} are something else: {samples(truth, wrong)}"


def samples(truth, addresses):
    """What some chunks are taken for, and their first bytes, for a failure's message."""
    return [(hex(a), truth.heapcore("classify", truth.core, "--address", hex(a)).text.splitlines()[-1])
            for a in sorted(addresses)[:5]]


@pytest.mark.parametrize("program", CLASSES)
def test_each_piece_is_a_chunk_of_its_own(truth_of, program):
    """The measure itself: no two pieces share a chunk, and as many were said as the program counted."""
    truth = truth_of(program)
    chunks = [truth.chunk(p.address) for p in truth.pieces]
    assert len(set(chunks)) == len(chunks)
    said = collections.Counter(p.kind for p in truth.pieces)
    assert {kind: int(n) for kind, n in truth.core.lines("count") if int(n)} == said


@pytest.mark.parametrize("program", CLASSES)
def test_classify_counts_what_chunks_lists(truth_of, heapcore, program):
    truth = truth_of(program)
    counts = counts_of(heapcore, truth.core)
    for name in set(CLASSES[program].values()):
        assert counts[name] == len(truth.found(name))
    assert sum(counts.values()) == len(truth.starts)


class TestAttributes:
    """What contents name, counted: equal to what went over the wire, to the last chunk."""

    @staticmethod
    def counted(heapcore, core, *args):
        rows = heapcore("classify", core, "--attributes", "--top", "0", "--format", "json", *args).json["attributes"]
        assert all(row["exact"] for row in rows)
        return {(row["class"], row["attribute"]): {v["value"]: v["chunks"] for v in row["values"]} for row in rows}

    @staticmethod
    def normalised(text):
        text = re.sub(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "U", text)
        return re.sub(r"\d+", "N", text)

    def test_http(self, heapcore, truth_of):
        truth = truth_of("http_hoard")
        counted = self.counted(heapcore, truth.core)
        requests = [p.words for p in truth.pieces if p.kind == "request"]
        by = [collections.Counter(words) for words in zip(*requests)]
        paths = collections.Counter(self.normalised(path) for _, path, _ in requests)
        assert len(by[0]) == 5 and len(paths) == 10 and len(by[2]) == 5, "the traffic has less variety than it should"
        assert counted["http-request", "method"] == by[0]
        assert counted["http-request", "path"] == paths
        assert counted["http-request", "content_type"] == {kind: n for kind, n in by[2].items() if kind != "-"}
        assert counted["http-response", "status"] == collections.Counter(
            p.words[0] for p in truth.pieces if p.kind == "response")
        assert counted["url", "path"] == paths
        assert counted["form-data", "channelid"] == {"4099": 300}
        assert counted["markup", "element"]["e:Envelope"] == 200

    def test_sql(self, heapcore, truth_of):
        truth = truth_of("orders")
        counted = self.counted(heapcore, truth.core)
        statements = [p.words for p in truth.pieces if p.kind == "sql"]
        by = [collections.Counter(words) for words in zip(*statements)]
        assert len(by[0]) == 4 and len(by[1]) == 2
        assert counted["sql", "statement"] == by[0]
        assert counted["sql", "table"] == by[1]
        assert counted["log-line", "level"] == {"INFO": 100, "WARN": 100}
        assert counted["log-line", "path"] == {"/orders/N": 100}

    def test_redis(self, heapcore, truth_of):
        """Of the lost commands, and of those that are held in RESP."""
        truth = truth_of("redis_handlers")
        lost = TestRedisReplies.lost_commands()
        counted = self.counted(heapcore, truth.core, "--leaked")
        assert counted["redis-command", "command"] == collections.Counter(c.split()[0].lower() for c in lost)
        assert counted["redis-command", "key"] == collections.Counter(self.key_shape(c.split()[1]) for c in lost)
        counted = self.counted(heapcore, truth.core, "--reach", "reachable")
        users = TestRedisReplies.USERS
        assert counted["redis-command", "command"] == {"set": users, "get": 2 * users, "hgetall": users,
                                                       "incr": 2 * users, "lrange": users}
        assert counted["redis-command", "key"]["queue:mail:N"] == users
        assert counted["redis-reply", "error"] == {"ERR": users}
        assert counted["redis-reply", "status"] == {"OK": users}

    @staticmethod
    def key_shape(key):
        """A session's eight digits are hexadecimal where they have a letter."""
        return re.sub(r"\d+", "N", re.sub(r":(?=\d*[a-f])(?=[a-f]*\d)[0-9a-f]{8}$", ":H", key))


class TestLeakingServer:
    """Case 1 with what curl and wrk send: every request that the server says it lost, whatever its method and type."""

    @pytest.fixture(scope="class")
    def core(self, cache, compiled):
        return traffic.leaking_core(cache, compiled)

    @pytest.fixture(scope="class")
    def leaked(self, core):
        ((_, _, leaked),) = core.lines("served")
        assert int(leaked) > 350  # 300 by curl, and what wrk does in a second
        return int(leaked)

    def test_requests(self, heapcore, core, leaked):
        assert counts_of(heapcore, core, "--leaked")["http-request"] == leaked

    def test_analyze(self, heapcore, core, leaked):
        text = heapcore("analyze", core).text
        assert re.search(rf"^1\s+{number(leaked)} × 528-byte objects lost, each with 3 chunks below", text, re.M), text
        assert "content: HTTP request in all of them" in text


class TestRedisReplies:
    """Case 2: replies that six handler threads skip with `continue`."""

    THREADS, ROUNDS, USERS, FIRST = 6, 300, 40, 48200

    @pytest.fixture
    def truth(self, truth_of):
        return truth_of("redis_handlers")

    @classmethod
    def lost_commands(cls):
        """Every user but each fourth is in the old format, whose replies are skipped."""
        users = [(i % 3, cls.FIRST + (i + thread) % cls.USERS) for thread in range(cls.THREADS)
                 for i in range(cls.ROUNDS)]
        formats = ["GET user:{0}:cart", "HGETALL user:{0}:profile", "GET session:{1:08x}"]
        return [formats[kind].format(user, user * 2654435761 % 2**32) for kind, user in users if user % 4]

    @pytest.fixture(scope="class")
    def skipped(self):
        """How often each shape of command must have been lost."""
        return collections.Counter(re.sub(r"session:.*", "session:H", re.sub(r"user:\d+", "user:N", command))
                                   for command in self.lost_commands())

    def test_lost_is_what_was_lost(self, heapcore, truth):
        """Exactly: each chunk of the process, by address."""
        rows = heapcore("chunks", truth.core, "--leaked", "--format", "csv").rows()
        assert {int(r["address"], 16) for r in rows} == {p.address for p in truth.pieces if p.state == "lost"}
        # A stale pointer in the unused end of one lost chunk may put another below it.
        requests = {p.address for p in truth.pieces if p.kind == "pending"}
        roots = {int(r["address"], 16) for r in rows if r["reach"] == "definite"}
        assert roots <= requests and len(roots) >= 0.99 * len(requests)

    def test_by_arena(self, heapcore, truth, skipped):
        """Six arenas, each of which lost as much as its thread skipped."""
        arena_of = {int(r["address"], 16): r["arena"] for r in
                    heapcore("chunks", truth.core, "--leaked", "--format", "csv").rows()}
        commands = collections.Counter(arena_of[p.address] for p in truth.pieces if p.kind == "command")
        assert sorted(commands) == ["1", "2", "3", "4", "5", "6"]
        assert set(commands.values()) == {sum(skipped.values()) // self.THREADS}
        document = heapcore("leaks", truth.core, "--format", "json").json
        assert document["groups"][0]["arenas"] == self.THREADS
        one = heapcore("leaks", truth.core, "--arena", "3", "--format", "json").json
        assert sum(g["content_chunks"] for g in one["groups"] if g["content"] == "redis-command") == commands["3"]

    def test_one_group(self, heapcore, truth, skipped):
        first = heapcore("leaks", truth.core, "--format", "json").json["groups"][0]
        lost = sum(skipped.values())
        assert first["content"] == "redis-command" and first["root_size"] == 80
        assert 0.99 * lost <= first["roots"] == first["roots_with_content"] <= lost
        assert first["content_chunks"] >= 0.99 * lost

    def test_analyze_says_it(self, heapcore, truth, skipped):
        """The commands, and the shapes of their keys."""
        text = heapcore("analyze", truth.core).text
        assert re.search(r"^Leak\b", text, re.M), text
        assert re.search(r"^1\s+1,3[0-9]{2} × 80-byte objects lost", text, re.M), text
        assert "content: Redis command in all of them" in text
        for shape, count in skipped.items():
            (seen,) = re.findall(rf"{re.escape(shape)} in ([\d,]+)", text)
            assert 0.99 * count <= int(seen.replace(",", "")) <= count, text

    def test_keys_in_one_command(self, heapcore, truth):
        """What one would do by hand with grep and sort, of the lost commands only."""
        rows = heapcore("grep", truth.core, "--leaked", "--top=0", r"\A(?:GET|HGETALL) (user:\d+):",
                        "--format", "csv").rows()
        assert sum(int(r["matches"]) for r in rows) == 900
        assert {r["text"].strip('"') for r in rows} == {f"user:{self.FIRST + u}" for u in range(self.USERS) if u % 4}


# What programs without such content must not be said to hold.
FOREIGN = ["http-request", "http-response", "http2-preface", "http2-headers", "http-headers", "form-data", "grpc-path",
           "redis-command", "redis-reply", "memcached", "sql", "mysql", "postgres", "kafka", "mqtt", "dns", "tls",
           "key", "jwt", "pem", "x509"]
# What they do hold: for each class the most chunks, and what each of them must contain.
STATED = {
    # The statements that the script hands to SQLite, as Python and SQLite hold them.
    "python3": {"sql": (12, rb"(?i)create table t\(a, b\)|insert into t values|delete from t where a")},
    "perl": {},
    # Values of SHELLOPTS and BASHOPTS: words between colons, as keys have.
    "bash": {"key": (2, rb"braceexpand:|:interactive_comments:")},
    # What was typed.
    "sqlite3": {"sql": (12, rb"create table t\(id|insert into t select|create index by_name|delete from t where id|"
                            rb"select count\(\*\)|create table copy")},
}


def foreign(heapcore, core):
    counts = counts_of(heapcore, core)
    return {name: counts[name] for name in FOREIGN if counts[name]}


class Bytes:
    """The bytes of a core, read by something else than heapcore."""

    def __init__(self, path):
        self.core = corefile.Core(path)

    def at(self, address, size):
        (load,) = [x for x in self.core.loads if x.start <= address < x.end]
        offset = load.offset + address - load.start
        return self.core.data[offset:offset + size]


@pytest.mark.parametrize("name", STATED)
def test_programs_without_traffic(heapcore, taken, name):  # noqa: F811
    core = taken(name, "gcore").core
    found = foreign(heapcore, core)
    assert set(found) <= set(STATED[name]), found
    memory = Bytes(core)
    for kind, (most, must) in STATED[name].items():
        rows = heapcore("chunks", core, "--class", kind, "--format", "csv").rows()
        assert len(rows) <= most
        for row in rows:
            content = memory.at(int(row["address"], 16), int(row["usable_size"]))
            assert re.search(must, content), (kind, row, content[:200])


# Chance makes some: a word with colons and no blank in 24 bytes, a small map of MessagePack. Of 4,000 chunks each.
BY_CHANCE = {"key": 2, "msgpack": 2}


def test_noise(heapcore, dump):
    """12,000 chunks of random bytes, of random printable characters, and of what looks a bit like words."""
    core = dump("noise.c")
    of = {int(address, 16): kind for kind, address, _ in core.lines("held")}
    assert len(of) == 12000
    expected = {"text", "random", "other", "zero", "utf8"}
    seen = collections.Counter()
    for name in counts_of(heapcore, core):
        if name not in expected:
            rows = heapcore("chunks", core, "--class", name, "--format", "csv").rows()
            seen[name] = len([r for r in rows if int(r["address"], 16) in of])
    assert all(count <= BY_CHANCE.get(name, 0) for name, count in seen.items()), seen
    text = {int(r["address"], 16) for r in heapcore("chunks", core, "--class", "text", "--format", "csv").rows()}
    assert len({a for a in text if of.get(a) == "bytes"}) <= 2
    assert len({a for a in text if of.get(a) in ("printable", "words")}) >= 0.99 * 8000
