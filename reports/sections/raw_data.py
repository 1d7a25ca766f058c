"""The numbers behind everything, to take away: rounds as CSV and documents as JSON."""

from __future__ import annotations

import base64
import dataclasses
import gzip
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from markupsafe import Markup
from msgspec.structs import replace

from bench.documents.results import Measured, Outcome, Results, Unverified
from bench.documents.timings import EPOCH, STEP, Check, Timing
from bench.observations.table import ObservationTable
from reports import format as text
from reports import templates
from reports.context import Context
from reports.exports.table import COLUMNS, to_csv
from reports.section import DETAILS, Section, Status

DIGITS = 4
"""Significant digits of a duration: finer than any round repeats."""

_PLAIN_CSV = 50_000
_LONGEST_CSV = 100_000
"""Bytes, compressed: a page must stay light enough to be sent around."""
_PLAIN_JSON = 500_000
_MOST_ROUNDS = 150_000
"""A page with more rounds holds no data: they would take some 10 bytes a round."""


@dataclass(frozen=True)
class Attachment:
    """A file inside the page; ``uri`` works without scripts, ``size`` is in bytes.

    ``rows`` counts the rounds of a CSV, and ``complete`` is true where these are all of them.
    """

    name: str
    uri: str
    size: int
    rows: int = 0
    complete: bool = True


@dataclass(frozen=True)
class InlineJson:
    """JSON for a script element, from which a script makes a file."""

    name: str
    content: Markup
    size: int


def render(context: Context) -> Markup:
    """Return links that hold the rounds and the documents, unless they are too long."""
    is_short = context.table.rounds <= _MOST_ROUNDS
    document = json(context.results) if is_short else None
    return templates.section(
        "raw_data",
        rounds=context.table.rounds,
        table=csv(context.table) if is_short else None,
        inline=document if isinstance(document, InlineJson) else None,
        link=document if isinstance(document, Attachment) else None,
        digits=DIGITS,
    )


def status(context: Context) -> Status:
    """Return what can be downloaded."""
    rounds = text.count(context.table.rounds, "round")
    if context.table.rounds > _MOST_ROUNDS:
        return Status(f"{rounds}, not in this page: mlpbench export writes them")
    return Status(f"{rounds} as CSV, the results document as JSON")


def csv(table: ObservationTable) -> Attachment:
    """Return the rounds as CSV with the columns of the exports, compressed where it is long.

    Where it is too long even so, the rounds of single phases are left out.
    """
    rounds = table.frame.loc[table.frame["phase"] != "", list(COLUMNS)]
    data = to_csv(rounds, digits=DIGITS).encode()
    if len(data) <= _PLAIN_CSV:
        return Attachment("rounds.csv", _uri("text/csv", data), len(data), len(rounds))
    packed = _packed("rounds.csv.gz", data)
    if packed.size <= _LONGEST_CSV:
        return dataclasses.replace(packed, rows=len(rounds))
    whole = rounds[rounds["phase"].isin([STEP, EPOCH])]
    packed = _packed("rounds.csv.gz", to_csv(whole, digits=DIGITS).encode())
    return dataclasses.replace(packed, rows=len(whole), complete=len(whole) == len(rounds))


def json(results: Sequence[Results]) -> InlineJson | Attachment:
    """Return the documents with short numbers, compressed where they are long.

    Several documents become a list.
    """
    short = [_rounded(document) for document in results]
    data = msgspec.json.encode(short[0] if len(short) == 1 else short)
    if len(data) > _PLAIN_JSON:
        return _packed("results.json.gz", data)
    # Nothing in the text may end the script element or start a comment.
    safe = data.decode().replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return InlineJson("results.json", Markup(safe), len(data))  # noqa: S704 - escaped above


def _packed(name: str, data: bytes) -> Attachment:
    """Return ``data`` compressed, without a time stamp, so that equal data give equal pages."""
    packed = gzip.compress(data, mtime=0)
    return Attachment(name, _uri("application/gzip", packed), len(packed))


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _short(value: float, digits: int = DIGITS) -> float:
    return float(f"{value:.{digits}g}")


def _rounded(document: Results) -> Results:
    """Return ``document`` with fewer digits, and without the places of checks that passed."""
    outcomes: list[Outcome] = []
    for outcome in document.outcomes:
        if isinstance(outcome, Measured):
            outcomes.append(_rounded_measured(outcome))
        elif isinstance(outcome, Unverified) and outcome.measured is not None:
            measured = _rounded_measured(outcome.measured)
            outcomes.append(replace(outcome, measured=measured))
        else:
            outcomes.append(outcome)
    return replace(document, outcomes=tuple(outcomes))


def _rounded_measured(measured: Measured) -> Measured:
    importing = _short(measured.process.import_seconds)
    return replace(
        measured,
        process=replace(measured.process, import_seconds=importing),
        gate=tuple(map(_rounded_check, measured.gate)),
        first_call_seconds=_short(measured.first_call_seconds),
        threads_observed=_short(measured.threads_observed),
        warmup_seconds=tuple(map(_short, measured.warmup_seconds)),
        timings=tuple(map(_rounded_timing, measured.timings)),
    )


def _rounded_check(check: Check) -> Check:
    """Return ``check`` without the place where it is least exact, if it passed."""
    if not check.passed or check.error is None:
        return check
    short = replace(
        check, error=_short(check.error, 2), tolerance=_short(check.tolerance, 2), place=""
    )
    return short if short.passed else check


def _rounded_timing(timing: Timing) -> Timing:
    def milliseconds(seconds: float | None) -> float | None:
        # Most are counted in ticks of 10 ms, so further digits mean nothing.
        return None if seconds is None else round(seconds, 3)

    return replace(
        timing,
        round_seconds=tuple(map(_short, timing.round_seconds)),
        round_cpu_seconds=tuple(map(_short, timing.round_cpu_seconds)),
        disturbances=tuple(
            replace(
                disturbance,
                waited=milliseconds(disturbance.waited),
                foreign=milliseconds(disturbance.foreign),
                stolen=milliseconds(disturbance.stolen),
            )
            for disturbance in timing.disturbances
        ),
    )


SECTION = Section("raw-data", "Raw data", 130, render, DETAILS, status, whole=True)
