"""heapcore against the truth: every live allocation of real programs, and malloc_info(3)."""
import json
import os
import time

import pytest

import conftest
import truth

PYTHON = """
import collections, json, os, re, sqlite3, threading, xml.dom.minidom
words = [("word %d " % i) * (i % 50) for i in range(20000)]
table = collections.OrderedDict((w, {"n": len(w), "at": [w[:5], w[5:9]]}) for w in words)
text = json.dumps(table)
parsed = json.loads(text)
big = [bytearray(200000 + i) for i in range(30)]
del words[::3], big[::4], text
for key in list(parsed)[::2]:
    del parsed[key]
db = sqlite3.connect(":memory:")
db.execute("create table t(a, b)")
db.executemany("insert into t values (?, ?)", ((i, "x" * (i % 300)) for i in range(5000)))
db.execute("delete from t where a % 3 = 0")
"""

THREADS = """
ready, never = threading.Barrier(6), threading.Event()
def work(n):
    mine = [bytearray(i % 3000) for i in range(n * 100, n * 100 + 4000)]
    del mine[::2]
    ready.wait()
    never.wait()
for n in range(5):
    threading.Thread(target=work, args=(n,), daemon=True).start()
ready.wait()
"""

PERL = r"""
my %h; my @a;
for my $i (1..30000) { $h{"key $i"} = [ ("v" x ($i % 200)), { n => $i } ]; }
delete $h{"key $_"} for grep { $_ % 3 } 1..20000;
push @a, join(",", map { $_ * $_ } 1..$_) for 1..300;
my $s = join "\n", @a; my @f = split /,/, $s; $s =~ s/\d+/<$&>/g;
open my $in, "<", "/proc/self/maps" or die; my @maps = <$in>;
kill 41, $$;
"""

BASH = r"""
declare -A map
for i in {1..5000}; do map[key$i]="value $((i * i)) ${map[key$((i - 1))]:0:40}"; done
for i in {1..5000..3}; do unset "map[key$i]"; done
f() { local list=("$@"); IFS=,; echo "${list[*]}"; }
long=$(f {1..4000})
array=(${long//,/ })
while read -r line; do lines+=("$line"); done </proc/self/maps
kill -41 $$
"""

SQL = """
create table t(id integer primary key, name text, body blob);
with recursive n(i) as (values(1) union all select i + 1 from n where i < 20000)
    insert into t select i, 'name ' || i, zeroblob(i % 500) from n;
create index by_name on t(name);
delete from t where id % 3 = 1;
select count(*), sum(length(body)) from t where name like '%7%' order by name;
create table copy as select * from t where id < 3000;
.shell kill -41 $PPID
"""


def send_sql(process):
    process.stdin.write(SQL.encode())
    process.stdin.flush()


def send_noise(process):
    """Enough for every worker thread of xz, then wait until all have nothing left to do."""
    noise = os.urandom(1 << 16) * 192
    process.stdin.write(noise)
    process.stdin.flush()

    def ticks():
        stats = [open(f"/proc/{process.pid}/task/{t}/stat").read().split()
                 for t in sorted(os.listdir(f"/proc/{process.pid}/task"))]
        return [stat[2] for stat in stats], [stat[13:15] for stat in stats]

    # One that is ready to run, but is not let on a processor, has no new ticks either.
    before = None
    while before != (now := ticks()) or set(now[0]) != {"S"}:
        before = now
        time.sleep(0.3)
    os.kill(process.pid, truth.SIGNAL)


SELF = f"\nos.kill(os.getpid(), {truth.SIGNAL})\n"
PYTHON_ENV = {"PYTHONMALLOC": "malloc", "PYTHONDONTWRITEBYTECODE": "1"}
REAL = {
    "python3": (["/usr/bin/python3", "-c", PYTHON + SELF], None, PYTHON_ENV),
    "python3-threads": (["/usr/bin/python3", "-c", PYTHON + THREADS + SELF], None, PYTHON_ENV),
    "perl": (["perl", "-e", PERL], None, None),
    "bash": (["bash", "-c", BASH], None, None),
    "sqlite3": (["sqlite3", ":memory:"], send_sql, None),
    "xz": (["xz", "-0", "-T4", "--block-size=1MiB", "--stdout"], send_noise, None),
}
OWN = ["mixed.c", "threads_tcache.c", "growth.c", "retention.c", "leak_shapes.cc", "worker_calloc.c"]


