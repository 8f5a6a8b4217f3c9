"""
Programs of Debian's packages, each started in a folder of its own, used a little, and left waiting.

Each is a context manager that takes a folder and yields the process whose core is to be taken; it is gone at the end.
A program that isn't installed is skipped by name. Servers listen on loopback or on a socket in the folder, and run as
nobody where they refuse to be run by root.
"""
import contextlib
import fcntl
import glob
import http.client
import os
import pathlib
import pty
import pwd
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import time

import pytest

import conftest

PROGRAMS = {}
HTML = "<html><body>" + "word " * 400 + "</body></html>"
LOG = "".join(f"2024-03-0{i % 9 + 1} 12:00:{i % 60:02d} host{i % 7} service[{100 + i}]: line {i}\n" for i in range(2000))


def used(*needed, package=None):
    """A context manager without arguments of one that takes a folder; needed are commands."""

    def make(start):
        @contextlib.contextmanager
        def started():
            for command in needed:
                if not find(command):
                    pytest.skip(f"{command} is not installed ({package or command})")
            with tempfile.TemporaryDirectory(prefix="heapcore-", ignore_cleanup_errors=True) as folder:
                give_away(folder)
                with contextlib.contextmanager(start)(folder) as pid:
                    yield pid

        return started

    return make


def program(name, *needed, package=None):
    """Registers one under a name. It stays what it is: a function of a folder that yields."""

    def register(start):
        PROGRAMS[name] = used(*needed, package=package)(start)
        return start

    return register


