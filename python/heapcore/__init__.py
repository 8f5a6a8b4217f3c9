"""The heap of a dead process, from its core dump: libheapcore for Python.

    import heapcore

    with heapcore.open("core.1234") as core:
        for group in core.leaks.groups:
            print(group.number, group.roots.chunks, group.type, group.content)

heapcore.h of the library is the manual of what the words mean; names here are those of the header. Failures are
exceptions, subclasses of heapcore.Error. Calls on one core may come from any thread: they take turns, and other threads
of Python run meanwhile.

Texts that come from the core (types, files) are hostile, maybe; they are decoded with "backslashreplace".
"""
from __future__ import annotations

import ctypes
import functools
import importlib
import os
import threading
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, Type, Union

from . import _library
from ._library import Chunk

__all__ = ["ArgumentError", "CancelledError", "ChangedError", "Chunk", "Chunks", "Content", "Core", "Count", "Error",
           "Finding", "FormatError", "Heap", "Info", "Kind", "LeakGroup", "Leaks", "LimitError", "Match", "MissingError",
           "NoHeapError", "REACHES", "Referrer", "Referrers", "STATES", "SystemCallError", "Verdict", "ARENA_MMAP", "open",
           "version"]

STATES: Tuple[str, ...] = ("in-use", "cached", "free", "top", "overhead")
"""What Chunk.state counts."""
REACHES: Tuple[str, ...] = ("definite", "indirect", "reachable", "possible")
"""What Chunk.reach counts; REACH_UNKNOWN: not asked for, or not in use."""
REACH_UNKNOWN = 255
ARENA_MMAP = 0xFFFFFFFF
"""Chunk.arena of chunks that are mappings of their own."""

_WITH_REACH, _WITH_KIND = 1, 2
_BY_ARENA = 1
_SCOPES = ("chunks", "mappings", "stacks", "all")
_library_lock = threading.Lock()
_loaded: Optional[ctypes.CDLL] = None


def _lib() -> ctypes.CDLL:
    """The library is loaded when it is first needed, so that importing this module can't fail."""
    global _loaded
    with _library_lock:
        if _loaded is None:
            _loaded = _library.load()
        return _loaded


def version() -> str:
    """Of the library that is used."""
    return _text(_lib().heapcore_version())


# Errors


class Error(Exception):
    """What the library says. `address` is where in the process, or None."""

    def __init__(self, message: str, address: Optional[int] = None) -> None:
        super().__init__(message)
        self.address = address


class SystemCallError(Error):
    """A system call failed."""


class FormatError(Error):
    """The file is not what it should be, or not supported."""


class MissingError(Error):
    """The core does not hold the bytes of an address."""


class NoHeapError(Error):
    """There is no heap that can be read."""


class ArgumentError(Error, ValueError):
    """What was asked for is malformed, or is not there."""


class LimitError(Error):
    """A stated bound was reached."""


class CancelledError(Error):
    """By Core.cancel()."""


class ChangedError(Error):
    """The core was cut short, or its disk failed, while it was used. Close it."""


_NO_MEMORY = 1
_ERRORS: Dict[int, Type[Error]] = {2: SystemCallError, 3: FormatError, 4: MissingError, 5: NoHeapError, 6: ArgumentError,
                                   7: LimitError, 8: CancelledError, 9: ChangedError}


def _check(err: Optional[int]) -> None:
    """Raise what a function gave."""
    if not err:
        return
    lib = _lib()
    code, message = lib.heapcore_error_code(err), _text(lib.heapcore_error_message(err))
    place = ctypes.c_uint64()
    address = place.value if lib.heapcore_error_address(err, ctypes.byref(place)) else None
    lib.heapcore_error_free(err)
    if code == _NO_MEMORY:
        raise MemoryError(message)
    raise _ERRORS.get(code, Error)(message, address)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "backslashreplace")


def _name(value: Optional[bytes]) -> Optional[str]:
    return None if value is None else _text(value)


