"""How threads go through the stages of an epoch together, in compiled kernels.

A stage has a part for each member of the team.  A member first takes its own part, whose data are
in its cache, and then any part that nobody has begun.  The last one to finish opens the next stage.
So nobody waits for a thread that the system has put aside, unless that thread holds a part.

A member that waits asks for some microseconds, which is faster than any sleep.  Then it sleeps, and
its processor is free for the one it waits for.  OpenMP's barrier would go on asking: beside a busy
neighbour, a step would then take a time slice of the system.

``meeting`` is a vector of 32-bit words, each in a line of the cache; :func:`words` counts them.
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
from impls.numba.prefetch import LINE

PATIENCE = 1000
"""Questions before a member sleeps: they take about as long as it takes to wake one."""

_WORD = 4
_STAGE, _FINISHED, _ASLEEP, _TAKEN = 0, LINE, 2 * LINE, 3 * LINE
"""Where each word begins, in bytes; there is one of the last kind for each part."""
_I32, _I64 = ir.IntType(32), ir.IntType(64)
_FUTEX = {"x86_64": 202, "aarch64": 98}.get(platform.machine()) if sys.platform == "linux" else None
"""Number of the system call that sleeps until a word changes; elsewhere members go on asking."""
_FUTEX_WAIT, _FUTEX_WAKE, _ALL = 128, 129, 2**31 - 1
_X86, _ARM = ("llvm.x86.sse2.pause", ()), ("llvm.aarch64.hint", (1,))
_PAUSE = {"x86_64": _X86, "AMD64": _X86, "aarch64": _ARM, "arm64": _ARM}
"""The instruction by which a thread says to its processor that it waits, and its argument."""


def words(members: int) -> int:
    """Return the length of the ``meeting`` of a team."""
    return (_TAKEN + members * LINE) // _WORD


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
def _read_after_pause(builder: ir.IRBuilder, address: Any, _: Any) -> Any:
    """The word at an address, after a pause."""
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
def takes(meeting, stage, part):
    """Take ``part`` of ``stage``; false where another member has taken it."""
    return _raise(meeting.ctypes.data + _TAKEN + part * LINE, stage + 1) <= stage


@inlined()
def is_last(meeting, parts):
    """Whether all ``parts`` of the stage are finished, after one more."""
    return _add(meeting.ctypes.data + _FINISHED, 1) + 1 == parts


@inlined()
def open_next(meeting, stage):
    """Let the members go on to the stage after ``stage``."""
    _set(meeting.ctypes.data + _FINISHED, 0)
    _set(meeting.ctypes.data + _STAGE, stage + 1)
    if _add(meeting.ctypes.data + _ASLEEP, 0):
        _wake(meeting.ctypes.data + _STAGE, _ALL)


@inlined()
def wait(meeting, stage):
    """Wait until the stage after ``stage`` is open."""
    word = meeting.ctypes.data + _STAGE
    for _ in range(PATIENCE):
        if _read_after_pause(word, 0) > stage:
            return
    _add(meeting.ctypes.data + _ASLEEP, 1)
    while _read_after_pause(word, 0) <= stage:
        _sleep(word, stage)
    _add(meeting.ctypes.data + _ASLEEP, -1)
