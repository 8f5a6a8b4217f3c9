"""The incidents that heapcore exists for: each is solved in one or two commands."""
import re
import socket
import shutil
import subprocess

import pytest

import conftest

SERVED, LEAKED, EMPTY = 150, 1397, 3
COOKIE = "session=" + "9f86d081884c7d65" * 60


def number(n):
    """A count as people write it: 1,400 or 1400."""
    return f"(?:{n:,}|{n})"


def request(port, first, last, channel):
    """POST one request for each appid, all on one connection. Returns the last answer."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        for appid in range(first, last):
            body = f"channelid={channel}&uid={880031 + appid % 7}&fields=name,avatar,level,score&locale=en_GB"
            connection.sendall(f"POST /profile/query?appid={appid} HTTP/1.1\r\nHost: profile.example\r\n"
                               f"User-Agent: ProfileClient/4.2\r\nAccept: application/json\r\nCookie: {COOKIE}\r\n"
                               f"Content-Type: application/x-www-form-urlencoded\r\n"
                               f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
            answer = connection.recv(4096)
    return answer


@pytest.fixture(scope="module")
def server_core(cache, compiled):
    """Case 1: a core of the server, taken while it runs."""
    conftest.machine.need("loopback")
    path = cache / "http_leak.core"
    with conftest.once(path) as needed:
        if needed:
            with conftest.running([compiled("http_leak.cc", "-s"), "0"]) as process:
                port = int(process.stdout.readline().decode().rsplit(":", 1)[1])
                request(port, 0, 100, "17")
                assert b"403" in request(port, 100, 100 + LEAKED, "4099")
                assert b"403" in request(port, 5000, 5000 + EMPTY, "")
                assert b"200" in request(port, 6000, 6050, "23")
                with socket.create_connection(("127.0.0.1", port)) as connection:
                    connection.sendall(b"GET /stats HTTP/1.1\r\n\r\n")
                    assert f"served {SERVED} leaked {LEAKED + EMPTY}\n".encode() in connection.recv(4096)
                conftest.gcore(process.pid, path)
    return path


class TestRejectedRequests:
    """Case 1: so many unreachable objects of this size, each with an HTTP request, channelid=4099 in nearly all."""

    def test_analyze_says_it(self, heapcore, server_core):
        text = heapcore("analyze", server_core).text
        assert re.search(r"^Leak\b", text, re.M), text
        (line,) = [x for x in text.splitlines() if re.match(r"\s*1\s", x)]
        assert re.search(rf"{number(LEAKED + EMPTY)}\b.*\b528-byte\b.*\b3 chunks below", line), line
        assert "HTTP request" in text
        assert re.search(rf"channelid=4099 in {number(LEAKED)}\b", text), text
        assert "POST /profile/query?appid=" in text
        assert re.search(r"heapcore leaks \S+ --group 1", text), text

    def test_json_agrees(self, heapcore, server_core):
        document = heapcore("analyze", server_core, "--format", "json").json
        assert document["verdict"] == "leak"
        assert document["partial"] is False

    def test_exact_set(self, heapcore, server_core):
        rows = heapcore("chunks", server_core, "--format", "csv", "--leaked").rows()
        roots = [r for r in rows if r["reach"] == "definite"]
        assert len(roots) == LEAKED + EMPTY
        assert {r["chunk_size"] for r in roots} == {"528"}
        assert len(rows) - len(roots) == 3 * (LEAKED + EMPTY)

    def test_what_was_done_by_hand(self, heapcore, server_core):
        """grep -c and grep -o | sort | uniq -c, each in one command."""
        counts = heapcore("grep", server_core, "-c", "--leaked", "application/x-www-form-urlencoded").text
        assert re.search(rf"\b{number(LEAKED + EMPTY)}\b", counts), counts
        top = heapcore("grep", server_core, "--leaked", "--top=5", r"^POST [\s\S]*channelid=(\d*)").text
        assert any(re.search(number(LEAKED), x) and "4099" in x for x in top.splitlines()), top

    def test_classify(self, heapcore, server_core):
        classes = {c["class"]: c for c in heapcore("classify", server_core, "--leaked", "--format", "json").json["classes"]}
        assert classes["http-request"]["chunks"] == LEAKED + EMPTY
        assert classes["key"]["chunks"] >= LEAKED

    def test_group_lists_its_chunks(self, heapcore, server_core):
        text = heapcore("leaks", server_core, "--group", "1").text
        assert "528" in text and "HTTP request" in text

    def test_fail_if_leaked(self, heapcore, server_core):
        heapcore("leaks", server_core, "--fail-if-leaked", "100M", status=0)
        heapcore("leaks", server_core, "--fail-if-leaked", "1M", status=1)


class TestWorkerResults:
    """Case 5: 8,192-byte results in a worker thread's arena; the executable is not at hand."""

    ROUNDS = 500

    @pytest.fixture(scope="class")
    def core(self, cache, compiled, tmp_path_factory):
        path = cache / "container-worker.core"
        with conftest.once(path) as needed:
            if needed:
                # As in a container: the program's path does not exist where the core is read.
                program = tmp_path_factory.mktemp("container") / "worker"
                shutil.copy(compiled("worker_calloc.c"), program)
                with conftest.running([program, "pause", str(self.ROUNDS)]) as process:
                    conftest.read_until(process.stdout, b"end")
                    conftest.gcore(process.pid, path)
                program.unlink()
        return path

    def test_the_chunks(self, heapcore, core):
        rows = heapcore("chunks", core, "--request", "8192", "--reach", "definite,reachable", "--format", "csv").rows()
        assert len(rows) == self.ROUNDS
        assert {r["arena"] for r in rows} == {"1"}
        assert sorted(r["reach"] for r in rows) == ["definite"] * (self.ROUNDS - 1) + ["reachable"]

    def test_analyze_says_it(self, heapcore, core):
        text = heapcore("analyze", core).text
        assert re.search(r"^Leak\b", text, re.M), text
        assert re.search(rf"{number(self.ROUNDS - 1)}\b.*{number(8208)}-byte", text), text

    def test_arena_belongs_to_the_worker(self, heapcore, core):
        rows = heapcore("arenas", core, "--format", "json").json["arenas"]
        assert [r["threads"] for r in rows if r["arena"] == 1] == [1]


