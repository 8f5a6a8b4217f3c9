"""What scripts/lib.sh decides: whether a version will do, and whether a compiler is a known one."""
import os
import subprocess

import pytest

import conftest

LIB = conftest.ROOT / "scripts" / "lib.sh"


def bash(code, *arguments, **environment):
    return subprocess.run(["bash", "-c", f'set -euo pipefail; . "$0"; {code}', LIB, *arguments], capture_output=True,
                          text=True, stdin=subprocess.DEVNULL, env={**os.environ, **environment})


@pytest.mark.parametrize("version, least, enough", [
    ("0.61.0", "0.61", True),
    ("0.61", "0.61", True),
    ("1.0.1-5", "0.61", True),
    ("0.56.2-1", "0.61", False),
    ("0.9", "0.61", False),
    ("4:10.2.1-1", "10.2", True),
    ("4:9.3.0-1ubuntu2", "10.2", False),
    ("2.41-12+deb13u5", "2.35", True),
    ("anything", "-", True),
])
def test_at_least(version, least, enough):
    assert (bash('at_least "$1" "$2"', version, least).returncode == 0) == enough


@pytest.fixture
def old_system(tmp_path):
    """A Debian whose meson is too old; it has all else, and notes what is asked of apt-get."""
    programs = {
        "dpkg-query": "exit 1",
        "meson": "echo 0.56.2",
        "sudo": 'exec "$@"',
        "apt-get": f'echo "$@" >>{tmp_path}/asked',
        "apt-cache": '[ "$2" = meson ] || exit 0\n'
                     'case $1 in\n'
                     'policy) echo "  Candidate: 0.56.2-1" ;;\n'
                     'madison) echo " meson | 1.0.1-5~bpo11+1 | http://mirror.invalid old-backports/main amd64 Packages" ;;\n'
                     'esac',
    }
    for name, text in programs.items():
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    return tmp_path


def test_refuses_before_it_installs(old_system):
    got = bash("require build", PATH=f"{old_system}/bin:{os.environ['PATH']}")
    assert got.returncode == 2
    assert "meson is 0.56.2 here, 0.61 or newer is needed" in got.stderr
    assert "apt-get install -t old-backports meson" in got.stderr
    asked = old_system / "asked"
    assert not asked.exists() or "install" not in asked.read_text()


def test_newer_on_path_will_do(old_system):
    (old_system / "bin" / "meson").write_text("#!/bin/sh\necho 1.7.0\n")
    got = bash("require build", PATH=f"{old_system}/bin:{os.environ['PATH']}")
    assert (got.returncode, got.stdout, got.stderr) == (0, "", "")
    assert not (old_system / "asked").exists()


@pytest.mark.parametrize("macros, known", [
    ("#define __GNUC__ 12", True),
    ("#define __GNUC__ 99", False),
    ("#define __GNUC__ 4\n#define __clang_major__ 14", True),
    ("#define __GNUC__ 12\n#define __clang_major__ 99", False),
])
def test_known_compiler(tmp_path, macros, known):
    compiler = tmp_path / "cc"
    compiler.write_text(f"#!/bin/sh\ncat <<'X'\n{macros}\nX\n")
    compiler.chmod(0o755)
    got = bash("werror", CC=str(compiler))
    assert got.returncode == 0
    assert got.stdout.strip() == ("--werror" if known else "")
    assert ("warnings stay warnings" in got.stderr) != known
