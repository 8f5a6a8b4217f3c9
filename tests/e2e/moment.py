"""Cores of a process that is stopped at chosen instructions (x86-64, by ptrace), far cheaper than gcore's.

Pages that were never touched, which is most of what a thread arena reserves, are holes of the file.
"""
import contextlib
import ctypes
import os
import pathlib
import signal
import struct

CONT, SINGLESTEP, GETREGS, SEIZE, INTERRUPT = 7, 9, 12, 0x4206, 0x4207
WALL = 0x40000000
PAGE = 4096
REGS = struct.Struct("<27Q")  # user_regs_struct
RIP, RSP = 16, 19  # among them
PRSTATUS, PRPSINFO, AUXV, FILE = 1, 3, 6, 0x46494C45

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def ptrace(request, tid, data=None):
    if libc.ptrace(request, tid, None, data) < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"ptrace {request:#x} of {tid}: {os.strerror(error)}")


class Mapping:
    def __init__(self, line):
        span, self.modes, offset, device, inode, *name = line.split(None, 5)
        self.start, self.end = (int(x, 16) for x in span.split("-"))
        self.offset, self.name = int(offset, 16), name[0].strip() if name else ""
        self.writable = "w" in self.modes
        self.readable = "r" in self.modes and self.name not in ("[vvar]", "[vsyscall]")


def note(kind, data):
    return struct.pack("<III", 5, len(data), kind) + b"CORE\0\0\0\0" + data + bytes(-len(data) % 4)


class Traced:
    """All threads of a process, seized. They run, or are stopped, as one asks."""

    def __init__(self, pid):
        self.pid = pid
        self.memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
        self.pagemap = os.open(f"/proc/{pid}/pagemap", os.O_RDONLY)
        self.auxv = pathlib.Path(f"/proc/{pid}/auxv").read_bytes()
        self.tids = []
        self.constant = {}
        self.buffer = (ctypes.c_ulonglong * 27)()
        while new := [t for t in self.threads() if t not in self.tids]:
            for tid in new:
                ptrace(SEIZE, tid)
                self.tids.append(tid)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        """Ends the process: its first thread can be waited for only when who traces has waited for the others."""
        os.close(self.memory)
        os.close(self.pagemap)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        for tid in self.tids:
            with contextlib.suppress(ChildProcessError):
                while tid != self.pid and not self.gone(tid):
                    pass

    def threads(self):
        return sorted(int(t) for t in os.listdir(f"/proc/{self.pid}/task"))

    @staticmethod
    def gone(tid):
        _, status = os.waitpid(tid, WALL)
        return os.WIFSIGNALED(status) or os.WIFEXITED(status)

    def wait(self, tid):
        """The signal that stopped a thread; 0 when it ended."""
        _, status = os.waitpid(tid, WALL)
        return os.WSTOPSIG(status) if os.WIFSTOPPED(status) else 0

    def interrupt(self, *tids):
        """Stop threads that run, and see to it that they have."""
        for tid in tids:
            ptrace(INTERRUPT, tid)
        for tid in tids:
            self.wait(tid)

    def go_on(self, *tids):
        for tid in tids:
            ptrace(CONT, tid)

    def step(self, tid):
        """Whether the thread is still there after one instruction."""
        ptrace(SINGLESTEP, tid)
        return self.wait(tid)

    def registers(self, tid):
        ptrace(GETREGS, tid, self.buffer)
        return tuple(self.buffer)

    def mappings(self):
        return [Mapping(line) for line in pathlib.Path(f"/proc/{self.pid}/maps").read_text().splitlines()]

    def read(self, start, size):
        try:
            return os.pread(self.memory, size, start)
        except OSError:
            return b""  # what the kernel does not let anybody read, such as pages behind the end of a file

    def pieces(self, mapping):
        """(address, bytes) of what is there of a mapping."""
        if not mapping.readable:
            return
        if not mapping.writable:
            if mapping.start not in self.constant:
                self.constant[mapping.start] = self.read(mapping.start, mapping.end - mapping.start)
            yield mapping.start, self.constant[mapping.start]
            return
        count = (mapping.end - mapping.start) // PAGE
        flags = struct.unpack(f"<{count}Q", os.pread(self.pagemap, 8 * count, mapping.start // PAGE * 8))
        first = None
        for i, flag in enumerate([*flags, 0]):
            # Present or swapped; pages of files that were not read yet are neither.
            there = i < count and (flag >> 62 or mapping.name.startswith("/"))
            if there and first is None:
                first = i
            elif not there and first is not None:
                start = mapping.start + first * PAGE
                yield start, self.read(start, (i - first) * PAGE)
                first = None

    def notes(self, mappings, first):
        """The thread that comes first in a core is the one that it is about."""
        tids = [first, *(t for t in self.tids if t != first)]
        data = b""
        for tid in tids:
            status = struct.pack("<iiihhQQiiii", 0, 0, 0, 0, 0, 0, 0, tid, 0, self.pid, self.pid) + bytes(64)
            data += note(PRSTATUS, status + REGS.pack(*self.registers(tid)) + struct.pack("<ii", 0, 0))
            if tid == first:
                data += note(PRPSINFO, struct.pack("<bbbb4xQIIiiii16s80s", 0, b"t"[0], 0, 0, 0, 0, 0, self.pid, 1, 0, 0,
                                                   b"traced", b"traced"))
                data += note(AUXV, self.auxv)
        files = [m for m in mappings if m.name.startswith("/")]
        table = struct.pack("<2Q", len(files), PAGE)
        table += b"".join(struct.pack("<3Q", m.start, m.end, m.offset // PAGE) for m in files)
        table += b"".join(os.fsencode(m.name) + b"\0" for m in files)
        return data + note(FILE, table)

    def capture(self, first=None):
        """What a core of this moment holds; all threads are stopped."""
        mappings = [m for m in self.mappings() if m.name not in ("[vvar]", "[vsyscall]")]
        return Capture(self.notes(mappings, first or self.tids[0]), [(m, list(self.pieces(m))) for m in mappings])


class Capture:
    def __init__(self, notes, memory):
        self.notes, self.memory = notes, memory  # of (mapping, pieces)

    def write(self, path):
        """Write it as a core."""
        offset = 64 + 56 * (len(self.memory) + 1)
        headers = struct.pack("<IIQQQQQQ", 4, 0, offset, 0, 0, len(self.notes), 0, 4)
        offset += len(self.notes)
        body = []
        for mapping, pieces in self.memory:
            offset += -offset % PAGE
            size = mapping.end - mapping.start
            there = size if pieces else 0
            modes = sum(bit for letter, bit in (("r", 4), ("w", 2), ("x", 1)) if letter in mapping.modes)
            headers += struct.pack("<IIQQQQQQ", 1, modes, offset, mapping.start, 0, there, size, PAGE)
            body += [(offset + start - mapping.start, data) for start, data in pieces]
            offset += there
        head = b"\x7fELF\2\1\1" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56,
                                                       len(self.memory) + 1, 0, 0, 0)
        with open(path, "wb") as file:
            file.write(head + headers + self.notes)
            for at, data in body:
                file.seek(at)
                file.write(data)
            file.truncate(offset)
