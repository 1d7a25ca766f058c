"""Reading a page the way a browser does, as far as the tests need it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_VOID = {"meta", "link", "br", "input", "hr", "img"}


class Page(HTMLParser):
    """Elements as (tag, attributes), ids, and the text outside style and script."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of every element called ``tag``."""
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def text(self) -> str:
        """What a reader sees, on one line."""
        return " ".join(" ".join(self.words).split())

    @property
    def ids(self) -> list[str]:
        """Every id, in order."""
        return [str(one["id"]) for _, one in self.elements if "id" in one]


def places(path: str) -> list[tuple[float, float]]:
    """Where each command of an SVG path ends, to a tenth; curves are left out."""
    found: list[tuple[float, float]] = []
    x = y = 0.0
    for command, written in re.findall(r"([A-Za-z])([^A-Za-z]*)", path):
        numbers = [float(one) for one in re.findall(r"-?[\d.]+", written)]
        name = command.upper()
        across = numbers[0] if name in "MLH" else 0.0
        down = numbers[-1] if name in "MLV" else 0.0
        if command.islower():
            x, y = x + across, y + down
        else:
            x, y = (across if name in "MLH" else x), (down if name in "MLV" else y)
        found.append((round(x, 1), round(y, 1)))
    return found
