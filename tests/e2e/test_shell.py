"""shell: verbs on cores that stay open, from -c, from a pipe, and from a terminal."""
import contextlib
import os
import pathlib
import pty
import re
import select
import signal
import stat
import subprocess
import time

import pytest

# Long enough for a sanitized build on a machine that is busy.
PATIENCE = 120


@pytest.fixture(scope="module")
def core(dump):
    return dump("haystack.c")


@pytest.fixture(scope="module")
def other(dump):
    return dump("growth.c")


def run(heapcore, core, lines, *more, status=0, **options):
    """Lines from a pipe."""
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBUGINFOD_URLS": "", **options.pop("env", {})}
    done = subprocess.run([heapcore.path, "shell", str(core), *more], input=lines, capture_output=True, text=True,
                          env=environment, timeout=PATIENCE, **options)
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    assert done.returncode == status, done
    return done


class TestScripts:
    def test_answers_are_those_of_the_program(self, heapcore, core):
        """Each verb twice: the second one finds everything there, and says the same."""
        for args in (["info"], ["maps"], ["leaks"], ["histogram"], ["types"], ["analyze"], ["check"], ["classify"],
                     ["chunks", "--limit", "3"], ["grep", "-c", "TOKEN=1"], ["grep", "-c", "nosuchtext"],
                     ["chunks", "--leaked", "--format", "json"], ["threads", "--format", "csv"]):
            verb, *rest = args
            expected = heapcore(verb, core, *rest, status=None)
            line = " ".join(args)
            done = run(heapcore, core, f"{line}\n{line}\n", status=expected.status)
            assert done.stdout == 2 * expected.text, args

    def test_commands(self, heapcore, core):
        result = heapcore("shell", core, "-c", "grep -c TOKEN=1", "-c", "grep -c nosuchtext", status=1)
        assert result.text == heapcore("grep", core, "-c", "TOKEN=1").text + \
            heapcore("grep", core, "-c", "nosuchtext", status=1).text
        # The status is that of the last command.
        heapcore("shell", core, "-c", "grep -c nosuchtext", "-c", "grep -c TOKEN=1")
        # A core that can't be opened is named.
        failed = heapcore("shell", core, "/nosuch/file", "-c", "info", status=2)
        assert failed.err == b"heapcore: /nosuch/file: can't be opened: No such file or directory\n" and failed.out == b""

    def test_an_error_ends_a_script(self, heapcore, core):
        done = run(heapcore, core, "info\nleak\nmaps\n", status=2)
        assert done.stdout == heapcore("info", core).text
        assert "unknown verb 'leak'; did you mean 'leaks'" in done.stderr
        for line, why in (("leaks --nosuch", "unknown option --nosuch"), ("grep 'a", "a quote does not end"), ("| cat", "no verb before |"),
                          ("use 2", "1 cores are open"), ("use", "use takes"), ("open", "open takes one FILE"),
                          ("open /nosuch/file", "/nosuch/file"), ("shell", "the shell already"), ("what", "what needs")):
            done = run(heapcore, core, f"{line}\ninfo\n", status=2)
            assert why in done.stderr and done.stdout == "", (line, done)

    def test_words(self, heapcore, core):
        expected = heapcore("grep", core, "-o", r"TOKEN=\d", "--limit", 2).text
        assert expected
        for line in (r"grep -o 'TOKEN=\d' --limit 2", r'grep -o "TOKEN=\d" --limit 2', r"grep -o TOKEN=\\d --limit 2  # remark",
                     rf"heapcore grep {core} -o 'TOKEN=\d' --limit 2", r"grep -o TOK'EN=\d' --limit 2|cat",
                     "\n\n  # remark\n" + r"grep -o 'TOKEN=\d' --limit 2"):
            assert run(heapcore, core, line + "\n").stdout == expected, line

    def test_pipes(self, heapcore, core):
        done = run(heapcore, core, "chunks | head -2\ngrep -c TOKEN=1 | wc -l | tr -d ' '\n")
        assert done.stdout == "".join(heapcore("chunks", core).text.splitlines(True)[:2]) + "2\n"
        assert done.stderr == ""
        assert run(heapcore, core, "info | exit 3\n", status=3).stdout == ""
        run(heapcore, core, "grep nosuchtext | cat\n", status=1)

    def test_several_cores(self, heapcore, core, other):
        done = run(heapcore, core, f"cores\nuse 2\ninfo\nuse 1\nopen {core}\ncores\n", str(other))
        first, rest = f"* 1  {core}\n  2  {other}\n", f"  1  {core}\n  2  {other}\n* 3  {core}\n"
        assert done.stdout == first + heapcore("info", other).text + rest
        assert run(heapcore, core, f"diff {other}\n", str(other), status=0).stdout == \
            heapcore("diff", core, other).text
        assert "no core is open" in heapcore("shell", "-c", "leaks", status=2).err.decode()
        assert heapcore("shell", "-c", f"open {core}", "-c", "info").text == heapcore("info", core).text

    def test_options_of_the_shell_hold(self, heapcore, core):
        for options in (["--content", "none"], ["--bytes"], ["--jobs", "1"], ["--noheadings"]):
            assert heapcore("shell", *options, core, "-c", "histogram", "-c", "leaks").text == \
                heapcore("histogram", core, *options).text + heapcore("leaks", core, *options).text
        # A command's own come last, and may have the core read in another way.
        assert heapcore("shell", "--content", "none", core, "-c", "leaks --content full").text == \
            heapcore("leaks", core, "--content", "full").text
        assert heapcore("shell", core, "-c", "leaks --jobs 1", "-c", "leaks").text == 2 * heapcore("leaks", core).text
        assert b"goes with a command" in heapcore("shell", core, "-o", "x", status=2).err
        assert b"has no json output" in heapcore("shell", core, "--format", "json", status=2).err

    def test_inputs_stay_as_they_are(self, heapcore, core, tmp_path):
        copy = tmp_path / "core"
        copy.write_bytes(pathlib.Path(core).read_bytes())
        done = run(heapcore, copy, f"info --force -o {copy}\n", status=2)
        assert "is being read" in done.stderr and copy.stat().st_size
        run(heapcore, copy, f"leaks -o {tmp_path}/leaks\n")
        assert (tmp_path / "leaks").read_text() == heapcore("leaks", copy).text
        assert stat.S_IMODE((tmp_path / "leaks").stat().st_mode) == 0o600

    def test_remarks_come_once(self, heapcore, core, tmp_path):
        cut = tmp_path / "cut"
        cut.write_bytes(pathlib.Path(core).read_bytes()[:-5000])
        once = heapcore("leaks", cut, status=None)
        assert once.err
        done = run(heapcore, cut, "leaks\nleaks\n", status=once.status)
        assert done.stdout == 2 * once.text and done.stderr == once.err.decode()

    def test_many_commands(self, heapcore, core):
        """A sanitized build looks at the end for what was lost."""
        lines = "grep -c TOKEN=1\nwhat 0x1000\nleaks --top 1\nhistogram | head -1\ncores\n" * 25
        done = run(heapcore, core, lines)
        assert done.stdout.count(f"* 1  {core}\n") == 25
        assert done.stdout == 25 * done.stdout[:len(done.stdout) // 25]

    def test_a_signal_ends_a_script(self, heapcore, core):
        """^C reaches the shell and its command."""
        process = subprocess.Popen([heapcore.path, "shell", str(core), "-c", "cores", "-c", "info | (echo there; cat >/dev/null; sleep 1000)",
                                    "-c", "cores"], stdout=subprocess.PIPE, text=True, start_new_session=True)
        try:
            assert process.stdout.readline() == f"* 1  {core}\n"
            assert process.stdout.readline() == "there\n"
            os.killpg(process.pid, signal.SIGINT)
            assert process.stdout.read() == "" and process.wait(PATIENCE) == -signal.SIGINT
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


class Terminal:
    """A shell on a terminal of its own; what it says is read until the prompt.

    Nothing is typed before it: until then the terminal takes ^C for a signal and ^D for the end of a file.
    """

    def __init__(self, heapcore, core, home, rows=24, **environment):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if not self.pid:
            environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBUGINFOD_URLS": "", "TERM": "vt100", "HOME": str(home),
                           "PAGER": "", "NO_COLOR": "1", "EDITRC": "/dev/null", **environment}
            environment.pop("XDG_STATE_HOME", None)
            os.system(f"stty rows {rows} cols 200")
            os.execve(heapcore.path, [heapcore.path, "shell", str(core)], environment)
        self.prompt = f"heapcore {pathlib.Path(core).name}"[:49] + "> "
        self.until(self.prompt)

    def read(self, end, what):
        """What comes next; nothing at the end."""
        ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
        assert ready, f"no {what} behind {self.seen!r}"
        try:
            return os.read(self.fd, 65536).decode("utf-8", "replace")
        except OSError:
            return ""

    def until(self, text):
        """Everything up to a text."""
        end = time.monotonic() + PATIENCE
        while text not in self.seen:
            more = self.read(end, repr(text))
            assert more, f"ended before {text!r}: {self.seen!r}"
            self.seen += more
        before, self.seen = self.seen.split(text, 1)
        return before.replace("\r\n", "\n")

    def type(self, keys):
        os.write(self.fd, keys.encode())

    def ask(self, line):
        """The answer to a line."""
        self.type(line + "\n")
        self.until("\n")
        return self.until(self.prompt)

    def end(self, keys="\x04"):
        self.type(keys)
        end = time.monotonic() + PATIENCE
        while more := self.read(end, "end"):
            self.seen += more
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.fixture
def terminal(heapcore, core, tmp_path):
    opened = []

    def open_(**environment):
        opened.append(Terminal(heapcore, core, tmp_path, **environment))
        return opened[-1]

    yield open_
    for shell in opened:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(shell.pid, signal.SIGKILL)
            os.waitpid(shell.pid, 0)


