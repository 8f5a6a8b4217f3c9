"""Several cores at once in one process: each answers as if it were alone."""
import os
import pathlib
import subprocess

import pytest

import conftest


@pytest.fixture(scope="module")
def ask(heapcore):
    program = pathlib.Path(heapcore.path).parents[1] / "tests/e2e/several_targets"
    if not program.exists():
        pytest.skip("HEAPCORE is not in a build with tests")

    def ask_(how, *cores):
        process = subprocess.run([program, how, *map(str, cores)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 timeout=conftest.TIMEOUT, env={**os.environ, "DEBUGINFOD_URLS": ""})
        assert process.returncode == 0 and not process.stderr, (how, process)
        return process.stdout.decode()

    return ask_


def test_two_programs(ask, dump):
    """Heap, types, reachability, classes and leaks, in turns and each in a thread; and one core twice."""
    cores = [dump("leak_shapes.cc"), dump("classes.cc")]
    alone = [ask("alone", core) for core in cores]
    for answer in alone:
        assert all(f"\n{word} " in answer for word in ("size", "type", "reach", "roots", "class"))
    assert "\ngroup " in alone[0] and alone[0] != alone[1]
    for how in ("alone", "turns", "threads"):
        assert ask(how, *cores) == "".join(alone), how
        assert ask(how, *reversed(cores)) == "".join(reversed(alone)), how
    assert ask("turns", cores[0], cores[0]) == 2 * alone[0]
    assert ask("threads", *2 * cores) == 2 * "".join(alone)