def _path(value: Union[None, str, bytes, "os.PathLike[str]"]) -> Optional[bytes]:
    return None if value is None else os.fsencode(value)


# Answers

_Bytes = bytes  # Members of that name hide it.


@dataclass(frozen=True)
class Count:
    chunks: int
    bytes: int
    """Sizes of these chunks."""


@dataclass(frozen=True)
class Info:
    path: str
    program: str
    machine: str
    pid: int
    word_size: int
    big_endian: bool
    num_threads: int


@dataclass(frozen=True)
class Heap:
    num_chunks: int
    bytes: int
    num_arenas: int
    allocator: str


@dataclass(frozen=True)
class Content:
    content_class: str
    title: str
    textual: bool
    address: int
    """Where the part of the chunk is that stands for it, and how many bytes it has."""
    size: int
    type: Optional[str]


@dataclass(frozen=True)
class Referrer:
    from_: str
    """"chunk", or the kind of root."""
    detail: Optional[str]
    address: Optional[int]
    """Where the pointer is; None for a register."""
    value: int
    interior: bool
    stale: bool
    thread: Optional[int]
    chunk: Optional[Chunk]


@dataclass(frozen=True)
class Referrers:
    total: int
    items: Tuple[Referrer, ...]


@dataclass(frozen=True)
class LeakGroup:
    number: int
    size: int
    content_class: Optional[str]
    type: Optional[str]
    roots: Count
    below: Count
    content: Optional[str]
    content_count: Count
    sample: int
    sample_content: int


@dataclass(frozen=True)
class Leaks:
    definite: Count
    indirect: Count
    possible: Count
    upper_bound: bool
    groups: Tuple[LeakGroup, ...]


@dataclass(frozen=True)
class Kind:
    number: int
    size: int
    type: Optional[str]
    content_class: Optional[str]
    all: Count
    leaked: Count
    sample: int


@dataclass(frozen=True)
class Finding:
    number: int
    kind: str
    count: Count
    touched: int
    share: float
    group: Optional[int]
    size: int
    max_size: int
    content_class: Optional[str]
    type: Optional[str]
    owner: Optional[str]
    sample: Optional[int]
    part_of: Optional[int]


@dataclass(frozen=True)
class Verdict:
    verdict: str
    touched: int
    total: int
    findings: Tuple[Finding, ...]


@dataclass(frozen=True)
class Match:
    address: int
    bytes: _Bytes
    group: _Bytes
    chunk: Optional[Chunk]


def _count(value: _library.Count) -> Count:
    return Count(value.chunks, value.bytes)


def _copy(chunk: Chunk) -> Chunk:
    return Chunk.from_buffer_copy(chunk)


class Chunks(Sequence[Chunk]):
    """Chunks in the order of their addresses, as the library wrote them: an array of structs of 40 bytes.

    `numpy()` is the same memory as a structured array, where NumPy is installed. It has no column `reserved`.
    """

    def __init__(self, array: "ctypes.Array[Chunk]", num: int) -> None:
        self._array, self._num = array, num

    def __len__(self) -> int:
        return self._num

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._array[i] for i in range(*index.indices(self._num))]
        if index < 0:
            index += self._num
        if not 0 <= index < self._num:
            raise IndexError("chunk index out of range")
        return self._array[index]

    def __iter__(self) -> Iterator[Chunk]:
        return (self._array[i] for i in range(self._num))

    def numpy(self) -> Any:
        """A structured array over the same memory; ImportError without NumPy."""
        numpy: Any = importlib.import_module("numpy")
        columns = [(name, kind) for name, kind in Chunk._fields_ if name != "reserved"]
        form = numpy.dtype({"names": [name for name, _ in columns], "formats": [numpy.dtype(kind) for _, kind in columns],
                            "offsets": [getattr(Chunk, name).offset for name, _ in columns],
                            "itemsize": ctypes.sizeof(Chunk)})
        return numpy.frombuffer(self._array, dtype=form, count=self._num)


