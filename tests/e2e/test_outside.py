"""
Memory outside of malloc: whose it is, with the numbers that its owner counts itself, what is in it, and whether
anything points to it. Real programs of Debian's packages; a test whose package is not there is skipped by its name.
"""
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import pytest

import conftest
import test_cli

try:
    import jsonschema
except ImportError:
    jsonschema = None

SOURCES = conftest.TESTDATA / "outside"
LIBRARIES = pathlib.Path("/usr/lib/x86_64-linux-gnu")
# Owners that every dynamic program has.
COMMON = {"ld.so"}


def tool(name, package):
    path = shutil.which(name, path="/usr/local/bin:/usr/bin:/bin:/usr/sbin")
    if not path:
        pytest.skip(f"{name} is not installed ({package})")
    return path


def library(name, package):
    path = LIBRARIES / name
    if not path.exists():
        pytest.skip(f"{name} is not installed ({package})")
    return path


@pytest.fixture(scope="session")
def taken(cache):
    """A core of any command that says "end" when it is ready."""

    def taken_(name, argv, env=None):
        conftest.machine.need("ptrace")
        key = hashlib.sha256(repr((list(map(str, argv)), env)).encode())
        for argument in argv:
            if str(argument).startswith("/") and os.path.isfile(argument):
                key.update(pathlib.Path(argument).read_bytes())
        path = cache / f"outside-{name}-{key.hexdigest()[:8]}.core"
        with conftest.once(path) as needed:
            if needed:
                folder = tempfile.mkdtemp(dir=cache)
                with conftest.running(argv, cwd=folder, env=env) as process:
                    said = conftest.read_until(process.stdout, b"end")
                    conftest.gcore(process.pid, path)
                pathlib.Path(f"{path}.said").write_bytes(said)
                shutil.rmtree(folder)
        return conftest.Dump(path)

    return taken_


def build(cache, name, argv, source):
    """Compile a program by a command of its own; argv gets -o PROGRAM."""
    source = SOURCES / source
    key = hashlib.sha256(source.read_bytes() + repr(argv).encode()).hexdigest()[:8]
    program = cache / f"{name}-{key}"
    with conftest.once(program) as needed:
        if needed:
            done = subprocess.run([*argv, "-o", program, source], capture_output=True, text=True, timeout=300,
                                  env={**os.environ, "GOCACHE": str(cache / "go-cache"), "GOFLAGS": ""})
            assert not done.returncode, done.stderr
    return program


def validate(document):
    if not jsonschema:
        return
    schema = json.loads((conftest.ROOT / f"docs/schema/{document['schema'].split('/')[0]}.json").read_text())
    jsonschema.validators.validator_for(schema, default=jsonschema.Draft7Validator)(schema).validate(document)


def maps(heapcore, core):
    document = heapcore("maps", core, "--format", "json").json
    validate(document)
    return document


def owners(heapcore, core):
    """By name; with the checks that hold for every core: mappings hold what owners have, within the process."""
    document = maps(heapcore, core)
    total = sum(mapping["owner_bytes"] for mapping in document["mappings"])
    assert total <= sum(owner["bytes"] + owner["reserved"] for owner in document["owners"])
    for mapping in document["mappings"]:
        assert mapping["owner_bytes"] <= mapping["size"]
    analysis = heapcore("analyze", core, "--format", "json").json
    validate(analysis)
    for finding in analysis["findings"]:
        if finding["kind"] in ("stacks", "outside"):
            assert conftest.shown(heapcore, finding) == (finding["chunks"], finding["bytes"]), finding["text"]
    parts = {part["part"]: part["bytes"] for part in analysis["accounting"]["parts"]}
    assert sum(owner["anonymous"] for owner in analysis["owners"]) <= parts["other"]
    info = heapcore("info", core, "--format", "json").json
    validate(info)
    assert info["owners"] == analysis["owners"] == document["owners"]
    return {owner["name"]: owner for owner in document["owners"]}


def counts(owner):
    return {count["name"]: count["value"] for count in owner["counts"]}