class TestWhatAreTheseMappings:
    """Case 6: 8 MB and 64 MB anonymous mappings: stacks and thread arenas, every one named."""

    def test_every_large_mapping_is_named(self, heapcore, dump, how):
        core = dump("threads_tcache.c", how=how)
        rows = heapcore("maps", core, "--format", "json").json["mappings"]
        kinds = [r["kind"] for r in rows]
        workers = core.lines("thread")
        assert kinds.count("stack") == len(workers)
        # The two threads that have exited shared one arena, which stays.
        assert kinds.count("thread-heap") == len(workers) + 1
        assert kinds.count("main-stack") == 1
        large = [r for r in rows if int(r["end"], 16) - int(r["start"], 16) > 1 << 20]
        assert not [r for r in large if r["kind"] in ("anonymous", "anon", "reserved", "other")], large

    def test_stacks_belong_to_their_threads(self, heapcore, dump, how):
        core = dump("threads_tcache.c", how=how)
        stacks = [r for r in heapcore("maps", core, "--format", "json").json["mappings"] if r["kind"] == "stack"]
        for lwp, address in core.lines("thread"):
            (stack,) = [r for r in stacks if int(r["start"], 16) <= int(address, 16) < int(r["end"], 16)]
            assert lwp in stack["note"]


class TestMostlyFree:
    """Case 7: retention, not a leak; what malloc_trim would give back."""

    @pytest.fixture
    def core(self, dump, how):
        return dump("retention.c", how=how)

    def test_verdict(self, heapcore, core):
        document = heapcore("analyze", core, "--format", "json").json
        assert document["verdict"] == "retention"
        text = heapcore("analyze", core).text
        assert "malloc_trim" in text and not re.search(r"^Leak\b", text, re.M), text

    def test_free_bytes_are_what_mallinfo_says(self, heapcore, core):
        (said,) = core.lines("mallinfo")
        info = dict(zip(said[::2], map(int, said[1::2])))
        (row,) = [r for r in heapcore("arenas", core, "--format", "json").json["arenas"] if r["arena"] == 0]
        assert row["system_bytes"] == info["arena"]
        assert row["free_bytes"] == info["fordblks"]

    def test_trimmable(self, heapcore, core):
        """malloc_trim gives back the whole pages behind the header of each binned chunk, and the top's."""
        rows = heapcore("chunks", core, "--format", "csv", "--state", "unsorted,smallbin,largebin,top").rows()
        expected = 0
        for row in rows:
            chunk, size = int(row["address"], 16) - 16, int(row["chunk_size"])
            first = (chunk + 48 + 4095) & ~4095
            if row["state"] == "top":
                expected += (size - 32 - 1) & ~4095
            elif chunk + size > first:
                expected += (chunk + size - first) & ~4095
        (row,) = [r for r in heapcore("arenas", core, "--format", "json").json["arenas"] if r["arena"] == 0]
        assert abs(row["trimmable_bytes"] - expected) <= 4096
        assert expected > 100 << 20

    def test_survivors(self, heapcore, core):
        in_use = {int(r["address"], 16) for r in heapcore("chunks", core, "--format", "csv").rows()}
        assert {int(address, 16) for address, _ in core.lines("live")} <= in_use
        assert heapcore("chunks", core, "--format", "csv", "--leaked").rows() == []


