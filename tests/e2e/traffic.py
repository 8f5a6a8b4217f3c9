"""Servers and their clients on loopback, and cores of programs that hold what went between them."""
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import time

import pytest

import conftest

WRK = """
local n = 0
local bodies = {%s}
request = function()
    n = n + 1
    local b = bodies[n %% #bodies + 1]
    return wrk.format(b[1], (b[2]:gsub("N", n)), b[3] and {["Content-Type"] = b[3]} or {}, b[4])
end
delay = function()
    return %d
end
"""
# method, target (N is a number), content type, body
WRK_REQUESTS = [
    ("GET", "/orders/N", None, None),
    ("POST", "/orders", "application/json", '{"customer":"c9","lines":[{"sku":17,"n":2}]}'),
    ("PUT", "/orders/N/state", "application/x-www-form-urlencoded", "state=paid&by=card"),
    ("POST", "/import", "application/xml", "<?xml version='1.0'?><order><sku>17</sku></order>"),
]
WRK_LEAK_REQUESTS = [
    ("GET", "/profile/query?appid=N", None, None),
    ("POST", "/profile/query?appid=N", "application/x-www-form-urlencoded", "channelid=17&uid=3"),
    ("POST", "/profile/query?appid=N", "application/xml", "<query><channel>4099</channel></query>"),
]


def needs(*programs):
    """What servers and their clients need."""
    conftest.machine.need("loopback")
    conftest.machine.need_program(*programs)


def compiled_with(compiled, source, *libraries):
    """The program, or a skip when a library's development files are not there."""
    for name in libraries:
        if subprocess.run(["pkg-config", "--exists", name], check=False).returncode != 0:
            pytest.skip(f"{name}: its development files are not installed")
    flags = subprocess.run(["pkg-config", "--libs", *libraries], capture_output=True, text=True, check=True).stdout \
        if libraries else ""
    return compiled(source, *flags.split())


def curl(port, target, *options):
    """One request for each number of the range in target."""
    subprocess.run(["curl", "--silent", "--show-error", "--max-time", "60", "--output", os.devnull, "--noproxy", "*",
                    *options, f"http://127.0.0.1:{port}{target}"], check=True, timeout=70,
                   stdin=subprocess.DEVNULL)


def wrk(port, requests, connections=4, delay=0):
    """A second of requests, with so many milliseconds before each."""
    lua = ", ".join("{" + ", ".join("nil" if x is None else f"[[{x}]]" for x in r) + "}" for r in requests)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(WRK % (lua, delay))
        script.flush()
        out = subprocess.run(["wrk", "-t1", f"-c{connections}", "-d1s", "-s", script.name,
                              f"http://127.0.0.1:{port}/"], capture_output=True, text=True, timeout=60, check=True,
                             stdin=subprocess.DEVNULL).stdout
    assert "Requests/sec" in out, out


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(16) == b"+PONG\r\n"
    except OSError:
        return False


@contextlib.contextmanager
def redis_server():
    """A server that keeps nothing on disk, in a folder of its own. Yields its port."""
    needs("redis-server")
    with tempfile.TemporaryDirectory(prefix="heapcore-redis-") as folder:
        for _ in range(5):  # somebody else may take the port in between
            port = free_port()
            argv = ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                    "--daemonize", "no", "--dir", folder, "--logfile", os.path.join(folder, "log")]
            with conftest.running(argv, stdin=subprocess.DEVNULL) as process:
                end = time.monotonic() + 10
                while process.poll() is None and not answers(port) and time.monotonic() < end:
                    time.sleep(0.02)
                if process.poll() is None and answers(port):
                    yield port
                    return
        pytest.fail(f"redis-server did not start: {pathlib.Path(folder, 'log').read_text()[-500:]}")


