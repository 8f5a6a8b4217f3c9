#!/usr/bin/python3
"""Objects of a type, found by heapcore and read by drgn: values of a member, and how many objects have each.

usage: heapcore_drgn.py CORE PROGRAM TYPE MEMBER

PROGRAM is the executable with its debug information, TYPE as drgn writes it ("struct session"). heapcore finds the chunks that
are of that type, without a list that the program would have to keep; drgn knows the layout. For C programs.
"""
import collections
import sys

import drgn
import heapcore


def main(path, program, name, member):
    prog = drgn.program_from_core_dump(path)
    prog.load_debug_info([program])
    kind = prog.type(name)
    values = collections.Counter()
    unreadable = 0
    with heapcore.open(path, executable=program) as core:
        for chunk in core.chunks(type=name):
            # A chunk may have been handed out for less: those of other sizes have another type, "struct session+".
            thing = drgn.Object(prog, kind, address=chunk.address)
            try:
                values[thing.member_(member).value_()] += 1
            except drgn.FaultError:
                unreadable += 1
    for value, number in values.most_common(20):
        print(f"{number:10} {member} = {value!r}")
    print(f"{sum(values.values())} objects of {drgn.sizeof(kind)} bytes, {len(values)} values of {member}"
          + (f"; {unreadable} are not in the core" if unreadable else ""))


if len(sys.argv) != 5:
    sys.exit(__doc__.split("\n\n")[1])
main(*sys.argv[1:])
