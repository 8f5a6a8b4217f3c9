#!/usr/bin/python3
"""Make testdata/golden/golden.core.xz anew: the one core that is kept in the source tree.

Needed only when testdata/golden.cc changes; expected output is then to be written again too (scripts/check
--update-golden). The core is the kernel's, without the text of libraries. Nothing of the machine where it was
made is in it: the program runs with an empty environment, and the paths of its files are changed to ones that
exist nowhere, so that heapcore finds the same files, none, on every machine.
"""
import lzma
import os
import pathlib
import subprocess
import sys
import tempfile

import conftest

FOLDER = conftest.TESTDATA / "golden"
CORE = FOLDER / "golden.core.xz"


def main():
    try:
        conftest.machine.answer("core-pattern")
    except conftest.machine.Missing as problem:
        sys.exit(f"the kernel would not write a core here: {problem}")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        program = os.path.join(folder, "golden")
        subprocess.run(["g++", "-D_GNU_SOURCE", "-O2", "-s", "-o", program, conftest.TESTDATA / "golden.cc",
                        "-pthread"], check=True)
        subprocess.run(["./golden", "abort"], cwd=folder, env={}, stdout=subprocess.DEVNULL,
                       preexec_fn=conftest.allow_core)
        conftest.take_kernel_core(folder, os.path.join(folder, "out"))
        data = pathlib.Path(folder, "out").read_bytes()
    for path, nowhere in ((b"/usr/lib/", b"/no/such/"), (folder.encode(), b"/no/such/program")):
        assert len(path) == len(nowhere)
        data = data.replace(path, nowhere)
    FOLDER.mkdir(exist_ok=True)
    CORE.write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    print(f"{CORE}: {CORE.stat().st_size} bytes, {len(data)} unpacked")


if __name__ == "__main__":
    main()
