"""Objects of one class, and what pymalloc itself counts about its pools, as the last thing that happens."""
import gc
import os
import sys
import time


class Ticket:
    __slots__ = ("number", "next")

    def __init__(self, number):
        self.number = number


kept = [Ticket(i) for i in range(30000)]
names = [f"ticket-name-{i}-of-a-queue" for i in range(50000)]
gc.collect()
os.dup2(1, 2)
end = b"end\n"
sys._debugmallocstats()
os.write(1, end)
time.sleep(1000)