class TestRuntimes:
    def test_python(self, heapcore, taken):
        core = taken("python", [tool("python3", "python3"), SOURCES / "python_pools.py"])
        owner = owners(heapcore, core)["python"]
        said = "\n".join(core.said)
        # class size, pools, blocks in use, blocks free: as _debugmallocstats() prints them
        rows = re.findall(r"^ +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)$", said, re.M)
        assert rows, said[:500]
        pools, used, free = (sum(int(row[i]) for row in rows) for i in (2, 3, 4))
        size = sum(int(row[1]) * int(row[3]) for row in rows)
        arenas, arena_size = map(int, re.search(r"^(\d+) arenas \* (\d+) bytes/arena", said, re.M).groups())
        unused = int(re.search(r"^(\d+) unused pools", said, re.M).group(1))
        numbers = counts(owner)
        assert (numbers["pools"], numbers["arenas"], numbers["unused pools"]) == (pools, arenas, unused)
        assert (numbers["blocks in use"], numbers["bytes in use"], numbers["free blocks"]) == (used, size, free)
        assert owner["bytes"] == arenas * arena_size
        types = {kind["name"]: kind["objects"] for kind in owner["types"]}
        assert types["Ticket"] == 30000
        assert types["str"] >= 50000

    def test_python_screens(self, heapcore, taken):
        core = taken("python", [tool("python3", "python3"), SOURCES / "python_pools.py"])
        text = heapcore("analyze", core).text
        assert re.search(r"^ +Python's own arenas +[0-9.]+ MiB ", text, re.M)
        text = heapcore("maps", core).text
        assert "30,000 × Ticket" in text and "--maps" in text
        assert max(map(len, text.splitlines())) <= 80 + len(str(core.path))
        assert "outside" in heapcore("info", core).text

    def test_php(self, heapcore, taken):
        core = taken("php", [tool("php", "php-cli"), "-n", SOURCES / "zend_chunks.php"])
        owner = owners(heapcore, core)["php"]
        numbers = counts(owner)
        (used,), (real,) = (core.lines(word)[0] for word in ("used", "real"))
        # One block of the print itself is there while it asks.
        assert abs(numbers["bytes in use"] - int(used)) <= 64
        assert numbers["bytes from the system"] == int(real) == owner["bytes"]
        assert numbers["huge blocks"] == 1

    def test_ruby(self, heapcore, taken):
        core = taken("ruby", [tool("ruby", "ruby"), SOURCES / "ruby_pages.rb"])
        owner = owners(heapcore, core)["ruby"]
        numbers = counts(owner)
        said = dict(zip(core.said[1].split()[::2], map(int, core.said[1].split()[1::2])))
        assert numbers["pages"] == said["eden"] + said["tomb"]
        assert numbers["slots"] == said["slots"]
        types = {kind["name"]: kind["objects"] for kind in owner["types"]}
        (objects,) = core.lines("objects")[0]
        assert abs(types["T_OBJECT"] - int(objects)) <= 5

    def test_node(self, heapcore, taken):
        core = taken("node", [tool("node", "nodejs"), "--expose-gc", SOURCES / "v8_pages.js"])
        owner = owners(heapcore, core)["v8"]
        spaces = {name: int(size) for name, size, _ in core.lines("space")}
        assert counts(owner)["bytes of pages"] == sum(spaces.values())
        # Pages of code have guards.
        assert owner["bytes"] + owner["reserved"] == sum(spaces.values())

    def test_go(self, heapcore, taken, cache):
        go = tool("go", "golang-go")
        program = build(cache, "go-heap", [go, "build", "-ldflags=-s -w"], "go_heap.go")
        core = taken("go", [program])
        owner = owners(heapcore, core)["go"]
        assert owner["version"].startswith("go1.")
        numbers = counts(owner)
        said = {line.split()[0]: int(line.split()[1]) for line in core.said if " " in line}
        assert numbers["bytes in use"] == said["inuse"]
        assert numbers["bytes of stacks"] == said["stacks"]
        # What Printf itself allocated comes on top.
        assert said["alloc"] <= numbers["bytes of objects"] <= said["alloc"] + 4096

    def test_go_beside_malloc(self, heapcore, taken, cache):
        """cgo: what C.CString() took is malloc's, the rest is Go's; neither is counted twice."""
        go, _ = tool("go", "golang-go"), tool("gcc", "gcc")
        program = build(cache, "cgo-strings", [go, "build", "-ldflags=-s"], "cgo_strings.go")
        core = taken("cgo", [program])
        found = owners(heapcore, core)
        assert set(found) - COMMON == {"go"}
        assert counts(found["go"])["bytes in use"] > 20000 * 64
        document = heapcore("grep", core, "-c", "cstring-number-", "--format", "json").jsonl
        assert document[-1]["summary"]["chunks"] >= 20000

    def test_java(self, heapcore, taken, cache):
        java, javac = tool("java", "openjdk-17-jre-headless"), tool("javac", "openjdk-17-jdk-headless")
        classes = cache / "java-classes"
        if not (classes / "Outside.class").exists():
            subprocess.run([javac, "-d", classes, SOURCES / "Outside.java"], check=True, timeout=300)
        core = taken("java", [java, "-Xmx64m", "-XX:+UseSerialGC", "-cp", classes, "Outside"])
        found = owners(heapcore, core)
        assert counts(found["java-heap"])["bytes reserved"] == 64 << 20
        assert found["java-code"]["bytes"] and found["java-metaspace"]["bytes"]


