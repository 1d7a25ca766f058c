"""From matplotlib's SVG to markup that fits into a page: small, themed, with unique ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from markupsafe import Markup

SENTINELS = {
    "#fe0001": "var(--ink)",
    "#fe0002": "var(--muted)",
    "#fe0003": "var(--line)",
    "#fe0004": "var(--page)",
} | {f"#fd00{slot:02x}": f"var(--c{slot})" for slot in range(12)}
"""Colours that stand for CSS variables while matplotlib draws."""

_DOTS = "fill:none;opacity:0.75;stroke:var(--{});stroke-width:{};stroke-linecap:round"
CLASSES = {
    "text-anchor:start;fill:var(--muted)": "",
    "text-anchor:middle;fill:var(--muted)": "m",
    "text-anchor:end;fill:var(--muted)": "e",
    "text-anchor:end;fill:var(--ink)": "n",
    "fill:none;stroke:var(--line);stroke-width:0.7": "g",
    "fill:none;stroke:var(--line);stroke-width:0.5": "b",
    **{f"fill:var(--c{n});stroke:var(--page);stroke-width:0.8": f"k{n}" for n in range(12)},
    **{_DOTS.format(f"c{n}", "4.4"): f"o{n}" for n in range(12)},
    **{_DOTS.format(f"c{n}", "3.4"): f"p{n}" for n in range(12)},
    _DOTS.format("ink", "4.4"): "of",
    _DOTS.format("ink", "3.4"): "pf",
}
"""Styles that occur so often that the page's style sheet has them, by class; none is a default."""

_CLASSED = {"g", "path", "text"}
_NUMBER = re.compile(r"-?\d+\.\d+")
_COMMAND = re.compile(r"([A-Za-z])([^A-Za-z]*)")
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_SERIES = re.compile(r"series-(\d+|floor)")
_NO_TURN = re.compile(r"rotate\(-?0(\.0)?[ )]")
_COORDINATES = ("x", "y", "width", "height", "transform")
_FONT_SIZE = "11px"
# Defaults of SVG, and what the page decides: its font, and no clipping.
_OMITTED = {
    "font-family": None,
    "font-style": None,
    "stroke-linejoin": "miter",
    "stroke-linecap": "square",
    "font-size": _FONT_SIZE,
}