class TestGrowth:
    """Memory that grows and is still referenced: not a leak, and what it is."""

    def test_verdict(self, heapcore, dump, how):
        core = dump("growth.c", how=how)
        document = heapcore("analyze", core, "--format", "json").json
        assert document["verdict"] == "held"
        text = heapcore("analyze", core).text
        assert "JSON" in text, text

    def test_numbers(self, heapcore, dump, how):
        core = dump("growth.c", how=how)
        rows = {r["min_size"]: r for r in heapcore("histogram", core, "--format", "json").json["rows"]}
        assert rows[80]["in_use_chunks"] == 20000
        classes = {c["class"]: c for c in heapcore("classify", core, "--format", "json").json["classes"]}
        assert classes["json"]["chunks"] == 20000
        assert classes["key"]["chunks"] == 20000


def test_demo_refuses_two_cores():
    result = subprocess.run([conftest.ROOT / "scripts/demo", "a", "b"], capture_output=True, timeout=60)
    assert result.returncode == 2 and b"usage" in result.stderr


class TestSessionsOfManySizes:
    """Held: texts of one class in chunks of sixteen sizes are one finding; the structs beside them are another."""

    COUNT = 6000

    @pytest.fixture
    def core(self, dump, how):
        return dump("sessions.c", str(self.COUNT), how=how)

    def test_one_finding(self, heapcore, core):
        document = heapcore("analyze", core, "--format", "json").json
        assert document["verdict"] == "held"
        json, struct = document["findings"][:2]
        assert (json["class"], json["chunks"], json["size"], json["max_size"]) == ("json", self.COUNT, 208, 464)
        assert json["class_count"]["chunks"] == self.COUNT
        assert (struct["size"], struct["max_size"], struct["chunks"]) == (48, 48, self.COUNT)

    def test_in_words(self, heapcore, core):
        text = heapcore("analyze", core).text
        assert re.search(r"^1  6,000 chunks of 208 to 464 bytes held: 1\.\d+ MiB", text, re.M), text
        assert "content: JSON in all of them" in text
        # What differs only where it is cut off is shown once.
        shown = [line.split(" in ")[0][12:] for line in text.splitlines() if "login.example.com" in line and " in " in line]
        assert len(shown) == len(set(shown)) >= 1, text

    def test_more_is_what_it_says(self, heapcore, core):
        (more,) = [s["more"] for s in heapcore("analyze", core, "--format", "json").json["findings"][:1]]
        _, verb, *options = more.split()
        assert len(heapcore(verb, core, *options[1:], "--format", "csv").rows()) == self.COUNT
