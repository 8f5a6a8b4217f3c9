"""Content classes are the same whichever way the signatures' literals are looked for.

--prefilter literals looks for one after the other, vectorscan for all in one pass each time, and auto (the default)
decides for each run of text. A build without the library has only the first.
"""
import lzma

import pytest

import conftest
import traffic

CORES = ["golden", "http_hoard", "http_leak", "redis_handlers", "orders", "noise"]
VERBS = [
    ["classify", "--with-leaks", "--attributes", "--format", "json"],
    ["chunks", "--class", "http-request", "--class", "json", "--class", "redis-command", "--class", "text",
     "--format", "csv"],
    ["common", "--format", "json"],
    ["common", "--leaked", "--class", "http-request", "--format", "json"],
    ["leaks", "--format", "json"],
    ["grep", "--by", "class", "[a-z]+=[0-9]+", "--format", "json"],
    ["analyze"],
    ["analyze", "--format", "json"],
]
# What stands in the traffic, and then more than are looked for one by one.
WORDS = ["channelid=4099", "appid=", "HTTP/1.1", "order:", "pending", "Content-", "User-Agent", "INFO", "SELECT ",
         "customer", "name=", "\\\"id\\\"", "HSET", "Host: ", "user:", "Envelope"]


@pytest.fixture(scope="session")
def core_of(cache, compiled, dump):
    def core(name):
        if name == "golden":
            path = cache / "golden.core"
            with conftest.once(path) as needed:
                if needed:
                    path.write_bytes(lzma.decompress((conftest.TESTDATA / "golden/golden.core.xz").read_bytes()))
            return path
        if name == "noise":
            return dump("noise.c")
        return {"http_hoard": traffic.hoard_core, "http_leak": traffic.leaking_core, "redis_handlers": traffic.redis_core,
                "orders": traffic.orders_core}[name](cache, compiled)

    return core


@pytest.fixture(scope="session")
def many(tmp_path_factory):
    """Seventy signatures that may begin anywhere, in front of all others."""
    path = tmp_path_factory.mktemp("signatures") / "many.ini"
    with open(path, "w") as file:
        for i in range(70):
            word = WORDS[i // 4] if i % 4 == 0 and i // 4 < len(WORDS) else f"nobody-wrote-{i}"
            kind = "bytes" if i % 3 == 0 else "text"
            file.write(f"[own-{i}]\ndescription = One of seventy.\npriority = {2000 + i * 37 % 70}\nkind = {kind}\n"
                       f"anchor = anywhere\n")
            file.write("evidence = any\n" if kind == "text" else "")
            file.write(f"pattern = {word}(?<rest>[!-~]{{1,8}})\n")
    return path


@pytest.fixture(scope="session")
def vectorscan(heapcore):
    if "libhs" not in heapcore("--version", "-v").text:
        pytest.skip("Vectorscan is not built in, or not for this processor: there is only one way")


def outputs(heapcore, core, how, *args):
    return [heapcore(verb, core, *options, *args, "--prefilter", how, status=None).out for verb, *options in VERBS]


@pytest.mark.parametrize("own", [False, True], ids=["builtin", "many"])
@pytest.mark.parametrize("name", CORES)
def test_same_answers(heapcore, vectorscan, core_of, many, name, own):
    core = core_of(name)
    args = ["--signatures", many] if own else []
    expected = outputs(heapcore, core, "literals", *args)
    if own and name != "noise":
        assert b'"own-' in expected[0], "none of the own signatures accepts anything here"
    for how in ("auto", "vectorscan"):
        for verb, one, other in zip(VERBS, expected, outputs(heapcore, core, how, *args)):
            assert one == other, (verb, how)


def test_says_which(heapcore, core_of):
    """-v names what is in use, and what is not there can't be asked for."""
    core = core_of("golden")
    built_in = "libhs" in heapcore("--version", "-v").text
    assert "prefilter of content classes: literals" in heapcore(
        "classify", core, "-v", "--prefilter", "literals").err.decode()
    result = heapcore("classify", core, "-v", "--prefilter", "vectorscan", status=0 if built_in else 2)
    assert ("prefilter of content classes: libhs" if built_in else "not built in") in result.err.decode()
    assert "auto, literals or vectorscan" in heapcore("classify", core, "--prefilter", "hope", status=2).err.decode()
    assert heapcore("--version").text.count("\n") == 1
