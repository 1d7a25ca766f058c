"""Numbers as people read them: three significant digits and a fitting unit.

Everything here returns plain text; escaping is left to the templates.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from decimal import Decimal

from bench.observations.table import setting_words

setting = setting_words
"""Environment variables on one line: ``OMP_WAIT_POLICY=active, X unset``."""
_TIME_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_BYTE_UNITS = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))
_LONGEST_LABEL = 26
_WHOLE_PERCENT = 9.95  # from here on, three digits would pretend
_MOST_PERCENT = 10.0
"""Beyond 1000 % a share no longer reads as one."""
_UNIT = re.compile(r"(\d) (s|ms|µs|ns|%)(?!\w)")
_P_VALUE = re.compile(r"\bp ([<=]) (?=\d)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufffe\uffff]")


def significant(value: float, digits: int = 3) -> str:
    """Return ``value`` with significant ``digits``, no exponent: ``0.103``, ``95.2``, ``1230``."""
    if value == 0:
        return "0"
    # Rounding first: 0.9999 has the exponent of 1.00, and so needs one decimal fewer.
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = digits - 1 - math.floor(math.log10(abs(rounded)))
    return f"{rounded:.{max(decimals, 0)}f}"


def seconds(value: float, digits: int = 3) -> str:
    """Return a duration given in seconds, in the unit that keeps it readable: ``103 ms``."""
    if value == 0:
        return "0 s"
    for size, unit in _TIME_UNITS:
        if abs(value) >= size * (1 - 0.5 * 10.0**-digits):
            return f"{significant(value / size, digits)} {unit}"
    size, unit = _TIME_UNITS[-1]
    return f"{significant(value / size, digits)} {unit}"


def tick(value: float) -> str:
    """Return a round value below an axis, without zeros at its end: ``0.05``, ``1500``."""
    shown = significant(value)
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def tick_seconds(value: float) -> str:
    """Return a duration below an axis, where round values stand: ``20 ms``, ``1.5 s``."""
    return seconds(value, 2).replace(".0 ", " ")


def times(value: float, digits: int = 3) -> str:
    """Return a ratio with the sign of multiplication behind it."""
    return f"{significant(value, digits)} \N{MULTIPLICATION SIGN}"


def percent(share: float) -> str:
    """Return a share of one as percent, to a tenth below ten: ``1.9 %``; above 1000 % a factor."""
    if abs(share) > _MOST_PERCENT:
        return f"{significant(share, 2)} \N{MULTIPLICATION SIGN}"
    decimals = 1 if abs(100 * share) < _WHOLE_PERCENT else 0
    return f"{percent_number(share, decimals)} %"


def accuracy(share: float) -> str:
    """Return a measured share of the test examples; only all of them are ``100 %``."""
    shown = f"{100 * share:.4g}"
    # More digits, rather than the claim that none was wrong.
    return f"{100 * share:.10g} %" if shown == "100" and share != 1 else f"{shown} %"


def target(share: float) -> str:
    """Return a test accuracy asked for, with the digits that were given: ``90 %``, ``99.999 %``."""
    return f"{(100 * Decimal(repr(float(share)))).normalize():f} %"


def percent_number(share: float, decimals: int) -> str:
    """Return a share of one in percent without the sign of percent, never a negative zero."""
    return f"{round(100 * share, decimals) or 0.0:.{decimals}f}"


def byte_count(count: int, digits: int = 3) -> str:
    """Return a number of bytes in binary units: ``15.6 GiB``."""
    for size, unit in _BYTE_UNITS:
        if count >= size:
            return f"{significant(count / size, digits)} {unit}"
    return f"{count} B"


def sortable(value: float) -> str:
    """Return a number to sort by: more digits than are shown, no more than sorting needs."""
    whole = math.isfinite(value) and value == int(value)
    return str(int(value)) if whole else f"{value:.5g}"


def error_size(value: float | None) -> str:
    """Return a relative error in exponent form; None, where a value was not finite, says so."""
    return "not finite" if value is None else f"{value:.1e}"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: ``1 thread``, ``3 threads``."""
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"


def threads(number: int | None) -> str:
    """Return a requested thread count: ``2 threads``, or ``threads unset`` for None."""
    return "threads unset" if number is None else count(number, "thread")


def listing(words: Iterable[object]) -> str:
    """Words as a clause: ``a``, ``a and b``, ``a, b and c``."""
    *before, last = [str(word) for word in words] or [""]
    return f"{', '.join(before)} and {last}" if before else last


def tied(sentence: str) -> str:
    """Return ``sentence`` with numbers tied to their units and p values, for text that wraps."""
    with_units = _UNIT.sub("\\1\N{NO-BREAK SPACE}\\2", sentence)
    return _P_VALUE.sub("p\N{NO-BREAK SPACE}\\1\N{NO-BREAK SPACE}", with_units)


def printable(text: str) -> str:
    """Return ``text`` without control characters: XML cannot hold them, a terminal obeys them."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def label(text: str) -> str:
    """Return a name short enough for an axis, and printable."""
    clean = printable(text)
    return clean if len(clean) <= _LONGEST_LABEL else clean[: _LONGEST_LABEL - 1] + "…"