def take(path, argv, drive=None):
    """Run a program, drive(port) it once it says where it listens, and dump it after it said "end"."""
    with conftest.once(path) as needed:
        if needed:
            with conftest.running(argv) as process:
                said = b""
                if drive:
                    said = process.stdout.readline()
                    drive(int(said.split()[1]))
                said += conftest.read_until(process.stdout, b"end")
                for name in ("maps", "smaps") if conftest.machine.has("proc") else ():
                    shutil.copyfile(f"/proc/{process.pid}/{name}", f"{path}.{name}")
                conftest.gcore(process.pid, path)
                # gcore writes the reserved parts of arenas as zeros, 64 MB each.
                subprocess.run(["fallocate", "--dig-holes", path], check=False, stderr=subprocess.DEVNULL, timeout=60)
            pathlib.Path(f"{path}.said").write_bytes(said)
    return conftest.Dump(path)


def hoard_core(cache, compiled):
    """The HTTP server after curl and wrk."""
    needs("curl", "wrk")

    def drive(port):
        form = "channelid=4099&uid=880031&fields=name,avatar&locale=en_GB"
        curl(port, "/users/[1-300]?verbose=1", "--user-agent", "ProfileClient/4.2")
        curl(port, "/profile/query?appid=[1-300]", "--data", form)
        curl(port, "/users/[1-200]/cart", "--request", "PUT", "--data", '{"items":[{"sku":17,"n":2}],"note":"gift"}',
             "--header", "Content-Type: application/json; charset=utf-8")
        curl(port, "/soap/[1-200]", "--header", "Content-Type: text/xml", "--header", "Expect:",
             "--data", '<?xml version="1.0"?><e:Envelope xmlns:e="urn:e"><e:Body><q id="7"/></e:Body></e:Envelope>')
        curl(port, "/sessions/123e4567-e89b-12d3-a456-4266141740[10-59]", "--request", "DELETE")
        curl(port, "/health/[1-50]", "--head", "--http1.0")
        curl(port, "/more")
        wrk(port, WRK_REQUESTS)
        # It stops in the middle of a call: its answer comes first.
        curl(port, "/end")

    return take(cache / "http_hoard.core", [compiled("http_hoard.c"), "0", "2000"], drive)


def leaking_core(cache, compiled):
    """
    The server of case 1 after curl and wrk, whose requests differ in method, type and body. "said" has its counts.

    Its requests must have an appid. It serves one connection after the other.
    """
    needs("curl", "wrk")
    path = cache / "http_leak-traffic.core"
    with conftest.once(path) as needed:
        if needed:
            with conftest.running([compiled("http_leak.cc", "-s"), "0"]) as process:
                port = int(process.stdout.readline().decode().rsplit(":", 1)[1])
                curl(port, "/profile/query?appid=[1-200]", "--data", "channelid=4099&uid=1")
                curl(port, "/profile/query?appid=[201-300]", "--data", "channelid=17&uid=2")
                curl(port, "/profile/avatar?appid=[301-400]", "--request", "PUT", "--data", '{"channelid": 4099}',
                     "--header", "Content-Type: application/json")
                wrk(port, WRK_LEAK_REQUESTS, connections=1, delay=1)
                said = subprocess.run(["curl", "--silent", "--max-time", "60", "--noproxy", "*",
                                       f"http://127.0.0.1:{port}/stats"], capture_output=True, check=True, timeout=70)
                conftest.gcore(process.pid, path)
            pathlib.Path(f"{path}.said").write_bytes(said.stdout)
    return conftest.Dump(path)


def redis_core(cache, compiled):
    program = compiled_with(compiled, "redis_handlers.c", "hiredis")
    path = cache / "redis_handlers.core"
    if os.path.exists(path):
        return conftest.Dump(path)
    with redis_server() as port:
        return take(path, [program, "pause", port])


def orders_core(cache, compiled):
    program = compiled_with(compiled, "orders.c", "sqlite3", "jansson")
    return take(cache / "orders.core", [program, "pause"])
