"""Plain English where a user reads: help, messages, templates and pages.

The style page in CONTRIBUTING.md has the rules.  This test holds the phrases that broke them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

PHRASES = (
    "another one scatters", "beside what is asked",
    "believe no difference", "but not seen", "by name only", "comes through all of it",
    "count alone", "end what else", "for so long", "for want of", "gave no occasion",
    "how gradients become", "is known this well", "least divisor", "less than nothing",
    "looks at all examples", "looked at all examples", "lucky", "memory of adam", "memory of rms",
    "machine shows", "mind the note", "never happened", "no part of a run that names none",
    "not distinguished", "not told",
    "nothing that matters", "of its own kind", "promise is not kept", "so many", "such as is none",
    "that is none", "that no one foresaw", "nobody foresaw", "the first of 3 and 4", "that holds.",
    "to be had", "told apart from", "told from none", "what else runs", "what is none",
    "what is not said", "which is only noise", "who waited", "with their ones", "anew",
)  # fmt: skip
"""Lower case; white space counts as one blank."""

CODE = re.compile(r"^(```+)\w*$.*?^\1$", flags=re.MULTILINE | re.DOTALL)
MARKUP = re.compile(r"<[^>]+>|\{[{%#].*?[#%}]\}", flags=re.DOTALL)
STRING = re.compile(r'"([^"]*)"')


def found_in(text: str) -> list[str]:
    """The phrases of :data:`PHRASES` that ``text`` holds as whole words."""
    plain = " ".join(text.lower().split())
    return [one for one in PHRASES if re.search(rf"(?<!\w){re.escape(one)}(?!\w)", plain)]


def shown(source: str) -> Iterator[str]:
    """The strings of a module that may be shown: all but docstrings, and those of commands."""
    tree = ast.parse(source)
    hidden = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            hidden.add(node.value)
        elif isinstance(node, ast.FunctionDef) and _is_command(node):
            yield ast.get_docstring(node) or ""
    parts = {
        part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            # A value stands for a word, so that phrases do not reach across it.
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
            )
        elif isinstance(node, ast.Constant) and node not in hidden | parts:
            yield node.value if isinstance(node.value, str) else ""


def _is_command(node: ast.FunctionDef) -> bool:
    names = {ast.unparse(one.func) for one in node.decorator_list if isinstance(one, ast.Call)}
    return bool(names & {"click.command", "click.group"})


MODULES = [
    *sorted((ROOT / "bench").rglob("*.py")),
    *sorted((ROOT / "reports").rglob("*.py")),
    ROOT / "impls/registry.py",
]
TEMPLATES = sorted(
    path
    for suffix in ("html", "jinja", "md", "toml")
    for path in (ROOT / "reports").rglob(f"*.{suffix}")
)
# The ladder is made of the last two modules above, a template, and the sentences of reports/.
PAGES = sorted(path for path in (ROOT / "docs").glob("*.md") if path.name != "ladder.md")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_help_and_messages_are_plain(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert [(one, text) for text in shown(source) for one in found_in(text)] == []


@pytest.mark.parametrize("path", TEMPLATES, ids=name)
def test_templates_are_plain(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    within = [text for markup in MARKUP.findall(source) for text in STRING.findall(markup)]
    assert [one for text in (MARKUP.sub(" ", source), *within) for one in found_in(text)] == []


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_pages_are_plain(path: Path) -> None:
    text = CODE.sub("", path.read_text(encoding="utf-8"))
    assert found_in(text) == []


def test_every_string_that_is_shown_is_read() -> None:
    source = '''
"""A docstring: so many."""
import click

@click.command("x", epilog="least " "divisor")
@click.option("--a", help="so many")
def x(a):
    """What is not
    said."""
    print(f"for want of {a} anew", "fine", a["not told"])

def helper():
    """Of its own kind."""
'''
    found = [one for text in shown(source) for one in found_in(text)]
    assert sorted(found) == [
        "anew", "for want of", "least divisor", "not told", "so many", "what is not said",
    ]  # fmt: skip
    assert found_in("No bare answer is renewed; the latter holds.") == []
