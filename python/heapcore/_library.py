"""libheapcore as ctypes sees it: what stands in heapcore.h, and nothing more.

tests/e2e/test_library.py compares the sizes of these structs with those that a compiler makes of the header.
"""
from __future__ import annotations

import ctypes
import os
from ctypes import (CFUNCTYPE, POINTER, Structure, c_char_p, c_double, c_int, c_int32, c_size_t, c_uint, c_uint8, c_uint32,
                    c_uint64, c_void_p)
from typing import Any


class Sized(Structure):
    """A struct that begins with its size."""

    def __init__(self, **members: Any) -> None:
        super().__init__(struct_size=ctypes.sizeof(type(self)), **members)


class Options(Sized):
    _fields_ = [("struct_size", c_size_t), ("flags", c_uint32), ("jobs", c_uint32), ("executable", c_char_p),
                ("sysroot", c_char_p), ("debug_dir", c_char_p), ("tmpdir", c_char_p), ("smaps", c_char_p),
                ("signatures", POINTER(c_char_p)), ("num_signatures", c_size_t)]


class Info(Structure):
    _fields_ = [("path", c_char_p), ("program", c_char_p), ("machine", c_char_p), ("pid", c_int32), ("word_size", c_uint32),
                ("big_endian", c_uint32), ("num_threads", c_uint32)]


class Heap(Structure):
    _fields_ = [("num_chunks", c_uint64), ("bytes", c_uint64), ("num_arenas", c_uint64), ("allocator", c_char_p)]


class Chunk(Structure):
    """One chunk, as it lies in the array that the library fills."""

    _fields_ = [("address", c_uint64), ("size", c_uint64), ("usable", c_uint64), ("arena", c_uint32), ("kind", c_uint32),
                ("state", c_uint8), ("reach", c_uint8), ("list", c_uint8), ("reserved", c_uint8 * 5)]

    address: int
    size: int
    usable: int
    arena: int
    kind: int
    state: int
    reach: int
    list: int

    def __repr__(self) -> str:
        return f"<chunk {self.address:#x}, {self.size} bytes>"


class Count(Structure):
    _fields_ = [("chunks", c_uint64), ("bytes", c_uint64)]


class Select(Sized):
    _fields_ = [("struct_size", c_size_t), ("flags", c_uint32), ("arena", c_uint32), ("states", c_uint32),
                ("reaches", c_uint32), ("min_usable", c_uint64), ("max_usable", c_uint64), ("request", c_uint64),
                ("start", c_uint64), ("end", c_uint64), ("content_class", c_char_p), ("type", c_char_p),
                ("finding", c_uint64)]


class Batch(Sized):
    _fields_ = [("struct_size", c_size_t), ("chunks", POINTER(Chunk)), ("max", c_size_t), ("with_", c_uint32),
                ("next", c_uint64), ("num", c_size_t)]


class Content(Sized):
    _fields_ = [("struct_size", c_size_t), ("content_class", c_char_p), ("title", c_char_p), ("textual", c_uint32),
                ("address", c_uint64), ("size", c_uint64), ("type", c_char_p)]


class Referrer(Structure):
    _fields_ = [("from_", c_char_p), ("detail", c_char_p), ("address", c_uint64), ("value", c_uint64), ("interior", c_uint32),
                ("stale", c_uint32), ("thread", c_int32), ("chunk", Chunk)]


class Referrers(Structure):
    _fields_ = [("total", c_uint64), ("num", c_size_t)]


class LeakGroup(Structure):
    _fields_ = [("number", c_size_t), ("size", c_uint64), ("content_class", c_char_p), ("type", c_char_p), ("roots", Count),
                ("below", Count), ("content", c_char_p), ("content_count", Count), ("sample", c_uint64),
                ("sample_content", c_uint64)]


class Leaks(Structure):
    _fields_ = [("definite", Count), ("indirect", Count), ("possible", Count), ("upper_bound", c_uint32), ("num", c_size_t)]


class Kind(Structure):
    _fields_ = [("number", c_size_t), ("size", c_uint64), ("type", c_char_p), ("content_class", c_char_p), ("all", Count),
                ("leaked", Count), ("sample", c_uint64)]


class Kinds(Structure):
    _fields_ = [("num", c_size_t)]


