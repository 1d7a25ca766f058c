"""The pages in docs/: made of what stands beside them, and of the code as it is."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from bench.cli import cli, defaults, main
from bench.documents import files
from reports.exports import FORMATS

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


@pytest.mark.parametrize("name", ["ci.md", "exports.md"])
def test_commands_and_links_of_a_page_are_right(name: str) -> None:
    text = (CHECKOUT / "docs" / name).read_text(encoding="utf-8")
    lines = re.findall(r"^\$ mlpbench (export|compare) ([^#>\n]*)", text, flags=re.MULTILINE)
    assert len(lines) > 2
    for command_name, arguments in lines:
        command = cli.get_command(click.Context(cli), command_name)
        assert command is not None
        command.make_context(command_name, shlex.split(arguments))
    targets = {target for target in LINK.findall(text) if "://" not in target}
    assert targets
    assert [one for one in targets if not (CHECKOUT / "docs" / one).exists()] == []


def test_every_format_of_export_is_described() -> None:
    text = (CHECKOUT / "docs" / "exports.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", text, flags=re.MULTILINE)[: len(FORMATS)] == list(FORMATS)


def test_the_defaults_in_the_page_on_ci_are_accepted() -> None:
    (block,) = re.findall(
        r"```toml\n(.*?)```", (CHECKOUT / "docs" / "ci.md").read_text(encoding="utf-8"), re.DOTALL
    )
    tables = tomllib.loads(block)["tool"]["mlpbench"]
    for name in tables:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        found = defaults.of_command(command, name, file=None, tables=tables, environment={})
        assert len(found) == len(tables[name])


def test_the_readme_leads_to_the_ladder() -> None:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    assert f"({PAGE})" in readme
