"""What a core's figures can't have is said beside them, and holders are those of most chunks, not of the first."""
import os

import pytest

import conftest


def analyze(heapcore, core):
    return heapcore("analyze", core, "--format", "json").json, " ".join(heapcore("analyze", core).text.split())


def test_pointers_in_a_mapped_file(heapcore, dump, cache):
    """Only a file's shared mapping holds them, which no core has by default."""
    core = dump("unseen.c", "file", str(cache / "unseen.map"))
    document, text = analyze(heapcore, core)
    (lost,) = [f for f in document["findings"] if f["kind"] == "lost" and f["size"] == 720]
    assert lost["chunks"] == 2000
    if document["roots"]["other"]["missing"] or document["roots"]["files"] == 0:
        pytest.skip("who wrote this core dumped the file, too")
    assert document["roots"]["files"] == 4 * 4096
    assert "The core lacks 16.0 KiB of mapped files (unseen.map): what pointers there alone hold looks lost." in text


def test_shared_memory(heapcore, dump):
    document, text = analyze(heapcore, dump("unseen.c", "ring"))
    assert document["touched"]["shared"] == 512 * 4096
    assert "2.00 MiB of shared memory was touched, too, which these figures leave out." in text
    assert "--maps --top" in text


def test_a_child_of_fork(heapcore, cache, compiled):
    """Its other threads never were: they have not ended, and what they held can't be told."""
    conftest.machine.need("ptrace")
    path = cache / "unseen-fork.core"
    with conftest.once(path) as needed:
        if needed:
            with conftest.running([compiled("unseen.c"), "pause", "fork"]) as process:
                said = conftest.read_until(process.stdout, b"end").decode().split()
                child = int(said[said.index("child") + 1])
                try:
                    conftest.gcore(child, path)
                finally:
                    os.kill(child, 9)
    document, text = analyze(heapcore, path)
    assert document["findings"][0]["kind"] == "lost" and document["findings"][0]["chunks"] == 1500
    assert "This is a child of fork(), without 3 threads of its parent: what only those held looks lost." in text
    assert "never joined" not in text
    threads = heapcore("threads", path, "--format", "json").json
    assert [(row["how"], row["stacks"]) for row in threads["ended"]] == [("forked", 3)]


def test_nothing_is_beside(heapcore, dump):
    """A plain process has none of these."""
    document, text = analyze(heapcore, dump("unseen.c", "early"))
    assert document["touched"]["shared"] == document["roots"]["files"] == 0
    assert "shared memory" not in text and "mapped files" not in text and "fork()" not in text


def test_the_holder_is_that_of_most(heapcore, dump):
    """Chunks of one size that a program's start has made come first in memory."""
    document, _ = analyze(heapcore, dump("unseen.c", "early"))
    (finding,) = [f for f in document["findings"] if f["size"] == 128]
    assert finding["chunks"] == 20400
    assert finding["holder"].startswith("cache (unseen"), finding