class TestTerminal:
    def test_errors_end_nothing(self, terminal):
        shell = terminal()
        assert "unknown verb 'leak'" in shell.ask("leak")
        assert "a quote does not end" in shell.ask("grep 'a")
        assert re.search(r"^program +haystack", shell.ask("info"), re.M)
        assert "0 matches" in shell.ask("grep -c nosuchtext")
        assert shell.end() == 0

    @pytest.mark.parametrize("word", ["quit\n", "exit\n"])
    def test_ends(self, terminal, word):
        assert terminal().end(word) == 0

    def test_control_c_ends_the_command(self, terminal):
        shell = terminal()
        # It waits for a reader who doesn't read; both are in the terminal's foreground.
        shell.type("chunks | (echo there; exec sleep 1000)\n")
        shell.until("\nthere")
        shell.type("\x03")
        shell.until(shell.prompt)
        # And a line that was not sent.
        shell.type("nonsense\x03")
        shell.until("^C")
        shell.until(shell.prompt)
        assert re.search(r"^program +haystack", shell.ask("info"), re.M)
        assert shell.end() == 0

    def test_history(self, terminal, tmp_path):
        shell = terminal()
        shell.ask("grep -c TOKEN=7")
        assert shell.end() == 0
        history = tmp_path / ".local/state/heapcore/history"
        assert "TOKEN=7" in history.read_text() and stat.S_IMODE(history.stat().st_mode) == 0o600
        shell = terminal()
        shell.type("\x10")  # ^P
        shell.until("TOKEN=7")
        shell.type("\n")
        assert "matches in" in shell.until(shell.prompt) and shell.end() == 0
        assert stat.S_IMODE(history.stat().st_mode) == 0o600

    def test_without_a_place_for_history(self, terminal):
        shell = terminal(HOME="/proc/nonexistent")
        assert "program" in shell.ask("info")
        assert shell.end() == 0

    def test_completion(self, terminal):
        shell = terminal()
        # How a terminal is told of them is its own: that they are right, the answers show.
        assert "min_size," in shell.ask("histo\t--form\tcs\t| head -1")
        assert "Verbs work on the current core" in shell.ask("hel\t| head -1")
        assert "none of" not in shell.ask("chunks --state in-\t--limit 1")
        assert "none of" in shell.ask("chunks --state in- --limit 1")
        assert "no class" not in shell.ask("chunks --class http-req\t--limit 1")
        # Several: what they are.
        shell.type("c\t")
        shell.until("chunks  classify  ")
        shell.type("\x03")
        shell.until("^C")
        shell.until(shell.prompt)
        assert shell.end() == 0

    def test_pager_is_for_long_output(self, terminal, tmp_path):
        pager = tmp_path / "pager"
        pager.write_text("#!/bin/sh\necho PAGED\nhead -2\n")
        pager.chmod(0o755)
        shell = terminal(PAGER=str(pager))
        assert "PAGED" not in shell.ask("cores")
        assert shell.ask("chunks --limit 1000").count("\n") == 3
        assert shell.ask("chunks --limit 1000").startswith("PAGED\n")
        assert "PAGED" not in shell.ask("chunks --limit 1000 | head -1")
        assert shell.end() == 0
