"""
What programs say of their own memory, and what heapcore says of it: the same numbers, with each difference explained.
"""
import collections
import contextlib
import http.client
import os
import re
import subprocess

import pytest

import conftest
import corefile
import debian_programs as programs

HEADER = 8  # of a chunk, of glibc on 64-bit


@pytest.fixture(scope="module")
def library(dump):
    done = subprocess.run(["pkg-config", "--cflags", "--libs", "sqlite3"], capture_output=True, text=True)
    if done.returncode:
        pytest.skip("sqlite3: its development files are not installed")
    core = dump("counted_statements.c", flags=done.stdout.split())
    with open(f"{core}.said") as said:
        return core, {word: int(value) for word, value in re.findall(r"^(\w+) (\d+)$", said.read(), re.MULTILINE)}


def test_sqlite_counts_the_same_blocks(heapcore, library):
    """Each of SQLite's blocks is a chunk, and no other chunk is in use."""
    core, says = library
    assert heapcore("histogram", core, "--format", "json").json["in_use"]["chunks"] == says["blocks"]


def test_sqlite_counts_the_same_bytes(heapcore, library):
    """
    Each block begins with its size where SQLite was built without malloc_usable_size(), which its sum leaves out; then what it sums up are
    these words. Where it was built with it, the sum is that of usable bytes.
    """
    core, says = library
    chunks = heapcore("chunks", core, "--format", "csv", "--limit", 0).rows()
    assert len(chunks) == says["blocks"]
    usable = [int(row["usable_size"]) for row in chunks]
    if sum(usable) == says["used"]:
        return
    memory = corefile.Core(core)
    told = [int.from_bytes(memory.read(int(row["address"], 16), 8), "little") for row in chunks]
    assert sum(told) == says["used"]
    # malloc rounds what SQLite asks for, with the word in front, to units of 16, and leaves a unit that would be no chunk by itself.
    assert all(size + 8 <= room < size + 8 + 32 for size, room in zip(told, usable))


def test_the_connection_holds_the_statements(heapcore, library):
    """The variable holds every block: SQLite has nothing that is not the connection's."""
    core, says = library
    (first, *_) = heapcore("retained", core, "--top", 1, "--format", "json").json["holders"]
    assert first["symbol"] == "library"
    assert first["retained_chunks"] == says["blocks"]
    assert first["retained_bytes"] == heapcore("histogram", core, "--format", "json").json["in_use"]["bytes"]


STATEMENTS = 2000


def need_release():
    """Servers' cores are large: the sanitized build has others."""
    if not conftest.IS_RELEASE:
        pytest.skip("the release build is asked")
    conftest.machine.need("ptrace")


@pytest.fixture(scope="module")
def backend(cache):
    """A core of a backend that holds statements, and what pg_backend_memory_contexts said in it: rows of name, parent, bytes, blocks."""
    need_release()
    path = cache / "introspection-postgres.core"
    sql = "create temp table t (id int, name text);\n" + "".join(
        f"prepare p{i}(int) as select name from t where id = $1 and name like 'guest-{i}-%';\n" for i in range(STATEMENTS))
    sql += "\\o {folder}/contexts\nselect name, parent, total_bytes, total_nblocks from pg_backend_memory_contexts;\n\\o\n"

    @programs.used("postgres", "initdb", "psql", package="postgresql")
    def start(folder):
        with programs.postgres_session(folder, sql.replace("{folder}", folder)) as pid:
            with open(f"{folder}/contexts") as contexts:
                yield pid, contexts.read(), os.path.realpath(f"/proc/{pid}/exe")

    with conftest.once(path) as needed:
        if needed:
            with start() as (pid, contexts, program):
                conftest.gcore(pid, path)
            (cache / "introspection-postgres.said").write_text(f"{program}\n{contexts}")
    program, *rows = (cache / "introspection-postgres.said").read_text().splitlines()
    rows = [row.split("|") for row in rows]
    return path, program, [(name, parent, int(size), int(blocks)) for name, parent, size, blocks in rows]


