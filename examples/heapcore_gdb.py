"""A command for gdb, in a session on a core: what heapcore knows of an address, beside what gdb knows.

    (gdb) source heapcore_gdb.py
    (gdb) heapcore what $rdi
    (gdb) heapcore leaks
    (gdb) heapcore findings

The core is the one that gdb has open; it is analysed when it is first asked about. gdb needs to find the module: that of
Debian's package is where its Python looks, another one is named by PYTHONPATH.
"""
import re

import gdb
import heapcore


def path_of_core():
    """The core of this session, which gdb tells people only."""
    match = re.search(r"core dump file:\s+`(.*)', file type", gdb.execute("info files", to_string=True))
    if not match:
        raise gdb.GdbError("there is no core in this session; core-file opens one")
    return match[1]


class Session:
    """The core that was asked about last."""

    path = core = None

    @classmethod
    def get(cls):
        path = path_of_core()
        if cls.path != path:
            if cls.core:
                cls.core.close()
            cls.path, cls.core = None, None
            cls.core, cls.path = heapcore.open(path), path
        return cls.core


def symbol(address):
    """What gdb calls an address: "main in section .text of …"; or ""."""
    text = gdb.execute(f"info symbol {address:#x}", to_string=True).strip()
    return "" if text.startswith("No symbol") else text


class Heapcore(gdb.Command):
    """Ask heapcore about the heap of the core that is open.

heapcore what EXPRESSION   the chunk that an address is in, and who points to it
heapcore leaks             what nothing points to, grouped
heapcore findings          what holds the memory"""

    def __init__(self):
        super().__init__("heapcore", gdb.COMMAND_DATA)

    def complete(self, text, word):
        return [verb for verb in ("what", "leaks", "findings") if verb.startswith(word)] if " " not in text else \
            gdb.COMPLETE_EXPRESSION

    def invoke(self, argument, from_tty):
        verb, _, rest = argument.partition(" ")
        function = {"what": self.what, "leaks": self.leaks, "findings": self.findings}.get(verb)
        if not function:
            raise gdb.GdbError("usage: heapcore what EXPRESSION | leaks | findings")
        try:
            function(Session.get(), rest)
        except heapcore.Error as error:
            raise gdb.GdbError(f"heapcore: {error}") from error

    @staticmethod
    def what(core, expression):
        if not expression.strip():
            raise gdb.GdbError("usage: heapcore what EXPRESSION")
        address = int(gdb.parse_and_eval(expression)) & (1 << 8 * core.info.word_size) - 1
        try:
            chunk = core.find(address)
        except heapcore.ArgumentError:
            print(f"{address:#x} is in no chunk. {symbol(address)}")
        else:
            content = core.classify(address)
            state = core.list_name(chunk) or heapcore.STATES[chunk.state]
            reach = f", {heapcore.REACHES[chunk.reach]}" if chunk.reach < len(heapcore.REACHES) else ""
            print(f"{address:#x} is {address - chunk.address} bytes into the chunk at {chunk.address:#x}: {chunk.usable} usable "
                  f"bytes, {state}{reach}")
            print(f"type: {content.type or 'unknown'}; content: {content.title}")
        found = core.referrers(address, 10)
        print(f"pointers to it: {found.total}")
        for referrer in found.items:
            if referrer.chunk:
                print(f"  {referrer.address:#x}: in the chunk at {referrer.chunk.address:#x} of {referrer.chunk.usable} bytes")
            else:
                where = f"{referrer.address:#x}: " if referrer.address else ""
                thread = f" of thread {referrer.thread}" if referrer.thread else ""
                print(f"  {where}{referrer.from_}{thread} {referrer.detail or symbol(referrer.address or 0)}".rstrip())

    @staticmethod
    def leaks(core, _):
        for group in core.leaks.groups:
            print(f"{group.number}: {group.roots.chunks} objects of {group.size} bytes, {group.below.chunks} chunks below them, "
                  f"content: {group.content}; the first at {group.sample:#x}")

    @staticmethod
    def findings(core, _):
        print(f"verdict: {core.verdict.verdict}")
        for finding in core.findings:
            print(f"{finding.number}: {finding.kind}, {finding.count.chunks} chunks, {finding.count.bytes} bytes, "
                  f"{finding.share:.1%}")


Heapcore()
