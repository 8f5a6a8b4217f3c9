"""
docs/fleet.md: its commands load the lines, its queries answer, in SQLite, DuckDB and ClickHouse alike; and examples/fleet, by which
a cluster makes the lines.

A query is a block of the kind "sql" under "Questions", the block under it what it answers. HEAPCORE_UPDATE_GOLDEN=1 writes the
answers anew. They are of 1,000 hosts on three days: see DAYS.
"""
import ast
import contextlib
import json
import os
import re
import shlex
import shutil
import socket
import sqlite3
import subprocess
import sys
import textwrap
import time
import types
import urllib.error
import urllib.parse
import urllib.request

import pytest

import conftest
import machine

PAGE = conftest.ROOT / "docs/fleet.md"
FOLDER = conftest.ROOT / "examples/fleet"
UPDATE = bool(os.environ.get("HEAPCORE_UPDATE_GOLDEN"))
HOSTS = 1000
# The sanitized build is asked for these lines by test_export.py; what the queries make of them is the same.
pytestmark = conftest.release_only

# Name: service, build-id, and arguments of checkout.cc: orders of each customer, forgotten ones, texts of the cache. Build-ids are
# given to the linker, so that they are the same everywhere.
OLD, NEW, CART = "91b60c7d2a8e4f35", "5be7a1d02c44f0e1", "0c6fd3389a17e24b"
CORES = {
    "sound": ("checkout", OLD, 100, 0, 0),
    "leaks": ("checkout", NEW, 100, 300, 0),
    "leaks-more": ("checkout", NEW, 100, 900, 0),
    "large": ("checkout", NEW, 100, 100, 2500),
    "cart": ("cart", CART, 500, 40, 0),
}
# Day: whose core host N left, N being taken modulo the length of the list.
DAYS = {
    "2026-11-26T03:15:00Z": ["sound"] * 4 + ["cart"],
    "2026-11-27T03:15:00Z": ["leaks"] + ["sound"] * 3 + ["cart"] + ["sound"] * 4 + ["cart"],
    "2026-11-28T03:15:00Z": (["leaks-more"] * 4 + ["cart"]) * 49 + ["large"] + ["leaks-more"] * 3 + ["cart"],
}
# What an Order and its request occupy.
LOST = 96 + 320


def lost(name):
    return CORES[name][3] * LOST


def seen():
    """(day, name of the core) of all that were left."""
    return [(day, names[host % len(names)], host) for day, names in DAYS.items() for host in range(HOSTS)]


@pytest.fixture(scope="module")
def cores(dump):
    return {name: dump("checkout.cc", *map(str, args), flags=[f"-Wl,--build-id=0x{build}"])
            for name, (_, build, *args) in CORES.items()}


@pytest.fixture(scope="module")
def folder(heapcore, cores, tmp_path_factory):
    """With fleet.jsonl in it."""
    folder = tmp_path_factory.mktemp("fleet")
    with open(folder / "fleet.jsonl", "wb") as fleet:
        for day, names in DAYS.items():
            for name in set(names):
                (folder / name).write_text(heapcore("export", cores[name], "--format", "jsonl", "--service", CORES[name][0], "--time",
                                                    day).text)
            fleet.write(subprocess.check_output([sys.executable, FOLDER / "multiply.py", str(HOSTS), *names], cwd=folder))
    return folder


def section(name):
    """A part of the page, up to the next heading."""
    return re.search(rf"^##+ {name}\n(.*?)(?=^##|\Z)", PAGE.read_text(), re.M | re.S)[1]


def sql(text):
    return re.findall(r"```sql\n(.*?);\n```", text, re.S)


ANSWER = re.compile(r"^```sql\n([^`]*);\n```\n\n```text\n([^`]*)```$", re.M)
QUERIES = [query for query, _ in ANSWER.findall(section("Questions"))]


class Sqlite:
    """With the commands of the page."""

    def __init__(self, folder):
        if sqlite3.sqlite_version_info < (3, 38):
            pytest.skip("SQLite before 3.38 has no ->>")
        machine.need_program("sqlite3")
        commands = re.findall(r"^    (sqlite3 .*)$", section("SQLite"), re.M)
        assert len(commands) == 2
        for command in commands:
            subprocess.run(command, shell=True, cwd=folder, check=True)
        self.db = sqlite3.connect(folder / "fleet.sqlite")
        create, = sql(section("SQLite"))
        self.db.execute(create)

    def ask(self, query):
        rows = self.db.execute(query)
        return [column[0] for column in rows.description], rows.fetchall()

    def close(self):
        self.db.close()


