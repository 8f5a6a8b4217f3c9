"""Write an ELF core of a machine's memory: x86-64 or i386, as the kernel would."""
import struct

PT_LOAD, PT_NOTE = 1, 4
NT_PRSTATUS, NT_PRPSINFO, NT_AUXV, NT_FILE, NT_386_TLS = 1, 3, 6, 0x46494C45, 0x200
PAGE = 4096
READ, WRITE, EXEC = 4, 2, 1


class Segment:
    """A mapping; one that is not dumped has no bytes in the core."""

    def __init__(self, start, size, flags=READ | WRITE, file=None, offset=0, dumped=True):
        assert start % PAGE == 0 and size % PAGE == 0
        self.start, self.end, self.flags, self.file, self.offset = start, start + size, flags, file, offset
        self.data = bytearray(size if dumped else 0)


class Memory:
    """What a process has mapped. Words have the process's width."""

    def __init__(self, bits):
        self.bits, self.word = bits, bits // 8
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
        return int.from_bytes(segment.data[offset:offset + self.word], "little")

    def put_word(self, address, value, size=None):
        self.put(address, value.to_bytes(size or self.word, "little"))


class Thread:
    def __init__(self, tid, pc, sp, tp=None):
        self.tid, self.pc, self.sp, self.tp = tid, pc, sp, tp


def note(kind, desc, owner=b"CORE\0"):
    def pad(data):
        return data + bytes(-len(data) % 4)
    return struct.pack("<III", len(owner), len(desc), kind) + pad(owner) + pad(desc)


def prstatus(bits, thread):
    """struct elf_prstatus; the second return value is more notes of the thread."""
    if bits == 64:
        registers = [0] * 27
        registers[16], registers[19], registers[21] = thread.pc, thread.sp, thread.tp or 0
        return bytearray(336), 32, 112, struct.pack("<27Q", *registers), b""
    registers = [0] * 17
    entry = 12
    registers[10], registers[12], registers[15] = entry << 3 | 3, thread.pc, thread.sp
    tls = note(NT_386_TLS, struct.pack("<4I", entry, thread.tp, 0xfffff, 0x51), b"LINUX\0") if thread.tp else b""
    return bytearray(144), 24, 72, struct.pack("<17I", *registers), tls


def thread_notes(bits, thread):
    status, pid_at, registers_at, registers, more = prstatus(bits, thread)
    struct.pack_into("<H", status, 12, 6)
    struct.pack_into("<I", status, pid_at, thread.tid)
    status[registers_at:registers_at + len(registers)] = registers
    return note(NT_PRSTATUS, bytes(status)) + more


def process_note(bits, pid, name):
    size, pid_at, name_at, args_at = (136, 24, 40, 56) if bits == 64 else (124, 12, 28, 44)
    info = bytearray(size)
    struct.pack_into("<I", info, pid_at, pid)
    info[name_at:name_at + len(name)] = name
    info[args_at:args_at + len(name)] = name
    return note(NT_PRPSINFO, bytes(info))


def file_note(memory):
    word = "<Q" if memory.bits == 64 else "<I"
    files = [s for s in sorted(memory.segments, key=lambda s: s.start) if s.file]
    numbers = [len(files), PAGE]
    for segment in files:
        numbers += [segment.start, segment.end, segment.offset // PAGE]
    return note(NT_FILE, b"".join(struct.pack(word, n) for n in numbers) +
                b"".join(s.file.encode() + b"\0" for s in files))


def write(path, memory, threads, with_files=True):
    bits, machine = memory.bits, {64: 62, 32: 3}[memory.bits]
    notes = b""
    for i, thread in enumerate(threads):
        notes += thread_notes(bits, thread)
        if i == 0:
            notes += process_note(bits, thread.tid, b"synthetic")
            notes += note(NT_AUXV, struct.pack("<4Q" if bits == 64 else "<4I", 6, PAGE, 0, 0))
            notes += file_note(memory) if with_files else b""
    segments = sorted(memory.segments, key=lambda s: s.start)
    header, entry = (64, 56) if bits == 64 else (52, 32)
    notes_at = header + entry * (len(segments) + 1)
    at = -(-(notes_at + len(notes)) // PAGE) * PAGE
    rows = [(PT_NOTE, 0, notes_at, 0, len(notes), 0)]
    for segment in segments:
        rows.append((PT_LOAD, segment.flags, at, segment.start, len(segment.data), segment.end - segment.start))
        at += len(segment.data)
    with open(path, "wb") as file:
        ident = b"\x7fELF" + bytes((bits // 32, 1, 1)) + bytes(9)
        form = "<HHIQQQIHHHHHH" if bits == 64 else "<HHIIIIIHHHHHH"
        file.write(ident + struct.pack(form, 4, machine, 1, 0, header, 0, 0, header, entry, len(rows), 0, 0, 0))
        for kind, flags, offset, start, filesz, memsz in rows:
            file.write(struct.pack("<IIQQQQQQ", kind, flags, offset, start, 0, filesz, memsz, PAGE) if bits == 64 else
                       struct.pack("<IIIIIIII", kind, offset, start, 0, filesz, memsz, flags, PAGE))
        file.write(notes)
        for (_, _, offset, *_), segment in zip(rows[1:], segments):
            file.seek(offset)
            file.write(segment.data)
