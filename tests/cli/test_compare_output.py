"""``mlpbench compare``: the answer in a terminal, as JSON and as Markdown."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from bench.documents.results import Results
from tests.cli.compared_files import GRID, NOISY, ONE, OTHER_DATA, SLOWER, Compare, Data
from tests.stats.compared import (
    Grid,
    cell,
    document,
    on_machine,
    planned,
    refused,
    times,
)


def lines(text: str) -> str:
    """Text on one line, as it would be without a terminal's width."""
    return " ".join(text.replace("│", " ").split())


def test_the_answer_comes_before_the_table_and_the_table_before_what_differs(
    compare: Compare,
) -> None:
    new = on_machine(GRID.document(1.5), versions={"numpy": "2.9"})
    only = document({cell("mine"): times()}).outcomes
    new = msgspec.structs.replace(new, outcomes=(*new.outcomes, *only))
    said = compare(GRID.document(), new).out
    assert said.startswith(
        "Epoch time of new.json against base.json: of 8 cells, 0 faster, 8 slower, 0 the same "
        "within 3 % and 0 unclear.\nWorst: "
    )
    places = [
        said.index(part)
        for part in (
            "takes 50.0 % longer (95 % interval 49.8 to 50.2).",
            "They were measured at different times",
            "95 % interval ┃",
            "│ numpy-naive",
            "outside-margin: a difference within the margin is excluded",
            "machine.versions.numpy",
            "only in new.json",
        )
    ]
    assert places == sorted(places)