class DuckDb:
    """All queries in one run of Node, of which the answers are kept."""

    PROGRAM = textwrap.dedent("""\
        import { createRequire } from "node:module";
        const { DuckDBInstance } = createRequire(process.argv[2] + "/")(process.argv[2]);
        const connection = await (await DuckDBInstance.create(":memory:")).connect();
        let text = "";
        for await (const piece of process.stdin)
            text += piece;
        const answers = [];
        for (const query of JSON.parse(text)) {
            const reader = await connection.runAndReadAll(query);
            answers.push([reader.columnNames(), reader.getRowsJson()]);
        }
        console.log(JSON.stringify(answers));
        """)

    def __init__(self, folder):
        machine.need_program("node")
        package = machine.need_npm("@duckdb/node-api")
        (folder / "ask.mjs").write_text(self.PROGRAM)
        create, = sql(section("DuckDB"))
        done = subprocess.run([machine.which("node"), "ask.mjs", package], cwd=folder, input=json.dumps([create, *QUERIES]), text=True,
                              stdout=subprocess.PIPE, check=True, timeout=120)
        self.answers = dict(zip(QUERIES, json.loads(done.stdout)[1:]))

    def ask(self, query):
        return self.answers[query]

    def close(self):
        pass


CONFIG = """\
<yandex>
  <logger><level>warning</level><log>{folder}/server.log</log><errorlog>{folder}/errors.log</errorlog></logger>
  <http_port>{port}</http_port><listen_host>127.0.0.1</listen_host>
  <path>{folder}/</path><tmp_path>{folder}/tmp/</tmp_path><users_config>users.xml</users_config>
  <default_profile>default</default_profile><default_database>default</default_database><mark_cache_size>5368709</mark_cache_size>
</yandex>
"""
USERS = """\
<yandex>
  <profiles><default><join_default_strictness>ALL</join_default_strictness></default></profiles>
  <users><default>
    <password></password><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota>
  </default></users>
  <quotas><default/></quotas>
</yandex>
"""


class ClickHouse:
    """A server of its own on loopback."""

    def __init__(self, folder):
        machine.need("loopback")
        program = None if machine.lacks("clickhouse-server") else \
            shutil.which("clickhouse-server", path=f"{os.environ['PATH']}:/usr/sbin")
        if not program:
            pytest.skip("clickhouse-server is not installed")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.home = folder / "clickhouse"
        self.home.mkdir()
        (self.home / "config.xml").write_text(CONFIG.format(folder=self.home, port=self.port))
        (self.home / "users.xml").write_text(USERS)
        with open(self.home / "stderr", "wb") as said:
            self.server = subprocess.Popen([program, f"--config-file={self.home}/config.xml"], cwd=self.home,
                                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
        try:
            conftest.wait_for(self.answers, "clickhouse-server", 60)
            create, = sql(section("ClickHouse"))
            self.post("/", create.encode())
            where, = re.findall(r"^    curl 'http://127\.0\.0\.1:8123(/\?.*)' --data-binary @fleet\.jsonl$", section("ClickHouse"), re.M)
            self.post(where, (folder / "fleet.jsonl").read_bytes())
        except BaseException:
            self.close()
            raise

    def answers(self):
        assert self.server.poll() is None, (self.home / "stderr").read_text()[-2000:]
        with contextlib.suppress(OSError):
            return self.post("/ping", None) == b"Ok.\n"
        return False

    def post(self, where, data):
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
                    f"http://127.0.0.1:{self.port}{where}", data, timeout=60) as answer:
                return answer.read()
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode()) from error

    def ask(self, query):
        found = json.loads(self.post("/", f"{query} FORMAT JSONCompact".encode()))
        return [column["name"] for column in found["meta"]], found["data"]

    def close(self):
        self.server.terminate()
        try:
            self.server.wait(20)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()


@pytest.fixture(scope="module")
def engines(folder):
    """An engine by its class, made when it is first asked for."""
    made = {}

    def get(kind):
        if kind not in made:
            made[kind] = kind(folder)
        return made[kind]

    yield get
    for engine in made.values():
        engine.close()


