"""Data that travels inside the page: rounds as CSV, documents as JSON."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import pandas as pd
from markupsafe import Markup

from bench.results import Disturbance, Measured, Outcome, Results, Timing, Unverified
from reports import frame

DIGITS = 4
"""Significant digits of a duration: finer than any round repeats."""

_PLAIN_CSV = 200_000
_PLAIN_JSON = 500_000


@dataclass(frozen=True)
class Attachment:
    """A file inside the page; ``uri`` works without scripts, ``size`` is in bytes."""

    name: str
    uri: str
    size: int


@dataclass(frozen=True)
class Block:
    """JSON for a script element, from which a script makes a file."""

    name: str
    content: Markup
    size: int


def csv(rounds: pd.DataFrame) -> Attachment:
    """The rounds of :func:`reports.frame.tidy` as CSV, compressed where it is long."""
    data = frame.to_csv(rounds, digits=DIGITS).encode()
    if len(data) <= _PLAIN_CSV:
        return Attachment("rounds.csv", _uri("text/csv", data), len(data))
    return _packed("rounds.csv.gz", data)


def json(results: Sequence[Results]) -> Block | Attachment:
    """The documents with short durations, compressed where they are long.

    Several documents become a list.
    """
    short = [_rounded(document) for document in results]
    data = msgspec.json.encode(short[0] if len(short) == 1 else short)
    if len(data) > _PLAIN_JSON:
        return _packed("results.json.gz", data)
    # Nothing in the text may end the script element or start a comment.
    safe = data.decode().replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Block("results.json", Markup(safe), len(data))  # noqa: S704 - escaped above


def _packed(name: str, data: bytes) -> Attachment:
    """``data`` compressed; without a time stamp, so that equal data give equal pages."""
    packed = gzip.compress(data, mtime=0)
    return Attachment(name, _uri("application/gzip", packed), len(packed))


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _short(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(float(f"{value:.{DIGITS}g}") for value in values)


def _rounded(document: Results) -> Results:
    """``document`` with durations of :data:`DIGITS` significant digits."""
    outcomes = tuple(_rounded_outcome(outcome) for outcome in document.outcomes)
    return msgspec.structs.replace(document, outcomes=outcomes)


def _rounded_outcome(outcome: Outcome) -> Outcome:
    if isinstance(outcome, Measured):
        return _rounded_measured(outcome)
    if isinstance(outcome, Unverified) and outcome.measured is not None:
        return msgspec.structs.replace(outcome, measured=_rounded_measured(outcome.measured))
    return outcome


def _rounded_measured(measured: Measured) -> Measured:
    return msgspec.structs.replace(
        measured,
        warmup_seconds=_short(measured.warmup_seconds),
        timings=tuple(_rounded_timing(timing) for timing in measured.timings),
    )


def _rounded_timing(timing: Timing) -> Timing:
    return msgspec.structs.replace(
        timing,
        round_seconds=_short(timing.round_seconds),
        round_cpu_seconds=_short(timing.round_cpu_seconds),
        disturbances=tuple(map(_rounded_disturbance, timing.disturbances)),
    )


def _rounded_disturbance(disturbance: Disturbance) -> Disturbance:
    return msgspec.structs.replace(
        disturbance,
        waited=_tenths_of_ms(disturbance.waited),
        foreign=_tenths_of_ms(disturbance.foreign),
        stolen=_tenths_of_ms(disturbance.stolen),
    )


def _tenths_of_ms(seconds: float | None) -> float | None:
    """Most are counted in ticks of 10 ms; what is finer says nothing."""
    return None if seconds is None else round(seconds, 4)
