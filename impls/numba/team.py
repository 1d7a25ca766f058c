"""How threads go through the stages of an epoch together, in compiled kernels.

A stage has a part for each member of the team.  A member first takes its own part, whose data are
in its cache, and then any part that has not been begun.  The last one to finish opens the next
stage.  A member that has waited for some microseconds repeats what is still unfinished, in spare
buffers.  The first result counts; both are the same.  So no member waits for a thread that the
system does not run.  OpenMP's barrier would: beside a busy neighbour, for a time slice in nearly
every step.

Where nothing is left to do, a member sleeps, and its processor is free for others.

Results are in buffers.  A member's own one has its number, spare ones the numbers that follow.
``sync`` is the memory by which they synchronise: 32-bit words in lines of the cache, as many as
:func:`words` says.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of what it compiles; annotations would only repeat the docstrings.

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from impls.numba.cache import inlined
from impls.numba.intrinsics import LINE

PATIENCE, LONG_PATIENCE = 1500, 12_000
"""Polls before a member repeats a part, and before it sleeps: some 40 and 300 microseconds.

A sleeper takes 50 to wake up.  In short steps it would find all parts taken, every time.
"""
SPARE_BUFFERS = 2
"""Buffers for each member, besides its own."""
NO_PART = NO_BUFFER = -1

_WORD = 4
_STAGE, _FINISHED, _ASLEEP, _PARTS = 0, LINE, 2 * LINE, 3 * LINE
"""Where words begin, in bytes: the open stage, its finished parts, members asleep, then parts."""
_BEGUN, _REPEATED, _DONE, _BUFFER = 0, _WORD, 2 * _WORD, 3 * _WORD
"""Words of a part: the stage after the last one in which it was begun, was begun once more, was
done; and the buffer with its results."""
_IN_USE = 2**31 - 1
"""The word of a buffer in use; later it holds the stage from which on the buffer is free."""
_I32, _I64 = ir.IntType(32), ir.IntType(64)
_FUTEX = {"x86_64": 202, "aarch64": 98}.get(platform.machine()) if sys.platform == "linux" else None
"""Number of the system call that sleeps until a word changes; elsewhere members go on polling."""
_FUTEX_WAIT, _FUTEX_WAKE, _ALL = 128, 129, 2**31 - 1
_X86, _ARM = ("llvm.x86.sse2.pause", ()), ("llvm.aarch64.hint", (1,))
_PAUSE = {"x86_64": _X86, "AMD64": _X86, "aarch64": _ARM, "arm64": _ARM}
"""The processor's instruction for a thread that waits, and its argument."""


def words(members: int) -> int:
    """Return the length of a team's ``sync``: a line for each part and each buffer."""
    return (_PARTS + (1 + SPARE_BUFFERS) * members * LINE) // _WORD


def _intrinsic(write: Callable[[ir.IRBuilder, Any, Any], Any]) -> Any:
    """Return a function of an address and a number, whose code ``write`` writes."""

    def typed(_: Any, _address: Any, _number: Any) -> Any:
        def code(_: Any, builder: ir.IRBuilder, __: Any, arguments: Any) -> Any:
            return builder.sext(write(builder, *arguments), _I64)

        return types.int64(types.int64, types.int64), code

    return intrinsic(typed)


def _word(builder: ir.IRBuilder, address: Any) -> Any:
    return builder.inttoptr(address, _I32.as_pointer())


def _change(operation: str) -> Any:
    """Return what changes the word at an address by ``operation``; its value is the one before."""

    def write(builder: ir.IRBuilder, address: Any, number: Any) -> Any:
        word, number = _word(builder, address), builder.trunc(number, _I32)
        return builder.atomic_rmw(operation, word, number, "seq_cst")

    return _intrinsic(write)


_add, _raise, _set = _change("add"), _change("max"), _change("xchg")


@_intrinsic
def _read(builder: ir.IRBuilder, address: Any, _: Any) -> Any:
    """Return the word at an address, after the pause that spares others while a thread polls."""
    if platform.machine() in _PAUSE:
        name, numbers = _PAUSE[platform.machine()]
        kind = ir.FunctionType(ir.VoidType(), [_I32] * len(numbers))
        pause = builder.module.declare_intrinsic(name, (), kind)
        builder.call(pause, [ir.Constant(_I32, number) for number in numbers])
    return builder.load_atomic(_word(builder, address), "seq_cst", _WORD)