# A core


def _bits(names: Union[None, str, Iterable[str]], words: Tuple[str, ...], what: str) -> int:
    if names is None:
        return 0
    bits = 0
    for name in (names,) if isinstance(names, str) else names:
        if name not in words:
            raise ArgumentError(f"there is no {what} {name!r}; there are {', '.join(words)}")
        bits |= 1 << words.index(name)
    return bits


def _select(state: Union[None, str, Iterable[str]] = None, reach: Union[None, str, Iterable[str]] = None,
            arena: Union[None, int, str] = None, min_usable: int = 0, max_usable: int = 0, request: int = 0, start: int = 0,
            end: int = 0, content_class: Optional[str] = None, type: Optional[str] = None,
            finding: int = 0) -> _library.Select:
    """Which chunks. No filter: all that are in use."""
    return _library.Select(
        flags=0 if arena is None else _BY_ARENA, arena=ARENA_MMAP if arena == "mmap" else int(arena or 0),
        states=_bits(state, STATES, "state"), reaches=_bits(reach, REACHES, "reach"), min_usable=min_usable,
        max_usable=max_usable, request=request, start=start, end=end, content_class=_path(content_class), type=_path(type),
        finding=finding)


class Core:
    """An open core; made by heapcore.open().

    Filters of chunks(), count() and search() are keywords: state and reach (a word, or several), arena (a number, or
    "mmap"), min_usable, max_usable, request (bytes), start and end (addresses), content_class, type (with * and ?),
    finding (a number). Without any, all chunks in use are meant.
    """

    def __init__(self, path: Union[str, "os.PathLike[str]"], *, jobs: int = 0,
                 executable: Union[None, str, "os.PathLike[str]"] = None,
                 sysroot: Union[None, str, "os.PathLike[str]"] = None,
                 debug_dir: Union[None, str, "os.PathLike[str]"] = None,
                 tmpdir: Union[None, str, "os.PathLike[str]"] = None,
                 smaps: Union[None, str, "os.PathLike[str]"] = None,
                 signatures: Sequence[Union[str, "os.PathLike[str]"]] = (), keep_sigbus: bool = False) -> None:
        self._core: Optional[int] = None
        self._lib = _lib()
        files = (ctypes.c_char_p * max(1, len(signatures)))(*map(os.fsencode, signatures))
        options = _library.Options(flags=int(keep_sigbus), jobs=jobs, executable=_path(executable), sysroot=_path(sysroot),
                                   debug_dir=_path(debug_dir), tmpdir=_path(tmpdir), smaps=_path(smaps), signatures=files,
                                   num_signatures=len(signatures))
        core = ctypes.c_void_p()
        _check(self._lib.heapcore_open(os.fsencode(path), ctypes.byref(options), ctypes.byref(core)))
        self._core = core.value

    def __enter__(self) -> "Core":
        return self

    def __exit__(self, *exc: Any) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """No other thread may be in a call. Chunks and other answers stay."""
        core, self._core = self._core, None
        if core:
            self._lib.heapcore_close(core)

    def cancel(self) -> None:
        """End the call that runs in another thread, or else the next one, with CancelledError."""
        self._lib.heapcore_cancel(self._handle)

    @property
    def _handle(self) -> int:
        if self._core is None:
            raise ValueError("the core is closed")
        return self._core

    def _ask(self, name: str, answer: Type[ctypes.Structure]) -> Any:
        """A pointer to an answer that is the core's."""
        ret = ctypes.POINTER(answer)()
        _check(getattr(self._lib, f"heapcore_{name}")(self._handle, ctypes.byref(ret)))
        return ret

    def _items(self, name: str, head: Any) -> Iterator[Any]:
        function = getattr(self._lib, f"heapcore_{name}")
        return (function(head, i).contents for i in range(head.contents.num))

    @functools.cached_property
    def info(self) -> Info:
        info = self._lib.heapcore_info(self._handle).contents
        return Info(os.fsdecode(info.path), _text(info.program), _text(info.machine), info.pid, info.word_size,
                    bool(info.big_endian), info.num_threads)

    @property
    def partial(self) -> bool:
        """Whether answers may lack something, as far as is known yet."""
        return bool(self._lib.heapcore_is_partial(self._handle))

    @property
    def remarks(self) -> List[str]:
        """What is wrong with the core, and what was done about it."""
        ret: List[str] = []
        while True:
            remark = self._lib.heapcore_remark(self._handle, len(ret))
            if remark is None:
                return ret
            ret.append(_text(remark))

    @functools.cached_property
    def heap(self) -> Heap:
        heap = self._ask("heap", _library.Heap).contents
        return Heap(heap.num_chunks, heap.bytes, heap.num_arenas, _text(heap.allocator))

    def read(self, address: int, size: int) -> bytes:
        """Memory of the process."""
        buffer = ctypes.create_string_buffer(size)
        _check(self._lib.heapcore_read(self._handle, address, buffer, size))
        return buffer.raw

    def chunks(self, *, kinds: bool = False, **filters: Any) -> Chunks:
        """Chunks, with their reach; with their kind (Kind.number) when it is asked for, which looks at all of them."""
        # Pages of it that are not filled cost nothing.
        array = (Chunk * max(1, self.heap.num_chunks + 1))()
        batch = _library.Batch(chunks=ctypes.cast(array, ctypes.POINTER(Chunk)), max=len(array),
                               with_=_WITH_REACH | (_WITH_KIND if kinds else 0))
        _check(self._lib.heapcore_chunks(self._handle, ctypes.byref(_select(**filters)), ctypes.byref(batch)))
        return Chunks(array, batch.num)

    def count(self, **filters: Any) -> Count:
        ret = _library.Count()
        _check(self._lib.heapcore_count(self._handle, ctypes.byref(_select(**filters)), ctypes.byref(ret)))
        return _count(ret)

    def find(self, address: int) -> Chunk:
        """The chunk that an address is in; ArgumentError when it is in none."""
        ret = Chunk()
        _check(self._lib.heapcore_find(self._handle, address, ctypes.byref(ret)))
        return ret

    def list_name(self, chunk: Chunk) -> Optional[str]:
        """What the allocator calls the list that a chunk which is not in use is on."""
        return _name(self._lib.heapcore_list_name(self._handle, chunk.list))

    def classify(self, address: int) -> Content:
        """Content class and type of the chunk that an address is in."""
        ret = _library.Content()
        _check(self._lib.heapcore_classify(self._handle, address, ctypes.byref(ret)))
        return Content(_text(ret.content_class), _text(ret.title), bool(ret.textual), ret.address, ret.size, _name(ret.type))

    def referrers(self, address: int, max: int = 1000) -> Referrers:
        """What points into the chunk that an address is in, or to the address alone."""
        head = ctypes.POINTER(_library.Referrers)()
        _check(self._lib.heapcore_referrers(self._handle, address, max, ctypes.byref(head)))
        try:
            items = tuple(Referrer(_text(item.from_), _name(item.detail), item.address or None, item.value,
                                   bool(item.interior), bool(item.stale), item.thread or None,
                                   _copy(item.chunk) if item.chunk.size else None)
                          for item in self._items("referrer", head))
            return Referrers(head.contents.total, items)
        finally:
            self._lib.heapcore_referrers_free(head)

    @functools.cached_property
    def leaks(self) -> Leaks:
        """What was lost, in groups, most bytes first."""
        head = self._ask("leaks", _library.Leaks)
        groups = tuple(LeakGroup(group.number, group.size, _name(group.content_class), _name(group.type), _count(group.roots),
                                 _count(group.below), _name(group.content), _count(group.content_count), group.sample,
                                 group.sample_content)
                       for group in self._items("leak_group", head))
        leaks = head.contents
        return Leaks(_count(leaks.definite), _count(leaks.indirect), _count(leaks.possible), bool(leaks.upper_bound), groups)

    def leak_chunks(self, number: int) -> Chunks:
        """Chunks of a group of leaks: root objects first."""
        known = {group.number: group.roots.chunks + group.below.chunks for group in self.leaks.groups}
        array = (Chunk * (known.get(number, 0) + 1))()
        batch = _library.Batch(chunks=ctypes.cast(array, ctypes.POINTER(Chunk)), max=len(array))
        _check(self._lib.heapcore_leak_chunks(self._handle, number, ctypes.byref(batch)))
        return Chunks(array, batch.num)

    @functools.cached_property
    def kinds(self) -> Tuple[Kind, ...]:
        """Chunks in use by size, type and content class, most bytes first."""
        head = self._ask("kinds", _library.Kinds)
        return tuple(Kind(kind.number, kind.size, _name(kind.type), _name(kind.content_class), _count(kind.all),
                          _count(kind.leaked), kind.sample)
                     for kind in self._items("kind", head))

    @functools.cached_property
    def verdict(self) -> Verdict:
        """What holds the memory, in a word, and its findings, largest first."""
        head = self._ask("verdict", _library.Verdict)
        findings = tuple(Finding(finding.number, _text(finding.kind), _count(finding.count), finding.touched, finding.share,
                                 finding.group or None, finding.size, finding.max_size, _name(finding.content_class),
                                 _name(finding.type), _name(finding.owner), finding.sample or None, finding.part_of or None)
                         for finding in self._items("finding", head))
        return Verdict(_text(head.contents.verdict), head.contents.touched, head.contents.total, findings)

    @property
    def findings(self) -> Tuple[Finding, ...]:
        return self.verdict.findings

    def search(self, pattern: Union[str, bytes], *, limit: int = 0, literal: bool = False, hex: bool = False,
               ignore_case: bool = False, wide: bool = False, word: bool = False, first_only: bool = False,
               scope: str = "chunks", on_match: Optional[Callable[[Match], Any]] = None, **filters: Any) -> List[Match]:
        """Matches of a regular expression of PCRE2 over bytes, or of a literal; at most `limit` of them, unless 0.

        With `on_match` each is handed to it instead, and the list is empty; a true value that it returns ends the search, and
        so does an exception, which is raised here.
        """
        if scope not in _SCOPES:
            raise ArgumentError(f"there is no scope {scope!r}; there are {', '.join(_SCOPES)}")
        matches: List[Match] = []
        failure: List[BaseException] = []

        def take(match: Match) -> bool:
            if on_match:
                return bool(on_match(match))
            matches.append(match)
            return len(matches) == limit

        def hear(_: Any, pointer: Any) -> bool:
            try:
                found = pointer.contents
                return take(Match(found.address, ctypes.string_at(found.bytes, found.size),
                                  ctypes.string_at(found.group, found.group_size),
                                  _copy(found.chunk.contents) if found.chunk else None))
            except BaseException as error:  # An exception can't pass through C.
                failure.append(error)
                return True

        flags = sum(bit for bit, wanted in zip((1, 2, 4, 8, 16, 32), (literal, hex, ignore_case, wide, word, first_only))
                    if wanted)
        select = _select(**filters)
        search = _library.Search(pattern=pattern.encode() if isinstance(pattern, str) else pattern, flags=flags,
                                 scope=_SCOPES.index(scope), select=ctypes.pointer(select),
                                 fn=_library.MATCH_FN(hear))
        _check(self._lib.heapcore_search(self._handle, ctypes.byref(search), None))
        if failure:
            raise failure[0]
        return matches


def open(path: Union[str, "os.PathLike[str]"], **options: Any) -> Core:
    """Open a core; options are those of Core. To be used as a context manager, or closed."""
    return Core(path, **options)
