"""
An extension module that takes one reference too many, as Python itself can do by ctypes: RESPONSES bytes objects,
which are malloc's, and NAMES strings, which are pymalloc's, that nobody can free any more.
"""
import ctypes
import time

RESPONSES, NAMES = 20000, 50000
keep = ctypes.pythonapi.Py_IncRef


def take(value):
    keep(ctypes.py_object(value))


for number in range(RESPONSES):
    take(b"HTTP/1.1 200 OK\r\nServer: upstream-1\r\nX-Request: %05d\r\n\r\n" % number + b"x" * 640)
for number in range(NAMES):
    take(f"customer-{number}-of-the-extension")
print("end", flush=True)
time.sleep(1000)
