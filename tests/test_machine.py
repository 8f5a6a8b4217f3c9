"""The tests of other folders on machines that lack something: what depends on it is skipped by name, or runs
differently, and nothing fails.

Most lacks are simulated, and some are real: a limit, a seccomp filter, a network namespace.
"""
import collections
import ctypes
import json
import os
import pathlib
import re
import resource
import shutil
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

import machine

TESTS = pathlib.Path(__file__).resolve().parent
SHAPES = "e2e/test_leaks.py::test_every_shape"  # of gcore's core and of the kernel's
ANY_CORE = "e2e/test_bad_input.py::TestNoHeap::test_analyze_says_so"
NO_CORE = "e2e/test_golden.py::test_golden[info.txt]"
I386 = "e2e/test_damage.py::Test32Bit::test_sound"
MATRIX = "matrix/test_matrix.py::test_every_chunk[bookworm-{}-default]"
NO_NEW_PRIVS, SECCOMP, FILTER = 38, 22, 2
AUDIT_ARCH_I386 = 0x40000003
PTRACE = {"x86_64": 101, "aarch64": 117}[os.uname().machine]


def environment(lacking="", **others):
    """This one, without the answers that were found before."""
    kept = {name: value for name, value in os.environ.items() if name != "HEAPCORE_TEST_MACHINE"}
    return {**kept, "HEAPCORE_TEST_LACKS": lacking, **others}


class Outcome:
    def __init__(self, path):
        self.counts, self.reasons = collections.Counter(), {}
        for case in ET.parse(path).iter("testcase"):
            kinds = {child.tag for child in case} or {"passed"}
            self.counts[min(kinds)] += 1
            if "skipped" in kinds:
                self.reasons[case.get("name")] = case.find("skipped").get("message")


@pytest.fixture
def session(tmp_path):
    """Run tests in a session of their own, and see what became of them."""

    def run(*tests, lacking="", front=(), prepare=None):
        report = tmp_path / "report.xml"
        # A cache of its own: a core that is kept from before needs nobody to write it.
        env = environment(lacking, HEAPCORE_TEST_CACHE=str(tmp_path / "cache"))
        done = subprocess.run([*front, sys.executable, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider",
                               f"--basetemp={tmp_path / 'folders'}", f"--junitxml={report}", *(str(TESTS / test) for test in tests)], env=env,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              preexec_fn=prepare, timeout=600)
        assert done.returncode == 0, done.stdout[-3000:]
        return Outcome(report)

    return run


def printed(lacking="", front=(), prepare=None, script=TESTS / "machine.py"):
    """What machine.py prints, by title."""
    out = subprocess.run([*front, sys.executable, script], env=environment(lacking), stdin=subprocess.DEVNULL,
                         stdout=subprocess.PIPE, text=True, preexec_fn=prepare, check=True, timeout=120).stdout
    lines = re.sub(r"\n +", " ", out).splitlines()
    titles = {p.title for p in machine.PROPERTIES.values()}
    found = {title: line[len(title):].strip() for line in lines for title in titles if line.startswith(title + "  ")}
    assert set(found) == titles and len(lines) == len(titles), out
    return found


def title(name):
    return machine.PROPERTIES[name].title


# What is missing → the tests that need it, and how many of them pass all the same.
SIMULATED = {
    "ia32": ([I386, MATRIX.format("i386")], 0),
    "ia32-compiler": ([I386], 0),
    "aarch64": ([MATRIX.format("arm64")], 0),
    "core-limit": ([SHAPES, ANY_CORE], 2),
    "core-pattern": ([SHAPES, "e2e/test_left_out.py::test_nothing_dumped", ANY_CORE], 2),
    "ptrace": ([SHAPES, ANY_CORE], 2),
    "ptrace,core-pattern": ([SHAPES, ANY_CORE, NO_CORE], 1),
    "proc": (["e2e/test_contract.py::TestOutput::test_snapshot_instead_of_core", ANY_CORE], 1),
    "coredump-filter": (["e2e/test_left_out.py::test_nothing_dumped"], 0),
    "loopback": (["e2e/test_cases.py::TestRejectedRequests::test_fail_if_leaked", ANY_CORE], 1),
    "permissions": (["e2e/test_bad_input.py::TestNoCore::test_unreadable", NO_CORE], 1),
    "mount": (["e2e/test_compressed.py::TestNoRoom::test_less_than_the_compressed_file", NO_CORE], 1),
    "zstd": (["e2e/test_compressed.py::TestWhole::test_same_verdict[zstd]", NO_CORE], 1),
}


@pytest.mark.parametrize("lacking", SIMULATED)
def test_skipped_by_name(session, lacking):
    tests, passed = SIMULATED[lacking]
    names = lacking.split(",")
    if not all(machine.has(name) for name in ["ptrace", "core-pattern", *names] if name in machine.PROPERTIES):
        pytest.skip("more is missing here, really")
    outcome = session(*tests, lacking=lacking)
    assert outcome.counts.keys() <= {"passed", "skipped"}, outcome.counts
    assert outcome.counts["passed"] == passed and outcome.counts["skipped"] > 0, outcome.counts
    for name, reason in outcome.reasons.items():
        assert any(title(lack) in reason if lack in machine.PROPERTIES else lack in reason for lack in names) or \
            "size of cores" in reason, (name, reason)


def test_every_lack_is_tested():
    assert set(machine.PROPERTIES) - {name for lacks in SIMULATED for name in lacks.split(",")} == {"programs"}


def test_i386_under_qemu(session):
    if not (machine.which("qemu-i386-static") or machine.which("qemu-i386")):
        pytest.skip("qemu-i386 is not installed")
    machine.need("core-limit", "ia32-compiler")
    outcome = session(I386, lacking="ia32-native")
    assert outcome.counts == {"passed": 1}