def _system_call(operation: int) -> Any:
    """Return what calls the system to sleep while a word has a value, or to wake sleepers."""

    def write(builder: ir.IRBuilder, address: Any, number: Any) -> Any:
        if _FUTEX is None:
            return ir.Constant(_I32, 0)
        kind = ir.FunctionType(_I64, [_I64], var_arg=True)
        function = builder.module.globals.get("syscall") or ir.Function(
            builder.module, kind, "syscall"
        )
        call, operation_, no_limit = (ir.Constant(_I64, n) for n in (_FUTEX, operation, 0))
        result = builder.call(function, [call, address, operation_, number, no_limit])
        return builder.trunc(result, _I32)

    return _intrinsic(write)


_sleep, _wake = _system_call(_FUTEX_WAIT), _system_call(_FUTEX_WAKE)


@inlined()
def _part(sync, part):
    """Return the address of the words of a part."""
    return sync.ctypes.data + _PARTS + part * LINE


@inlined()
def _buffers(sync):
    """Return the address of the words of the spare buffers, and their number."""
    parts = (sync.size * _WORD - _PARTS) // (LINE * (1 + SPARE_BUFFERS))
    return sync.ctypes.data + _PARTS + parts * LINE, SPARE_BUFFERS * parts


@inlined()
def take(sync, stage, parts, number, turn, may_repeat):
    """Return the next part of ``stage`` for member ``number``, and the turn after it.

    Its turns go once round all ``parts`` for those that have not been begun.  If the next stage is
    not open soon after, they go round again for those that are not done.
    """
    while turn < parts:
        part = (number + turn) % parts
        turn += 1
        if _raise(_part(sync, part) + _BEGUN, stage + 1) <= stage:
            return part, turn
    if may_repeat and (turn > parts or not _is_open(sync, stage + 1, PATIENCE)):
        while turn < 2 * parts:
            part = (number + turn) % parts
            turn += 1
            if is_done(sync, stage, part):
                continue
            if _raise(_part(sync, part) + _REPEATED, stage + 1) <= stage:
                return part, turn
    return NO_PART, turn


@inlined()
def is_done(sync, stage, part):
    """Return whether ``part`` of ``stage`` is done."""
    return _read(_part(sync, part) + _DONE, 0) > stage


@inlined()
def finishes(sync, stage, parts, part, buffer):
    """Say that ``part`` is done, with results in ``buffer``; true where it was the last one."""
    first_word, spare = _buffers(sync)
    word = first_word + (buffer - spare // SPARE_BUFFERS) * LINE
    is_spare = buffer >= spare // SPARE_BUFFERS
    if _raise(_part(sync, part) + _DONE, stage + 1) > stage:
        if is_spare:
            _set(word, 0)
        return False
    if buffer != NO_BUFFER:
        _set(_part(sync, part) + _BUFFER, buffer)
    if is_spare:
        _set(word, stage + 1)
    return _add(sync.ctypes.data + _FINISHED, 1) + 1 == parts


@inlined()
def buffer_of(sync, part):
    """Return the buffer with the results of ``part``."""
    return sync[(_PARTS + part * LINE + _BUFFER) // _WORD]


@inlined()
def free_buffer(sync):
    """Take a buffer that is not written to and whose results are not needed; return its number.

    There is one: each member writes to one at most, and each part of the stage has another.
    """
    first_word, spare = _buffers(sync)
    number = 0
    while True:
        before = _raise(first_word + number * LINE, _IN_USE)
        if before <= _read(sync.ctypes.data + _STAGE, 0):
            return spare // SPARE_BUFFERS + number
        if before != _IN_USE:
            _set(first_word + number * LINE, before)
        number = (number + 1) % spare


@inlined()
def open_next(sync, stage):
    """Let the members go on to the stage after ``stage``."""
    _set(sync.ctypes.data + _FINISHED, 0)
    _set(sync.ctypes.data + _STAGE, stage + 1)
    if _read(sync.ctypes.data + _ASLEEP, 0):
        _wake(sync.ctypes.data + _STAGE, _ALL)


@inlined()
def _is_open(sync, stage, patience):
    """Return whether ``stage`` is open, after ``patience`` polls at most."""
    for _ in range(patience):
        if _read(sync.ctypes.data + _STAGE, 0) >= stage:
            return True
    return False


@inlined()
def wait(sync, stage):
    """Wait until ``stage`` is open: at first awake, then asleep."""
    if _is_open(sync, stage, LONG_PATIENCE):
        return
    word = sync.ctypes.data + _STAGE
    _add(sync.ctypes.data + _ASLEEP, 1)
    opened = _read(word, 0)
    while opened < stage:
        _sleep(word, opened)
        opened = _read(word, 0)
    _add(sync.ctypes.data + _ASLEEP, -1)