def referrers(heapcore, core, address):
    return heapcore("refs", core, address, "--limit", 1000000, "--format", "json").json["referrers"]


def contexts_called(heapcore, backend, name):
    """What points to the name, a constant of the program: contexts have it at one offset."""
    core, program, _ = backend
    with open(program, "rb") as file:
        (found,) = re.finditer(b"\0" + name + b"\0", file.read())
    offset = found.start() + 1
    (start,) = {int(m["start"], 16) - m["offset"] for m in heapcore("maps", core, "--format", "json").json["mappings"]
                if m["path"] == program and m["offset"] <= offset < m["offset"] + m["size"]}
    return [r for r in referrers(heapcore, core, hex(start + offset)) if r["kind"] == "chunk" and not r["stale"]]


@pytest.mark.parametrize("name", ["CachedPlanSource", "CachedPlanQuery"])
def test_postgres_counts_the_same_contexts(heapcore, backend, name):
    """As many as the view has rows; each is the first of its blocks, of ALLOCSET_SMALL_INITSIZE and a chunk's header."""
    rows = [row for row in backend[2] if row[0] == name]
    assert len(rows) == STATEMENTS
    contexts = contexts_called(heapcore, backend, name.encode())
    assert len(contexts) == len({r["chunk"] for r in contexts}) == len(rows)
    assert {r["chunk_offset"] for r in contexts} == {contexts[0]["chunk_offset"]}
    assert {r["chunk_size"] for r in contexts} == {1024 + 2 * HEADER}
    assert {r["reach"] for r in contexts} == {"reachable"}


def test_postgres_names_the_same_holder(heapcore, backend):
    """The view says CacheMemoryContext: that variable's context is what each of them points to as its parent, at one offset."""
    assert {row[1] for row in backend[2] if row[0] == "CachedPlanSource"} == {"CacheMemoryContext"}
    plans = {r["chunk"] for r in contexts_called(heapcore, backend, b"CachedPlanSource")}
    up = [r for r in referrers(heapcore, backend[0], "*CacheMemoryContext") if r["chunk"] in plans and r["into"] == 0]
    (parent,) = {offset for offset in {r["chunk_offset"] for r in up}
                 if {r["chunk"] for r in up if r["chunk_offset"] == offset} == plans}
    assert parent < 64


@pytest.mark.parametrize("name", ["CachedPlanSource", "CachedPlanQuery"])
def test_postgres_types_are_its_names(heapcore, backend, name):
    """Contexts have one table of methods and a name: a kind each."""
    rows = {row["type"]: row["chunks"] for row in heapcore("types", backend[0], "--format", "json").json["types"]}
    ((kind, chunks),) = [row for row in rows.items() if row[0].startswith(f'object "{name}" of postgres')]
    assert chunks == STATEMENTS
    found = heapcore("chunks", backend[0], "--type", kind, "--format", "csv", "--limit", 0).rows()
    assert {row["address"] for row in found} == {r["chunk"] for r in contexts_called(heapcore, backend, name.encode())}


def chunk_of(block, is_mapping):
    """What a block of a context takes as a chunk: whole pages where it is a mapping, else units of 16."""
    unit = 4096 if is_mapping else 16
    return (block + (2 * HEADER if is_mapping else HEADER) + unit - 1) // unit * unit


def blocks_of(total):
    """Blocks of a context that began with 8 KiB, each twice the one before: what it comes to, the first one taken twice."""
    blocks = [8192, 8192]
    while sum(blocks) < total:
        blocks.append(2 * blocks[-1])
    return blocks


