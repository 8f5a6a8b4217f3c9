"""Types of C programs' objects, by what these point to: streams, GLib's objects, tables of functions, texts, callbacks."""
import collections
import json
import subprocess

import pytest

import conftest

BUILDS = {"pie": [], "stripped": ["-s"], "static": ["-static", "-s"], "position-dependent": ["-no-pie"],
          "32-bit": conftest.FLAGS_32_BIT}
# Debug information would know them as structs.
WITHOUT_DEBUG = ["-g0"]


def types(heapcore, core, *known_by):
    rows = heapcore("types", core, "--format", "json").json["types"]
    return [row for row in rows if row["known_by"] in known_by]


def kinds_of(core):
    return {name: int(count) for count, name in (line.split("KIND ")[1].split(maxsplit=1)
                                                  for line in core.said if line.startswith("KIND "))}


def first(heapcore, core, name):
    return heapcore("chunks", core, "--type", name, "--format", "csv").rows()[0]["address"]


class TestMarks:
    @pytest.fixture(params=BUILDS)
    def core(self, dump, request):
        return dump("marks.c", flags=[*WITHOUT_DEBUG, *BUILDS[request.param]])

    def test_streams(self, heapcore, core):
        ((count,),) = core.lines("FILE")
        (row,) = types(heapcore, core, "magic")
        assert (row["type"], row["chunks"]) == ("FILE", int(count))
        assert len(heapcore("chunks", core, "--type", "FILE", "--format", "csv").rows()) == int(count)

    def test_kinds(self, heapcore, core):
        """Every kind is there with its chunks, and nothing else of the program is one."""
        rows = {row["type"]: row["chunks"] for row in types(heapcore, core, "constant")}
        expected = kinds_of(core)
        symbols = [name for name in rows if "+0x" not in name]
        assert collections.Counter(rows.values()) == collections.Counter(expected.values())
        for name in symbols:
            assert rows[name] == expected[name.split(" (")[0]], name
        assert 'object "CachedPlanOfMarks"' in {name.split(" (")[0] for name in symbols}
        for name, chunks in rows.items():
            assert len(heapcore("chunks", core, "--type", name, "--format", "csv").rows()) == chunks

    def test_symbols_are_named(self, heapcore, dump):
        core = dump("marks.c", flags=WITHOUT_DEBUG)
        rows = {row["type"].split(" (")[0]: row["chunks"] for row in types(heapcore, core, "constant")}
        assert rows == kinds_of(core)

    def test_a_stream_tells_its_descriptor(self, heapcore, core):
        ((fd, address),) = core.lines("FD")
        known = heapcore("what", core, address, "--format", "json").json["chunk"]["type"]
        assert known["name"] == "FILE" and known["known_by"] == "magic"
        assert known["remark"].startswith(f"fd {fd}")
        ((cookie,),) = core.lines("COOKIE")
        assert heapcore("what", core, cookie, "--format", "json").json["chunk"]["type"]["remark"].startswith(
            "no descriptor")

    def test_the_list_of_streams(self, heapcore, dump):
        core = dump("marks.c", flags=WITHOUT_DEBUG)
        ((fd, address),) = core.lines("FD")
        assert f"FILE (stream of the C library, by its magic and jump table): fd {fd}, in the list of open streams" in (
            " ".join(heapcore("what", core, address).text.split()))

    def test_what_tells_a_kind(self, heapcore, dump):
        core = dump("marks.c", flags=WITHOUT_DEBUG)
        name = "object of connection_methods*"
        known = heapcore("what", core, first(heapcore, core, name), "--format", "json").json["chunk"]["type"]
        assert known["name"].startswith("object of connection_methods (") and known["known_by"] == "constant"

    def test_debug_information_is_better(self, heapcore, dump):
        """Where it knows a chunk, a kind does not hide the struct, whoever asks."""
        core = dump("structs.c", flags=[str(conftest.TESTDATA / "structs_other.c")])
        address = first(heapcore, core, "struct tree")
        known = heapcore("what", core, address, "--format", "json").json["chunk"]["type"]
        assert known == {"name": "struct tree", "known_by": "dwarf"}

    def test_documents_are_as_their_schema_says(self, heapcore, dump):
        jsonschema = pytest.importorskip("jsonschema", reason="python3-jsonschema is not installed")
        core = dump("marks.c", flags=WITHOUT_DEBUG)
        for verb, *args in (["types"], ["what", core.lines("FD")[0][1]], ["leaks"], ["analyze"]):
            schema = json.loads((conftest.ROOT / f"docs/schema/heapcore.{verb}.json").read_text())
            jsonschema.validate(heapcore(verb, core, *args, "--format", "json").json, schema)


