"""The pages in docs/: made of what stands beside them, and of the code as it is."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
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
    """Where this fails after a change of the code, regenerate the page as it says at its head."""
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
    assert (CHECKOUT / RESULTS).stat().st_size < 400_000
    text = files.read_bytes(CHECKOUT / RESULTS).decode()
    assert re.findall(r"""["'= ]/\w+""", text) == []


SITE = ("sphinx", "myst_parser", "sphinx_click", "furo")
PAGES = sorted((CHECKOUT / "docs").glob("*.md"))
# A command ends where the shell takes over.
SHELL = re.compile(r"\s(?:>>?|<|\||&&)\s.*")
COMMAND = re.compile(r"^\$ mlpbench ((?:.*\\\n)*.*)$", flags=re.MULTILINE)


def commands_in(text: str) -> list[list[str]]:
    """The arguments of every ``$ mlpbench`` line, without shell syntax and remarks."""
    lines = [found.replace("\\\n", " ") for found in COMMAND.findall(text)]
    return [shlex.split(SHELL.sub("", line), comments=True) for line in lines]


def parse(arguments: list[str]) -> None:
    """Parse the command line of a command as the program does; run nothing."""
    # The parent has -h as well; without it the command would remember --help alone.
    parent = click.Context(cli, **cli.context_settings)
    name, command, rest = cli.resolve_command(parent, arguments)
    assert command is not None
    command.make_context(name, rest, parent=parent)


@pytest.mark.parametrize("page", [*PAGES, CHECKOUT / "README.md"], ids=lambda page: page.name)
def test_every_command_line_of_a_page_parses(page: Path) -> None:
    for arguments in commands_in(page.read_text(encoding="utf-8")):
        try:
            parse(arguments)
        except click.UsageError as error:
            pytest.fail(f"{shlex.join(arguments)}: {error.format_message()}")


def test_command_lines_are_found_with_their_continuations_and_without_the_shell() -> None:
    text = "$ mlpbench run --impl a,b \\\n      --blocks 2   # why\n$ mlpbench list > x\nno\n"
    assert commands_in(text) == [["run", "--impl", "a,b", "--blocks", "2"], ["list"]]
    with pytest.raises(click.UsageError):
        parse(["run", "--no-such-option"])
    assert sum(len(commands_in(page.read_text(encoding="utf-8"))) for page in PAGES) > 20


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_a_page_lead_to_files(page: Path) -> None:
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    targets = {target for target in LINK.findall(text) if "://" not in target}
    assert [one for one in targets if not (page.parent / one).exists()] == []


def test_every_page_is_in_the_table_of_contents() -> None:
    text = (CHECKOUT / "docs/index.md").read_text(encoding="utf-8")
    listed = [
        line
        for block in re.findall(r"```\{toctree\}\n(.*?)```", text, flags=re.DOTALL)
        for line in block.splitlines()
        if line and not line.startswith(":")
    ]
    pages = [path.stem for path in (CHECKOUT / "docs").iterdir() if path.suffix in {".md", ".rst"}]
    assert sorted([*listed, "index"]) == sorted(pages)


def test_the_site_builds_without_warnings(tmp_path: Path) -> None:
    missing = [name for name in SITE if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"the extra 'docs' is not installed: {', '.join(missing)}")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    places = ["-d", str(tmp_path / "trees"), "docs", str(tmp_path / "site")]
    done = subprocess.run(
        [*command, *places], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    commands = (tmp_path / "site/commands.html").read_text(encoding="utf-8")
    # Help texts are shown as they are written.
    assert "Penalty l1 * sum of |w|." in commands
    assert "PosixPath" not in commands
    assert "**" not in commands


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


def test_every_file_that_contributing_names_exists() -> None:
    text = CODE.sub("", (CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    named = set(re.findall(r"`((?:bench|docs|impls|reports|tests)/[\w/]+\.\w+)`", text))
    assert len(named) > 10
    made_up = {"impls/numpy/plain.py"}
    assert [one for one in sorted(named - made_up) if not (CHECKOUT / one).exists()] == []