@pytest.mark.parametrize("name", ["CacheMemoryContext", "Prepared Queries"])
def test_postgres_contexts_retain_their_blocks(heapcore, backend, name):
    """
    The chunk of a context is what retains its blocks, as many and as large as the view says. Contexts below it are held from several
    sides (by their siblings, by the list of plans, by the table of statements), so that no context alone retains them.
    """
    core = backend[0]
    ((_, _, size, blocks),) = [row for row in backend[2] if row[0] == name]
    memory = corefile.Core(core)
    holders = heapcore("retained", core, "--top", 20, "--format", "json").json["holders"]
    if name == "CacheMemoryContext":
        address = heapcore("refs", core, f"*{name}", "--format", "json").json["targets"][0]["chunk"]
        found = [row for row in holders if row["chunk"] == address]
    else:  # a table has its name in its context
        found = [row for row in holders if row["chunk"] and
                 name.encode() + b"\0" in memory.read(int(row["chunk"], 16), row["chunk_size"])]
    (holder,) = found
    assert sum(blocks_of(size)) == size and len(blocks_of(size)) == blocks == holder["retained_chunks"]
    # Those of 128 KiB and more are mappings of their own, of whole pages.
    assert holder["retained_bytes"] == sum(chunk_of(block, block >= 128 << 10) for block in blocks_of(size))


def test_postgres_names_the_holder_of_the_largest_finding(heapcore, backend):
    """Its holder leads through the context that the view says is the parent, or through others of that parent."""
    core = backend[0]
    first = heapcore("analyze", core, "--format", "json").json["findings"][0]
    assert first["size"] == 1024 + 2 * HEADER and first["holder"].startswith("postgres+0x")
    # Half of its chunks are contexts, and half of these of one name.
    assert first["type"].startswith('object "CachedPlan') and first["type_chunks"] == STATEMENTS
    context = heapcore("refs", core, "*CacheMemoryContext", "--format", "json").json["targets"][0]["chunk"]
    family = {context, *(r["chunk"] for r in referrers(heapcore, core, "*CacheMemoryContext"))}
    variable, *steps = heapcore("refs", core, first["sample_address"], "--to-root", "--format", "json").json["chains"]
    assert variable["kind"] == "data" and len(steps) > 1
    # The last step may be a context of the one before.
    assert {step["chunk"] for step in steps[:-1]} <= family


def test_postgres_counts_no_more_bytes_than_there_are(heapcore, backend):
    """
    Blocks of the contexts are chunks in use. They were counted in a query whose own contexts are gone in the core: these are the
    difference that is allowed. Chunks that are no blocks are those of libraries and of the backend's start.
    """
    lasting = [row for row in backend[2] if row[0] not in ("MessageContext", "ExecutorState", "PortalContext", "ExprContext",
                                                          "Table function arguments", "printtup", "Tuplestore")]
    in_use = heapcore("histogram", backend[0], "--format", "json").json["in_use"]
    assert sum(row[3] for row in lasting) <= in_use["chunks"]
    assert sum(row[2] for row in lasting) <= in_use["bytes"]
    assert sum(row[2] for row in lasting) > 16 << 20 > in_use["bytes"] - sum(row[2] for row in lasting)


def said_by(core):
    return {word: int(value) for word, value in (line.split() for line in core.said if " " in line)}


def chunks(heapcore, core, *args):
    return heapcore("chunks", core, *args, "--format", "csv", "--limit", 0).rows()


def dump_objects(dump, **env):
    done = subprocess.run(["pkg-config", "--cflags", "--libs", "gobject-2.0"], capture_output=True, text=True)
    if done.returncode:
        pytest.skip("GLib's headers are not installed")
    return dump("counted_objects.c", flags=done.stdout.split(), env=env)


@pytest.fixture(scope="module")
def objects(dump):
    return dump_objects(dump, G_SLICE="always-malloc")


@pytest.fixture(scope="module")
def sliced(dump):
    """The same with what GLib before 2.76 does by itself: a slab has many objects."""
    return dump_objects(dump)