class TestGlib:
    @pytest.fixture(params=["plain", "stripped"])
    def core(self, dump, request):
        done = subprocess.run(["pkg-config", "--cflags", "--libs", "gobject-2.0"], capture_output=True, text=True,
                              check=False)
        if done.returncode:
            pytest.skip("GLib's headers are not installed")
        strip = ["-s"] if request.param == "stripped" else []
        return dump("gobjects.c", flags=["-g0", *strip, *done.stdout.split()], env={"G_SLICE": "always-malloc"})

    def test_every_type_is_counted(self, heapcore, core):
        rows = {row["type"]: row["chunks"] for row in types(heapcore, core, "gtype")}
        expected = {name: int(count) for count, name in core.lines("TYPE")}
        assert {name: rows.get(name) for name in expected} == expected

    def test_what_and_selection(self, heapcore, core):
        address = first(heapcore, core, "Rack")
        known = heapcore("what", core, address, "--format", "json").json["chunk"]["type"]
        assert known == {"name": "Rack", "known_by": "gtype"}


PYTHON = """
import abc, os, sys
class Customer:
    __slots__ = ("a", "b", "c")
class Order(dict): pass
class Shape(metaclass=abc.ABCMeta): pass
class Square(Shape): pass
class Meta(type): pass
class Special(metaclass=Meta): pass
keep = [Customer() for _ in range(3000)] + [Order() for _ in range(400)] + [Square() for _ in range(60)]
keep += [Special() for _ in range(7)] + [Meta(f"Made{i}", (), {}) for i in range(11)]
large = [bytearray(b"x") for _ in range(5)] + [frozenset(range(i, i + 3)) for i in range(90)]
# Their items are a type each: chunks of addresses of types, and no objects.
lists = [[int, str, list] * 40 for _ in range(200)]
sys.stdout.write("end\\n")
sys.stdout.flush()
sys.stdin.read()
"""


class TestPython:
    @pytest.fixture(params=["malloc", "default"])
    def core(self, cache, request):
        conftest.machine.need("ptrace")
        conftest.machine.need_program("python3")
        path = cache / f"python-{request.param}.core"
        with conftest.once(path) as needed:
            if needed:
                with conftest.machine.child(["python3", "-sS", "-c", PYTHON],
                                            env={"PYTHONMALLOC": request.param}) as (process, _):
                    conftest.read_until(process.stdout, b"end")
                    conftest.gcore(process.pid, path)
        return request.param, path

    def test_every_class_is_counted(self, heapcore, core):
        how, path = core
        rows = {row["type"]: row["chunks"] for row in types(heapcore, path, "python")}
        # Types are larger than what Python's own allocator takes.
        assert rows["Meta"] == 12 and rows["type"] > 20
        if how == "malloc":
            expected = {"Customer": 3000, "Order": 400, "Square": 60, "Special": 7}
            assert {name: rows.get(name) for name in expected} == expected
            assert rows["list"] >= 200 and rows["bytearray"] >= 5 and rows["frozenset"] >= 90
        else:
            assert "Customer" not in rows

    def test_all_of_them_are_python_s(self, heapcore, core):
        """No kind is made of what has a type, and lists of types are none."""
        _, path = core
        assert not [row for row in types(heapcore, path, "constant") if "_Type (" in row["type"]]
