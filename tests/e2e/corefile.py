"""A second, independent reader of cores: program headers and NT_FILE, with nothing shared with heapcore."""
import pathlib
import struct

PT_LOAD, PT_NOTE = 1, 4
PF_X, PF_W, PF_R = 1, 2, 4
NT_FILE = 0x46494C45
NT_AUXV = 6
AT_SYSINFO_EHDR = 33


class Segment:
    def __init__(self, fields, word):
        if word == 8:
            self.type, self.flags, self.offset, self.start, _, self.filesz, self.memsz, _ = fields
        else:
            self.type, self.offset, self.start, _, self.filesz, self.memsz, self.flags, _ = fields
        self.end = self.start + self.memsz


class Core:
    def __init__(self, path):
        self.path = path
        self.data = pathlib.Path(path).read_bytes()
        assert self.data[:4] == b"\x7fELF" and self.data[4] in (1, 2) and self.data[5] == 1
        self.word = 4 * self.data[4]
        phoff, = struct.unpack_from("<Q" if self.word == 8 else "<I", self.data, 32 if self.word == 8 else 28)
        self.phentsize, self.phnum = struct.unpack_from("<HH", self.data, 54 if self.word == 8 else 42)
        self.phoff = phoff
        header = "<IIQQQQQQ" if self.word == 8 else "<IIIIIIII"
        segments = [Segment(struct.unpack_from(header, self.data, phoff + i * self.phentsize), self.word)
                    for i in range(self.phnum)]
        self.loads = [s for s in segments if s.type == PT_LOAD]
        self.end = max(s.offset + s.filesz for s in segments)  # of what matters in the file
        self.notes = {}
        self.note_segment = next(s for s in segments if s.type == PT_NOTE)
        self._read_notes()
        self.files = list(self._read_files())

    def _read_notes(self):
        pos, end = self.note_segment.offset, self.note_segment.offset + self.note_segment.filesz
        self.note_offsets = []
        while pos + 12 <= end:
            namesz, descsz, kind = struct.unpack_from("<III", self.data, pos)
            desc = pos + 12 + (namesz + 3 & ~3)
            self.note_offsets.append((pos, kind, desc, descsz))
            self.notes.setdefault(kind, self.data[desc:desc + descsz])
            pos = desc + (descsz + 3 & ~3)

    def _read_files(self):
        desc = self.notes.get(NT_FILE)
        if desc is None:
            return
        letter, word = ("Q", 8) if self.word == 8 else ("I", 4)
        count, page = struct.unpack_from(f"<2{letter}", desc)
        names = desc[word * (2 + 3 * count):].split(b"\0")
        for i in range(count):
            start, end, offset = struct.unpack_from(f"<3{letter}", desc, word * (2 + 3 * i))
            yield start, end, offset * page, names[i].decode()

    def read(self, address, size):
        """Bytes of memory, of one segment."""
        load = next(s for s in self.loads if s.start <= address and address + size <= s.start + s.filesz)
        offset = load.offset + address - load.start
        return self.data[offset:offset + size]

    def auxv(self, wanted):
        for key, value in struct.iter_unpack("<QQ" if self.word == 8 else "<II", self.notes[NT_AUXV]):
            if key == wanted:
                return value
        return None

    def anonymous_bytes(self):
        """
        Bytes of writable mappings that are not in NT_FILE. Anonymous memory that is only readable does not
        occur in the test programs, and gcore calls PROT_NONE ranges readable, so those are left out.
        """
        total = 0
        for load in self.loads:
            if load.flags & PF_W:
                total += load.memsz - sum(max(0, min(load.end, end) - max(load.start, start))
                                          for start, end, _, _ in self.files)
        return total

    def anonymous_bytes_missing(self):
        """Of these, bytes that are not in the file. A mapping of these programs is dumped whole or not at all."""
        return sum(load.memsz - load.filesz for load in self.loads if load.flags & PF_W and
                   not any(start <= load.start < end for start, end, _, _ in self.files))


def without_note(core, kind, path):
    """A copy of a core in which a kind of notes is another one that nobody knows."""
    data = bytearray(core.data)
    found = [pos for pos, of, _, _ in core.note_offsets if of == kind]
    assert found
    for pos in found:
        struct.pack_into("<I", data, pos + 8, 0x7E57_7E57)
    path.write_bytes(data)
    return path


def without_bytes(core, chosen, path):
    """A copy of a core that lacks the bytes of some segments: chosen(segment)."""
    data, filesz = bytearray(core.data), (32, "<Q") if core.word == 8 else (16, "<I")
    for i in range(core.phnum):
        at = core.phoff + i * core.phentsize
        segment = Segment(struct.unpack_from("<IIQQQQQQ" if core.word == 8 else "<IIIIIIII", data, at), core.word)
        if segment.type == PT_LOAD and chosen(segment):
            struct.pack_into(filesz[1], data, at + filesz[0], 0)
    path.write_bytes(data)
    return path


def renamed_file(core, old, new, path):
    """A copy of a core whose NT_FILE has another name, of the same length, for a file."""
    assert len(old) == len(new) and core.data.count(old + b"\0")
    path.write_bytes(core.data.replace(old + b"\0", new + b"\0"))
    return path


def anonymous_bytes_of_maps(text):
    """The same, of /proc/PID/maps: private, no file, not PROT_NONE, and not the kernel's own pages."""
    total = 0
    for line in text.splitlines():
        fields = line.split(maxsplit=5)
        start, end = (int(x, 16) for x in fields[0].split("-"))
        name = fields[5] if len(fields) > 5 else ""
        if fields[1][3] == "p" and fields[1][:3] != "---" and fields[4] == "0" and not name.startswith(("[v",)):
            total += end - start
    return total
