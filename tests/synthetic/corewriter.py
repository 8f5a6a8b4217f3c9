"""Write an ELF core of a machine's memory, as the kernel of that machine would."""
import collections
import struct

PT_LOAD, PT_NOTE = 1, 4
NT_PRSTATUS, NT_PRPSINFO, NT_AUXV, NT_FILE, NT_386_TLS, NT_ARM_TLS = 1, 3, 6, 0x46494C45, 0x200, 0x401
PAGE = 4096
READ, WRITE, EXEC = 4, 2, 1

# Registers of elf_gregset_t, and which of them are the program counter, the stack pointer and the thread pointer
# (None: in no register set). Written from the kernel's uapi headers, a second time and apart from heapcore's own table.
# "uid" is the width of __kernel_uid_t, "bias" what the thread pointer stands above where libc counts from.
Machine = collections.namedtuple("Machine", "name bits order elf registers pc sp tp uid register bias",
                                 defaults=(4, None, 0))
MACHINES = {m.name: m for m in [
    Machine("x86-64", 64, "little", 62, 27, 16, 19, 21),
    Machine("i386", 32, "little", 3, 17, 12, 15, None, 2),
    Machine("x32", 32, "little", 62, 27, 16, 19, 21, 2, 8),
    Machine("aarch64", 64, "little", 183, 34, 32, 31, None),
    Machine("arm", 32, "little", 40, 18, 15, 13, None, 2),
    Machine("armeb", 32, "big", 40, 18, 15, 13, None, 2),
    Machine("riscv64", 64, "little", 243, 32, 0, 2, 4),
    Machine("riscv32", 32, "little", 243, 32, 0, 2, 4),
    Machine("ppc64", 64, "big", 21, 48, 32, 1, 13, bias=0x7000),
    Machine("ppc64le", 64, "little", 21, 48, 32, 1, 13, bias=0x7000),
    Machine("ppc", 32, "big", 20, 48, 32, 1, 2, bias=0x7000),
    Machine("s390x", 64, "big", 22, 27, 1, 17, 18),
    Machine("mips", 32, "big", 8, 45, 40, 35, None),
    Machine("mipsel", 32, "little", 8, 45, 40, 35, None),
    Machine("mips64", 64, "big", 8, 45, 34, 29, None),
    Machine("mips64el", 64, "little", 8, 45, 34, 29, None),
    Machine("loongarch64", 64, "little", 258, 45, 33, 3, 2),
    Machine("sparc64", 64, "big", 43, 36, 33, 14, 7),
]}
NATIVE = {64: MACHINES["x86-64"], 32: MACHINES["i386"]}


class Segment:
    """A mapping; one that is not dumped has no bytes in the core."""

    def __init__(self, start, size, flags=READ | WRITE, file=None, offset=0, dumped=True):
        assert start % PAGE == 0 and size % PAGE == 0
        self.start, self.end, self.flags, self.file, self.offset = start, start + size, flags, file, offset
        self.data = bytearray(size if dumped else 0)


class Memory:
    """What a process has mapped. Words have the process's width."""

    def __init__(self, bits, machine=None):
        self.bits, self.word = bits, bits // 8
        self.machine = machine or NATIVE[bits]
        self.order = self.machine.order
        self.segments = []

    def map(self, start, size, **kind):
        segment = Segment(start, size, **kind)
        assert all(segment.end <= s.start or segment.start >= s.end for s in self.segments)
        self.segments.append(segment)
        return segment

    def _at(self, address, size):
        for segment in self.segments:
            if segment.start <= address and address + size <= segment.start + len(segment.data):
                return segment, address - segment.start
        raise KeyError(f"0x{address:x} is not mapped")

    def put(self, address, data):
        segment, offset = self._at(address, len(data))
        segment.data[offset:offset + len(data)] = data

    def get_word(self, address):
        segment, offset = self._at(address, self.word)
        return int.from_bytes(segment.data[offset:offset + self.word], self.order)

    def put_word(self, address, value, size=None):
        self.put(address, value.to_bytes(size or self.word, self.order))


class Thread:
    """A thread; of its registers either all are given or the three that matter."""

    def __init__(self, tid, pc, sp, tp=None, registers=None):
        self.tid, self.pc, self.sp, self.tp, self.registers = tid, pc, sp, tp, registers


