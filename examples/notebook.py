#!/usr/bin/python3
"""A first look at a core, cell by cell: for Jupyter, VS Code or Spyder, which run what is between two "# %%", or as it is.

usage: notebook.py CORE
"""
# %% Open the core. In a notebook, put its path here.
import sys

import heapcore

core = heapcore.open(sys.argv[1])
print(f"{core.info.program}, pid {core.info.pid}, {core.heap.allocator}: {core.heap.num_chunks} chunks")
for remark in core.remarks:
    print("remark:", remark)

# %% What holds the memory?
print("verdict:", core.verdict.verdict)
for finding in core.findings:
    what = finding.type or finding.content_class or finding.owner or ""
    print(f"{finding.number:3} {finding.share:6.1%} {finding.kind:8} {finding.count.bytes:15,} bytes {what}")

# %% What was lost, and an example of each group
for group in core.leaks.groups[:10]:
    print(f"group {group.number}: {group.roots.chunks:,} of {group.size} bytes, {group.below.chunks:,} below, {group.content}")
    for chunk in core.leak_chunks(group.number)[:1]:
        content = core.classify(chunk.address)
        print("   ", hex(chunk.address), core.read(content.address, min(content.size, 60)))

# %% Which sizes? With NumPy as many questions as one likes, over the same memory.
chunks = core.chunks()
try:
    import numpy
except ImportError:
    print(f"{sum(chunk.size for chunk in chunks):,} bytes in use; NumPy would tell more")
else:
    array = chunks.numpy()
    sizes, index = numpy.unique(array["size"], return_inverse=True)
    number = numpy.bincount(index)
    lost = numpy.bincount(index, weights=array["reach"] < 2)
    for i in numpy.argsort(-(sizes * number))[:10]:
        print(f"{sizes[i]:10,} bytes x {number[i]:9,}, {int(lost[i]):9,} of them lost")

# %% Who holds the largest chunk?
largest = max(chunks, key=lambda chunk: chunk.size)
for referrer in core.referrers(largest.address, 5).items:
    print(f"{largest.address:#x} is held from {referrer.from_} {hex(referrer.address) if referrer.address else ''}")

# %% Done.
core.close()
