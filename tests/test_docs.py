"""The pages in docs/: made of what stands beside them, and of the code as it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench.cli import main
from bench.documents import files

CHECKOUT = Path(__file__).parents[1]
RESULTS = Path("docs/ladder.json.gz")
PAGE = Path("docs/ladder.md")
LINK = re.compile(r"\]\(([^)#]+)\)")
CODE = re.compile(r"^(```+)\w*$.*?^\1$", flags=re.MULTILINE | re.DOTALL)


def test_the_ladder_is_what_its_results_and_the_sources_make_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where this fails after a change of the code, make the page anew as it says at its head."""
    committed = (CHECKOUT / PAGE).read_text(encoding="utf-8")
    monkeypatch.chdir(CHECKOUT)
    written: dict[Path, bytes] = {}
    monkeypatch.setattr(files, "write_bytes", written.__setitem__)
    assert main(["walk", str(RESULTS), "--out", str(PAGE)]) == 0
    assert written[PAGE].decode() == committed


def test_every_link_of_the_ladder_leads_somewhere() -> None:
    text = CODE.sub("", (CHECKOUT / PAGE).read_text(encoding="utf-8"))
    targets = {target for target in LINK.findall(text) if "://" not in target}
    assert len(targets) > 10
    assert [one for one in targets if not (CHECKOUT / PAGE.parent / one).exists()] == []
    anchors = set(re.findall(r"\]\(#([^)]+)\)", text))
    headings = set(re.findall(r"^## (.+)$", text, flags=re.MULTILINE))
    assert anchors
    assert anchors <= headings


def test_the_results_of_the_ladder_are_small_and_name_no_folder_of_a_machine() -> None:
    assert (CHECKOUT / RESULTS).stat().st_size < 300_000
    text = files.read_bytes(CHECKOUT / RESULTS).decode()
    assert re.findall(r"""["'= ]/\w+""", text) == []


def test_the_readme_leads_to_the_ladder() -> None:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    assert f"({PAGE})" in readme