def test_names_stay_whole_where_the_output_is_no_terminal(
    compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    name = "their_very_own_implementation_with_a_long_name:Trainer"
    results = document(
        {cell(name, threads=t, batch_size=b): times() for t in (1, 2) for b in (8, 9)}
    )
    row = next(line for line in compare(results, results).out.splitlines() if name in line)
    assert "within-margin" in row


def test_what_would_settle_the_unresolved_is_said_of_the_first(compare: Compare) -> None:
    noise = {size: [1.0 + size * (one - 1.0) / 10 for one in NOISY] for size in (1, 2, 3, 4)}
    results = document({cell(batch_size=size): times(1.0, one) for size, one in noise.items()})
    said = compare(results, results).out
    assert "numba, batch size 1, 1 thread: About" in said
    assert "batch size 4, 1 thread" not in said
    assert "And 1 more: --json says why." in said


def test_one_remedy_for_several_cells_is_said_once(compare: Compare) -> None:
    results = document({cell(batch_size=size): times(1.0, (1.0,)) for size in (1, 2, 3, 4, 5)})
    said = compare(results, results).out
    assert said.count("5 cells: ") == 1
    assert "more: --json" not in said


def test_a_narrow_terminal_gets_rows_of_several_lines(
    compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    said = re.sub(r"\x1b\[\d*m", "", compare(GRID.document(), SLOWER).out)
    table = [line for line in said.splitlines() if "┃" in line or "│" in line]
    assert "\x1b" not in said
    assert len(table) > 6
    assert max(map(len, table)) <= 80
    assert "+100.0 %" in said


def test_a_cell_is_named_by_what_varies_and_the_rest_is_said_once(compare: Compare) -> None:
    grid = Grid({"numba": 1.0, "mine": 1.0}, {2: 1.0}, (8, 20))
    said = compare(grid.document(), grid.document()).out
    assert "network tiny, device cpu, threads 2" in said
    assert "┃ implementation ┃ batch-size ┃ base.json ┃ new.json ┃" in said
    assert "threads ┃" not in said


def test_data_for_machines_say_all(data: Data) -> None:
    base = document({cell(): times(), cell("mine"): times()})
    new = document({cell(): times(2.0), cell("mine"): refused(cell("mine"), "failed")})
    new = on_machine(new, versions={"numpy": "2.9"}, memory_bytes=1)
    found = data(base, new)
    (one,) = found["comparisons"]
    assert (found["by"], found["phase"], found["documents"], found["exit_code"]) == (
        "run",
        "epoch",
        ["base.json", "new.json"],
        1,
    )
    assert (one["verdict"], one["code"], one["document"]) == (
        "slower",
        "outside-margin",
        "new.json",
    )
    assert one["ratio"]["value"] == pytest.approx(0.5)
    assert one["change"]["value"] == pytest.approx(1.0)
    assert one["change"]["low"] < 1.0 < one["change"]["high"]
    assert one["reference"]["seconds"] * 2 == pytest.approx(one["seconds"])
    assert (one["processes"], one["paired"]) == (5, False)
    (lost,) = found["not_compared"]
    assert (lost["implementation"], lost["lost"]) == ("mine", True)
    assert [one["field"] for one in found["differences"]] == ["machine.versions.numpy"]
    assert found["noise"] == ["machine.memory_bytes"]


def test_data_for_machines_say_why_nothing_was_compared(
    data: Data,
) -> None:
    found = data(ONE.document(), OTHER_DATA)
    assert found["exit_code"] == 4
    assert [one["field"] for one in found["obstacles"]] == ["dataset.sha256"]
    assert found["comparisons"] == []


def test_markdown_goes_into_a_file_and_the_tables_are_printed_all_the_same(
    compare: Compare, tmp_path: Path
) -> None:
    new = on_machine(SLOWER, versions={"numpy": "2.9"})
    said = compare(ONE.document(), new, options=("--markdown", "table.md"))
    assert said.code == 1
    assert "┃" in said.out
    page = (tmp_path / "table.md").read_text()
    assert page.startswith("**Epoch time of new.json against base.json")
    assert (
        "| numba | 1.00 s | 2.00 s | +100.0 % | +99.8 to +100.2 | slower | outside-margin |" in page
    )
    assert "<summary>1 difference that may explain a verdict</summary>" in page
    assert "machine.versions.numpy | absent | 2.9 | new.json | Another version" in page
    assert page.count("<details>") == page.count("</details>") == 2


def test_markdown_is_printed_alone(compare: Compare) -> None:
    said = compare(ONE.document(), SLOWER, options=("--markdown", "-"))
    assert said.code == 1
    assert said.out.startswith("**Epoch time")
    assert "┃" not in said.out


def test_markdown_says_why_nothing_was_compared(compare: Compare) -> None:
    said = compare(ONE.document(), OTHER_DATA, options=("--markdown", "-"))
    assert said.code == 4
    assert said.out.startswith("**Not comparable")
    assert "dataset.sha256" in said.out


EVIL = "<script>x</script>|[link](http://a) @user `c` *b* _i_ www.a.b"


def evil() -> Results:
    setting = (("OMP_PLACES", EVIL),)
    results = document(
        {
            cell(EVIL, setting=setting): times(),
            cell("line\nbreak\x1b[31m\x00\u202e"): times(),
            cell("mine"): [
                msgspec.structs.replace(one, reason=EVIL) for one in refused(cell("mine"), "failed")
            ],
        }
    )
    return on_machine(results, cpu=EVIL, environment={"XLA_FLAGS": EVIL})


def test_labels_are_never_markup_in_markdown(compare: Compare) -> None:
    options = ("--markdown", "-", "--across-machines")
    page = compare(document({cell(): times()}), evil(), options=options).out
    page += compare(evil(), evil(), options=options).out
    page += compare(document({cell(): times()}), evil(), options=("--markdown", "-")).out
    for part in ("<script", "](", "@user", "`", "_i_", "*b*", "http:", "www.a", "\x1b", "\x00"):
        assert part not in page
    for line in page.splitlines():
        if line.startswith("|"):
            assert line.count("|") in (3, 6, 8, 9)
    assert "&#60;script&#62;" in page


def test_labels_are_never_markup_in_the_terminal(compare: Compare) -> None:
    said = compare(evil(), evil())
    assert said.code == 0
    assert EVIL in lines(said.out)
    assert not {"\x1b", "\x00", "\u202e"} & set(said.out)


def test_labels_survive_in_data(data: Data) -> None:
    found = data(evil(), evil())
    assert {one["implementation"] for one in found["comparisons"]} >= {EVIL}


def test_what_forbids_a_comparison_is_not_said_again_as_what_differs_beside_it(
    compare: Compare,
) -> None:
    new = planned(OTHER_DATA, seed=12)
    said = compare(ONE.document(), new).out
    assert said.count("dataset.sha256") == 1
    assert said.count("plan.seed") == 1
