"""Sphinx configuration: ``tox -e docs`` builds the site into ``results/docs``."""

from __future__ import annotations

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