class TestKernelCore:
    @pytest.mark.kernel_core
    def test_python(self, heapcore, cache):
        """The kernel's core, as a crash leaves it: no reserved memory, no pages of files."""
        python = tool("python3", "python3")
        path = cache / "outside-python-kernel.core"
        program = "class T: __slots__ = ('a',)\nkept = [T() for i in range(20000)]\nimport os\nos.abort()"
        with conftest.once(path) as needed:
            if needed:
                folder = tempfile.mkdtemp(dir=cache)
                with conftest.running([python, "-c", program], cwd=folder) as process:
                    process.wait(60)
                    conftest.take_kernel_core(folder, path)
                shutil.rmtree(folder)
        owner = owners(heapcore, path)["python"]
        assert {kind["name"]: kind["objects"] for kind in owner["types"]}["T"] == 20000
        assert owner["bytes"] == counts(owner)["arenas"] << 20


class TestLibraries:
    def test_apr(self, heapcore, taken, cache):
        config = shutil.which("apr-1-config") or shutil.which("apr-config")
        if not config:
            pytest.skip("apr-1-config is not installed (libapr1-dev)")
        flags = subprocess.run([config, "--includes", "--cppflags"], capture_output=True, text=True).stdout.split()
        program = self.compile(cache, flags)
        core = taken("apr", [program])
        owner = owners(heapcore, core)["apr"]
        types = {kind["name"]: kind["objects"] for kind in owner["types"]}
        assert types["request"] == 2000
        # apr_initialize() makes two more, and there is that of the connection.
        assert 2001 <= counts(owner)["pools"] <= 2005
        assert counts(owner)["nodes"] >= counts(owner)["pools"]

    @staticmethod
    def compile(cache, flags):
        program = cache / "apr-pools"
        with conftest.once(program) as needed:
            if needed:
                subprocess.run(["gcc", "-O2", "-s", *flags, "-o", program, SOURCES / "apr_pools.c", "-lapr-1"],
                               check=True, timeout=120)
        return program

    def test_files(self, heapcore, dump):
        """A program without anything of the kind has the dynamic linker only."""
        assert set(owners(heapcore, dump("mixed.c"))) <= COMMON


def redis(cache):
    """A redis-server of 20,000 keys."""
    server, client = tool("redis-server", "redis-server"), tool("redis-cli", "redis-tools")
    conftest.machine.need("ptrace")
    path = cache / "outside-redis.core"
    with conftest.once(path) as needed:
        if needed:
            folder = tempfile.mkdtemp()
            socket = f"{folder}/s"
            with conftest.running([server, "--port", "0", "--unixsocket", socket, "--save", "",
                                   "--enable-debug-command", "local", "--dir", folder]) as process:
                conftest.wait_for(lambda: os.path.exists(socket), "redis-server's socket")
                subprocess.run([client, "-s", socket, "debug", "populate", "20000", "sess", "200"], check=True,
                               capture_output=True, timeout=60)
                conftest.gcore(process.pid, path)
            shutil.rmtree(folder)
    return path


