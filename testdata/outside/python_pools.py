"""Objects of one class, and what pymalloc itself counts about its pools."""
import gc
import os
import sys
import tempfile
import time


class Ticket:
    __slots__ = ("number", "next")

    def __init__(self, number):
        self.number = number


kept = [Ticket(i) for i in range(30000)]
names = [f"ticket-name-{i}-of-a-queue" for i in range(50000)]
gc.collect()
with tempfile.TemporaryFile() as file:
    saved = os.dup(2)
    os.dup2(file.fileno(), 2)
    sys._debugmallocstats()
    os.dup2(saved, 2)
    file.seek(0)
    said = file.read().decode()
for line in said.splitlines():
    print("stats", line)
print("end", flush=True)
time.sleep(1000)