@pytest.mark.parametrize("name, holder, length", [("Book", "library", "table"), ("Visitor", "visitors", "queue")])
def test_glib_counts_the_same_objects(heapcore, objects, name, holder, length):
    """Objects that the program made and that are not gone; the variable of their container holds all of them."""
    says = said_by(objects)
    (row,) = [row for row in heapcore("types", objects, "--format", "json").json["types"] if row["type"] == name]
    assert row["known_by"] == "gtype" and row["chunks"] == says[name] == says[length] > 0
    document = heapcore("retained", objects, "--of", holder, "--format", "json").json
    (variable, *_) = document["chain"]
    assert (variable["kind"], variable["symbol"]) == ("data", holder)
    assert sum(row["chunks"] for row in document["groups"] if row["holder"] == 0 and row["type"] == name) == says[name]


@pytest.mark.parametrize("name", ["Book", "Visitor"])
def test_glib_counts_the_objects_in_slabs(heapcore, sliced, name):
    """Slots whose object is gone are not counted, and a slab with one object is one, too."""
    rows = [row for row in heapcore("types", sliced, "--format", "json").json["types"] if row["type"].split("[")[0].split()[0] == name]
    assert rows and all(row["known_by"] == "gtype" for row in rows)
    assert sum(row.get("objects") or row["chunks"] for row in rows) == said_by(sliced)[name]


def test_glib_says_how_many_are_in_slabs(heapcore, sliced):
    """A finding counts the objects in its chunks, not those in chunks of other sizes; what it says to people is the same."""
    findings = [row for row in heapcore("analyze", sliced, "--format", "json").json["findings"] if row.get("type_objects")]
    if not findings:
        assert "[] inside" not in heapcore("types", sliced).text, "no slabs: GLib 2.76 or later"
        pytest.skip("GLib has no slices")
    for finding in findings:
        name = finding["type"].removesuffix("[] inside")
        sizes = [int(row["chunk_size"]) for row in chunks(heapcore, sliced, "--type", finding["type"])]
        assert sizes.count(finding["size"]) == finding["type_chunks"]
        assert 0 < finding["type_objects"] <= said_by(sliced)[name]
        assert f'{finding["type_objects"]:,} × {name}' in heapcore("analyze", sliced, "-v").text


@pytest.fixture(scope="module")
def counted(dump):
    conftest.machine.need_program("rustc")
    return dump("counted.rs")


def test_rust_counts_the_same_blocks(heapcore, counted):
    """The allocator counted every block of the program, and the C library has none of its own."""
    says = said_by(counted)
    usable = [int(row["usable_size"]) for row in chunks(heapcore, counted)]
    assert len(usable) == says["blocks"]
    # A chunk has 24 bytes at least, and then units of 16.
    assert says["bytes"] <= sum(usable) < says["bytes"] + 24 * len(usable)


def test_rust_names_the_holder(heapcore, counted):
    """The variable holds all blocks that were made for it, not those of the runtime before."""
    says = said_by(counted)
    (first, *_) = heapcore("retained", counted, "--top", 1, "--format", "json").json["holders"]
    assert first["symbol"] == "LIBRARY"
    assert first["retained_chunks"] == says["blocks"] - says["before"]


@pytest.fixture(scope="module")
def buffers(cache):
    conftest.machine.need_program("node")
    need_release()
    path = cache / "introspection-node.core"
    with conftest.once(path) as needed:
        if needed:
            with conftest.machine.child(["node", "--expose-gc", conftest.TESTDATA / "outside/node_buffers.js"]) as (process, _):
                said = conftest.read_until(process.stdout, b"end")
                conftest.gcore(process.pid, path)
            (cache / f"{path.name}.said").write_bytes(said)
    core = conftest.Dump(path)
    return core, said_by(core)


def test_node_counts_the_same_buffers(heapcore, buffers):
    """memoryUsage().arrayBuffers grew by the bytes of the buffers, which are a chunk each, held by the isolate."""
    core, says = buffers
    assert says["array_buffers"] == says["buffers"] * says["size"]
    # A chunk is of units of 16.
    request = (says["size"] + HEADER + 15) // 16 * 16
    assert sum(int(row["chunk_size"]) == request for row in chunks(heapcore, core)) == says["buffers"]
    first = heapcore("analyze", core, "--format", "json").json["findings"][0]
    assert (first["size"], first["chunks"]) == (request, says["buffers"])