class TestAllocators:
    @pytest.mark.parametrize("name, file, package", [
        ("jemalloc", "libjemalloc.so.2", "libjemalloc2"),
        ("tcmalloc", "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4"),
        ("mimalloc", "libmimalloc.so.2", "libmimalloc2.0"),
    ])
    def test_preloaded(self, heapcore, taken, compiled, name, file, package):
        program = compiled("outside/allocations.c")
        core = taken(name, [program], env={"LD_PRELOAD": str(library(file, package))})
        found = owners(heapcore, core)
        assert set(found) - COMMON == {name}
        owner = found[name]
        (number,) = (count["value"] for count in owner["counts"]
                     if count["name"] in ("allocated or cached", "small ones, allocated or cached", "blocks in use"))
        # The program's, and at most as many of libc's own and in caches.
        assert 70000 <= number <= 70200
        assert owner["bytes"] >= 50000 * 300 + 20000 * 100

    @pytest.mark.parametrize("how", ["-static", "-no-pie"])
    @pytest.mark.parametrize("frees", [[], ["-DFREES"]])
    def test_musl(self, heapcore, taken, cache, how, frees):
        gcc = tool("musl-gcc", "musl-tools")
        program = build(cache, f"musl{how}{len(frees)}", [gcc, "-O2", "-s", how, *frees], "allocations.c")
        core = taken(f"musl{how}{len(frees)}", [program])
        found = owners(heapcore, core)
        assert set(found) - COMMON == {"musl"}
        numbers = counts(found["musl"])
        if "allocated" in numbers:
            assert 0 <= numbers["allocated"] - 70000 + 1000 * len(frees) <= 100
        else:
            # A static program that never frees is linked with an allocator without headers.
            assert how == "-static" and not frees
            assert 50000 * 300 + 20000 * 100 <= numbers["bytes handed out"] <= 50000 * 304 + 20000 * 112 + 65536
        assert "musl" in heapcore("chunks", core, status=2).err.decode()

    def test_redis(self, heapcore, cache):
        path = redis(cache)
        owner = owners(heapcore, path)["jemalloc"]
        assert counts(owner)["slabs"] > 100
        # Three allocations a key at least: entry, name, value.
        assert counts(owner)["allocated or cached"] >= 60000
        assert heapcore("grep", path, "--maps", "-c", "sess:1234\\b", status=0).out
        self.redis_screen(heapcore, path)

    @staticmethod
    def redis_screen(heapcore, path):
        """One screen, which says whose the memory is, and of which every command shows something."""
        analysis, text = heapcore("analyze", path, "--format", "json").json, heapcore("analyze", path).text
        assert analysis["verdict"] == "outside malloc"
        assert re.search(r"^1  jemalloc's heap: [0-9.]+ MiB touched", text, re.M), text
        assert len(text.splitlines()) <= 30, text
        # There are no chunks to count.
        assert re.search(r"^   the rest: [0-9.,]+ [KM]iB, ", text, re.M), text
        commands = [line.split("heapcore ", 1)[1].split() for line in text.splitlines() if "heapcore " in line]
        assert len(commands) >= 3, text
        for verb, core, *options in commands:
            assert core == str(path)
            assert heapcore(verb, core, *("sess:" if option == "PATTERN" else option for option in options)).out


