"""Sphinx configuration: ``tox -e docs`` builds the site into ``results/docs``."""

from __future__ import annotations

import re
from typing import Any

import bench

project = "mlpbench"
author = "The mlpbench developers"
release = version = bench.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_click"]
html_theme = "furo"
html_title = f"mlpbench {version}"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
# What these modules import is not needed to describe them.
autodoc_mock_imports = ["keras", "tensorflow", "torch", "jax", "jaxlib"]
linkcheck_ignore = [r"https://linux-blog\.anracom\.com/.*"]  # the site refuses robots
suppress_warnings = ["myst.header"]  # pages made by the program begin with their own title

highlight_language = "text"  # of blocks that name none
smartquotes = False  # they would turn --help into a dash and a word

# Help texts are plain text; in reStructuredText these characters are markup.
_MARKUP = re.compile(r"[\\*|`]")
# What sphinx-click itself writes as markup.
_DIRECTIVE = re.compile(r"\s*(\.\.|:[\w-]+:)")
_REQUIRED = re.compile(r"\s*\*\*Required\*\*")
_QUOTED = re.compile(r":default: ``(?:PosixPath\()?'(.*?)'\)?``")


def readable_help(_app: Any, _context: Any, lines: list[str]) -> None:
    """Escape the help texts among ``lines`` in place; defaults lose Python's quotes."""
    lines[:] = [_readable(line) for line in lines]


def _readable(line: str) -> str:
    if _DIRECTIVE.match(line):
        return _QUOTED.sub(r":default: ``\1``", line)
    start = required.end() if (required := _REQUIRED.match(line)) else 0
    return line[:start] + _MARKUP.sub(r"\\\g<0>", line[start:])


def setup(app: Any) -> None:
    """Connect the hook to the parts of a command that hold help texts."""
    for part in ("description", "options", "epilog"):
        app.connect(f"sphinx-click-process-{part}", readable_help)