class TestHeader:
    def test_a_line_for_each(self):
        for name, text in printed().items():
            assert text, name

    def test_lacks_are_called_so(self):
        found = printed("ia32-native,ptrace,loopback,clang")
        for name in ("ptrace", "loopback"):
            assert found[title(name)].startswith(f"NO: {machine.SIMULATED}; "), found
            assert found[title(name)].endswith(machine.PROPERTIES[name].otherwise)
        assert found["programs"].startswith("NO: without ") and "clang" in found["programs"]
        assert "run natively" not in found[title("ia32")]

    def test_asked_once(self, tmp_path):
        """Sessions believe the answers that scripts/check has found, and don't try again."""
        answers = tmp_path / "machine"
        subprocess.run([sys.executable, TESTS / "machine.py", "--json", answers], env=environment("loopback"),
                       check=True, stdout=subprocess.DEVNULL)
        assert json.loads(answers.read_text())["loopback"] == [None, machine.SIMULATED]
        out = subprocess.run([sys.executable, TESTS / "machine.py"], stdout=subprocess.PIPE, text=True, check=True,
                             env=environment(HEAPCORE_TEST_MACHINE=str(answers))).stdout
        assert machine.SIMULATED in out


@pytest.mark.parametrize("arch,kind", [("i386", 3), ("aarch64", 183)])
def test_tiny_programs(tmp_path, arch, kind):
    """readelf finds nothing to say against them."""
    machine.need_program("readelf")
    path = tmp_path / "tiny"
    path.write_bytes(machine.tiny_elf(arch))
    done = subprocess.run(["readelf", "-hlW", path], capture_output=True, text=True, check=True)
    assert done.stderr == "" and "R E" in done.stdout
    assert struct.unpack_from("<H", path.read_bytes(), 18)[0] == kind


def seccomp(*instructions):
    """A preexec_fn that lets the kernel refuse what a program of BPF says."""
    code = b"".join(struct.pack("<HBBI", *i) for i in instructions)

    def prepare():
        libc = ctypes.CDLL(None, use_errno=True)
        text = ctypes.create_string_buffer(code)
        program = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", len(instructions), ctypes.addressof(text)))
        if libc.prctl(NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(SECCOMP, FILTER, program, 0, 0):
            raise OSError(ctypes.get_errno(), "seccomp")

    return prepare


LOAD, EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, REFUSE = 0x7fff0000, 0x00050000
EPERM, ENOSYS = 1, 38


def forbidding(at, value, errno):
    """Refuse calls of which the word at an offset of struct seccomp_data has a value."""
    return seccomp((LOAD, 0, 0, at), (EQUAL, 0, 1, value), (RETURN, 0, 0, REFUSE | errno), (RETURN, 0, 0, ALLOW))


def unprivileged():
    """The front of a command without root's rights."""
    if os.geteuid() != 0:
        return []
    machine.need_program("setpriv")
    return ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]


class TestReal:
    """What is missing is really missing."""

    def test_ptrace(self, session):
        """As in a container. The kernel's cores stand in."""
        forbid = forbidding(0, PTRACE, EPERM)
        assert re.match("NO: .*not permitted", printed(prepare=forbid)[title("ptrace")])
        machine.need("core-pattern")
        outcome = session(SHAPES, ANY_CORE, prepare=forbid)
        assert outcome.counts == {"passed": 2, "skipped": 1}
        assert "gcore" in outcome.reasons["test_every_shape[gcore]"]

    def test_hard_limit_of_cores(self, session):
        """ulimit -c 0, which only root may raise again."""
        front = unprivileged()

        def prepare():
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        found = printed(front=front, prepare=prepare)
        assert found[title("core-limit")].startswith("NO: the hard limit of core size is 0")
        assert found[title("core-pattern")].startswith("NO: ")
        machine.need("ptrace")
        outcome = session(SHAPES, ANY_CORE, front=front, prepare=prepare)
        assert outcome.counts == {"passed": 2, "skipped": 1}
        assert "size of cores" in outcome.reasons["test_every_shape[kernel]"]

    def test_soft_limit_of_cores(self):
        machine.need("core-pattern")
        hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
        found = printed(prepare=lambda: resource.setrlimit(resource.RLIMIT_CORE, (0, hard)))
        assert not found[title("core-pattern")].startswith("NO")

    @pytest.mark.skipif(os.uname().machine != "x86_64", reason="a kernel for x86-64 only")
    def test_no_system_calls_of_32_bits(self):
        """As on a kernel without them: qemu steps in, or there are no such programs."""
        text = printed(prepare=forbidding(4, AUDIT_ARCH_I386, ENOSYS))[title("ia32")]
        assert "not natively (one ended with -" in text
        if machine.has("core-limit") and (machine.which("qemu-i386-static") or machine.which("qemu-i386")):
            assert text.startswith("run under ")
        else:
            assert text.startswith("NO: ")

    def test_no_loopback(self, session):
        front = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"])]
        if not shutil.which("unshare") or subprocess.run([*front, "true"], capture_output=True).returncode:
            pytest.skip("no network namespaces here")
        assert printed(front=front)[title("loopback")].startswith("NO: 127.0.0.1: ")
        outcome = session("e2e/test_cases.py::TestRejectedRequests::test_fail_if_leaked", NO_CORE, front=front)
        assert outcome.counts == {"passed": 1, "skipped": 1}

    def test_without_privileges(self):
        """Nothing is asked that only root is answered."""
        found = printed(front=unprivileged())
        assert not found[title("permissions")].startswith("NO")