class Writer:
    """The parts of a core of one machine."""

    def __init__(self, machine, owner=b"CORE\0"):
        self.machine, self.bits, self.owner = machine, machine.bits, owner
        self.form = {"little": "<", "big": ">"}[machine.order]

    def pack(self, form, *values):
        return struct.pack(self.form + form, *values)

    def words(self, *values):
        return self.pack(f"{len(values)}{'Q' if self.bits == 64 else 'I'}", *values)

    def note(self, kind, desc, owner=None):
        def pad(data):
            return data + bytes(-len(data) % 4)
        owner = owner or self.owner
        return self.pack("III", len(owner), len(desc), kind) + pad(owner) + pad(desc)

    def thread_notes(self, thread):
        """struct elf_prstatus, and what other notes the thread has."""
        m, wide = self.machine, self.bits == 64
        registers, more = [0] * m.registers, b""
        registers[m.pc], registers[m.sp] = thread.pc, thread.sp
        if thread.registers:
            registers = thread.registers
        elif m.tp is not None:
            registers[m.tp] = (thread.tp or -m.bias) + m.bias
        if m.name == "i386":
            entry = 12
            registers[10] = entry << 3 | 3
            if thread.tp:
                more = self.note(NT_386_TLS, struct.pack("<4I", entry, thread.tp, 0xfffff, 0x51), b"LINUX\0")
        elif m.tp is None and thread.tp:
            more = self.note(NT_ARM_TLS, self.words(thread.tp), b"LINUX\0")
        size = m.register or self.bits // 8
        status = bytearray(self.pack("IIIHHQQ" if wide else "IIIHHII", 6, 0, 0, 6, 0, 0, 0))
        status += self.pack("4I", thread.tid, 0, 0, 0) + bytes(64 if wide else 32)
        status += self.pack(f"{m.registers}{'Q' if size == 8 else 'I'}", *registers)
        status += bytes(8 if wide or size == 8 else 4)
        return self.note(NT_PRSTATUS, bytes(status)) + more

    def process_note(self, pid, name):
        """struct elf_prpsinfo."""
        if self.bits == 64:
            info = self.pack("4x4xQII4I", 0, 0, 0, pid, 0, 0, 0)
        else:
            info = self.pack("4xI" + ("HH" if self.machine.uid == 2 else "II") + "4I", 0, 0, 0, pid, 0, 0, 0)
        return self.note(NT_PRPSINFO, info + name.ljust(16, b"\0") + name.ljust(80, b"\0"))

    def file_note(self, memory):
        files = [s for s in sorted(memory.segments, key=lambda s: s.start) if s.file]
        numbers = [len(files), PAGE]
        for segment in files:
            numbers += [segment.start, segment.end, segment.offset // PAGE]
        return self.note(NT_FILE, self.words(*numbers) + b"".join(s.file.encode() + b"\0" for s in files))

    def header(self, size, entry, num):
        ident = b"\x7fELF" + bytes((self.bits // 32, 1 if self.form == "<" else 2, 1)) + bytes(9)
        return ident + self.pack("HHIQQQIHHHHHH" if self.bits == 64 else "HHIIIIIHHHHHH",
                                 4, self.machine.elf, 1, 0, size, 0, 0, size, entry, num, 0, 0, 0)

    def program_header(self, kind, flags, offset, start, filesz, memsz):
        if self.bits == 64:
            return self.pack("IIQQQQQQ", kind, flags, offset, start, 0, filesz, memsz, PAGE)
        return self.pack("IIIIIIII", kind, offset, start, 0, filesz, memsz, flags, PAGE)


def write(path, memory, threads, with_files=True, auxv=(), owner=b"CORE\0"):
    w = Writer(memory.machine, owner)
    notes = b""
    for i, thread in enumerate(threads):
        notes += w.thread_notes(thread)
        if i == 0:
            notes += w.process_note(thread.tid, b"synthetic")
            notes += w.note(NT_AUXV, w.words(6, PAGE, *auxv, 0, 0))
            notes += w.file_note(memory) if with_files else b""
    segments = sorted(memory.segments, key=lambda s: s.start)
    header, entry = (64, 56) if memory.bits == 64 else (52, 32)
    notes_at = header + entry * (len(segments) + 1)
    at = -(-(notes_at + len(notes)) // PAGE) * PAGE
    rows = [(PT_NOTE, 0, notes_at, 0, len(notes), 0)]
    for segment in segments:
        rows.append((PT_LOAD, segment.flags, at, segment.start, len(segment.data), segment.end - segment.start))
        at += len(segment.data)
    with open(path, "wb") as file:
        file.write(w.header(header, entry, len(rows)))
        for row in rows:
            file.write(w.program_header(*row))
        file.write(notes)
        for (_, _, offset, *_), segment in zip(rows[1:], segments):
            file.seek(offset)
            file.write(segment.data)
