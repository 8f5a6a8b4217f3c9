"""scripts/check: what it adds up, and what it says where something is missing."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "scripts"
UNIT = '{"name": "bytes", "result": "OK"}\n{"name": "core", "result": "SKIP"}\n'
TREE = '<testsuite><testcase classname="tree" name="a"/><testcase classname="tree" name="b">%s</testcase></testsuite>'


def run(*argv, status=0, **options):
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120, **options)
    assert done.returncode == status, done.stdout
    return done.stdout


class TestResults:
    @pytest.fixture
    def folder(self, tmp_path):
        (tmp_path / "release-unit.json").write_text(UNIT)
        (tmp_path / "tree.xml").write_text(TREE % "")
        (tmp_path / "times").write_text("release-build 61\nrelease-unit 7\ntree 0\n")
        return tmp_path

    def add_up(self, folder, *names, status=0):
        return run(SCRIPTS / "sum-results", folder, *names, status=status).splitlines()

    def test_sums_and_times(self, folder):
        lines = self.add_up(folder, "release-unit.json", "tree.xml")
        assert lines[-1] == "3 passed, 0 failed, 1 skipped"
        assert [re.split(r"\s{2,}", line)[0] for line in lines[:-1]] == ["release-build", "release-unit", "tree", "all"]
        assert lines[0].split()[1:] == ["1", "min", "1", "s"]
        assert lines[1].split()[1:] == ["0", "min", "7", "s", "1", "passed", "0", "failed", "1", "skipped"]
        assert lines[3].split()[1:] == ["1", "min", "8", "s"]

    def test_failure(self, folder):
        (folder / "tree.xml").write_text(TREE % '<failure message="x"/>')
        lines = self.add_up(folder, "release-unit.json", "tree.xml", status=1)
        assert "FAILED   tree: tree::b" in lines and lines[-1] == "2 passed, 1 failed, 1 skipped"

    @pytest.mark.parametrize("damage", ["missing", "empty", "cut"])
    def test_no_result_is_a_failure(self, folder, damage):
        """A build that fails, or a session that ends early, leaves none."""
        path = folder / "tree.xml"
        {"missing": path.unlink, "empty": lambda: path.write_text(""),
         "cut": lambda: path.write_text(TREE[:40])}[damage]()
        lines = self.add_up(folder, "release-unit.json", "tree.xml", status=1)
        assert lines[0].startswith("FAILED   tree: no ") and lines[-1] == "1 passed, 1 failed, 1 skipped"


def quick_tests():
    """The list in scripts/check, as bash reads it."""
    text = re.search(r"^quick_tests=\(\n.*?^\)\n", (SCRIPTS / "check").read_text(), re.M | re.S).group()
    return run("bash", "-c", f'{text}\nprintf "%s\\n" "${{quick_tests[@]}}"').splitlines()


def test_quick_tests_exist():
    out = run(sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *quick_tests(), cwd=ROOT)
    for kind in ("test_every_shape[gcore]", "test_every_shape[kernel]", "test_same_verdict[zstd]", "Test32Bit",
                 "i386-default", "arm64-default", "TestCutShort", "test_golden[info.txt]"):
        assert kind in out


def test_help_names_every_option():
    out = run(SCRIPTS / "check", "--help")
    for word in ("--quick", "--update-golden", "--help", "HEAPCORE_TEST_LACKS"):
        assert word in out
    assert "set -euo" not in out


LEAVES = """
def test_passes(tmp_path):
    (tmp_path / "core").write_bytes(bytes(4096))

def test_fails(tmp_path):
    (tmp_path / "core").write_bytes(bytes(4096))
    assert False
"""


def test_folders_of_what_passed_go(tmp_path):
    """Those of all tests together were more than a disk had free."""
    (tmp_path / "test_leaves.py").write_text(LEAVES)
    run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "tidy",
        f"--basetemp={tmp_path / 'folders'}", tmp_path / "test_leaves.py", status=1, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")})
    assert [path.parent.name for path in sorted((tmp_path / "folders").rglob("core"))] == ["test_fails0"]


class TestTree:
    @pytest.fixture
    def copy(self, tmp_path):
        (tmp_path / "scripts").mkdir()
        shutil.copy(SCRIPTS / "check-tree", tmp_path / "scripts")
        return tmp_path

    def check(self, copy, **options):
        out = run(copy / "scripts/check-tree", "--junitxml", copy / "tree.xml", **options)
        report = (copy / "tree.xml").read_text()
        assert report.count("<testcase") == report.count("<skipped") == len(out.splitlines()) > 0
        return out

    def test_without_git(self, copy):
        (copy / "bin").mkdir()
        os.symlink("/usr/bin/python3", copy / "bin/python3")
        assert "git is not installed" in self.check(copy, env={"PATH": str(copy / "bin")})

    def test_no_checkout(self, copy):
        """What was unpacked from an archive."""
        assert "not a git repository" in self.check(copy, env={**os.environ, "GIT_CEILING_DIRECTORIES": str(copy)})

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    def test_somebody_elses_checkout(self, copy):
        run("git", "init", "-q", copy)
        run("git", "-C", copy, "add", "scripts")
        for path in (copy, copy / ".git"):
            os.chown(path, 65534, 65534)
        done = subprocess.run([copy / "scripts/check-tree"], capture_output=True, text=True, timeout=120)
        assert "passed   no_stray_blanks" in done.stdout, done
