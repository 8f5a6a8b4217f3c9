"""The words of a core's memory, read with nothing that heapcore has a part in."""
import pathlib
import struct

PT_LOAD, PT_NOTE = 1, 4
NT_PRSTATUS, NT_ARM_TLS = 1, 0x401


class CoreWords:
    """Memory of an ELF core, 32 or 64 bits, in either byte order."""

    def __init__(self, path):
        self.data = pathlib.Path(path).read_bytes()
        self.word = {1: 4, 2: 8}[self.data[4]]
        self.order, form = {1: ("little", "<"), 2: ("big", ">")}[self.data[5]]
        phoff, entry, count = (
            struct.unpack_from(form + "Q", self.data, 32) + struct.unpack_from(form + "HH", self.data, 54)
            if self.word == 8 else
            struct.unpack_from(form + "I", self.data, 28) + struct.unpack_from(form + "HH", self.data, 42))
        self.segments = []
        for i in range(count):
            at = phoff + i * entry
            if self.word == 8:
                kind, _, offset, start, _, filesz = struct.unpack_from(form + "IIQQQQ", self.data, at)
            else:
                kind, offset, start, _, filesz = struct.unpack_from(form + "IIIII", self.data, at)
            if kind == PT_LOAD and filesz:
                self.segments.append((start, offset, filesz))

    def at(self, address):
        """The word at an address; None where the core has none."""
        for start, offset, size in self.segments:
            if start <= address <= start + size - self.word:
                return int.from_bytes(self.data[offset + address - start:offset + address - start + self.word],
                                      self.order)
        return None

    def holds(self, value):
        """Whether some aligned word of the memory has this value."""
        wanted, at = value.to_bytes(self.word, self.order), -1
        while (at := self.data.find(wanted, at + 1)) >= 0:
            if at % self.word == 0:
                return True
        return False


def add_tls_notes(path, pointers):
    """Give each thread of a core of arm64 the note with its thread pointer, as the kernel does: lwp → pointer."""
    data = bytearray(pathlib.Path(path).read_bytes())
    phoff, = struct.unpack_from("<Q", data, 32)
    entry, count = struct.unpack_from("<HH", data, 54)
    header = next(phoff + i * entry for i in range(count) if struct.unpack_from("<I", data, phoff + i * entry)[0] == PT_NOTE)
    at, = struct.unpack_from("<Q", data, header + 8)
    end, notes = at + struct.unpack_from("<Q", data, header + 32)[0], b""
    while at + 12 <= end:
        name, size, kind = struct.unpack_from("<III", data, at)
        desc = at + 12 + (name + 3 & ~3)
        after = desc + (size + 3 & ~3)
        notes += data[at:after]
        if kind == NT_PRSTATUS:
            lwp, = struct.unpack_from("<I", data, desc + 32)
            notes += struct.pack("<III8sQ", 6, 8, NT_ARM_TLS, b"LINUX", pointers[lwp])
        at = after
    struct.pack_into("<Q", data, header + 8, len(data))
    struct.pack_into("<Q", data, header + 32, len(notes))
    pathlib.Path(path).write_bytes(data + notes)