class TestNobody:
    @pytest.fixture
    def core(self, taken, compiled):
        return taken("frames", [compiled("outside/frames.c")])

    def test_blocks(self, heapcore, core):
        document = maps(heapcore, core)
        sets = {(row["size"], row["blocks"]): row for row in document["blocks"]}
        frames = sets[65536, 1000]
        assert frames["bytes"] == 1000 * 65536
        assert (frames["line"], frames["line_blocks"], frames["counted"]) == ("FRAMEBUF seq=N camera=N", 1000, 1000)
        assert frames["pointed"] + frames["linked"] + frames["parts"] == 0
        textures = sets[131072, 50]
        assert textures["mappings"] == 50 and textures["pointed"] == 50
        assert textures["line"] == "texture N"

    def test_lost_mappings(self, heapcore, core):
        """That of the frames, which a hole's filler keeps from being merged with libc's, and the one by itself."""
        outside = maps(heapcore, core)["outside"]
        assert outside["missing_roots"] == 0
        assert (outside["lost"], outside["lost_bytes"]) == (2, (1 << 20) + 1000 * 65536)

    def test_screen(self, heapcore, core):
        text = " ".join(heapcore("maps", core).text.split())
        assert '1,000 × 64.0 KiB (62.5 MiB) in 1 mapping. "FRAMEBUF seq=N camera=N" in 1,000 of them.' in text
        assert "Nothing points to them." in text
        assert '50 × 128 KiB (6.25 MiB) in 50 mappings. "texture N" in 50 of them. All are pointed to.' in text
        assert "Nothing points into 2 mappings (63.5 MiB) that nobody owns: lost." in text

    @pytest.mark.parametrize("size", [8192, 6144])
    def test_parts_of_slabs_are_not_lost(self, heapcore, taken, compiled, size):
        """A program counts to the blocks of a slab that it holds: that nothing points to one says nothing."""
        core = taken(f"slabs-{size}", [compiled("outside/slabs.c"), str(size)])
        (tiles,) = [row for row in maps(heapcore, core)["blocks"] if row["size"] == size]
        # The first of each slab is held by the table; one more may be in a register, and the first one of all mappings.
        assert tiles["blocks"] == 960 and 320 < tiles["pointed"] <= 328
        assert tiles["pointed"] + tiles["linked"] + tiles["parts"] == 960
        text = " ".join(heapcore("analyze", core).text.split())
        assert "are pointed to; the others are parts of slabs that are held." in text
        assert "othing points to" not in text

    def test_content_is_hidden(self, heapcore, core):
        for content in ("none", "class"):
            result = heapcore("maps", core, "--content", content)
            assert b"FRAMEBUF" not in result.out
            document = heapcore("maps", core, "--format", "json", "--content", content).json
            assert all(row["line"] is None for row in document["blocks"])

    def test_a_plain_program_has_none(self, heapcore, taken, compiled):
        document = maps(heapcore, taken("no-frames", [compiled("outside/frames.c"), "none"]))
        assert document["blocks"] == [] and document["outside"]["lost"] == 0
        assert {owner["name"] for owner in document["owners"]} <= COMMON

    def test_mappings_that_nothing_points_into(self, heapcore, taken, compiled):
        """The first screen says how many are lost: 60 of them, and it shows all 80 mappings when asked."""
        core = taken("lost-mappings", [compiled("outside/lost_mappings.c")])
        document = heapcore("analyze", core, "--format", "json").json
        validate(document)
        finding = document["findings"][0]
        assert (document["verdict"], finding["kind"], finding["blocks"]) == ("outside malloc", "outside", None)
        # A number that looks like an address may hold one or two of them.
        assert 57 <= finding["lost_mappings"] <= 60 <= 80 <= finding["mappings"]
        assert conftest.shown(heapcore, finding) == (0, finding["bytes"])
        text = heapcore("analyze", core).text
        assert f"nothing points into {finding['lost_mappings']} of its {finding['mappings']} mappings: " in text

    @pytest.mark.parametrize("source", ["mixed.c", "leak_shapes.cc", "growth.c", "idle_threads.c", "noise.c",
                                        "threads_tcache.c"])
    def test_heaps_have_no_other_owner(self, heapcore, dump, source):
        document = maps(heapcore, dump(source))
        # leak_shapes.cc maps a page that children would share.
        assert {owner["name"] for owner in document["owners"]} - {"shared-anonymous"} <= COMMON
        assert document["outside"]["lost"] == 0


def first_screen(heapcore, core, verdict):
    """The analysis and its text as one line, of a core with that verdict; what it suggests leads on."""
    document = heapcore("analyze", core, "--format", "json").json
    text = heapcore("analyze", core).text
    assert document["verdict"] == verdict, text
    for command in re.findall(r"^ +heapcore (.*)$", text.split("\nNext: ")[1], re.M):
        if "PATTERN" not in command:
            verb, _, *options = command.split()
            assert heapcore(verb, core, *options).out
    return document, " ".join(text.split())


class TestFirstScreens:
    """Programs whose memory is not malloc's alone: the verdict, the numbers, what is in it, and where to go on."""

    def test_python_extension(self, heapcore, taken):
        core = taken("python-leak", [tool("python3", "python3"), SOURCES / "python_leak.py"])
        document, text = first_screen(heapcore, core, "leak")
        lost = document["findings"][0]
        # Of two lengths of the number; a register or a free list of Python's may still hold a few.
        assert lost["kind"] == "lost" and 19900 <= lost["roots"]["chunks"] <= 20000
        assert re.search(r"content: HTTP response in all of them repeats: .*HTTP/1.1 200 OK", text)
        assert conftest.shown(heapcore, lost) == (lost["chunks"], lost["bytes"])
        arenas = next(finding for finding in document["findings"] if finding.get("owner") == "python")
        assert arenas["kind"] == "outside" and re.search(r"Most of it: 5\d,\d{3} × str", text)

    def test_go_strings(self, heapcore, taken, cache):
        go, _ = tool("go", "golang-go"), tool("gcc", "gcc")
        core = taken("cgo", [build(cache, "cgo-strings", [go, "build", "-ldflags=-s"], "cgo_strings.go")])
        document, text = first_screen(heapcore, core, "outside malloc")
        assert document["findings"][0]["owner"] == "go" and "the Go runtime's heap: " in text
        assert "its heap at 0xc000000000" in text and "cstring-number-N" in text

    def test_apr(self, heapcore, taken, cache):
        config = shutil.which("apr-1-config") or shutil.which("apr-config")
        if not config:
            pytest.skip("apr-1-config is not installed (libapr1-dev)")
        flags = subprocess.run([config, "--includes", "--cppflags"], capture_output=True, text=True).stdout.split()
        core = taken("apr", [TestLibraries.compile(cache, flags)])
        document, text = first_screen(heapcore, core, "outside malloc")
        assert document["findings"][0]["owner"] == "apr" and "2,000 × request" in text

    def test_frames(self, heapcore, taken, compiled):
        core = taken("frames", [compiled("outside/frames.c")])
        document, text = first_screen(heapcore, core, "outside malloc")
        blocks = document["findings"][0]["blocks"]
        assert (blocks["num"], blocks["size"], blocks["line_blocks"]) == (1000, 65536, 1000)
        assert "FRAMEBUF seq=N camera=N in 1,000" in text and "othing points to" in text

    def test_redis(self, heapcore, cache):
        document, text = first_screen(heapcore, redis(cache), "outside malloc")
        assert document["findings"][0]["owner"] == "jemalloc" and "the program allocates with jemalloc" in text
        assert b"sess:1234" in heapcore("grep", redis(cache), "--maps", "sess:1234").out


