"""Option types shared by the commands: lists, thread counts, settings."""

from __future__ import annotations

from typing import Any

import click

from bench.errors import UsageError
from bench.plan import Setting


class CommaList(click.ParamType[tuple[Any, ...]]):
    """Values separated by commas, each converted by ``item``."""

    def __init__(self, item: click.ParamType[Any]) -> None:
        self.item = item
        self.name = f"{item.name},..."

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[Any, ...]:
        """Split and convert; an empty place between commas is refused."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in str(value).split(",")]
        if not all(parts):
            self.fail(f"{value!r} has an empty place: separate values by single commas", param, ctx)
        return tuple(self.item.convert(part, param, ctx) for part in parts)


class Threads(click.ParamType["int | None"]):
    """A thread count, or ``unset``, which leaves the choice to the libraries."""

    name = "threads"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | None:
        """A positive number, or None for ``unset``."""
        if value == "unset":
            return None
        try:
            threads = int(value)
        except ValueError:
            self.fail(f"{value!r} is not a number of threads: use 1, 2, ... or unset", param, ctx)
        if threads < 1:
            self.fail(f"{threads} threads are not possible: use 1 or more, or unset", param, ctx)
        return threads


def parse_settings(assignments: tuple[str, ...]) -> tuple[Setting, ...]:
    """All combinations of ``NAME=V1,V2`` assignments; the value ``unset`` removes the variable.

    Raises:
        UsageError: an assignment without ``=``, a name given twice, or a value given twice.
    """
    combinations: list[dict[str, str | None]] = [{}]
    seen: set[str] = set()
    for assignment in assignments:
        name, separator, text = assignment.partition("=")
        values = text.split(",")
        if not separator or not name:
            raise UsageError(f"--env {assignment!r} is not NAME=VALUE or NAME=VALUE1,VALUE2")
        if name in seen:
            raise UsageError(f"--env names {name} twice: give all its values in one --env")
        if len(set(values)) < len(values):
            raise UsageError(f"--env {assignment!r} holds a value twice: name each value once")
        seen.add(name)
        combinations = [
            {**combination, name: None if value == "unset" else value}
            for combination in combinations
            for value in values
        ]
    return tuple(tuple(sorted(combination.items())) for combination in combinations)
