"""The words of the ladder page, and the code that they show, by reference.

Sources are parsed and never imported, so that a page can be made without what they need.
"""

from __future__ import annotations

import ast
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import toml

from impls import registry
from impls.errors import UsageError

ROOT = Path(registry.__file__).parents[1]
"""The folder that paths of excerpts start from."""
WORDS = Path(__file__).with_name("rungs.toml")


@dataclass(frozen=True)
class Excerpt:
    """Lines of the source ``path``: what ``name`` defines there, and why they are shown.

    ``name`` is qualified, such as ``Trainer.forward``.  ``first`` and ``last`` are how the first
    and the last line of a range begin, up to their indentation; either may be left out.
    """

    path: str
    name: str
    caption: str
    first: str = ""
    last: str = ""

    @property
    def reference(self) -> str:
        """How the excerpt is named: ``impls/numpy/layout.py:Trainer.bind``."""
        return f"{self.path}:{self.name}"


@dataclass(frozen=True)
class Explanation:
    """One stop of the walk, in Markdown.

    ``change`` says what is different from the stop before, ``why`` which copy, cache miss, call or
    allocation goes away, in a few sentences.  ``excerpts`` carry the trick.
    """

    title: str
    change: str
    why: str
    excerpts: tuple[Excerpt, ...]


EXPLANATIONS = {
    target: replace(said, change=" ".join(said.change.split()), why=" ".join(said.why.split()))
    for target, said in toml.decode(WORDS.read_bytes(), type=dict[str, Explanation]).items()
}
"""What is said of an implementation, by the target of its row."""


def code(excerpt: Excerpt, root: Path = ROOT) -> str:
    """Return the lines that ``excerpt`` refers to, moved to the left.

    Raises:
        UsageError: the source cannot be read, or has no such name or no such line.
    """
    try:
        source = (root / excerpt.path).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot read {excerpt.path}: {error.strerror}. A page is made where the sources are, "
            "in a checkout or an installed package."
        ) from error
    lines = source.splitlines()
    begin, end = _extent(excerpt, ast.parse(source))
    inside = range(begin, end)
    if excerpt.first:
        begin = _line(excerpt, lines, inside, excerpt.first)
    if excerpt.last:
        end = _line(excerpt, lines, range(begin, end), excerpt.last) + 1
    return textwrap.dedent("\n".join(lines[begin:end]))


def _extent(excerpt: Excerpt, tree: ast.Module) -> tuple[int, int]:
    """Return the lines of the named definition, counted from 0, decorators included."""
    *outer, name = excerpt.name.split(".")
    nodes = tree.body
    for scope in outer:
        nodes = [
            inner
            for node in nodes
            if isinstance(node, ast.ClassDef) and node.name == scope
            for inner in node.body
        ]
    for node in nodes:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            defined = [node.name]
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            defined = [ast.unparse(target) for target in targets]
        else:
            continue
        if name in defined:
            decorators = [d.lineno for d in getattr(node, "decorator_list", ())]
            return min([node.lineno, *decorators]) - 1, node.end_lineno or node.lineno
    raise UsageError(
        f"{excerpt.path} has no {excerpt.name}: name what the excerpt should show as it is "
        "called now"
    )


def _line(excerpt: Excerpt, lines: list[str], within: range, start: str) -> int:
    """Return the first line among those ``within`` that begins with ``start``."""
    for number in within:
        if lines[number].lstrip().startswith(start):
            return number
    raise UsageError(
        f"no line of {excerpt.reference} begins with {start!r}: the code has changed, and its "
        "excerpt has to follow"
    )
