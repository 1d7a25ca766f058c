"""Values of ``--env``: commas between them, and commas within them."""

from __future__ import annotations

import pytest

from bench.cli.options import parse_settings
from impls.errors import UsageError


@pytest.mark.parametrize(
    ("assignment", "values"),
    [
        ("A=1,2", ["1", "2"]),
        ("A=", [""]),
        ("A=1,", ["1", ""]),
        ("A=unset", [None]),
        (r"GOMP_CPU_AFFINITY=0\,1", ["0,1"]),
        (r"GOMP_CPU_AFFINITY=0\,1,0,unset", ["0,1", "0", None]),
        (
            r"KMP_AFFINITY=granularity=fine\,compact\,1\,0,disabled",
            ["granularity=fine,compact,1,0", "disabled"],
        ),
        (r"A=C:\temp\new,\\,x\\\,y", [r"C:\temp\new", "\\", "x\\,y"]),
        ("A=x\\", ["x\\"]),
        ("A=b=c", ["b=c"]),
    ],
)
def test_a_backslash_takes_a_comma_into_the_value(
    assignment: str, values: list[str | None]
) -> None:
    name = assignment.partition("=")[0]
    assert parse_settings((assignment,)) == tuple(((name, value),) for value in values)


@pytest.mark.parametrize("assignment", [r"A=0\,1,0\,1", "A=granularity=fine,compact,1,0,1"])
def test_a_value_twice_is_refused_with_the_way_to_write_a_comma(assignment: str) -> None:
    with pytest.raises(UsageError, match=r"write \\, for a comma within a value"):
        parse_settings((assignment,))


@pytest.mark.parametrize("assignment", ["A", "=1", " A=1", "A =1"])
def test_what_is_no_assignment_is_refused(assignment: str) -> None:
    with pytest.raises(UsageError, match="is not NAME=VALUE"):
        parse_settings((assignment,))
