"""Losses that stay on a device until somebody reads them, as ``Trainer.step`` says."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from impls.contract import Loss


def unread(read: Callable[[], Sequence[float]]) -> Loss:
    """A loss that ``read`` fetches from a device: all three numbers, when one is asked for."""
    kept = _Unread(read)
    return Loss(*(_Number(kept, place) for place in range(len(Loss._fields))))


class _Unread:
    """What :func:`unread` has been given, and the numbers once they have been fetched."""

    def __init__(self, read: Callable[[], Sequence[float]]) -> None:
        self.read = read

    @functools.cached_property
    def numbers(self) -> tuple[float, ...]:
        return tuple(self.read())


class _Number:
    """One of the numbers of a loss that may not have been fetched."""

    def __init__(self, kept: _Unread, place: int) -> None:
        self.kept, self.place = kept, place

    def __float__(self) -> float:
        return float(self.kept.numbers[self.place])
