"""Text and lines stand out from their background in both themes."""

from __future__ import annotations

import itertools
import math
import re

import pytest

from reports import templates

TEXT = ("ink", "muted", "accent")
LINES = (*(f"c{slot}" for slot in range(12)), "dense", "sparse", "gpu")


def themes() -> dict[str, dict[str, str]]:
    style = templates.asset("style.css")
    light = re.search(r":root \{(.*?)\}", style, re.DOTALL)
    dark = re.search(r':root\[data-theme="dark"\] \{(.*?)\}', style, re.DOTALL)
    by_preference = re.search(
        r"\(prefers-color-scheme: dark\) \{\s*:root.*?\{(.*?)\}", style, re.DOTALL
    )
    assert light
    assert dark
    assert by_preference
    assert variables(by_preference[1]) == variables(dark[1])
    return {"light": variables(light[1]), "dark": variables(dark[1])}


def variables(block: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))


def linear(part: str) -> float:
    value = int(part, 16) / 255
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def luminance(colour: str) -> float:
    red, green, blue = (linear(colour[place : place + 2]) for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def mixed(top: str, below: str, share: float) -> str:
    parts = [
        round(share * int(top[p : p + 2], 16) + (1 - share) * int(below[p : p + 2], 16))
        for p in (1, 3, 5)
    ]
    return "#" + "".join(f"{part:02x}" for part in parts)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_has_a_contrast_of_at_least_four_and_a_half(theme: str) -> None:
    colours = themes()[theme]
    for name in TEXT:
        for background in ("page", "raised"):
            assert contrast(colours[name], colours[background]) >= 4.5, (name, background)
    assert contrast(colours["ink"], colours["warn-page"]) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_on_the_strongest_tint_has_it_too(theme: str) -> None:
    colours = themes()[theme]
    tint = mixed(colours["tint"], colours["page"], 0.26)
    small_print = mixed(colours["ink"], tint, 0.86)
    assert contrast(small_print, tint) >= 4.5


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_lines_have_the_contrast_of_text_as_their_names_have_their_colour(theme: str) -> None:
    colours = themes()[theme]
    for name in LINES:
        assert contrast(colours[name], colours["page"]) >= 4.5, name


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_colours_of_the_palette_differ_and_neighbours_most(theme: str) -> None:
    colours = themes()[theme]
    palette = [colours[f"c{slot}"] for slot in range(12)]
    for one, other in itertools.combinations(palette, 2):
        assert distance(one, other) >= 24, (one, other)
    for one, other in itertools.pairwise(palette):
        assert distance(one, other) >= 35, (one, other)


def distance(one: str, other: str) -> float:
    """How far apart two colours look: CIE 1976, where 2.3 is just noticeable."""
    return math.dist(lab(one), lab(other))


def lab(colour: str) -> tuple[float, float, float]:
    red, green, blue = (linear(colour[place : place + 2]) for place in (1, 3, 5))
    x = (0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = (0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883
    x, y, z = (t ** (1 / 3) if t > 0.008856 else 7.787 * t + 16 / 116 for t in (x, y, z))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)
