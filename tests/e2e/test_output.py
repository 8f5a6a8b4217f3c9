"""What a run leaves on the disk: whole files or nothing, whatever ends it, and inputs as they were."""
import fcntl
import os
import pathlib
import pty
import re
import resource
import signal
import struct
import subprocess
import time

import pytest

import conftest

ADDRESS, CORE = "ADDRESS", "CORE"
OTHER = str(conftest.TESTDATA / "structs_other.c")
# Verb: what it needs besides a core, and its formats.
RUNS = {
    "analyze": ([], ["text", "json", "csv"]),
    "info": ([], ["text", "json", "csv"]),
    "maps": ([], ["text", "json", "csv"]),
    "arenas": ([], ["text", "json", "csv"]),
    "threads": ([], ["text", "json", "csv"]),
    "leaks": ([], ["text", "json", "csv", "pprof"]),
    "chunks": ([], ["text", "json", "csv"]),
    "histogram": ([], ["text", "json", "csv"]),
    "classify": ([], ["text", "json", "csv"]),
    "types": ([], ["text", "json", "csv"]),
    "common": ([], ["text", "json", "csv"]),
    "grep": (["."], ["text", "json", "csv"]),
    "strings": ([], ["text", "json", "csv"]),
    "what": ([ADDRESS], ["text", "json", "csv"]),
    "refs": ([ADDRESS], ["text", "json", "csv"]),
    "containers": ([], ["text", "json", "csv"]),
    "retained": ([], ["text", "json", "csv", "collapsed"]),
    "diff": ([CORE], ["text", "json", "csv"]),
    "dump": (["--state", "in-use"], ["text", "hex"]),
    "export": ([], ["jsonl"]),
    "sql": (["SELECT address, size FROM chunks"], ["text", "json", "csv"]),
    "check": ([], ["text", "json", "csv"]),
    "signatures": (None, ["text", "json", "csv"]),
}
FORMATS = [(verb, form) for verb, (_, forms) in RUNS.items() for form in forms]
HITS = ["grep", "strings"]


@pytest.fixture(scope="module")
def core(dump):
    return dump("haystack.c")


@pytest.fixture(scope="module")
def command(heapcore, core):
    """command("what", "json"): a whole command line."""

    def command_(verb, form, *more):
        args = RUNS[verb][0]
        if args is None:
            args = []
        else:
            values = {ADDRESS: core.lines("stack")[0][0], CORE: core}
            args = [core] + [values.get(arg, arg) for arg in args]
        return [heapcore.path, verb, *map(str, args), "--format", form, *map(str, more)]

    return command_


def start(args, **options):
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBUGINFOD_URLS": "", **options.pop("env", {})}
    return subprocess.Popen(list(map(str, args)), stdin=subprocess.DEVNULL, env=environment,
                            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options})


def run(args, **options):
    process = start(args, **options)
    out, err = process.communicate(timeout=conftest.TIMEOUT)
    return process.returncode, out, err


