"""Signature files: listing, testing, adding and replacing content classes, and what is wrong with a file."""
import pytest

from test_cli import validate

OWN = r"""
[order-id]
title = order number
description = What our shop calls an order.
priority = 900
pattern = ORD-(?<region>[A-Z]{2})-(?<number>[0-9]+)\z
normalise.number = digits
example = ORD-EU-17
counterexample = ORD-EU-x
"""


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "own.ini"
    path.write_text(OWN)
    return path


def names(heapcore, *options):
    return [row["name"] for row in heapcore("signatures", "--format", "csv", *options).rows()]


class TestList:
    def test_every_builtin_holds_its_examples(self, heapcore):
        document = heapcore("signatures", "--test", "--format", "json").json
        validate(document, "signatures")
        assert document["test"]["failed"] == 0
        for row in document["signatures"]:
            assert row["examples"] >= 2 or row["name"] == "other", row["name"]

    def test_what_must_be_there(self, heapcore):
        required = """http-request http-response http2-preface http2-headers form-data json markup redis-command
            redis-reply key memcached sql mysql postgres protobuf msgpack grpc-path kafka mqtt dns tls x509 pem jwt url
            path email uuid timestamp log-line base64 gzip zstd lz4 png jpeg lua-bytecode python-bytecode utf16
            mangled-name repeated pointers floats small-ints zero random text utf8 other""".split()
        assert set(required) <= set(names(heapcore))

    def test_order_is_precedence(self, heapcore):
        rows = [row for row in heapcore("signatures", "--format", "csv").rows() if row["kind"] != "secret"]
        priorities = [int(row["priority"]) for row in rows]
        assert priorities == sorted(priorities, reverse=True)
        assert rows[0]["name"] == "zero" and rows[-1]["name"] == "other"

    def test_text_fits(self, heapcore):
        assert "http-request" in heapcore("signatures").text


class TestOwn:
    def test_adds_a_class(self, heapcore, own):
        assert "order-id" in names(heapcore, "--signatures", own)
        assert names(heapcore, own) == ["order-id"]
        assert "1 signature: 2 examples passed, 0 failed" in heapcore("signatures", "--test", own).text

    def test_failing_example_is_the_answer_no(self, heapcore, own):
        own.write_text(OWN + "example = ORDER\n")
        result = heapcore("signatures", own, "--test", status=1)
        assert f"{own}:10: [order-id] example is text" in result.text

    def test_replaces_and_removes(self, heapcore, own):
        own.write_text("[jpeg]\nenabled = no\n[png]\ndescription = Mine.\nkind = bytes\nhex = 89 50\n")
        listed = {row["name"]: row for row in heapcore("signatures", "--format", "csv", "--signatures", own).rows()}
        assert "jpeg" not in listed
        assert listed["png"]["description"] == "Mine."
        assert listed["png"]["file"] == str(own)

    def test_directory_in_order_of_names(self, heapcore, tmp_path):
        (tmp_path / "b.ini").write_text("[mine]\ndescription = Second.\nliteral = b\n")
        (tmp_path / "a.ini").write_text("[mine]\ndescription = First.\nliteral = a\n")
        (tmp_path / "c.txt").write_text("not looked at")
        rows = heapcore("signatures", "--format", "csv", "--signatures", tmp_path).rows()
        assert [row["description"] for row in rows if row["name"] == "mine"] == ["Second."]

    def test_classifies_and_selects(self, heapcore, dump, own):
        core = dump("growth.c")
        own.write_text("[session]\ndescription = S.\npriority = 2000\nevidence = any\npattern = [^\\r\\n]{0,64}?session\n")
        rows = heapcore("classify", core, "--signatures", own, "--format", "csv").rows()
        mine = [row for row in rows if row["class"] == "session"]
        chunks = heapcore("chunks", core, "--signatures", own, "--class", "session", "--format", "csv").rows()
        assert mine and int(mine[0]["chunks"]) == len(chunks) > 0
        assert b"no content class" in heapcore("chunks", core, "--class", "session", status=2).err


@pytest.mark.parametrize("text,where,what", [
    ("[a]\npattern = (\ndescription = d\n", ":2: [a] pattern", "at offset"),
    ("[a]\nnonsense = 1\n", ":2: [a] nonsense", "no such name"),
    ("[a]\nkind = other\n", ":2: [a] kind", "none of"),
    ("x = 1\n", ":1: ", "before the first"),
    ("[a]\nno equals sign\n", ":2: ", "neither"),
    ("[a]\npattern = " + "x" * 250 + "\n", ":2: ", "too long"),
    ("[A b]\ndescription = d\nliteral = x\n", "[A b]", "small letters"),
    ("[a]\ndescription = d\n", "[a]", "no pattern"),
    ("[a]\ndescription = d\npattern = x*\n", "[a]", "nothing at all"),
    ("[a]\ndescription = d\nkind = secret\npattern = x\n", "[a]", "(?<secret>"),
    ("[a]\ndescription = d\nkind = secret\npattern = (?<other>x)\n", "[a]", "(?<secret>"),
    ("[a]\ndescription = d\nkind = code\ncheck = none\n", ":4: [a] check", "no check"),
    ("[a]\ndescription = d\nliteral = x\nnormalise.b = digits\n", ":4: [a] normalise.b", "no pattern"),
    ("[a]\ndescription = d\nliteral = x\ncheck = pointers\n", "[a]", "not for this kind"),
    ("[a]\nhex = 1g\n", ":2: [a] hex", "neither"),
    ("[a]\nexample = \\q\n", ":2: [a] example", "none of"),
    ("[a]\npriority = -1\n", ":2: [a] priority", "no number"),
])
def test_what_is_wrong_is_said(heapcore, tmp_path, text, where, what):
    path = tmp_path / "bad.ini"
    path.write_text(text)
    for command in (["signatures", path], ["signatures", "--signatures", path]):
        message = heapcore(*command, status=2).err.decode()
        assert str(path) in message and where in message and what in message, message


def test_missing_file(heapcore, tmp_path):
    assert b"No such file" in heapcore("signatures", tmp_path / "none.ini", status=2).err
    assert b"no *.ini" in heapcore("signatures", tmp_path, status=2).err