class Finding(Structure):
    _fields_ = [("number", c_size_t), ("kind", c_char_p), ("count", Count), ("touched", c_uint64), ("share", c_double),
                ("group", c_size_t), ("size", c_uint64), ("max_size", c_uint64), ("content_class", c_char_p),
                ("type", c_char_p), ("owner", c_char_p), ("sample", c_uint64), ("part_of", c_size_t)]


class Verdict(Structure):
    _fields_ = [("verdict", c_char_p), ("touched", c_uint64), ("total", c_uint64), ("num", c_size_t)]


class Match(Structure):
    _fields_ = [("address", c_uint64), ("bytes", c_void_p), ("size", c_size_t), ("group", c_void_p), ("group_size", c_size_t),
                ("chunk", POINTER(Chunk))]


MATCH_FN = CFUNCTYPE(c_int, c_void_p, POINTER(Match))


class Search(Sized):
    _fields_ = [("struct_size", c_size_t), ("pattern", c_char_p), ("flags", c_uint32), ("scope", c_uint32),
                ("select", POINTER(Select)), ("fn", MATCH_FN), ("ctx", c_void_p)]


class Found(Sized):
    _fields_ = [("struct_size", c_size_t), ("matches", c_uint64), ("chunks", Count), ("limited", c_uint64)]


# By the name in the header behind "struct heapcore_".
STRUCTS = {"options": Options, "info": Info, "heap": Heap, "chunk": Chunk, "count": Count, "select": Select, "batch": Batch,
           "content": Content, "referrer": Referrer, "referrers": Referrers, "leak_group": LeakGroup, "leaks": Leaks,
           "kind": Kind, "kinds": Kinds, "finding": Finding, "verdict": Verdict, "match": Match, "search": Search,
           "found": Found}

# What each function gives and takes; a core and an error are opaque.
CORE = ERROR = c_void_p
FUNCTIONS = {
    "version": (c_char_p, []),
    "error_code": (c_int, [ERROR]),
    "error_message": (c_char_p, [ERROR]),
    "error_address": (c_int, [ERROR, POINTER(c_uint64)]),
    "error_free": (None, [ERROR]),
    "open": (ERROR, [c_char_p, POINTER(Options), POINTER(CORE)]),
    "close": (None, [CORE]),
    "cancel": (None, [CORE]),
    "on_sigbus": (c_int, [c_void_p]),
    "info": (POINTER(Info), [CORE]),
    "is_partial": (c_int, [CORE]),
    "remark": (c_char_p, [CORE, c_size_t]),
    "read": (ERROR, [CORE, c_uint64, c_void_p, c_size_t]),
    "heap": (ERROR, [CORE, POINTER(POINTER(Heap))]),
    "state_name": (c_char_p, [c_uint]),
    "reach_name": (c_char_p, [c_uint]),
    "list_name": (c_char_p, [CORE, c_uint]),
    "chunks": (ERROR, [CORE, POINTER(Select), POINTER(Batch)]),
    "count": (ERROR, [CORE, POINTER(Select), POINTER(Count)]),
    "find": (ERROR, [CORE, c_uint64, POINTER(Chunk)]),
    "classify": (ERROR, [CORE, c_uint64, POINTER(Content)]),
    "referrers": (ERROR, [CORE, c_uint64, c_size_t, POINTER(POINTER(Referrers))]),
    "referrer": (POINTER(Referrer), [POINTER(Referrers), c_size_t]),
    "referrers_free": (None, [POINTER(Referrers)]),
    "leaks": (ERROR, [CORE, POINTER(POINTER(Leaks))]),
    "leak_group": (POINTER(LeakGroup), [POINTER(Leaks), c_size_t]),
    "leak_chunks": (ERROR, [CORE, c_size_t, POINTER(Batch)]),
    "kinds": (ERROR, [CORE, POINTER(POINTER(Kinds))]),
    "kind": (POINTER(Kind), [POINTER(Kinds), c_size_t]),
    "verdict": (ERROR, [CORE, POINTER(POINTER(Verdict))]),
    "finding": (POINTER(Finding), [POINTER(Verdict), c_size_t]),
    "search": (ERROR, [CORE, POINTER(Search), POINTER(Found)]),
}


def load() -> ctypes.CDLL:
    """The library, its functions declared."""
    library = ctypes.CDLL(os.environ.get("HEAPCORE_LIBRARY") or "libheapcore.so.0")
    for name, (result, parameters) in FUNCTIONS.items():
        function = getattr(library, f"heapcore_{name}")
        function.restype, function.argtypes = result, parameters
    return library
