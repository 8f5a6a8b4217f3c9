"""
What programs say of their own memory, and what heapcore says of it: the same numbers, with each difference explained.
"""
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


@pytest.fixture(scope="module")
def backend(cache):
    """A core of a backend that holds statements, and what pg_backend_memory_contexts said in it: rows of name, parent, bytes, blocks."""
    if os.environ.get("HEAPCORE_BUILD", "release") != "release":
        pytest.skip("the release build is asked")
    conftest.machine.need("ptrace")
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


def of_chunks(memory, block):
    """What a block of a context takes as a chunk: whole pages where it is a mapping, else units of 16."""
    return memory and (block + 2 * HEADER + 4095) // 4096 * 4096 or (block + HEADER + 15) // 16 * 16


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
    assert holder["retained_bytes"] == sum(of_chunks(block >= 128 << 10, block) for block in blocks_of(size))


def test_postgres_names_the_holder_of_the_largest_finding(heapcore, backend):
    """Its holder leads through the context that the view says is the parent."""
    core = backend[0]
    first = heapcore("analyze", core, "--format", "json").json["findings"][0]
    assert first["size"] == 1024 + 2 * HEADER and first["holder"].startswith("postgres+0x")
    context = heapcore("refs", core, "*CacheMemoryContext", "--format", "json").json["targets"][0]["chunk"]
    chain = heapcore("refs", core, first["sample_address"], "--to-root", "--format", "json").json["chains"]
    assert chain[0]["kind"] == "data" and context in {step["chunk"] for step in chain}


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
