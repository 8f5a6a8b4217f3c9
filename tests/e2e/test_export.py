"""export and sql: the tables are what the verbs say, row by row; files are whole or not there."""
import csv
import io
import json
import os
import pathlib
import re
import signal
import sqlite3
import stat
import subprocess

import jsonschema
import pytest

import conftest
import machine

TABLES = ["process", "verdict", "findings", "kinds", "classes", "attributes", "arenas", "threads", "modules", "mappings", "chunks",
          "edges"]
FLEET = ["verdict", "findings", "kinds", "attributes"]
PAGE = conftest.ROOT / "docs/export.md"


@pytest.fixture(scope="module")
def core(dump):
    """Of C++ objects that were lost, with requests in them."""
    return dump("tickets.cc", flags=["-s"])


@pytest.fixture(scope="module")
def folder(heapcore, core, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    heapcore("export", core, "--edges", "--retained", "-o", folder / "all.sqlite", "--host", "web-17", "--time", "2026-11-29T03:15:00Z")
    return folder


@pytest.fixture(scope="module")
def db(folder):
    db = sqlite3.connect(f"file:{folder}/all.sqlite?mode=ro", uri=True)
    yield db
    db.close()


def ask(heapcore, core, query, *more):
    """Rows of a query in place; what is NULL is left out."""
    head, *rows, last = heapcore("sql", core, query, "--format", "json", *more).jsonl
    assert head["schema"] == "heapcore.sql/1" and last == {"summary": {"rows": len(rows)}}
    return rows


def signed(address):
    """As SQLite has it."""
    number = int(address, 16)
    return number - (1 << 64) if number >> 63 else number


def queries():
    return re.findall(r"\n\n([^\n]+(?:\n[^\n]+)*):\n\n```sql\n(.*?);\n```", PAGE.read_text().split("## Queries")[1], re.S)


class TestFile:
    def test_whole(self, db, folder):
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert db.execute("PRAGMA application_id").fetchone() == (0x68636578,)
        assert [name for name, in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")] == TABLES
        assert os.listdir(folder) == ["all.sqlite"]
        assert stat.S_IMODE(os.stat(folder / "all.sqlite").st_mode) == 0o600

    def test_quiet(self, heapcore, core, tmp_path):
        result = heapcore("export", core, "-q", "-o", tmp_path / "x.sqlite")
        assert (result.out, result.err, os.listdir(tmp_path)) == (b"", b"", ["x.sqlite"])

    def test_opens_in_the_shell(self, folder):
        out = subprocess.run(["sqlite3", folder / "all.sqlite", "SELECT count(*) FROM process"], capture_output=True)
        assert (out.stdout, out.stderr) == (b"1\n", b"")

    def test_chunks_are_those_of_chunks(self, heapcore, core, db):
        states = ",".join(sorted({state for state, in db.execute("SELECT DISTINCT state FROM chunks")}))
        rows = heapcore("chunks", core, "--state", states, "--format", "csv").rows()
        reaches = {}
        for reach in ("reachable", "possible", "indirect", "definite"):
            reaches.update({int(row["address"], 16): reach
                            for row in heapcore("chunks", core, "--reach", reach, "--format", "csv").rows()})
        assert len(rows) > 1000
        assert [tuple(row) for row in db.execute("SELECT address, size, usable, state, arena, reach FROM chunks ORDER BY address")] == \
            [(int(row["address"], 16), int(row["chunk_size"]), int(row["usable_size"]), row["state"],
              "mmap" if row["arena"] == "mmap" else int(row["arena"]), reaches.get(int(row["address"], 16))) for row in rows]

    def test_classes_and_types(self, heapcore, core, db):
        """As --class and --type select them."""
        names = db.execute("SELECT class, chunks, bytes FROM classes").fetchall()
        assert len(names) > 1
        document = heapcore("classify", core, "--format", "json").json
        assert {(row["class"], row["chunks"], row["bytes"]) for row in document["classes"]} == set(names)
        for name, chunks, _ in names:
            found = [int(row["address"], 16) for row in heapcore("chunks", core, "--class", name, "--format", "csv").rows()]
            assert found == [a for a, in db.execute("SELECT address FROM chunks WHERE class = ? ORDER BY address", [name])]
            assert len(found) == chunks
        types = heapcore("types", core, "--format", "json", "--full-names").json["types"]
        assert types and {(row["type"], row["chunks"], row["bytes"]) for row in types} == \
            set(db.execute("SELECT type, count(*), sum(size) FROM chunks WHERE type IS NOT NULL GROUP BY type"))

    def test_kinds(self, heapcore, core, db):
        assert db.execute("""SELECT k.kind, k.chunks, k.bytes, k.lost_chunks, k.lost_bytes, k.sample_address, k.size, k.type, k.class
                             FROM kinds k ORDER BY kind""").fetchall() == \
            db.execute("""SELECT kind, count(*), sum(size), sum(reach IN ('definite', 'indirect')),
                          coalesce(sum(CASE WHEN reach IN ('definite', 'indirect') THEN size END), 0), min(address),
                          min(size), min(type), min(class) FROM chunks WHERE state = 'in-use' GROUP BY kind ORDER BY kind""").fetchall()
        sizes = [b for b, in db.execute("SELECT bytes FROM kinds ORDER BY kind")]
        assert sizes == sorted(sizes, reverse=True)
        assert not db.execute("SELECT count(*) FROM chunks WHERE (kind IS NULL) = (state = 'in-use')").fetchone()[0]

    def test_findings_are_those_of_analyze(self, heapcore, core, db):
        document = heapcore("analyze", core, "--format", "json").json
        assert db.execute("SELECT verdict, lost_bytes FROM verdict").fetchone() == (document["verdict"], document["lost_bytes"])
        rows = db.execute("SELECT finding, cause, bytes, touched_bytes, chunks FROM findings").fetchall()
        assert [(row[1], row[4]) for row in rows] == [(f["kind"], f["chunks"]) for f in document["findings"]]
        with_chunks = 0
        for number, cause, size, _, chunks in rows:
            if cause in ("stacks", "outside"):
                continue
            found = heapcore("chunks", core, "--finding", number, "--format", "csv").rows()
            assert [int(row["address"], 16) for row in found] == \
                [a for a, in db.execute("SELECT address FROM chunks WHERE finding = ? ORDER BY address", [number])]
            with_chunks += len(found)
        assert with_chunks == db.execute("SELECT count(finding) FROM chunks").fetchone()[0] > 0

    def test_sums(self, heapcore, core, db):
        for row in heapcore("arenas", core, "--format", "json").json["arenas"]:
            assert db.execute("SELECT count(*), coalesce(sum(size), 0) FROM chunks WHERE arena = ? AND state = 'in-use'",
                              [row["arena"]]).fetchone() == (row["in_use_chunks"], row["in_use_bytes"])
            assert db.execute("SELECT in_use_chunks, in_use_bytes, system_bytes FROM arenas WHERE arena = ?",
                              [row["arena"]]).fetchone() == (row["in_use_chunks"], row["in_use_bytes"], row["system_bytes"])
        leaks = heapcore("leaks", core, "--format", "json").json
        assert db.execute("SELECT sum(size) FROM chunks WHERE reach IN ('definite', 'indirect')").fetchone()[0] == \
            sum(group["bytes"] for group in leaks["groups"]) > 0

    def test_mappings_modules_threads(self, heapcore, core, db):
        maps = heapcore("maps", core, "--format", "json").json["mappings"]
        assert db.execute("SELECT address, size, kind, path FROM mappings ORDER BY rowid").fetchall() == \
            [(signed(row["start"]), row["size"], row["kind"], row["path"]) for row in maps]
        modules = heapcore("info", core, "--format", "json").json["modules"]
        assert db.execute("SELECT address, size, path, build_id FROM modules ORDER BY rowid").fetchall() == \
            [(int(row["start"], 16), row["size"], row["path"], row["build_id"]) for row in modules]
        threads = heapcore("threads", core, "--format", "json").json["threads"]
        assert db.execute("SELECT thread, pc, touched_bytes FROM threads ORDER BY rowid").fetchall() == \
            [(row["thread"], int(row["pc"], 16), row["touched_bytes"]) for row in threads]

    def test_attributes(self, heapcore, core, db):
        document = heapcore("classify", core, "--attributes", "--top", "0", "--format", "json").json
        expected = [(row["class"], row["attribute"], value["value"], value["chunks"])
                    for row in document["attributes"] for value in row["values"][:1000]]
        assert expected and db.execute("SELECT class, attribute, value, chunks FROM attributes ORDER BY rowid").fetchall() == expected

    def test_edges_are_pointers(self, heapcore, core, db):
        """Of a chunk that is held, those that refs finds in chunks."""
        target, = db.execute("""SELECT target FROM edges JOIN chunks ON address = target WHERE exact AND reach = 'reachable'
                                GROUP BY target ORDER BY count(*) DESC, target LIMIT 1""").fetchone()
        assert not db.execute("""SELECT count(*) FROM edges LEFT JOIN chunks s ON s.address = source LEFT JOIN chunks t ON t.address = target
                                 WHERE s.state <> 'in-use' OR t.state <> 'in-use' OR s.state IS NULL OR t.state IS NULL
                                 OR source_offset >= s.usable OR target_offset >= t.usable""").fetchone()[0]
        refs = heapcore("refs", core, hex(target), "--format", "json").json["referrers"]
        holders = {(int(row["chunk"], 16), row["chunk_offset"]) for row in refs if row["chunk"] and row["state"] == "in-use"}
        assert holders and holders == set(db.execute("SELECT source, source_offset FROM edges WHERE target = ?", [target]))

    def test_retained(self, heapcore, dump, tmp_path):
        """Of each chunk what `retained --of` says of it, here of lists, rings, and what two hold."""
        held = dump("holders.c")
        heapcore("export", held, "--retained", "-o", tmp_path / "held.sqlite")
        db = sqlite3.connect(tmp_path / "held.sqlite")
        query = "SELECT address, size, state, reach, retained FROM chunks"
        rows = db.execute(query + " ORDER BY address").fetchall()
        assert [(int(row["address"], 16), row["size"], row["state"], row.get("reach"), row.get("retained"))
                for row in ask(heapcore, held, query + " ORDER BY address")] == rows
        assert all((retained is None) == (reach not in ("reachable", "possible")) for _, _, _, reach, retained in rows)
        largest = sorted((row for row in rows if row[4]), key=lambda row: (-row[4], row[0]))
        assert largest[0][4] > largest[0][1]
        for address, size, _, _, retained in largest[:6] + largest[-2:]:
            of = heapcore("retained", held, "--of", hex(address), "--format", "json").json["chain"][0]
            assert of["retained_bytes"] == retained >= size
        assert any(retained == size for _, size, _, _, retained in rows)

    def test_retained_on_request(self, heapcore, core, tmp_path):
        heapcore("export", core, "-o", tmp_path / "x.sqlite")
        assert sqlite3.connect(tmp_path / "x.sqlite").execute("SELECT count(retained), count(*) > 1000 FROM chunks").fetchone() == (0, 1)

    def test_labels(self, heapcore, core, db):
        info = heapcore("info", core, "--format", "json").json
        assert db.execute("SELECT core, host, service, time, partial, content, machine FROM process").fetchone() == \
            (str(core), "web-17", os.path.basename(info["modules"][0]["path"]), 1795922100, 0, "sample", "x86-64")


class TestPage:
    """docs/export.md"""

    def test_schema(self, db):
        made = "\n\n".join(sql + ";" for sql, in db.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"))
        text = PAGE.read_text()
        expected = re.sub(r"(<!-- schema -->\n```sql\n).*?(```\n)", lambda m: m[1] + made + "\n" + m[2], text, flags=re.S)
        if os.environ.get("HEAPCORE_UPDATE_GOLDEN"):
            PAGE.write_text(expected)
        else:
            assert text == expected, "HEAPCORE_UPDATE_GOLDEN=1 writes it anew"

    def test_diagram(self, db):
        names = set(re.findall(r"^    (\w+) [|}o]+--[|{o]+ (\w+) :", PAGE.read_text(), re.M))
        assert {name for pair in names for name in pair} == set(TABLES)

    def test_ten_queries(self):
        assert len(queries()) >= 10

    @pytest.mark.parametrize("number", range(len(queries())))
    def test_query(self, heapcore, core, db, number):
        what, query = queries()[number]
        rows = db.execute(query)
        names = [column[0] for column in rows.description]
        rows = rows.fetchall()
        assert rows, what
        found = ask(heapcore, core, query)
        assert [tuple(integer(row.get(name)) for name in names) for row in found] == \
            [tuple(integer(value) for value in row) for row in rows], what


def integer(value):
    """Addresses are hexadecimal in one of them; shares have six digits there."""
    if isinstance(value, str) and re.fullmatch("0x[0-9a-f]+", value):
        return int(value, 16)
    return round(value, 6) if isinstance(value, float) else value


class TestSql:
    def test_formats(self, heapcore, core, db):
        query = "SELECT finding, cause, bytes, share, type, sample_address FROM findings"
        rows = db.execute(query).fetchall()
        for row in ask(heapcore, core, query):
            jsonschema.validate(row, json.loads((conftest.ROOT / "docs/schema/heapcore.sql.json").read_text()))
        text = heapcore("sql", core, query, env={"COLUMNS": "250"}).text.splitlines()
        # What is NULL in all rows has no column in text.
        names = text[0].split()
        assert names[:4] == ["finding", "cause", "bytes", "share"] and set(names[4:]) <= {"type", "sample_address"}
        assert text[-1] == f"{len(rows)} rows" and len(text) == len(rows) + 2
        found = list(csv.DictReader(io.StringIO(heapcore("sql", core, query, "--format", "csv").text)))
        assert [(int(row["finding"]), row["type"] or None, int(row["sample_address"], 16) if row["sample_address"] else None)
                for row in found] == [(row[0], row[4], row[5]) for row in rows]

    def test_many_rows(self, heapcore, core, db):
        """More than are kept for their widths; the columns still stand in line."""
        num, = db.execute("SELECT count(*) FROM chunks").fetchone()
        assert num > 1000
        head, *rows, foot = heapcore("sql", core, "SELECT address, size, state FROM chunks").text.splitlines()
        assert foot == f"{num:,} rows" and len(rows) == num
        assert len({row.index("0x") for row in rows}) <= 2 and head.split() == ["address", "size", "state"]

    @pytest.mark.parametrize("bounds", ["= {0}", "> {0}", ">= {0}", "< {0}", "<= {0}", "BETWEEN {0} AND {1}", "IN ({0}, {1})",
                                        "= {0} + 1", "> -1", "< -1", "= '{0}'", "> {0}.5", "= NULL", "> {1} AND address < {0}"])
    def test_bounds(self, heapcore, core, db, bounds):
        """What is gone to is what a look at all rows finds, whatever stands in place of a number."""
        addresses = [a for a, in db.execute("SELECT address FROM chunks ORDER BY address")]
        bounds = bounds.format(addresses[len(addresses) // 3], addresses[len(addresses) // 2])
        queries = []
        for table, column, other in (("chunks", "address", "kind"), ("edges", "source", "target")):
            condition = f"{column} {bounds.replace('address', column)}"
            queries += [f"SELECT count(*) AS n, sum({column}) AS s, sum({other}) AS o FROM {table} WHERE {condition}",
                        f"SELECT count(*), sum(a), sum(o) FROM (SELECT {column} AS a, {other} AS o FROM {table} WHERE {condition}"
                        f" ORDER BY {column} LIMIT 50)"]
        query = " UNION ALL ".join(queries)
        rows = ask(heapcore, core, query)
        assert [(row["n"], row.get("s"), row.get("o")) for row in rows] == db.execute(query).fetchall()

    @pytest.mark.parametrize("query,said", [
        ("SELECT", "incomplete input"), ("SELEC 1", 'near "SELEC": syntax error'), ("SELECT nope FROM chunks", "no such column: nope"),
        ("SELECT * FROM nope", "no such table: nope"), ("", "there is no statement"), ("/**/ -- 1", "there is no statement"),
        ("SELECT 1; SELECT 2", "give one statement, not several"), ("PRAGMA journal_mode", "read only"), ("BEGIN", "read only"),
        ("ATTACH 'there' AS there", "read only"), ("CREATE TABLE there (x)", "read only"), ("VACUUM INTO 'there'", "give a SELECT"),
        ("DELETE FROM chunks", "may not be modified"), ("SELECT load_extension('there')", "not authorized"),
        ("SELECT abs(-9223372036854775808)", "integer overflow"), ("SELECT * FROM chunks a JOIN chunks b USING (address) LIMIT 1", None),
        ("SELECT " + ",".join("1" * 65), "too many columns in result set")])
    def test_errors(self, heapcore, core, tmp_path, query, said):
        result = heapcore("sql", core, query, status=None, cwd=tmp_path)
        if said is None:
            assert result.status == 0
            return
        assert (result.status, result.out) == (2, b"")
        assert re.fullmatch(f"heapcore: SQL: [^\n]*{re.escape(said)}[^\n]*\n", result.err.decode())
        assert not os.listdir(tmp_path)

    def test_names_of_columns(self, heapcore, core):
        rows = ask(heapcore, core, """SELECT 1 AS a, -2 AS a, 'x' AS "q""\\uote", x'00ff' AS blob, 0.25, NULL AS none, 'é' || char(10)""")
        assert rows == [{"a": 1, "a_2": -2, "q__uote": "x", "blob": "00ff", "0.25": 0.25, "'__' || char(10)": "é\n"}]

    def test_columns_are_chosen(self, heapcore, core):
        assert heapcore("sql", core, "SELECT 1 AS a, 2 AS b", "--format", "csv", "--columns", "b").text == "b\n2\n"
        assert b"ORDER BY sorts" in heapcore("sql", core, "SELECT 1 AS a", "--sort", "a", status=2).err

    def test_what_is_not_needed_is_not_computed(self, heapcore, core):
        def phases(query):
            return heapcore("sql", core, query, "-v").err.decode()

        assert "following pointers" not in phases("SELECT state, sum(size) FROM chunks GROUP BY 1")
        assert "classifying" not in phases("SELECT reach, sum(size) FROM chunks GROUP BY 1")
        assert "following pointers" in phases("SELECT reach, sum(size) FROM chunks GROUP BY 1")
        assert "classifying" in phases("SELECT class, sum(size) FROM chunks GROUP BY 1")

    @pytest.mark.parametrize("level", ["none", "class", "sample"])
    def test_content(self, heapcore, dump, tmp_path, level):
        secrets = dump("secrets.c")
        heapcore("export", secrets, "-o", tmp_path / "x.sqlite", "--content", level, "--edges")
        heapcore("export", secrets, "-o", tmp_path / "lines", "--content", level, "--format", "jsonl")
        everything = (tmp_path / "x.sqlite").read_bytes() + b"".join(path.read_bytes() for path in (tmp_path / "lines").iterdir())
        assert b"hunter2" not in everything
        db = sqlite3.connect(tmp_path / "x.sqlite")
        count = "SELECT count({}) FROM {}"
        classes, = db.execute(count.format("class", "chunks")).fetchone()
        values, = db.execute(count.format("value", "attributes")).fetchone()
        assert (classes > 0, values > 0) == {"none": (False, False), "class": (True, False), "sample": (True, True)}[level]
        assert db.execute(count.format("kind", "chunks")).fetchone()[0] > 0
        found, = ask(heapcore, secrets, "SELECT (SELECT count(class) FROM chunks) c, (SELECT count(value) FROM attributes) v",
                     "--content", level)
        assert found == {"c": classes, "v": values}


class TestDirectory:
    @pytest.mark.parametrize("form", ["csv", "jsonl"])
    def test_same_tables(self, heapcore, core, db, tmp_path, form):
        heapcore("export", core, "--edges", "--retained", "--format", form, "-o", tmp_path / "out", "--host", "web-17", "--time", "1795922100")
        assert sorted(os.listdir(tmp_path / "out")) == sorted(f"{name}.{form}" for name in TABLES)
        schema = json.loads((conftest.ROOT / "docs/schema/heapcore.export.json").read_text())
        for i, name in enumerate(TABLES):
            text = (tmp_path / f"out/{name}.{form}").read_text()
            rows = db.execute(f"SELECT * FROM {name} ORDER BY rowid")
            names = [column[0] for column in rows.description]
            if form == "csv":
                found = [[plain(row[name]) for name in names] for row in csv.DictReader(io.StringIO(text))]
            else:
                lines = list(map(json.loads, text.splitlines()))
                variant = {**schema["oneOf"][i], "$defs": schema["$defs"], "additionalProperties": False}
                for line in lines[:50]:
                    jsonschema.validate(line, variant)
                found = [[plain(line.get(name)) for name in names] for line in lines]
            assert found == [[plain(value) for value in row] for row in rows], name

    def test_replaced_with_force(self, heapcore, core, tmp_path):
        def export(*more, status=0):
            return heapcore("export", core, "--format", "csv", "-o", tmp_path / "out", *more, status=status)

        export()
        assert b"not empty; it was left alone" in export(status=2).err
        export("--force")
        (tmp_path / "out/mine").touch()
        assert b"holds mine, which no earlier run wrote" in export("--force", status=2).err


def plain(value):
    """One form for what the three formats have in three."""
    if isinstance(value, bool) or value in ("true", "false"):
        return int(value in (True, "true"))
    if value in (None, ""):
        return None
    if isinstance(value, str) and re.fullmatch(r"0x[0-9a-f]+", value):
        return signed(value)
    if isinstance(value, str) and re.fullmatch(r"-?\d+", value):
        return int(value)
    if isinstance(value, float) or isinstance(value, str) and re.fullmatch(r"\d+\.\d{6}", value):
        return round(float(value), 6)
    return value


class TestFleet:
    def test_lines(self, heapcore, core, db):
        lines = heapcore("export", core, "--format", "jsonl", "--host", "web-17", "--time", "2026-11-29T03:15:00Z").jsonl
        build, service = db.execute("SELECT build_id, service FROM process").fetchone()
        for line in lines:
            assert [line.pop(name) for name in ("host", "service", "build_id", "time")] == ["web-17", service, build, 1795922100]
        for name in FLEET:
            rows = db.execute(f"SELECT * FROM {name} ORDER BY rowid")
            names = [column[0] for column in rows.description]
            assert [[plain(line.get(name)) for name in names] for line in lines if line["table"] == name] == \
                [[plain(value) for value in row] for row in rows]
        assert {line["table"] for line in lines} == set(FLEET)

    def test_service(self, heapcore, core):
        line = heapcore("export", core, "--format", "jsonl", "--service", "a \"b\"\n\x80").jsonl[0]
        assert line["service"].startswith('a "b"') and "host" not in line
        assert line["time"] == int(os.stat(core).st_mtime)


class TestRecipes:
    """docs/recipes.md: what it says the tests run."""

    @pytest.mark.parametrize("source,status", [("leak_shapes.cc", 1), ("growth.c", 0)])
    def test_build_that_fails(self, heapcore, dump, tmp_path, source, status):
        """gcore's core, as the recipe takes it."""
        os.symlink(dump(source), tmp_path / "core.1")
        os.symlink(heapcore.path, tmp_path / "heapcore")
        first, second = re.findall(r"```sh\n(.*?)\n```", (conftest.ROOT / "docs/recipes.md").read_text(), re.S)
        environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PID": "1", "DEBUGINFOD_URLS": ""}

        def run(command):
            return subprocess.run(command, shell=True, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)

        assert run(first.split("&& ")[1]).returncode == status
        out = run(second)
        assert out.returncode == 0 and ("lost_bytes" in out.stdout or not status)


    def recipes(self, pattern):
        """Blocks of commands or of files, as they are indented there, that have a text."""
        page = (conftest.ROOT / "docs/recipes.md").read_text()
        return [block.replace("\n    ", "\n") for block in re.findall(r"(?<=\n\n    )[^\n]+(?:\n    [^\n]*)*", page) if re.search(pattern, block)]

    def test_alert(self, tmp_path):
        """promtool takes the rule, which fires for what grows by 1 GB in an hour, and not for what stays."""
        machine.need_program("promtool")
        rule, = self.recipes("alert: MemoryGrows")
        (tmp_path / "rules.yml").write_text("groups:\n- name: memory\n  rules:\n" + "".join(f"  {line}\n" for line in rule.splitlines()))
        checked = subprocess.run(["promtool", "check", "rules", "rules.yml"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
        assert checked.returncode == 0 and "1 rules found" in checked.stdout
        series = [("grows", "5000000000+16666667x240", [{"exp_labels": {"job": "checkout", "instance": "grows"}}]), ("stays", "5000000000x240", [])]
        (tmp_path / "test.yml").write_text(json.dumps({"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": [
            {"interval": "1m",
             "input_series": [{"series": f'process_resident_memory_bytes{{job="checkout",instance="{name}"}}', "values": values}],
             "alert_rule_test": [{"eval_time": "3h", "alertname": "MemoryGrows", "exp_alerts": alerts}]} for name, values, alerts in series]}))
        assert subprocess.run(["promtool", "test", "rules", "test.yml"], cwd=tmp_path, stdout=subprocess.PIPE).returncode == 0

    @pytest.mark.parametrize("program", ["kubectl", "docker"])
    def test_options_exist(self, program):
        """Options of commands that nothing here can carry out, by what the programs say of themselves."""
        machine.need_program(program)
        commands = [line for block in self.recipes(rf"^{program} ") for line in block.splitlines() if line.startswith(f"{program} ")]
        assert len(commands) >= 2
        for command in commands:
            # What follows is another program's.
            words = re.split(" -- | gcore |#", command)[0].split()
            said = subprocess.run([program, words[1], "--help"], stdout=subprocess.PIPE, text=True).stdout
            options = [word.split("=")[0] for word in words[2:] if word.startswith("--")]
            options += [f"-{letter}" for word in words[2:] if re.match(r"-\w", word) for letter in word[1:]]
            missing = [option for option in options if not re.search(rf"(?<![\w-]){option}(?![\w-])", said)]
            assert not missing, command
        if program == "kubectl":
            assert "sysadmin" in subprocess.run(["kubectl", "debug", "--help"], stdout=subprocess.PIPE, text=True).stdout

    def test_limit_of_a_service(self, tmp_path):
        machine.need_program("systemd-analyze")
        setting, = re.findall(r"in the service: (\w+=\w+)", (conftest.ROOT / "docs/recipes.md").read_text())
        unit = tmp_path / "checkout.service"
        for line, right in ((setting, True), (setting + "x", False)):
            unit.write_text(f"[Service]\nExecStart=/bin/true\n{line}\n")
            done = subprocess.run(["systemd-analyze", "verify", unit], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            assert ("checkout.service:3" not in done.stdout) == right, done.stdout

    def test_holes(self, heapcore, dump, tmp_path):
        """What fallocate -d takes out of a core is what heapcore reads as zeroes."""
        machine.need_program("fallocate")
        core = dump("retention.c")
        expected = heapcore("analyze", core, "--format", "json").json
        copy = tmp_path / os.path.basename(core)
        with open(core, "rb") as source, open(copy, "wb") as target:
            target.write(source.read())
        if subprocess.run(["fallocate", "-d", copy], stderr=subprocess.PIPE).returncode:
            pytest.skip("this file system has no holes to dig")
        found = heapcore("analyze", copy, "--format", "json").json
        assert {**found, "core": None, "findings": None, "pinned": None, "arguments": None} == \
            {**expected, "core": None, "findings": None, "pinned": None, "arguments": None}


class TestRefusals:
    @pytest.mark.parametrize("args,said", [
        ([], "give -o FILE"), (["-o", "-"], "give -o FILE"), (["--format", "csv"], "give -o DIR"),
        (["--time", "yesterday", "-o", "x"], "is no time"), (["--columns", "address", "-o", "x"], "writes all columns"),
        (["--sort", "size", "-o", "x"], "writes all columns"), (["-o", "missing/x"], "No such file or directory"),
        (["-o", "there"], "there exists; it was left alone"), (["-o", "link"], "is a symbolic link"), (["-o", "/dev/null"], "give -o FILE"),
        (["-o", "folder"], "is not a regular file"), (["--format", "jsonl", "-o", "there"], "is no directory"),
        (["--format", "text", "-o", "x"], "export has no text output")])
    def test_options(self, heapcore, core, tmp_path, args, said):
        (tmp_path / "there").write_text("mine")
        (tmp_path / "folder").mkdir()
        os.symlink("there", tmp_path / "link")
        before = sorted(os.listdir(tmp_path))
        result = heapcore("export", core, *args, status=2, cwd=tmp_path)
        first, *rest = result.err.decode().splitlines()
        assert first.startswith("heapcore: ") and said in first and rest in ([], ["Try 'heapcore export --help'."])
        assert sorted(os.listdir(tmp_path)) == before and (tmp_path / "there").read_text() == "mine"

    def test_force(self, heapcore, core, tmp_path):
        (tmp_path / "x").write_text("mine")
        heapcore("export", core, "-o", tmp_path / "x", "--force")
        assert sqlite3.connect(tmp_path / "x").execute("SELECT count(*) FROM chunks").fetchone()[0] > 1000
        assert os.listdir(tmp_path) == ["x"]

    @pytest.mark.skipif(os.geteuid() == 0 and not os.path.exists("/proc/self/ns/user"), reason="root writes everywhere")
    def test_directory_that_is_read_only(self, heapcore, core):
        result = heapcore("export", core, "-o", "/proc/x.sqlite", status=2)
        assert re.fullmatch(r"heapcore: cannot create /proc/x.sqlite: [^\n]+\n", result.err.decode())

    def test_no_heap(self, heapcore, dump, tmp_path):
        core = dump("no_heap.c")
        heapcore("export", core, "-o", tmp_path / "x", "--edges")
        db = sqlite3.connect(tmp_path / "x")
        assert db.execute("SELECT no_heap IS NOT NULL FROM process").fetchone() == (1,)
        assert [db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in ("chunks", "kinds", "edges")] == [0, 0, 0]
        assert db.execute("SELECT count(*) FROM mappings").fetchone()[0] > 0

    @pytest.mark.parametrize("form", ["sqlite", "jsonl"])
    def test_interrupted(self, heapcore, core, tmp_path, form):
        """^C while the file is written, which is when it has a name of its own."""
        process = subprocess.Popen([heapcore.path, "export", core, "-o", tmp_path / "out", "--format", form, "--edges", "-q"],
                                   stderr=subprocess.PIPE)
        while process.poll() is None and not os.listdir(tmp_path):
            pass
        process.send_signal(signal.SIGINT)
        status = process.wait(conftest.TIMEOUT)
        # It may have been faster: then all of it is there.
        assert (status, os.listdir(tmp_path)) in ((-signal.SIGINT, []), (0, ["out"]), (-signal.SIGINT, ["out"]))


def test_hostile_names(heapcore, dump, tmp_path):
    """A program whose name is what SQL, CSV, JSON and terminals have their own ideas about."""
    core = dump("growth.c", "20")
    name = tmp_path / "a'b\"; DROP TABLE chunks; --\x1b[31m\xff,\n"
    os.symlink(core, name)
    heapcore("export", name, "-o", tmp_path / "x.sqlite", "--service", "\udcff\x1b']", "--host", "'); DELETE FROM process; --")
    shown, host, service = sqlite3.connect(tmp_path / "x.sqlite").execute("SELECT core, host, service FROM process").fetchone()
    assert host == "'); DELETE FROM process; --" and service == "\\xff\\x1b']"
    assert shown.startswith(str(tmp_path) + "/a'b\"; DROP TABLE chunks; --") and "\x1b" not in shown
    row, = ask(heapcore, name, "SELECT core FROM process")
    assert pathlib.Path(row["core"]).name.startswith("a'b\"; DROP TABLE chunks; --")