class TestEndedThreads:
    def test_how_they_ended(self, heapcore, taken, compiled):
        core = taken("thread-ends", [compiled("outside/thread_ends.c")])
        notes = [mapping["note"] for mapping in maps(heapcore, core)["mappings"]
                 if mapping["kind"] == "stack-cached"]
        assert notes.count("never joined") == 40
        # The detached ones may have had the stacks of the joined ones.
        assert 3 <= len(notes) - 40 <= 5
        assert set(notes) == {"never joined", "joined, kept for reuse", "detached, kept for reuse"} or \
            len(notes) - 40 == 3
        text = " ".join(heapcore("analyze", core).text.split())
        assert "40 ended, never joined" in text
        assert "pthread_join(3)" in text

    def test_living_threads_are_none(self, heapcore, dump):
        assert "never joined" not in heapcore("maps", dump("idle_threads.c"), "--all").text


class TestGrepElsewhere:
    def test_outside_of_chunks(self, heapcore, taken, compiled):
        core = taken("frames", [compiled("outside/frames.c")])
        result = heapcore("grep", core, "FRAMEBUF seq=12 ", status=1)
        assert result.out == b""
        assert b"1 match is in 1 mapping outside of chunks; --maps shows them" in result.err
        assert heapcore("grep", core, "-q", "FRAMEBUF seq=12 ", status=1).err == b""
        *_, last = heapcore("grep", core, r"FRAMEBUF seq=\d", "--format", "json", status=1).jsonl
        assert last["summary"]["elsewhere"] == {"matches": 1000, "chunks": 0, "mappings": 1, "at_least": False}
        *_, last = heapcore("grep", core, r"FRAMEBUF seq=\d", "--maps", "-c", "--format", "json").jsonl
        assert last["summary"]["matches"] == 1000

    def test_nowhere(self, heapcore, taken, compiled):
        """What no byte matches needs no walk: how many chunks there are stays unknown."""
        core = taken("frames", [compiled("outside/frames.c")])
        result = heapcore("grep", core, "-c", "FRAMEBUF seq=13no", status=1)
        assert "0 matches in 0 chunks" in result.text and "nothing there can match" in " ".join(result.text.split())
        *_, last = heapcore("grep", core, "FRAMEBUF seq=13no", "--format", "json", status=1).jsonl
        test_cli.validate(last, "grep")
        assert last["summary"]["searched"] is None and last["summary"]["searched_bytes"] > 0
        assert last["summary"]["elsewhere"] == {"matches": 0, "chunks": 0, "mappings": 0, "at_least": False}
        # With a selection, which may be wrong, it is.
        *_, last = heapcore("grep", core, "FRAMEBUF seq=13no", "--size", "1-", "--format", "json", status=1).jsonl
        assert last["summary"]["searched"] > 0
        assert b"there is no arena 99" in heapcore("grep", core, "FRAMEBUF seq=13no", "--arena", "99", status=2).err

    def test_other_chunks(self, heapcore, taken, compiled):
        core = taken("allocations", [compiled("outside/allocations.c")])
        result = heapcore("grep", core, r"metric\.cpu\.host7\.value", "--size", "1000-2000", status=1)
        assert b"1 match is in 1 other chunk; --all shows them" in result.err

    def test_nothing_anywhere(self, heapcore, dump):
        result = heapcore("grep", dump("mixed.c"), "[q]quux-not-there", status=1)
        assert result.out == b"" and result.err == b""