_NO_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""Characters that XML cannot hold; a label may have them."""

Tip = tuple[float, float, str]
"""A place in pixels, and the value that a pointer reads there."""


def inline(source: str, *, prefix: str, description: str, tips: Sequence[Tip] = ()) -> Markup:
    """Return ``source`` as an element for HTML, described for those who do not see it.

    ``prefix`` makes ids unique on the page; ``tips`` become invisible spots with a title.  An id of
    the form ``series-3`` becomes an attribute ``data-series="3"``, by which a script may find what
    belongs to one implementation.
    """
    # Our own renderer wrote it, a moment ago: nothing hostile can be in its structure.
    root = ET.fromstring(_NO_XML.sub("\N{REPLACEMENT CHARACTER}", source))  # noqa: S314  # see above
    for element in root.iter():
        _shorten(element)
        _restyle(element)
    _rename(root, prefix)
    _prune(root)
    for parent in root.iter():
        _hoist(parent)
    _, _, width, height = root.get("viewBox", "").split()
    said = {"role": "img"} if description else {"aria-hidden": "true"}
    root.attrib = {
        "viewBox": f"0 0 {width} {height}",
        **said,
        "class": "chart",
        "font-size": _FONT_SIZE,
    }
    if description:
        title = ET.Element("title")
        title.text = description
        root.insert(0, title)
    for x, y, words in tips:
        spot = ET.SubElement(root, "circle", cx=f"{x:.0f}", cy=f"{y:.0f}", r="8")
        spot.set("class", "spot")
        ET.SubElement(spot, "title").text = words
    written = ET.tostring(root, encoding="unicode").replace(" />", "/>")
    return Markup(written)  # noqa: S704 - escaped by ElementTree


def _rename(root: ET.Element, prefix: str) -> None:
    """Give ids that are referred to a short unique name and drop the others."""
    used = {element.get("href", "#")[1:] for element in root.iter()}
    for element in root.iter():
        for value in element.attrib.values():
            used |= set(_REFERENCE.findall(value))
    used.discard("")
    names: dict[str, str] = {}
    for element in root.iter():
        identity = element.attrib.pop("id", "")
        series = _SERIES.fullmatch(identity)
        if series:
            element.set("data-series", series[1])
        elif identity in used:
            names[identity] = f"{prefix}-{len(names)}"
            element.set("id", names[identity])
    for element in root.iter():
        if "href" in element.attrib:
            element.set("href", "#" + names[element.get("href", "")[1:]])
        for name, value in element.attrib.items():
            element.set(name, _REFERENCE.sub(lambda match: f"url(#{names[match[1]]})", value))


def _shorten(element: ET.Element) -> None:
    """Drop namespaces, clipping, white space and decimals."""
    element.tag = element.tag.rpartition("}")[2]
    element.attrib = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
    element.attrib.pop("clip-path", None)
    element.tail = None
    if element.tag != "text":
        element.text = None
    for name in _COORDINATES:
        if name in element.attrib:
            element.set(name, _rounded(element.get(name, "")))
    if "d" in element.attrib:
        element.set("d", _short_path(_rounded(element.get("d", ""))))
    if _NO_TURN.match(element.get("transform", "")):
        del element.attrib["transform"]


def _restyle(element: ET.Element) -> None:
    """Drop defaults from a style, or replace it by a class of the style sheet."""
    style = element.attrib.pop("style", "")
    for sentinel, variable in SENTINELS.items():
        style = style.replace(sentinel, variable)
    kept = []
    for part in style.split(";"):
        name, _, value = map(str.strip, part.partition(":"))
        if value and (name not in _OMITTED or _OMITTED[name] not in (None, value)):
            kept.append(f"{name}:{value}")
    short = ";".join(kept)
    # The class of a default is empty.
    of_sheet = CLASSES.get(short) if element.tag in _CLASSED else None
    if of_sheet:
        element.set("class", of_sheet)
    elif of_sheet is None and short:
        element.set("style", short)


def _rounded(text: str) -> str:
    return _NUMBER.sub(lambda match: f"{round(float(match[0]), 1):g}", text)


def _short_path(path: str) -> str:
    """Return ``path``, which has absolute coordinates, with shorter commands for lines and dots.

    Coordinates have at most one decimal, so that relative ones are as exact.
    """
    commands: list[str] = []
    x = y = 0.0
    for command, arguments in _COMMAND.findall(path):
        numbers = [float(number) for number in arguments.split()]
        if command in {"L", "M"}:
            commands.append(_moved(command, (x, y), (numbers[0], numbers[1])))
        else:
            commands.append(command + _packed(numbers))
        if numbers:
            x, y = numbers[-2:]
    return "".join(commands)


def _moved(command: str, start: tuple[float, float], end: tuple[float, float]) -> str:
    """Return the shortest way to write a line or a move from ``start`` to ``end``."""
    off = [round(b - a, 1) for a, b in zip(start, end, strict=True)]
    written = [command + _packed(end), command.lower() + _packed(off)]
    if command == "L" and not off[1]:
        # A line without length is a dot where it has round ends.
        written = ["H" + _packed(end[:1]), "h" + _packed(off[:1])]
    elif command == "L" and not off[0]:
        written = ["V" + _packed(end[1:]), "v" + _packed(off[1:])]
    return min(written, key=len)


def _packed(numbers: Sequence[float]) -> str:
    """Return numbers without leading zeros and spaces before a sign, which SVG does not need."""
    words = [f"{number + 0:.1f}".removesuffix(".0") for number in numbers]
    words = [word.replace("0.", ".", 1) if abs(float(word)) < 1 else word for word in words]
    return " ".join(words).replace(" -", "-")


def _prune(parent: ET.Element) -> None:
    """Remove what draws nothing, and groups that group nothing."""
    kept: list[ET.Element] = []
    for child in parent:
        _prune(child)
        is_empty = child.tag in ("g", "defs") and not len(child)
        is_invisible = child.tag == "path" and child.get("style") == "fill:none"
        if is_empty or is_invisible or child.tag in ("metadata", "style", "clipPath"):
            continue
        if child.tag == "g" and not child.attrib:
            kept += list(child)
        else:
            kept.append(child)
    parent[:] = kept


def _hoist(parent: ET.Element) -> None:
    """Move a style that all markers of a group share up to the group."""
    uses = [child for child in parent if child.tag == "use"]
    styles = {use.get("style", "") for use in uses}
    if len(uses) > 1 and len(styles) == 1 and "style" not in parent.attrib:
        parent.set("style", styles.pop())
        for use in uses:
            use.attrib.pop("style", None)