def test_node_names_the_holder(heapcore, buffers):
    """
    The isolate has a list of all buffers, which its variable is the root of. Calls that are over leave pointers to members of the list
    on stacks, and other variables lead to some; no stack is said to hold what a variable does.
    """
    core, says = buffers
    first = heapcore("analyze", core, "--format", "json").json["findings"][0]
    found = chunks(heapcore, core, "--finding", first["finding"])
    assert len(found) == says["buffers"]
    chains = heapcore("refs", core, *(row["address"] for row in found[::60]), "--to-root", "--format", "json").json["chains"]
    roots = [step for step in chains if step["step"] == 1]
    assert len(roots) == says["buffers"] // 60
    assert "v8::internal::g_current_isolate_" in {root["symbol"] for root in roots}
    assert not {root["kind"] for root in roots} & {"stack", "register"}


def test_node_counts_the_same_heap(heapcore, buffers):
    """memoryUsage().heapTotal is the size of V8's pages: with guards around code, which owners don't have."""
    core, says = buffers
    (owner,) = [owner for owner in heapcore("maps", core, "--format", "json").json["owners"] if owner["name"] == "v8"]
    (pages,) = [count["value"] for count in owner["counts"] if count["name"] == "bytes of pages"]
    assert pages == owner["bytes"] + owner["reserved"] == says["heap_total"]


PERFORMANCE_SCHEMA = "select event_name, current_count_used, current_number_of_bytes_used from " \
    "performance_schema.memory_summary_global_by_event_name where current_count_used <> 0;\n"


@pytest.fixture(scope="module")
def server(cache):
    """A core of mariadbd, one connection of which holds statements, and what its performance_schema said: count and bytes of an event."""
    need_release()
    path = cache / "introspection-mariadbd.core"
    sql = "create database d; use d; create table t (id int primary key, name varchar(40));\n" + "".join(
        f"prepare p{i} from \"select name from t where id = ? and name like 'guest-{i}-%'\";\n" for i in range(STATEMENTS))

    @programs.used("mariadbd", "mariadb-install-db", "mariadb", package="mariadb-server")
    def start(folder):
        with programs.mariadb_session(folder, sql + PERFORMANCE_SCHEMA, "--performance-schema=ON",
                                      "--performance-schema-instrument=memory/%=ON") as session:
            yield session

    with conftest.once(path) as needed:
        if needed:
            with start() as (process, said):
                conftest.gcore(process.pid, path)
            (cache / f"{path.name}.said").write_text(said)
    rows = [line.split("\t") for line in conftest.Dump(path).said if "\t" in line]
    return path, {event: (int(count), int(size)) for event, count, size in rows}


# In front of each block of the server's: who pays for it, its size, and the number of its event.
SERVER_HEADER = 24


def test_mariadb_counts_the_same_blocks(heapcore, server):
    """
    Statements' own roots of memory are blocks of one size, which is in front of each, with flags in its lowest bits, and the number of
    the event behind it.
    """
    core, events = server
    count, size = events["memory/sql/Prepared_statement::main_mem_root"]
    assert count == STATEMENTS and size % count == 0
    block = size // count
    rows = [row for row in chunks(heapcore, core) if int(row["chunk_size"]) == block + SERVER_HEADER + HEADER]
    memory = corefile.Core(core)
    headers = [memory.read(int(row["address"], 16), SERVER_HEADER) for row in rows]
    keys = collections.Counter(header[16:20] for header in headers if int.from_bytes(header[8:16], "little") & ~7 == block)
    ((_, most),) = keys.most_common(1)
    assert most == count
    # Other blocks of that size are few, and of other events.
    assert len(rows) - count < 10