@pytest.fixture(scope="session")
def taken(cache, compiled):
    def take(name, how):
        if how == "kernel" or not conftest.machine.has("ptrace"):
            conftest.machine.need("core-pattern")
        if name in OWN:
            program = compiled(name)
            return truth.take(cache, program.name, [program, "signal"], how)
        argv, drive, env = REAL[name]
        conftest.machine.need_program(argv[0])
        return truth.take(cache, name, argv, how, drive, env)

    return take


@pytest.fixture(params=[*REAL, *OWN])
def true(request, taken, how):
    return taken(request.param, how)


@pytest.mark.parametrize("name", REAL)
def test_command_line(heapcore, taken, how, name):
    """All of it: gcore writes no more than the name of the program, and the kernel 79 characters."""
    argv = REAL[name][0]
    assert heapcore("info", taken(name, how).core, "--format", "json").json["process"]["command"] == " ".join(argv)


def chunks(heapcore, core, states):
    rows = heapcore("chunks", core, "--format", "csv", "--state", states).rows()
    return {int(row["address"], 16): row for row in rows}


def test_every_live_address_is_in_use(heapcore, true):
    in_use = chunks(heapcore, true.core, "in-use")
    assert len(true.live) > 5
    missing = {hex(a): size for a, size in true.live.items() if a not in in_use}
    assert not missing
    small = {hex(a): (size, in_use[a]["usable_size"]) for a, size in true.live.items()
             if int(in_use[a]["usable_size"]) < size}
    assert not small


def test_no_freed_address_is_in_use(heapcore, true):
    in_use = chunks(heapcore, true.core, "in-use")
    assert not {hex(a) for a in true.freed & set(in_use)}


def what(heapcore, core, addresses):
    """Yield an address and what there is. Asked in a shell, so that the core is read once; nobody wants a type."""
    lines = [word for a in addresses for word in ("-c", f"what {a:#x} --types none --format json")]
    out = heapcore("shell", core, *lines).out.decode() if lines else ""
    for address in addresses:
        answer, end = json.JSONDecoder().raw_decode(out)
        out = out[end:].lstrip()
        yield address, answer
    assert not out


def test_every_other_chunk_in_use_has_a_name(heapcore, true):
    """What libc holds without having called malloc must be named by heapcore itself."""
    others = sorted(set(chunks(heapcore, true.core, "in-use")) - set(true.live))
    assert not {hex(a): answer for a, answer in what(heapcore, true.core, others) if not answer.get("special")}


def test_request_range_holds_the_request(heapcore, true):
    """Of a sample: what reports the least and the most that was asked for."""
    for address, answer in what(heapcore, true.core, sorted(true.live)[:: max(1, len(true.live) // 7)]):
        chunk = answer["chunk"]
        assert int(answer["address"], 16) == address
        assert chunk["request_min"] <= true.live[address] <= chunk["request_max"], (hex(address), chunk)


def test_arenas_equal_malloc_info(heapcore, true):
    rows = [row for row in heapcore("arenas", true.core, "--format", "json").json["arenas"]
            if row["arena"] != "mmap"]
    assert [row["arena"] for row in rows] == list(range(len(true.arenas)))
    assert [(row["system_bytes"], row["free_bytes"]) for row in rows] == [(a.system, a.free) for a in true.arenas]


def test_mmapped_chunks_equal_malloc_info(heapcore, true):
    mmapped = [row for row in chunks(heapcore, true.core, "in-use").values() if row["arena"] == "mmap"]
    assert len(mmapped) == true.mmapped_count
    if mmapped:
        (row,) = [r for r in heapcore("arenas", true.core, "--format", "json").json["arenas"]
                  if r["arena"] == "mmap"]
        assert row["system_bytes"] == true.mmapped_bytes
        assert row["in_use_chunks"] == true.mmapped_count


def test_states_tile_the_arenas(heapcore, true):
    """Chunks of all states follow each other without gap or overlap, and add up to what malloc_info() counts."""
    every = "in-use,tcache,fastbin,unsorted,smallbin,largebin,top,overhead"
    found = chunks(heapcore, true.core, every)
    for i, arena in enumerate(true.arenas):
        rows = [row for row in found.values() if row["arena"] == str(i)]
        free = sum(int(r["chunk_size"]) for r in rows
                   if r["state"] in ("fastbin", "unsorted", "smallbin", "largebin", "top"))
        assert free == arena.free
        assert sum(int(r["chunk_size"]) for r in rows) <= arena.system
    ends = sorted((a, a + int(row["chunk_size"])) for a, row in found.items())
    assert all(end <= start for (_, end), (start, _) in zip(ends, ends[1:]))