def contents(folder):
    """Everything below a folder, by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in pathlib.Path(folder).rglob("*")
            if path.is_file()}


def test_all_verbs_are_here(heapcore, command):
    listed = heapcore("--help").text.split("Verbs:\n")[1].split("\n\n")[0]
    # What the shell writes its commands write; a report needs -o: test_report.
    assert {*RUNS, "shell", "report"} == {line.split()[0] for line in listed.splitlines()}
    for verb, (_, forms) in RUNS.items():
        for form in sorted({"text", "json", "csv", "hex"} - set(forms)):
            if verb != "dump" and (verb, form) != ("export", "csv"):  # these need -o: test_summary_of_dump, test_export
                args = command(verb, form)[1:]
                assert f"{verb} has no {form} output" in heapcore(*args, status=2).err.decode()


class TestNoSpace:
    """A full disk is called one, however much was written by then."""

    @pytest.mark.parametrize("verb,form", FORMATS)
    def test_stdout(self, command, verb, form):
        with open("/dev/full", "w") as full:
            status, _, err = run(command(verb, form, "-q"), stdout=full)
        assert (status, err) == (2, b"heapcore: cannot write to standard output: No space left on device\n")

    @pytest.mark.parametrize("verb,form", FORMATS)
    def test_device(self, command, verb, form):
        status, _, err = run(command(verb, form, "-q", "--output", "/dev/full"))
        assert (status, err) == (2, b"heapcore: cannot write to /dev/full: No space left on device\n")

    @pytest.mark.parametrize("args", [["--help"], ["grep", "--help"], ["--version"], ["help", "dump"]])
    def test_help(self, heapcore, args):
        with open("/dev/full", "w") as full:
            status, _, err = run([heapcore.path, *args], stdout=full)
        assert status == 2 and err.endswith(b"standard output: No space left on device\n")

    def test_summary_of_dump(self, command, tmp_path):
        with open("/dev/full", "w") as full:
            status, _, err = run(command("dump", "json", "-o", tmp_path / "out"), stdout=full)
        assert status == 2 and err.endswith(b"standard output: No space left on device\n")

    @pytest.mark.parametrize("verb,form,option", [("chunks", "csv", "-o"), ("grep", "json", "--output"),
                                                  ("dump", "text", "-o"), ("dump", "text", "--split"),
                                                  ("export", "sqlite", "-o"), ("export", "csv", "-o")])
    @pytest.mark.parametrize("limit", [0, 1000, 5000])
    def test_limited_files(self, command, tmp_path, verb, form, option, limit):
        """Files may not grow beyond so many bytes: as with a disk that is full in the middle."""
        status, _, err = run(command(verb, form, option, tmp_path / "out"),
                             preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        if status == 0:  # all chunks are small
            assert option == "--split" and limit and max(map(len, contents(tmp_path).values())) <= limit
        else:
            assert status == 2 and b"File too large" in err and not os.listdir(tmp_path)

    @pytest.mark.parametrize("verb,form,option", [("chunks", "json", "-o"), ("dump", "text", "-o"),
                                                  ("dump", "text", "--split"), ("export", "sqlite", "-o"),
                                                  ("export", "jsonl", "-o")])
    def test_small_disk(self, command, tmp_path, verb, form, option):
        conftest.machine.need("mount")
        disk = tmp_path / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", disk], check=True)
        try:
            status, _, err = run(command(verb, form, option, disk / "out"))
            assert status == 2 and b"No space left on device" in err and not os.listdir(disk)
        finally:
            subprocess.run(["umount", disk], check=True)


class TestInputs:
    """No output is an input, under whatever name, with --force and without."""

    def refused(self, heapcore, folder, *args, late=False, **options):
        """Where the input is found on the way, --force is asked for before."""
        before = contents(folder)
        for force in ([], ["--force"]):
            result = heapcore(*args, *force, status=2, **options)
            assert result.err.count(b"\n") == 1 and not result.out, result
            assert (b"exists" if late and not force else b"being read") in result.err, result
            assert contents(folder) == before

    @pytest.mark.parametrize("verb", [verb for verb in RUNS if RUNS[verb][0] is not None])
    def test_core(self, heapcore, core, command, tmp_path, verb):
        own = tmp_path / "c.core"
        own.write_bytes(pathlib.Path(core).read_bytes())
        os.link(own, tmp_path / "hard")
        (tmp_path / "soft").symlink_to("c.core")
        (tmp_path / "twice").symlink_to("soft")
        args = [own if str(arg) == str(core) else arg for arg in command(verb, "sqlite" if verb == "export" else "text")[1:]]
        for name in ("c.core", "hard", "soft", "twice"):
            self.refused(heapcore, tmp_path, *args, "--output", tmp_path / name)
        args[args.index(own)] = tmp_path / "twice"
        self.refused(heapcore, tmp_path, *args, "--output", own)
        self.refused(heapcore, tmp_path, *args, "--output", "c.core", cwd=tmp_path)

    def test_packed_core(self, heapcore, core, tmp_path):
        subprocess.run(["gzip", "-1c"], stdin=open(core, "rb"), stdout=open(tmp_path / "c.gz", "wb"), check=True)
        self.refused(heapcore, tmp_path, "maps", tmp_path / "c.gz", "-o", tmp_path / "c.gz")

    def test_named_files(self, heapcore, core, compiled, tmp_path):
        (tmp_path / "smaps").write_text("".join(f"{line}\nRss: 4 kB\n" for line in core.maps.splitlines()))
        (tmp_path / "exe").write_bytes(compiled("haystack.c").read_bytes())
        (tmp_path / "words").write_text("TOKEN\n")
        folder = tmp_path / "ini"
        folder.mkdir()
        (folder / "a.ini").write_text("")
        (tmp_path / "link").symlink_to("smaps")
        self.refused(heapcore, tmp_path, "info", core, "--smaps", tmp_path / "smaps", "-o", tmp_path / "smaps")
        self.refused(heapcore, tmp_path, "info", core, "--smaps", tmp_path / "smaps", "-o", tmp_path / "link")
        self.refused(heapcore, tmp_path, "info", core, "--exe", tmp_path / "exe", "-o", tmp_path / "exe")
        self.refused(heapcore, tmp_path, "grep", core, "-f", tmp_path / "words", "--output", tmp_path / "words")
        self.refused(heapcore, tmp_path, "info", core, "--signatures", folder / "a.ini", "-o", folder / "a.ini")
        self.refused(heapcore, tmp_path, "info", core, "--signatures", folder, "-o", folder / "a.ini")
        self.refused(heapcore, tmp_path, "signatures", folder / "a.ini", "-o", folder / "a.ini")
        self.refused(heapcore, tmp_path, "maps", tmp_path / "smaps", "-o", tmp_path / "smaps")
        heapcore("info", core, "--signatures", folder, "-o", folder / "new")

    def test_patterns_from_stdin(self, heapcore, core, tmp_path):
        (tmp_path / "words").write_text("TOKEN\n")
        for force in ([], ["--force"]):
            with open(tmp_path / "words") as words:
                result = subprocess.run([heapcore.path, "grep", core, "-f", "-", "--output", tmp_path / "words", *force],
                                        stdin=words, capture_output=True)
            assert result.returncode == 2 and b"being read" in result.stderr
        assert (tmp_path / "words").read_text() == "TOKEN\n"

    def test_files_that_are_found(self, heapcore, core, compiled, tmp_path):
        program = compiled("haystack.c")
        copy = tmp_path / str(program).lstrip("/")
        copy.parent.mkdir(parents=True)
        copy.write_bytes(program.read_bytes())
        self.refused(heapcore, tmp_path, "info", core, "--sysroot", tmp_path, "-o", copy, late=True)
        copy.write_bytes(b"another file, which is looked at")
        self.refused(heapcore, tmp_path, "dump", core, "--leaked", "--sysroot", tmp_path, "-o", copy)

    def test_debug_file(self, heapcore, dump, compiled, tmp_path):
        """Read late, so refused late."""
        core = dump("structs.c", flags=[OTHER])
        program = compiled("structs.c", OTHER)
        stripped = tmp_path / str(program).lstrip("/")
        stripped.parent.mkdir(parents=True)
        note = subprocess.run(["readelf", "-n", program], capture_output=True, text=True, check=True).stdout
        build_id = re.search(r"Build ID: ([0-9a-f]+)", note).group(1)
        debug = tmp_path / "debug/.build-id" / build_id[:2] / f"{build_id[2:]}.debug"
        debug.parent.mkdir(parents=True)
        subprocess.run(["objcopy", "--only-keep-debug", program, debug], check=True)
        subprocess.run(["objcopy", "--strip-all", program, stripped], check=True)
        self.refused(heapcore, tmp_path, "types", core, "--sysroot", tmp_path, "--debug-dir", tmp_path / "debug",
                     "-o", debug, late=True)

    def test_stdout(self, heapcore, core, tmp_path):
        own = tmp_path / "c.core"
        own.write_bytes(pathlib.Path(core).read_bytes())
        before = own.read_bytes()
        for redirect, said in ((">>", 1), ("1<>", 1), ("2>>", 0), (">> c.core 2>>", 0)):
            result = subprocess.run(["sh", "-c", f'exec "$0" info c.core {redirect} c.core', heapcore.path], cwd=tmp_path,
                                    capture_output=True)
            assert result.returncode == 2 and result.stderr.count(b"\n") == said and own.read_bytes() == before

    def test_index_and_parts(self, heapcore, core, tmp_path):
        own = tmp_path / "out.index"
        own.write_bytes(pathlib.Path(core).read_bytes())
        self.refused(heapcore, tmp_path, "dump", own, "--leaked", "-o", tmp_path / "out")
        (tmp_path / "parts").mkdir()
        os.rename(own, tmp_path / "parts/0x10.bin")
        result = heapcore("dump", tmp_path / "parts/0x10.bin", "--leaked", "--split", tmp_path / "parts", "--force", status=2)
        assert b"being read" in result.err and os.listdir(tmp_path / "parts") == ["0x10.bin"]


class TestKinds:
    def test_pipe(self, heapcore, core, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        expected = heapcore("chunks", core, "--format", "csv").out
        process = start([heapcore.path, "chunks", core, "--format", "csv", "-o", tmp_path / "pipe"])
        assert (tmp_path / "pipe").read_bytes() == expected
        assert process.wait(60) == 0
        process.communicate()

    def test_pipe_of_a_shell(self, heapcore, core, tmp_path):
        expected = heapcore("info", core).out
        subprocess.run(["bash", "-c", '"$0" info "$1" -o >(cat > "$2"); wait $!', heapcore.path, core, tmp_path / "out"],
                       check=True)
        deadline = time.monotonic() + 120
        while (tmp_path / "out").read_bytes() != expected and time.monotonic() < deadline:
            time.sleep(0.05)
        assert (tmp_path / "out").read_bytes() == expected

    def test_dev_stdout(self, heapcore, core, tmp_path):
        expected = heapcore("info", core).out
        assert heapcore("info", core, "-o", "/dev/stdout").out == expected
        with open(tmp_path / "out", "wb") as out:
            out.write(b"before\n")
            out.flush()
            assert run([heapcore.path, "info", core, "-o", "/dev/stdout"], stdout=out)[0] == 0
        assert (tmp_path / "out").read_bytes() == b"before\n" + expected
        raw = heapcore("dump", core, "--leaked").out
        assert heapcore("dump", core, "--leaked", "-o", "/dev/stdout").out == raw

    def test_no_index_beside_a_device(self, heapcore, core):
        heapcore("dump", core, "--leaked", "-o", "/dev/null")
        assert not os.path.exists("/dev/null.index")


class TestSplit:
    def test_one_dump_a_directory(self, heapcore, core, tmp_path):
        parts = tmp_path / "parts"
        heapcore("dump", core, "--leaked", "--split", parts)
        first = contents(parts)
        heapcore("dump", core, "--leaked", "--limit", 2, "--split", parts, status=2)
        assert contents(parts) == first
        heapcore("dump", core, "--leaked", "--limit", 2, "--split", parts, "--force")
        assert len(contents(parts)) == 2 and os.listdir(tmp_path) == ["parts"]
        (parts / "mine").write_text("precious")
        assert b"holds mine" in heapcore("dump", core, "--leaked", "--split", parts, "--force", status=2).err
        assert len(contents(parts)) == 3

    def test_directories_that_are_there(self, heapcore, core, tmp_path):
        (tmp_path / "empty").mkdir()
        heapcore("dump", core, "--leaked", "--split", tmp_path / "empty/")
        assert len(os.listdir(tmp_path / "empty")) == 7
        (tmp_path / "link").symlink_to("empty")
        (tmp_path / "file").write_text("precious")
        for name in ("link", "file", "no/such"):
            heapcore("dump", core, "--leaked", "--split", tmp_path / name, "--force", status=2)
        heapcore("dump", core, "--leaked", "--split", ".", status=2, cwd=tmp_path)
        assert sorted(os.listdir(tmp_path)) == ["empty", "file", "link"]


# What is interrupted, and where it writes.
WRITERS = {
    "chunks-csv": ["chunks", "--format", "csv", "-o"],
    "chunks-json": ["chunks", "--format", "json", "-o"],
    "leaks": ["leaks", "-o"],
    "grep": ["grep", "-o", "[A-Z]+", "--output"],
    "dump": ["dump", "--state", "in-use", "-o"],
    "split": ["dump", "--state", "in-use", "--limit", "40", "--split"],
}
OLD = {"file": b"old"}


@pytest.fixture(scope="module")
def moments(heapcore, compiled):
    library = str(compiled("tests/e2e/moments.c", "-shared", "-fPIC", "-ldl"))
    status, _, err = run([heapcore.path, "--version"], env={"LD_PRELOAD": library})
    if status:  # with sanitizers, whose own library must come first
        pytest.skip(f"no library can be preloaded: {err.decode().strip()}")
    return library


@pytest.fixture(scope="module")
def threads(heapcore, compiled, tmp_path_factory):
    library = str(compiled("tests/e2e/threads.c", "-shared", "-fPIC", "-ldl"))
    status, _, err = run([heapcore.path, "--version"], env={"LD_PRELOAD": library, "RUNNING": "/dev/null"})
    if status:  # with sanitizers, whose own library must come first
        pytest.skip(f"no library can be preloaded: {err.decode().strip()}")
    return library


class Writer:
    """One way of writing into a folder, and the states that it may be found in."""

    def __init__(self, heapcore, core, name, folder, force):
        self.folder, self.split = folder, name == "split"
        verb, *rest = WRITERS[name]
        self.args = [heapcore.path, verb, core, *rest, "out"] + ["--force"] * force
        self.force = force
        self.prepare()
        self.old = contents(folder)
        assert run(self.args, cwd=folder)[0] == 0
        self.new = contents(folder)
        assert self.new != self.old

    def prepare(self):
        for path in sorted(self.folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        if self.force and self.split:
            (self.folder / "out").mkdir()
            (self.folder / "out/0x1.bin").write_text("old")
        elif self.force:
            (self.folder / "out").write_text("old")
            (self.folder / "out.index").write_text("old index")

    def check(self, say):
        found = contents(self.folder)
        assert found in (self.old, self.new), (say, sorted(found))
        assert set(os.listdir(self.folder)) <= {"out", "out.index"}, (say, os.listdir(self.folder))
        return found == self.new


@pytest.fixture(params=[False, True], ids=["new", "force"])
def force(request):
    return request.param


class TestInterrupted:
    """Whatever ends a run: what has the name is whole, and nothing else is left."""

    @pytest.mark.parametrize("name", WRITERS)
    def test_at_any_time(self, heapcore, core, tmp_path, name, force):
        writer = Writer(heapcore, core, name, tmp_path, force)
        began = time.monotonic()
        run(writer.args, cwd=tmp_path)
        duration = time.monotonic() - began
        for i in range(24):
            signum = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[i % 3]
            writer.prepare()
            process = start(writer.args, cwd=tmp_path)
            time.sleep(duration * i / 20)
            process.send_signal(signum)
            _, err = process.communicate(timeout=60)
            assert process.returncode in (0, -signum), err
            writer.check((name, i, signum))

    # In the order in which the kernel is asked: all of the first, then a sample.
    MOMENTS = [*range(1, 24), *range(24, 120, 9)]

    def sweep(self, writer, moments, tmp_path_factory, statuses, **env):
        marker = tmp_path_factory.mktemp("late") / "late"
        whole = 0
        for moment in self.MOMENTS:
            writer.prepare()
            status, _, err = run(writer.args, cwd=writer.folder,
                                 env={"LD_PRELOAD": moments, "MOMENT": str(moment), "TOO_LATE": str(marker), **env})
            if marker.exists():
                marker.unlink()
                assert status == 0 and writer.check((moment, env))
                return
            assert status in statuses, (moment, env, status, err)
            whole += writer.check((moment, env))
        assert whole < len(self.MOMENTS)

    @pytest.mark.parametrize("lacks", [{}, {"NO_TMPFILE": "1"}, {"NO_TMPFILE": "1", "NO_FLAGS": "1"}],
                             ids=["nameless", "named", "old-file-system"])
    @pytest.mark.parametrize("name", ["chunks-csv", "dump", "split"])
    def test_at_every_call(self, heapcore, core, moments, tmp_path, tmp_path_factory, name, force, lacks):
        writer = Writer(heapcore, core, name, tmp_path, force)
        for signum in (signal.SIGINT, signal.SIGTERM):
            self.sweep(writer, moments, tmp_path_factory, {-signum}, SIGNAL=str(int(signum)), **lacks)

    @pytest.mark.parametrize("lacks", [{}, {"NO_TMPFILE": "1"}], ids=["nameless", "named"])
    @pytest.mark.parametrize("name", ["chunks-csv", "dump", "split"])
    def test_every_call_fails(self, heapcore, core, moments, tmp_path, tmp_path_factory, name, force, lacks):
        writer = Writer(heapcore, core, name, tmp_path, force)
        for errnum in (5, 28):  # EIO, ENOSPC
            # What can be done in another way is done so: 0.
            self.sweep(writer, moments, tmp_path_factory, {0, 2}, FAIL=str(errnum), **lacks)

    @pytest.mark.parametrize("name", ["chunks-csv", "leaks", "grep"])
    def test_killed(self, heapcore, core, moments, tmp_path, tmp_path_factory, name):
        """Nobody can clean up after SIGKILL, and nobody has to."""
        try:
            os.close(os.open(tmp_path, os.O_TMPFILE | os.O_WRONLY))
        except OSError as error:
            pytest.skip(f"O_TMPFILE: {error}")
        writer = Writer(heapcore, core, name, tmp_path, False)
        self.sweep(writer, moments, tmp_path_factory, {-signal.SIGKILL}, SIGNAL=str(int(signal.SIGKILL)))

    @pytest.mark.parametrize("verb", ["analyze", "leaks", "classify", "grep"])
    def test_work_is_given_up_in_order(self, heapcore, core, threads, tmp_path, verb):
        """The first signal asks: who works comes home before the run ends by it. The second one does not wait."""
        running = tmp_path / "running"

        def started(moment, signum=signal.SIGINT, **env):
            running.write_bytes(bytes(8))
            more = ["needle"] if verb == "grep" else []
            status, _, err = run([heapcore.path, verb, core, *more, "--jobs", "4", "--output", "out"], cwd=tmp_path,
                                 env={"LD_PRELOAD": threads, "RUNNING": str(running), "MOMENT": str(moment),
                                      "SIGNAL": str(int(signum)), **env})
            number, left = struct.unpack("=II", running.read_bytes())
            found = set(os.listdir(tmp_path)) - {"running"}
            if not moment:
                assert status in (0, 1) and found == {"out"} and not left
                (tmp_path / "out").unlink()
                return number
            if number < moment and status in (0, 1):
                # How many threads are started is not the same in each run: here the moment did not come.
                assert found == {"out"} and not err and not left and moment > 2, (moment, status, found, err)
                (tmp_path / "out").unlink()
                return number
            assert status == -signum and not found and not err, (moment, status, found, err)
            if not env:
                assert not left, (moment, number, left)
            return number

        number = started(0)
        assert number >= 2
        for moment in {2, number // 2 + 1, number}:
            for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                started(moment, signum)
            started(moment, AGAIN="1")

    def test_ignored_signals_stay_ignored(self, heapcore, core, moments, tmp_path):
        status, _, err = run(["sh", "-c", 'trap "" HUP; exec "$@"', "sh", heapcore.path, "chunks", core, "-o", tmp_path / "out"],
                             env={"LD_PRELOAD": moments, "MOMENT": "3", "SIGNAL": str(int(signal.SIGHUP))})
        assert status == 0 and os.listdir(tmp_path) == ["out"], err

    @pytest.mark.parametrize("args", [["chunks", "--format", "csv"], ["chunks", "--format", "json"], ["grep", "-o", "."],
                                      ["strings"], ["dump", "--state", "in-use"]])
    def test_reader_goes_away(self, heapcore, core, tmp_path, args):
        # A pipe of one page: a larger one may take all of the output before its reader goes away.
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        process = start([heapcore.path, args[0], core, *args[1:]], cwd=tmp_path, stdout=writer)
        os.close(writer)
        os.read(reader, 1)
        os.close(reader)
        assert process.stderr.read() == b"" and process.wait(60) == -signal.SIGPIPE
        assert not os.listdir(tmp_path)

    def test_progress_ends_its_line(self, heapcore, core):
        """The reader of stdout waits, so the writer does, and says so."""
        screen, terminal = pty.openpty()
        process = start([heapcore.path, "dump", core, "--state", "in-use"], stderr=terminal)
        os.close(terminal)
        said = b""
        while b"writing" not in said:
            said += os.read(screen, 1000)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == -signal.SIGINT
        process.stdout.close()
        try:
            while more := os.read(screen, 1000):
                said += more
        except OSError:  # EIO: nobody has the other end any more
            pass
        os.close(screen)
        assert said.endswith(b"\r\n")

    def test_reader_of_a_pipe_goes_away(self, heapcore, core, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        process = start([heapcore.path, "dump", core, "--state", "in-use", "-o", tmp_path / "pipe"])
        with open(tmp_path / "pipe", "rb") as pipe:
            pipe.read(1)
        assert process.stderr.read() == b"" and process.wait(60) == -signal.SIGPIPE
        process.stdout.close()
        assert os.listdir(tmp_path) == ["pipe"]

    def test_broken_pipe_as_an_error(self, heapcore, core):
        """Where SIGPIPE is ignored."""
        process = start(["sh", "-c", 'trap "" PIPE; exec "$0" chunks "$1"', heapcore.path, core])
        process.stdout.close()
        assert process.stderr.read() == b"heapcore: cannot write to standard output: Broken pipe\n"
        assert process.wait(60) == 2
