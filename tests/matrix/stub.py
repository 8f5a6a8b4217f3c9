"""The core of a program under qemu where qemu writes none: it is stopped by qemu's stub for gdb, and read from outside.

The program's memory is the emulator's own from BASE on, so /proc has it, with the names of files. The stub tells the
registers of each thread and the auxiliary vector.
"""
import contextlib
import pathlib
import re
import socket
import struct
import subprocess
import sys
import time

from debian import Unavailable

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / name) for name in ("", "synthetic")]
import corewriter  # noqa: E402 (shared with the other test folders)
import machine  # noqa: E402

# Where the emulator puts address 0 of the program, far from all that is its own.
BASE, SPAN = 1 << 44, 1 << 40
SIGABRT = 6
TIMEOUT = 60
# Order of the registers: of the stub (x0 ... x31, pc) in elf_gregset_t (pc, x1 ... x31).
RISCV64 = [32, *range(1, 32)]


class Stub:
    """A connection that speaks gdb's remote protocol."""

    def __init__(self, path, process):
        end = time.monotonic() + TIMEOUT
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(TIMEOUT)
            try:
                self.socket.connect(str(path))
                break
            except OSError as error:
                self.socket.close()
                assert process.poll() is None and time.monotonic() < end, f"the stub does not answer: {error}"
                time.sleep(0.01)
        self.stream = self.socket.makefile("rwb")

    def close(self):
        self.stream.close()
        self.socket.close()

    def ask(self, text):
        """Send a packet, and return the next one."""
        data = text.encode()
        self.stream.write(b"$%s#%02x" % (data, sum(data) & 255))
        self.stream.flush()
        while (byte := self.stream.read(1)) != b"$":
            assert byte, f"the stub hung up at {text}"
        body = bytearray()
        while (byte := self.stream.read(1)) != b"#":
            assert byte, f"the stub hung up at {text}"
            body += bytes([self.stream.read(1)[0] ^ 0x20]) if byte == b"}" else byte
        self.stream.read(2)
        self.stream.write(b"+")
        self.stream.flush()
        return bytes(body)

    def run_to(self, wanted):
        """Let the program go on until it gets a signal."""
        reply = self.ask("c")
        while (signal := int(reply[1:3], 16)) != wanted:
            assert reply[:1] in b"ST", f"the program ended: {reply}"
            reply = self.ask(f"C{signal:02x}")
        return re.search(rb"thread:p?(?:[0-9a-f]+\.)?([0-9a-f]+);", reply)[1].decode()

    def threads(self):
        found, reply = [], self.ask("qfThreadInfo")
        while reply[:1] == b"m":
            found += [name.split(".")[-1] for name in reply[1:].decode().split(",")]
            reply = self.ask("qsThreadInfo")
        return found

    def registers(self, thread, order):
        assert self.ask(f"Hg{thread}") == b"OK"
        raw = bytes.fromhex(self.ask("g").decode())
        values = struct.unpack_from("<33Q", raw)
        return [values[i] for i in order]

    def auxv(self):
        reply = self.ask("qXfer:auxv:read::0,1000")
        assert reply[:1] == b"l", reply
        words = struct.unpack(f"<{len(reply[1:]) // 8}Q", reply[1:])
        return [word for pair in zip(words[::2], words[1::2]) if pair[0] for word in pair]


def map_all(memory, pid):
    """Bring the program's mappings in, with what they hold."""
    try:
        with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", buffering=0) as mem:
            for line in maps:
                fields = line.split(maxsplit=5)
                start, end = (int(x, 16) for x in fields[0].split("-"))
                if start < BASE or end > BASE + SPAN:
                    continue
                readable = fields[1][0] == "r"
                flags = sum(bit for letter, bit in zip(fields[1], (4, 2, 1)) if letter != "-")
                name = fields[5].strip() if len(fields) > 5 and fields[5].startswith("/") else None
                segment = memory.map(start - BASE, end - start, flags=flags, file=name, offset=int(fields[2], 16),
                                     dumped=readable)
                if readable:
                    mem.seek(start)
                    segment.data[:] = mem.read(end - start)
    except OSError as error:
        raise Unavailable(f"/proc/PID/mem of a child can't be read: {error.strerror}") from error


def take_core(command, environment, folder, out, err):
    """Run a command, of which the first word is the emulator, to its abort(), and write its core."""
    path = folder / "stub"
    command = [command[0], "-B", hex(BASE), "-g", str(path), *command[1:]]
    process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                               preexec_fn=machine.prepare_child)
    try:
        with contextlib.closing(Stub(path, process)) as stub:
            current = stub.run_to(SIGABRT)
            memory = corewriter.Memory(64, corewriter.MACHINES["riscv64"])
            map_all(memory, process.pid)
            names = sorted(stub.threads(), key=lambda name: name != current)
            threads = [corewriter.Thread(int(name, 16), 0, 0, registers=stub.registers(name, RISCV64))
                       for name in names]
            corewriter.write(folder / "core", memory, threads, auxv=stub.auxv())
    finally:
        process.kill()
        process.wait()
    return folder / "core"
