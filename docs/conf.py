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

# Help texts are plain text; in reStructuredText these characters are markup.
_MARKUP = re.compile(r"[\\*|`]")
# Lines that sphinx-click itself writes as markup.
_DIRECTIVE = re.compile(r"\s*(\.\.|:[\w-]+:)")


def escape_help(_app: Any, _context: Any, lines: list[str]) -> None:
    """Escape the help texts among ``lines`` in place."""
    lines[:] = [
        line if _DIRECTIVE.match(line) else _MARKUP.sub(r"\\\g<0>", line) for line in lines
    ]


def setup(app: Any) -> None:
    """Connect the escaping to the parts of a command that hold help texts."""
    for part in ("description", "options", "epilog"):
        app.connect(f"sphinx-click-process-{part}", escape_help)