def test_mariadb_names_the_same_kind(heapcore, server):
    """A statement's root begins with its parse tree, which has C++ objects inside; all of them are held from the list of connections."""
    core, events = server
    count, size = events["memory/sql/Prepared_statement::main_mem_root"]
    finding = heapcore("analyze", core, "--format", "json").json["findings"][0]
    assert finding["size"] == size // count + SERVER_HEADER + HEADER
    assert finding["type"] == "st_lex_local inside" and finding["type_chunks"] == count
    assert finding["holder"].startswith("server_threads (mariadbd) > THD inside > ")
    assert finding["holder"].endswith("Prepared_statement inside")


def test_mariadb_counts_the_same_tables(heapcore, server):
    """What performance_schema has for itself is a block each, aligned to a line of the cache; the large ones are whole pages."""
    core, events = server
    sizes = [int(row["chunk_size"]) for row in chunks(heapcore, core)]
    tables = collections.Counter(size for event, (count, size) in events.items()
                                 if event.startswith("memory/performance_schema/") and count == 1 and size >= 256 << 10)
    assert len(tables) > 20
    for size, count in tables.items():
        assert sum(size + HEADER <= chunk < size + 4096 + 64 + 2 * HEADER for chunk in sizes) >= count, size


CLIENTS = 150


@pytest.fixture(scope="module")
def worker(cache):
    """A core of a worker of nginx with connections that wait, and how many its stub_status told."""
    need_release()
    path = cache / "introspection-nginx.core"

    @programs.used("nginx")
    def start(folder):
        with contextlib.ExitStack() as stack:
            pid, port = stack.enter_context(programs.nginx_server(folder, "location /status { stub_status; }"))
            clients = [stack.enter_context(contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)))
                       for _ in range(CLIENTS)]
            for client in clients:
                client.request("GET", "/status")
                text = client.getresponse().read().decode()
            yield pid, int(text.split("Active connections:")[1].split()[0])

    with conftest.once(path) as needed:
        if needed:
            with start() as (pid, active):
                conftest.gcore(pid, path)
            (cache / f"{path.name}.said").write_text(f"active {active}\n")
    core = conftest.Dump(path)
    return core, said_by(core)["active"]


def pools_of(heapcore, core):
    """A pool of a connection knows its end, 512 bytes behind its start, and is its own current block."""
    memory = corefile.Core(core)
    for row in chunks(heapcore, core):
        address = int(row["address"], 16)
        if int(row["chunk_size"]) == 512 + 2 * HEADER:
            words = [int.from_bytes(memory.read(address + 8 * i, 8), "little") for i in range(6)]
            if words[1] == address + 512 and words[5] == address:
                yield row["address"]


def test_nginx_counts_the_same_connections(heapcore, worker):
    """Each active connection has a pool; and all of them have been used for the same, so that they are one kind."""
    core, active = worker
    pools = set(pools_of(heapcore, core))
    assert len(pools) == active == CLIENTS
    kinds = [row["type"] for row in heapcore("types", core, "--format", "json").json["types"] if row["chunks"] == active]
    assert pools in [{row["address"] for row in chunks(heapcore, core, "--type", kind)} for kind in kinds]


def test_nginx_names_the_holder(heapcore, worker):
    """The array of connections, as many as the configuration says, has each pool at one offset of an element; the cycle has it."""
    core, active = worker
    pools = set(pools_of(heapcore, core))
    document = heapcore("refs", core, *pools, "--limit", 1000000, "--format", "json").json
    ((array, size),) = {(r["chunk"], r["chunk_size"]) for r in document["referrers"] if (r["chunk_size"] or 0) > 512 * 200}
    element = (size - 2 * HEADER) // 512
    assert element * 512 == size - 2 * HEADER
    places = [(r["target"], r["chunk_offset"] % element) for r in document["referrers"] if r["chunk"] == array and r["into"] == 0]
    offsets = collections.Counter(offset for _, offset in places)
    (offset, _), = offsets.most_common(1)
    assert {target for target, at in places if at == offset} == pools
    chain = heapcore("refs", core, array, "--to-root", "--format", "json").json["chains"]
    assert chain[0]["symbol"] == "ngx_cycle"