def plain(value):
    """One form for what the engines write in their ways: 64-bit numbers as texts, whole ones as 1.0."""
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,15}", value):
        return int(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def answered(engine, query):
    names, rows = engine.ask(query)
    return list(names), [[plain(value) for value in row] for row in rows]


def table(names, rows):
    """As the page shows it: numbers to the right, NULL as nothing."""
    texts = [names] + [["" if value is None else f"{value:,}" if isinstance(value, int) else value for value in row] for row in rows]
    number = [all(value is None or isinstance(value, int) for value in column) for column in zip(*rows)]
    wide = [max(map(len, column)) for column in zip(*texts)]
    return "".join("  ".join(text.rjust(n) if right else text.ljust(n) for text, n, right in zip(row, wide, number)).rstrip() + "\n"
                   for row in texts)


@pytest.mark.parametrize("kind", [Sqlite, DuckDb, ClickHouse])
def test_answers_of_the_page(engines, kind):
    """And so the three say the same."""
    text, engine = PAGE.read_text(), engines(kind)
    assert len(QUERIES) == 5 == section("Questions").count("```sql"), "every query has an answer"
    again = ANSWER.sub(lambda found: f"```sql\n{found[1]};\n```\n\n```text\n{table(*answered(engine, found[1]))}```", text)
    if UPDATE and kind is Sqlite:
        PAGE.write_text(again)
    else:
        assert again == text


@pytest.fixture(scope="module")
def rows(engines):
    """Rows of the page's queries, by SQLite."""
    return [answered(engines(Sqlite), query)[1] for query in QUERIES]


def test_builds_and_days(rows):
    """What the cores were made to lose."""
    for build in (OLD, NEW, CART):
        left = [(day, name, host) for day, name, host in seen() if CORES[name][1] == build]
        leaking = sum(name.startswith("leaks") for _, name, _ in left)
        service = CORES[left[0][1]][0]
        assert [service, build, len({host for _, _, host in left}), leaking, sum(lost(name) for _, name, _ in left)] in rows[0]
    assert len(rows[0]) == 3
    assert [(day, build) for day, build, *_ in rows[1]] == \
        [("2026-11-26", OLD), ("2026-11-27", NEW), ("2026-11-27", OLD), ("2026-11-28", NEW)]
    assert [row[4] for row in rows[1]] == [0, lost("leaks"), 0, lost("leaks-more")]


def test_customer(rows):
    assert rows[2][0][:2] == [NEW, "umbrella.example"] and rows[2][0][4] == 1000
    assert {row[4] for row in rows[2][1:]} == {100}


def test_kinds(rows):
    objects = sum(CORES[name][3] for _, name, _ in seen())
    assert [[size, name, *counts] for size, name, _, _, *counts in rows[3]] == \
        [[320, None, objects, 320 * objects], [96, "Order", objects, 96 * objects]]


def test_outliers(rows):
    assert {host for _, host, *_ in rows[4]} == {f"web-{host}" for _, name, host in seen() if name == "large"}


def run(*argv, **options):
    done = subprocess.run([str(word) for word in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, **options)
    return types.SimpleNamespace(status=done.returncode, out=done.stdout, err=done.stderr.decode())


class TestCoreLines:
    """examples/fleet: what runs once a core."""

    LABELS = ("--host", "web-17", "--service", "cart_2", "--time", "1795922100")

    @pytest.fixture
    def place(self, heapcore, cores, tmp_path):
        """A folder of cores, and the environment in which the commands are found."""
        for name in ("core_cart_2_web-17_1795922100", "core_cart_2_web-18_1795922100.zst", "plain"):
            os.symlink(cores["cart"], tmp_path / name)
        (tmp_path / "bad").write_text("not a core\n")
        (tmp_path / "bin").mkdir()
        os.symlink(heapcore.path, tmp_path / "bin/heapcore")
        os.symlink(FOLDER / "core-lines", tmp_path / "bin/core-lines")
        return types.SimpleNamespace(folder=tmp_path, env={**conftest.ENVIRONMENT, "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"})

    def test_same_as_export(self, heapcore, place):
        """The name tells; what stands beside the core comes before it, and the environment before that."""
        named = heapcore("export", place.folder / "plain", "--format", "jsonl", *self.LABELS).out
        other = heapcore("export", place.folder / "plain", "--format", "jsonl", *self.LABELS, "--host", "web-18").out

        def lines(*paths, **more):
            done = run("core-lines", *paths, cwd=place.folder, env={**place.env, **more})
            assert done.status == 0 and done.err == ""
            return done.out

        core = "core_cart_2_web-17_1795922100"
        assert lines(core) == named and lines(place.folder / core) == named
        assert lines(core, f"{core.replace('17', '18', 1)}.zst") == named + other
        (place.folder / "plain.labels").write_text("host=web-18\nservice=cart_2\ncolour=red\ntime=1795922100")
        assert lines("plain") == other
        assert lines("plain", FLEET_HOST="web-17") == named

    def test_nothing_known(self, heapcore, place):
        """What the export takes by itself."""
        assert run("core-lines", "plain", cwd=place.folder, env=place.env).out == \
            heapcore("export", "plain", "--format", "jsonl", cwd=place.folder).out

    def test_pipe(self, place):
        """Paths on stdin, as Spark gives them: a bad core has one line on stderr, and the next ones are read."""
        good = run("core-lines", "plain", cwd=place.folder, env=place.env).out
        done = run("core-lines", input=b"plain\nbad\n\n-x\nplain", cwd=place.folder, env=place.env)
        assert done.status == 0 and done.out == good + good
        assert done.err.splitlines() == ["heapcore: bad: is text, not a core; give a core, as gcore or the kernel writes it",
                                         "heapcore: ./-x: can't be opened: No such file or directory"]

    def test_arguments(self, place):
        """By which a task of a scheduler fails."""
        done = run("core-lines", "bad", "plain", cwd=place.folder, env=place.env)
        assert done.status == 2 and len(done.err.splitlines()) == 1 and done.out.endswith(b"}\n")

    def test_slurm(self, place):
        (place.folder / "list").write_text("bad\nplain\n")
        (place.folder / "lines").mkdir()
        for number, status, kept in (("1", 2, ["1.part"]), ("2", 0, ["1.part", "2.jsonl"]), ("3", 1, ["1.part", "2.jsonl"])):
            done = run(FOLDER / "slurm-array.sh", "list", cwd=place.folder, env={**place.env, "SLURM_ARRAY_TASK_ID": number})
            assert done.status == status and bool(done.err) == bool(status)
            assert sorted(os.listdir(place.folder / "lines")) == kept
        assert (place.folder / "lines/2.jsonl").read_bytes() == run("core-lines", "plain", cwd=place.folder, env=place.env).out

    def test_kubernetes(self, place):
        yaml = pytest.importorskip("yaml", reason="python3-yaml is not installed")
        job = yaml.safe_load((FOLDER / "kubernetes-job.yaml").read_text())
        assert (job["kind"], job["spec"]["completionMode"]) == ("Job", "Indexed")
        pod = job["spec"]["template"]["spec"]
        container, = pod["containers"]
        assert {mount["name"] for mount in container["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
        (place.folder / "list").write_text("bad\nplain\n")
        *front, script = container["command"]
        script = script.replace("/cores/", f"{place.folder}/").replace("/lines/", f"{place.folder}/")
        for index, status in (("0", 2), ("1", 0)):
            done = run(*front, script, cwd=place.folder, env={**place.env, "JOB_COMPLETION_INDEX": index})
            assert done.status == status and (place.folder / f"{index}.jsonl").exists() == (not status)
        assert (place.folder / "1.jsonl").read_bytes() == run("core-lines", "plain", cwd=place.folder, env=place.env).out

    def test_spark(self, place):
        """With a stand-in for Spark: a process a partition, its elements a line each."""
        (place.folder / "pyspark.py").write_text(textwrap.dedent("""\
            import subprocess
            class SparkContext:
                def __init__(self, appName):
                    pass
                def parallelize(self, elements, slices):
                    self.partitions = [elements[i::slices] for i in range(slices)]
                    return self
                def pipe(self, command):
                    self.out = [subprocess.run([command], input="".join(f"{e}\\n" for e in part).encode(), stdout=-1, check=True).stdout
                                for part in self.partitions]
                    return self
                def saveAsTextFile(self, name):
                    open(name, "wb").write(b"".join(self.out))
            """))
        (place.folder / "list").write_text("plain\nbad\nplain\n")
        done = run(sys.executable, FOLDER / "spark_lines.py", "list", "out", cwd=place.folder,
                   env={**place.env, "PYTHONPATH": str(place.folder)})
        assert done.status == 0 and len(done.err.splitlines()) == 1
        assert (place.folder / "out").read_bytes() == 2 * run("core-lines", "plain", cwd=place.folder, env=place.env).out


def test_scripts():
    for path in FOLDER.glob("*.py"):
        ast.parse(path.read_text(), path.name)
    machine.need_program("shellcheck")
    assert run("shellcheck", FOLDER / "core-lines", FOLDER / "slurm-array.sh").out == b""


def test_container():
    """What it copies is there, or one of the packages that debian/ makes."""
    text = (FOLDER / "Containerfile").read_text()
    copied = [shlex.split(line)[-2] for line in text.splitlines() if line.startswith("COPY")]
    packages = re.findall(r"^Package: (.*)$", (conftest.ROOT / "debian/control").read_text(), re.M)
    assert copied == ["heapcore_*.deb", "core-lines"] and "heapcore" in packages and (FOLDER / "core-lines").exists()
    assert re.search(r"^FROM debian:", text, re.M) and re.search(r'^ENTRYPOINT \["core-lines"\]$', text, re.M)
    # With COPY's --chmod or without it.
    assert os.access(FOLDER / "core-lines", os.X_OK)