def find(command):
    """Also those that are not for everybody's PATH."""
    if conftest.machine.lacks(command):
        return None
    found = shutil.which(command, path="/usr/bin:/bin:/usr/sbin:/sbin")
    if not found:
        found = next(iter(sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{command}"), reverse=True)), None)
    return found


def give_away(path):
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(path, nobody.pw_uid, nobody.pw_gid)


def become_nobody():
    """In a child, for programs that refuse to be run by root."""
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)
    conftest.machine.prepare_child()


@contextlib.contextmanager
def running(folder, *argv, **options):
    """Its output goes to the folder, where a failure's reason can be read; it and its children end together."""
    with open(f"{folder}/output", "ab") as output:
        options.setdefault("preexec_fn", become_nobody)
        process = subprocess.Popen([find(argv[0]) or argv[0], *map(str, argv[1:])], cwd=folder, start_new_session=True,
                                   env={**conftest.ENVIRONMENT, "HOME": folder, **options.pop("env", {})},
                                   **{"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output, **options})
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream:
                stream.close()


def wait(process, condition, folder, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        said = pathlib.Path(folder, "output").read_text(errors="replace")[-1000:]
        assert process.poll() is None, f"{process.args} ended with {process.returncode}: {said}"
        assert time.monotonic() < end, f"{process.args} is not ready: {said}"
        time.sleep(0.01)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listens(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5):
            return True
    except OSError:
        return False


def accepts(path):
    """Whether somebody listens on a socket in the file system."""
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            return True
    except OSError:
        return False


def children(pid):
    return [int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def settle(pid):
    """Nothing depends on it; a core of a process that waits is the same from run to run."""
    for _ in range(200):
        states = [pathlib.Path(path).read_text().rsplit(")", 1)[1].split()[0] for path in glob.glob(f"/proc/{pid}/task/*/stat")]
        if set(states) == {"S"}:
            return
        time.sleep(0.01)


# On a terminal

class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, process, master):
        self.process, self.master, self.seen = process, master, b""

    def type(self, text):
        os.write(self.master, text.encode())

    def until(self, text, seconds=120):
        end = time.monotonic() + seconds
        while text.encode() not in self.seen:
            assert time.monotonic() < end, f"{self.process.args}: {self.seen[-500:]!r}"
            if select.select([self.master], [], [], 0.1)[0]:
                self.seen += os.read(self.master, 65536)

    def until_file(self, path, seconds=120):
        end = time.monotonic() + seconds
        while not os.path.exists(path):
            assert time.monotonic() < end, f"{self.process.args}: {self.seen[-500:]!r}"
            if select.select([self.master], [], [], 0.01)[0]:
                self.seen += os.read(self.master, 65536)


@contextlib.contextmanager
def on_terminal(folder, *argv, **options):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))

    def prepare():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        conftest.machine.prepare_child()

    try:
        with running(folder, *argv, stdin=slave, stdout=slave, stderr=slave, preexec_fn=prepare,
                     env={"TERM": "xterm", **options.pop("env", {})}, **options) as process:
            os.close(slave)
            yield Terminal(process, master)
    finally:
        os.close(master)


@contextlib.contextmanager
def script(folder, *argv, **options):
    """A program that says "end" and then reads from a pipe that nobody writes to."""
    with running(folder, *argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options) as process:
        conftest.read_until(process.stdout, b"end", 120)
        yield process


# Servers

@contextlib.contextmanager
def mariadb_server(folder, *options):
    """Listens on the socket "s" in the folder."""
    subprocess.run([find("mariadb-install-db"), "--no-defaults", f"--datadir={folder}/data", "--auth-root-authentication-method=normal",
                    "--skip-test-db", "--innodb-log-file-size=8M"], check=True, preexec_fn=become_nobody, timeout=300,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, cwd=folder)
    path = f"{folder}/s"
    with running(folder, "mariadbd", "--no-defaults", f"--datadir={folder}/data", f"--socket={path}", "--skip-networking",
                 "--innodb-buffer-pool-size=16M", "--loose-innodb-buffer-pool-size-max=16M", "--innodb-log-file-size=8M", f"--pid-file={folder}/pid",
                 *options) as process:
        wait(process, lambda: accepts(path), folder)
        yield process


@program("mariadbd", "mariadbd", "mariadb-install-db", "mariadb", package="mariadb-server")
def mariadbd(folder):
    with mariadb_server(folder) as process:
        sql = "create database d; use d; create table t (id int primary key, name varchar(40));" + \
            "".join(f"insert into t values ({i}, 'name{i}');" for i in range(300)) + "select count(*) from t where name like '%7%';"
        subprocess.run([find("mariadb"), "--no-defaults", f"--socket={folder}/s", "-uroot"], input=sql.encode(), check=True,
                       capture_output=True, timeout=120)
        yield process.pid


@contextlib.contextmanager
def mariadb_session(folder, sql, *options):
    """A server after some SQL of a client that stays: its process, and what the client said."""
    with mariadb_server(folder, *options) as process:
        with running(folder, "mariadb", "--no-defaults", f"--socket={folder}/s", "-uroot", "-N", "-B", "-n", stdin=subprocess.PIPE,
                     stdout=subprocess.PIPE) as client:
            client.stdin.write(f"{sql}\nselect 'end';\n".encode())
            client.stdin.flush()
            yield process, conftest.read_until(client.stdout, b"end", 120).decode()


def get(port, paths):
    for path in paths:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", path)
        assert connection.getresponse().read()
        connection.close()


@contextlib.contextmanager
def nginx_server(folder, location=""):
    """A worker and the port on which it listens."""
    port = free_port()
    pathlib.Path(folder, "html").mkdir()
    pathlib.Path(folder, "html/index.html").write_text(HTML)
    os.chmod(f"{folder}/html", 0o755)
    paths = "".join(f"{name}_temp_path {folder}/{name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    pathlib.Path(folder, "conf").write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error;"
        f"events {{ worker_connections 512; }} http {{ access_log {folder}/access; {paths} gzip on; gzip_min_length 10;"
        f"server {{ listen 127.0.0.1:{port}; root {folder}/html; {location} }} }}")
    with running(folder, "nginx", "-p", folder, "-c", f"{folder}/conf", "-e", f"{folder}/error") as process:
        wait(process, lambda: listens(port), folder)
        yield children(process.pid)[0], port


@program("nginx", "nginx")
def nginx(folder):
    """A worker."""
    with nginx_server(folder) as (worker, port):
        get(port, ["/", "/index.html", "/missing"] * 20)
        yield worker


@contextlib.contextmanager
def apache(folder, mpm):
    port = free_port()
    modules = pathlib.Path("/usr/lib/apache2/modules")
    pathlib.Path(folder, "html").mkdir()
    pathlib.Path(folder, "html/index.html").write_text(HTML)
    load = "".join(f"LoadModule {name}_module {modules}/mod_{name}.so\n"
                   for name in (mpm, "authz_core", "dir", "mime", "alias", "deflate", "filter", "setenvif"))
    pathlib.Path(folder, "conf").write_text(
        f"{load}ServerName localhost\nServerRoot {folder}\nPidFile {folder}/pid\nListen 127.0.0.1:{port}\n"
        f"ErrorLog {folder}/error\nTypesConfig /etc/mime.types\nDocumentRoot {folder}/html\nDefaultRuntimeDir {folder}\n"
        f"Mutex file:{folder}\nStartServers 1\n"
        "<IfModule mpm_prefork_module>\nMinSpareServers 1\nMaxSpareServers 1\n</IfModule>\n<IfModule mpm_event_module>\nThreadsPerChild 8\nMinSpareThreads 1\nMaxSpareThreads 200\n</IfModule>\n"
        "<Directory />\nRequire all granted\n</Directory>\nSetOutputFilter DEFLATE\n")
    with running(folder, "apache2", "-DFOREGROUND", "-f", f"{folder}/conf") as process:
        wait(process, lambda: listens(port), folder)
        get(port, ["/", "/index.html"] * 20)
        yield children(process.pid)[0]


@program("apache-event", "apache2")
def apache_event(folder):
    with apache(folder, "mpm_event") as pid:
        yield pid


@program("apache-prefork", "apache2")
def apache_prefork(folder):
    with apache(folder, "mpm_prefork") as pid:
        yield pid


@contextlib.contextmanager
def postgres_server(folder):
    subprocess.run([find("initdb"), "-D", f"{folder}/data", "-A", "trust", "-U", "postgres", "--no-sync", "--no-locale", "-E", "UTF8"],
                   check=True, preexec_fn=become_nobody, capture_output=True, timeout=300, cwd=folder)
    with running(folder, "postgres", "-D", f"{folder}/data", "-c", "listen_addresses=", "-k", folder, "-F",
                 "-c", "shared_buffers=8MB") as process:
        wait(process, lambda: subprocess.run([find("pg_isready"), "-h", folder, "-q"], timeout=60).returncode == 0, folder)
        yield process


@contextlib.contextmanager
def postgres_session(folder, sql):
    """One backend after some SQL: its pid."""
    with postgres_server(folder):
        with running(folder, "psql", "-h", folder, "-U", "postgres", "-q", "-A", "-t", "-X", "postgres", stdin=subprocess.PIPE,
                     stdout=subprocess.PIPE) as client:
            client.stdin.write(f"{sql}\nselect 'backend ' || pg_backend_pid();\nselect 'end';\n".encode())
            client.stdin.flush()
            said = conftest.read_until(client.stdout, b"end", 120).decode()
            yield int(said.split("backend ")[1].split()[0])


@program("postgres", "postgres", "initdb", "psql", package="postgresql")
def postgres(folder):
    """A backend."""
    sql = ("create temp table t (id int primary key, name text);\n"
                            "insert into t select i, 'name' || i from generate_series(1, 1000) i;\n"
                            "select count(*) from t a join t b using (id) where a.name like '%7%';\n"
                            "select count(*) from pg_class c join pg_attribute a on a.attrelid = c.oid;")
    with postgres_session(folder, sql) as pid:
        yield pid


@program("postgres-main", "postgres", "initdb", "psql", package="postgresql")
def postgres_main(folder):
    with postgres_server(folder) as process:
        yield process.pid


@program("redis-server", "redis-server")
def redis(folder):
    path = f"{folder}/s"
    with running(folder, "redis-server", "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder) as process:
        wait(process, lambda: accepts(path), folder)
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            s.sendall(b"".join(b"SET key:%d value-%d\r\n" % (i, i) for i in range(200)) + b"PING\r\n")
            data = b""
            while not data.endswith(b"+PONG\r\n"):
                data += s.recv(65536)
        yield process.pid


@program("memcached", "memcached")
def memcached(folder):
    path = f"{folder}/s"
    with running(folder, "memcached", "-s", path, "-t", "2", "-m", "16") as process:
        wait(process, lambda: accepts(path), folder)
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(path)
            s.sendall(b"".join(b"set key:%d 0 0 7 noreply\r\nvalue-x\r\n" % i for i in range(200)) + b"get key:1\r\n")
            data = b""
            while not data.endswith(b"END\r\n"):
                data += s.recv(65536)
        yield process.pid


@program("dbus-daemon", "dbus-daemon", package="dbus-daemon")
def dbus(folder):
    with running(folder, "dbus-daemon", "--session", "--nofork", f"--address=unix:path={folder}/bus", "--print-address",
                 stdout=subprocess.PIPE) as process:
        assert b"unix:path" in process.stdout.readline()
        yield process.pid


# Interpreters

@program("python3", "python3")
def python(folder):
    text = "import json, re, sys, threading, collections, argparse, logging, subprocess\n" \
        "kept = [json.loads('{\"a\": [1, 2, {\"b\": \"%d\"}]}' % i) for i in range(500)]\n" \
        "print('end', flush=True)\nsys.stdin.read()"
    with script(folder, "python3", "-c", text) as process:
        yield process.pid


@program("perl", "perl")
def perl(folder):
    text = "use strict; use POSIX; use Data::Dumper; use File::Find; $| = 1; my %h;" \
        "for my $i (1..500) { $h{\"key$i\"} = { n => $i, list => [1..5], text => 'x' x $i }; }" \
        "my $s = join ',', map { /(\\d+)/; $1 } sort keys %h; print \"end\\n\"; <STDIN>;"
    with script(folder, "perl", "-e", text) as process:
        yield process.pid


@program("ruby", "ruby")
def ruby(folder):
    text = "require 'json'; require 'set'; K = (1..500).map { |i| JSON.parse('{\"a\": [1, 2, \"text %d\"]}' % i) };" \
        "puts 'end'; $stdout.flush; $stdin.read"
    with script(folder, "ruby", "-e", text) as process:
        yield process.pid


@program("php", "php", package="php-cli")
def php(folder):
    text = "$k = []; for ($i = 0; $i < 500; $i++) $k[] = json_decode('{\"a\": [1, 2, \"text '.$i.'\"]}');" \
        "echo \"end\\n\"; fgets(STDIN);"
    with script(folder, "php", "-r", text) as process:
        yield process.pid


@program("node", "node", package="nodejs")
def node(folder):
    text = "const kept = []; for (let i = 0; i < 500; i++) kept.push(JSON.parse(`{\"a\": [1, 2, \"text ${i}\"]}`));" \
        "require('zlib'); require('http'); console.log('end'); process.stdin.resume(); process.stdin.on('data', () => kept.length)"
    with script(folder, "node", "-e", text) as process:
        yield process.pid


@program("java", "java", "javac", package="default-jdk-headless")
def java(folder):
    pathlib.Path(folder, "Idle.java").write_text(
        "import java.util.*; public class Idle { static List<String> kept = new ArrayList<>(); public static void main(String[] a)"
        " throws Exception { for (int i = 0; i < 5000; i++) kept.add(\"text \" + i); System.out.println(\"end\");"
        " System.in.read(); } }")
    subprocess.run([find("javac"), "Idle.java"], cwd=folder, check=True, timeout=300, capture_output=True)
    with script(folder, "java", "-Xmx64m", "-XX:TieredStopAtLevel=1", "Idle") as process:
        yield process.pid


@program("tclsh", "tclsh", package="tcl")
def tcl(folder):
    pathlib.Path(folder, "idle.tcl").write_text("for {set i 0} {$i < 500} {incr i} { set k($i) [list $i text$i] }\n"
                                                "puts end; flush stdout; gets stdin\n")
    with script(folder, "tclsh", "idle.tcl") as process:
        yield process.pid


@program("awk", "mawk")
def awk(folder):
    with script(folder, "mawk", "BEGIN { for (i = 0; i < 500; i++) k[i] = \"text \" i; print \"end\"; fflush(); getline }") as process:
        yield process.pid


@program("go", "go", package="golang-go")
def go_program(folder):
    pathlib.Path(folder, "idle.go").write_text(
        "package main\nimport (\"fmt\"; \"os\"; \"os/user\"; \"net\")\nvar kept = map[string]string{}\nfunc main() {\n"
        "user.Current(); net.LookupHost(\"localhost\")\n"
        "for i := 0; i < 5000; i++ { kept[fmt.Sprint(i)] = fmt.Sprintf(\"text %d\", i) }\n"
        "fmt.Println(\"end\"); os.Stdin.Read(make([]byte, 1)) }\n")
    subprocess.run([find("go"), "build", "idle.go"], cwd=folder, check=True, timeout=300, capture_output=True,
                   env={**os.environ, "GOCACHE": f"{folder}/cache", "GOFLAGS": "", "HOME": folder})
    with script(folder, f"{folder}/idle") as process:
        yield process.pid


# Tools

@program("bash", "bash")
def bash(folder):
    with on_terminal(folder, "bash", "--norc", "-i") as terminal:
        terminal.type("f() { local x=$1; echo $((x + 1)); }; for i in $(seq 50); do a[$i]=$(f $i); done; echo \"e\"nd\n")
        terminal.until("\rend")
        yield terminal.process.pid


@program("vim", "vim")
def vim(folder):
    pathlib.Path(folder, "text").write_text(LOG)
    with on_terminal(folder, "vim", "-N", "-u", "NONE", "-c", "syntax on", "-c", "%s/line/row/",
                     "-c", "call writefile(['end'], 'ready')", "text") as terminal:
        terminal.until_file(f"{folder}/ready")
        yield terminal.process.pid


@program("emacs", "emacs-nox", package="emacs-nox")
def emacs(folder):
    pathlib.Path(folder, "text.el").write_text("(defun f (x) (+ x 1))\n" * 200)
    with on_terminal(folder, "emacs-nox", "-Q", "-nw", "text.el", "--eval", "(write-region \"end\" nil \"ready\")") as terminal:
        terminal.until_file(f"{folder}/ready")
        yield terminal.process.pid


@program("gdb", "gdb")
def gdb(folder):
    with on_terminal(folder, "gdb", "-nx", "-q", find("bash") or "bash") as terminal:
        terminal.type("info functions xmalloc\necho e\\nd\\n\nprint 1234 + 1\n")
        terminal.until("1235")
        yield terminal.process.pid


@program("sqlite3", "sqlite3")
def sqlite(folder):
    with on_terminal(folder, "sqlite3", "-batch", "data") as terminal:
        terminal.type("create table t(id integer primary key, name text); with recursive c(n) as (select 1 union all select n + 1 "
                      "from c where n < 1000) insert into t select n, 'name' || n from c; select count(*), 'e' || 'nd' from t;\n")
        terminal.until("1000|end")
        yield terminal.process.pid


@program("git", "git")
def git(folder):
    for argv in (["init", "-q"], ["add", "text"], ["-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "-m", "m"]):
        pathlib.Path(folder, "text").write_text(LOG)
        subprocess.run([find("git"), *argv], cwd=folder, check=True, timeout=60, preexec_fn=become_nobody,
                       env={**conftest.ENVIRONMENT, "HOME": folder})
    with running(folder, "git", "cat-file", "--batch", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(b"HEAD:text\n")
        process.stdin.flush()
        assert b" blob " in process.stdout.readline()
        yield process.pid


@program("ripgrep", "rg", package="ripgrep")
def ripgrep(folder):
    """Rust: waits on a pipe."""
    with running(folder, "rg", "--line-buffered", "service\\[\\d+\\]: (line) \\d+7\\b", "-", stdin=subprocess.PIPE,
                 stdout=subprocess.PIPE) as process:
        process.stdin.write(LOG.encode())
        process.stdin.flush()
        assert b"line" in process.stdout.readline()
        yield process.pid


@program("bat", "batcat", package="bat")
def bat(folder):
    with running(folder, "batcat", "--paging=never", "--color=always", "-l", "python", "-", stdin=subprocess.PIPE,
                 stdout=subprocess.PIPE) as process:
        process.stdin.write(b"def f(x):\n    return x + 1\n" * 20)
        process.stdin.flush()
        assert process.stdout.readline()
        yield process.pid


@program("gio", "gio", package="libglib2.0-bin")
def gio(folder):
    os.mkdir(f"{folder}/watched")
    with running(folder, "gio", "monitor", f"{folder}/watched", stdout=subprocess.PIPE) as process:
        i = 0
        while not select.select([process.stdout], [], [], 0.05)[0]:
            i += 1
            pathlib.Path(f"{folder}/watched/file{i}").write_text("text")
            assert i < 1000 and process.poll() is None
        yield process.pid


@program("gsettings", "gsettings", "dbus-daemon", package="libglib2.0-bin")
def gsettings(folder):
    with running(folder, "dbus-daemon", "--session", "--nofork", f"--address=unix:path={folder}/bus", "--print-address",
                 stdout=subprocess.PIPE) as bus:
        assert bus.stdout.readline()
        with running(folder, "gdbus", "monitor", "--session", "--dest", "org.freedesktop.DBus", stdout=subprocess.PIPE,
                     env={"DBUS_SESSION_BUS_ADDRESS": f"unix:path={folder}/bus"}) as process:
            assert process.stdout.readline()
            yield process.pid


@program("ssh-agent", "ssh-agent", package="openssh-client")
def ssh_agent(folder):
    path = f"{folder}/agent"
    with running(folder, "ssh-agent", "-D", "-a", path, preexec_fn=conftest.machine.prepare_child) as process:
        wait(process, lambda: accepts(path), folder)
        yield process.pid


@program("xvfb", "Xvfb", package="xvfb")
def xvfb(folder):
    read, write = os.pipe()
    os.set_inheritable(write, True)
    try:
        with running(folder, "Xvfb", "-displayfd", str(write), "-screen", "0", "640x480x24", "-nolisten", "tcp",
                     pass_fds=[write]) as process:
            assert os.read(read, 16)
            yield process.pid
    finally:
        os.close(read)
        os.close(write)
