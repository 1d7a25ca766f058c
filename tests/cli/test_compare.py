"""``mlpbench compare``: exit codes, options, and what is printed where."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.documents import files, journal
from bench.documents.results import Outcome, Results
from bench.provenance.records import Accelerator
from impls import registry
from impls.contract import Pool
from impls.row import control_of
from tests.documents import test_pytest_json
from tests.stats.compared import (
    STEADY,
    Grid,
    cell,
    document,
    measured,
    on_machine,
    planned,
    refused,
    times,
)

Compare = Callable[..., Any]
NOISY = (1.0, 1.3, 0.8, 1.2, 0.9)
GRID = Grid({"numpy-naive": 4.0, "numba": 1.0}, {1: 1.0, 2: 0.5}, (8, 20))
ONE = Grid({"numba": 1.0}, {1: 1.0})


@pytest.fixture
def compare(mlpbench: Callable[..., Any], tmp_path: Path) -> Compare:
    """Save documents as base.json, new.json, ... and compare them."""

    def run(*results: Results, options: tuple[object, ...] = ()) -> Any:
        names = ["base.json", "new.json", "newer.json"]
        for name, one in zip(names, results, strict=False):
            files.save(one, tmp_path / name)
        return mlpbench("compare", *names[: len(results)], *options)

    return run


@pytest.fixture
def data(compare: Compare) -> Callable[..., dict[str, Any]]:
    """The same as plain data."""

    def run(*results: Results, options: tuple[object, ...] = ()) -> dict[str, Any]:
        said = compare(*results, options=("--json", *options))
        assert said.err == ""
        found: dict[str, Any] = json.loads(said.out)
        assert found["exit_code"] == said.code
        return found

    return run


def lines(text: str) -> str:
    """Text on one line, as it would be without a terminal's width."""
    return " ".join(text.replace("│", " ").split())


REFUSED = document({cell(): refused(cell(), "invalid")})
SLOWER = document({cell(): times(2.0)})
UNCLEAR = document({cell(): times(1.0, NOISY)})
OTHER_DATA = msgspec.structs.replace(
    ONE.document(), dataset=msgspec.structs.replace(ONE.document().dataset, sha256="1" * 64)
)


@pytest.mark.parametrize(
    ("new", "code", "said"),
    [
        (ONE.document(), 0, "1 cell, 0 faster, 0 slower, 1 the same within 3 % and 0 unclear"),
        (ONE.document(0.5), 0, "1 cell, 1 faster, 0 slower"),
        (SLOWER, 1, "takes 100.0 % longer (95 % interval 99.8 to 100.2)"),
        (UNCLEAR, 2, "0 the same within 3 % and 1 unclear"),
        (document({cell(): times()[:1]}), 2, "too-few: there are fewer than 3 processes"),
        (REFUSED, 3, "1 cell was refused or failed, though the reference was measured."),
        (document({cell(): refused(cell(), "unverified")}), 3, "unverified: 2 threads were busy"),
        (document({cell(): refused(cell(), "failed")}), 3, "failed: killed"),
        (document({cell(): refused(cell(), "unavailable")}), 4, "Nothing can be compared"),
        (
            OTHER_DATA,
            4,
            "Not comparable: the documents differ in dataset.sha256 (000000000000… and",
        ),
    ],
)
def test_the_exit_code_says_what_was_found(
    compare: Compare, new: Results, code: int, said: str
) -> None:
    answer = compare(ONE.document(), new)
    assert answer.code == code
    assert said in lines(answer.out)
    assert answer.err == ""


@pytest.mark.parametrize(
    ("kinds", "code"),
    [
        ({"slower", "invalid", "unresolved"}, 1),
        ({"invalid", "unresolved"}, 3),
        ({"unresolved"}, 2),
        ({"slower", "invalid"}, 1),
    ],
)
def test_slower_goes_before_refused_and_refused_before_unresolved(
    compare: Compare, kinds: set[str], code: int
) -> None:
    where = {name: cell(name) for name in ("slower", "invalid", "unresolved", "same")}
    content = {
        "slower": times(2.0),
        "invalid": refused(where["invalid"], "invalid"),
        "unresolved": times(1.0, NOISY),
    }
    base = document({one: times() for one in where.values()})
    new = document({one: content[n] if n in kinds else times() for n, one in where.items()})
    assert compare(base, new).code == code


def test_not_comparable_goes_before_slower(compare: Compare) -> None:
    new = msgspec.structs.replace(OTHER_DATA, outcomes=SLOWER.outcomes)
    assert compare(ONE.document(), new).code == 4


@pytest.mark.parametrize(
    ("new", "fail_on", "code"),
    [
        (SLOWER, "slower", 1),
        (SLOWER, "unresolved,invalid", 0),
        (UNCLEAR, "unclear", 2),
        (UNCLEAR, "unresolved", 2),
        (SLOWER, "unclear,invalid", 0),
        (UNCLEAR, "slower,invalid", 0),
        (OTHER_DATA, "slower", 4),
        (REFUSED, "invalid", 3),
        (REFUSED, "slower", 4),
    ],
)
def test_only_what_is_to_fail_fails(
    compare: Compare, new: Results, fail_on: str, code: int
) -> None:
    assert compare(ONE.document(), new, options=("--fail-on", fail_on)).code == code


def test_a_refused_cell_beside_a_sound_one_need_not_fail(compare: Compare) -> None:
    base = document({cell(): times(), cell("mine"): times()})
    new = document({cell(): times(), cell("mine"): refused(cell("mine"), "invalid")})
    assert compare(base, new).code == 3
    assert compare(base, new, options=("--fail-on", "slower,unresolved")).code == 0
    twice = ("--fail-on", "slower", "--fail-on", "unresolved")
    assert compare(base, new, options=twice).code == 0
    assert compare(base, new, options=(*twice, "--fail-on", "invalid")).code == 3


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


def test_one_document_is_compared_along_a_coordinate(compare: Compare) -> None:
    said = compare(GRID.document(), options=("--by", "threads"))
    assert said.code == 0
    assert said.out.startswith("Epoch time of 2 threads against 1 thread: of 4 cells, 4 faster")
    assert "different times" not in said.out
    assert "-50.00 %" in said.out
    backwards = compare(GRID.document(), options=("--by", "threads", "--baseline", "2"))
    assert backwards.code == 1
    assert "+100.00 %" in backwards.out


def test_implementations_are_compared_with_the_baseline_of_the_ladder(compare: Compare) -> None:
    said = compare(GRID.document(), options=("--by", "implementation"))
    assert said.out.startswith("Epoch time of numba against numpy-naive: of 4 cells, 4 faster")


def test_batch_sizes_are_compared_per_example(compare: Compare) -> None:
    said = compare(GRID.document(), options=("--by", "batch-size", "--phase", "step"))
    assert said.out.startswith("Step time per example of batch size 20 against batch size 8: of 4")
    assert "-60.00 %" in said.out


def test_a_swept_variable_is_a_coordinate(data: Callable[..., dict[str, Any]]) -> None:
    swept = {
        cell(setting=(("OMP_PLACES", value),)): times(factor)
        for value, factor in (("cores", 1.0), (None, 0.5))
    }
    found = data(document(swept), options=("--by", "OMP_PLACES"))
    (one,) = found["comparisons"]
    assert (found["baseline"], one["value"], one["verdict"]) == (
        "OMP_PLACES=cores",
        "unset",
        "faster",
    )
    assert found["differences"] == []


def test_one_document_needs_a_coordinate(compare: Compare) -> None:
    said = compare(GRID.document())
    assert said.code == 64
    assert "give --by implementation or --by threads or --by batch-size" in said.err
    assert said.out == ""


def test_several_new_runs_are_told_apart(compare: Compare) -> None:
    said = compare(ONE.document(), ONE.document(), ONE.document(3.0))
    assert said.code == 1
    assert said.out.startswith("Epoch time against base.json: of 2 cells")
    assert "Worst: numba, batch size 8, 1 thread in newer.json takes 200" in said.out


def test_a_run_may_be_named_as_the_reference(compare: Compare) -> None:
    assert compare(ONE.document(), SLOWER, options=("--baseline", "new.json")).code == 0
    assert compare(ONE.document(), SLOWER, options=("--baseline", "old.json")).code == 64


def test_a_phase_is_compared(compare: Compare) -> None:
    def forward(factor: float) -> Results:
        found = measured(cell(), times(factor), ("forward",)), measured(cell(), STEADY)
        both = [
            msgspec.structs.replace(one, timings=(*one.timings, *other.timings))
            for one, other in zip(*found, strict=True)
        ]
        return document({cell(): both})

    base, new = forward(1.0), forward(3.0)
    assert compare(base, new).code == 0
    said = compare(base, new, options=("--phase", "forward"))
    assert said.code == 1
    assert said.out.startswith("Forward time of new.json")
    assert compare(base, new, options=("--phase", "loss")).code == 4


def test_steps_stand_in_for_epochs_where_a_document_has_none(compare: Compare) -> None:
    steps = document({cell(): measured(cell(), STEADY, ("step",))})
    said = compare(ONE.document(), steps)
    assert said.code == 0
    assert said.out.startswith("Step time of")
    assert "Steps are compared, because new.json holds no epochs." in said.out
    asked = compare(ONE.document(), steps, options=("--phase", "epoch"))
    assert asked.code == 4
    assert "its epoch was not timed" in asked.out


def test_a_filter_chooses_cells(data: Callable[..., dict[str, Any]]) -> None:
    filters = ("--filter", "implementation=numba,mine-*", "--filter", "threads=2,batch-size=2*")
    found = data(GRID.document(), GRID.document(), options=filters)
    assert [
        (one["implementation"], one["threads"], one["batch_size"]) for one in found["comparisons"]
    ] == [("numba", 2, 20)]
    assert found["not_compared"] == []


def test_the_margin_decides_what_is_the_same(compare: Compare) -> None:
    new = ONE.document(1.04)
    assert compare(ONE.document(), new).code == 1
    for margin in ("10%", "0.1"):
        said = compare(ONE.document(), new, options=("--margin", margin))
        assert said.code == 0
        assert "1 the same within 10 %" in said.out


def test_a_threshold_is_the_margin_of_some_cells(data: Callable[..., dict[str, Any]]) -> None:
    thresholds = (
        "--threshold", "implementation=numba,threads=2:10%",
        "--threshold", "implementation=*:0.2",
        "--filter", "batch-size=8",
    )  # fmt: skip
    found = data(GRID.document(), GRID.document(1.15), options=thresholds)
    verdicts = {
        (one["implementation"], one["threads"]): (one["margin"], one["verdict"])
        for one in found["comparisons"]
    }
    assert verdicts == {
        ("numpy-naive", 1): (0.2, "same"),
        ("numpy-naive", 2): (0.2, "same"),
        ("numba", 1): (0.2, "same"),
        ("numba", 2): (0.1, "slower"),
    }
    assert "the same within its margin" in found["summary"][0]


def test_a_colon_in_a_name_is_no_threshold(compare: Compare) -> None:
    name = "right:Trainer"
    base, new = document({cell(name): times()}), document({cell(name): times(1.15)})
    assert compare(base, new).code == 1
    options = ("--threshold", "implementation=right:Trainer:20%")
    assert compare(base, new, options=options).code == 0


@pytest.mark.parametrize(("field", "value"), [("cpu", "Other CPU"), ("usable_cpus", 1)])
def test_another_machine_is_compared_on_request(compare: Compare, field: str, value: Any) -> None:
    new = on_machine(SLOWER, **{field: value})
    refusal = compare(ONE.document(), new)
    assert refusal.code == 4
    assert f"machine.{field}" in refusal.out
    assert "--across-machines" in refusal.out
    assert "takes" not in refusal.out
    said = compare(ONE.document(), new, options=("--across-machines",))
    assert said.code == 1
    assert f"machine.{field}" in said.out


def test_other_work_is_not_compared_whatever_is_asked(compare: Compare) -> None:
    new = planned(on_machine(ONE.document(), cpu="Other CPU"), examples=100, seed=2)
    said = compare(ONE.document(), new, options=("--across-machines",))
    assert said.code == 4
    assert "differ in plan.examples (200 and 100)" in said.out
    assert "the same data, network and training" in said.out
    assert "plan.seed" in said.out


def on_device(name: str, factor: float) -> Results:
    where = cell(device="gpu")
    declared = {"products": f"those of {name}"}
    return document(
        {
            where: [
                msgspec.structs.replace(
                    one,
                    process=msgspec.structs.replace(
                        one.process, accelerator=Accelerator(name=name), declared=declared
                    ),
                )
                for one in measured(where, times(factor))
            ]
        }
    )


def test_another_gpu_is_another_machine(compare: Compare) -> None:
    refusal = compare(on_device("Small GPU", 1.0), on_device("Large GPU", 0.5))
    assert refusal.code == 4
    assert "differ in process.accelerator.name (Small GPU and Large GPU)" in refusal.out
    assert "--across-machines" in refusal.out
    options = ("--across-machines",)
    said = compare(on_device("Small GPU", 1.0), on_device("Large GPU", 0.5), options=options)
    assert said.code == 0
    assert "process.declared.products" in said.out
    assert compare(on_device("Small GPU", 1.0), on_device("Small GPU", 0.5)).code == 0


def test_a_kernel_that_a_variable_changed_is_shown_beside_the_verdict(compare: Compare) -> None:
    def kernel(name: str, factor: float) -> list[Outcome]:
        where = cell(setting=(("OPENBLAS_CORETYPE", name),))
        pool = Pool(library="openblas", version="0.3", threads=1, detail=name)
        return [
            msgspec.structs.replace(
                one, process=msgspec.structs.replace(one.process, pools=(pool,))
            )
            for one in measured(where, times(factor))
        ]

    both = {name: kernel(name, factor) for name, factor in (("Haswell", 1.0), ("Zen", 2.0))}
    swept = document({outcomes[0].cell: outcomes for outcomes in both.values()})
    said = compare(swept, options=("--by", "OPENBLAS_CORETYPE"))
    assert said.code == 1
    assert "process.pools.detail Haswell Zen numba Another kernel" in lines(said.out)
    assert "process.environment" not in said.out


def test_data_for_machines_say_all(data: Callable[..., dict[str, Any]]) -> None:
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
    data: Callable[..., dict[str, Any]],
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


def test_labels_survive_in_data(data: Callable[..., dict[str, Any]]) -> None:
    found = data(evil(), evil())
    assert {one["implementation"] for one in found["comparisons"]} >= {EVIL}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "SOURCES"),
        (("none.json", "base.json"), "cannot read none.json"),
        (("base.json", "junk.json"), "junk.json is not a results document"),
        (("base.json", "cut.json"), "cut.json is"),
        (("base.json", "cut.jsonl"), "cut.jsonl is"),
        (("base.json", "zero.json"), "zero.json is damaged"),
        (("base.json", "base.json"), "base.json is named twice"),
        (("base.json", "./base.json"), "base.json is named twice"),
        (("base.json", "empty.json"), "only base.json has such cells"),
        (("base.json", "--by", "treads"), "Did you mean 'threads'?"),
        (("base.json", "--by", "threads", "--baseline", "3"), "Known: 1, 2."),
        (("base.json", "--by", "threads", "--filter", "treads=1"), "Did you mean 'threads'?"),
        (("base.json", "--by", "threads", "--filter", "threads=9"), "no cells match threads=9"),
        (("base.json", "--by", "threads", "--threshold", "threads=1"), "not FIELD=PATTERN:SHARE"),
        (("base.json", "--by", "threads", "--threshold", "threads=1:x"), "'x' is not a share"),
        (("base.json", "--by", "threads", "--threshold", "1:5%"), "not FIELD=PATTERN"),
        (("base.json", "--by", "threads", "--margin", "0"), "0 is not possible"),
        (("base.json", "--by", "threads", "--phase", "epochs"), "'epochs' is not one of"),
        (("base.json", "--by", "threads", "--fail-on", "same"), "'same' is not one of"),
        (("base.json", "--by", "threads", "--json", "--markdown", "-"), "both print to stdout"),
        (("base.json", "--by", "threads", "--markdown", "no/such.md"), "cannot write no/such.md"),
    ],
)
def test_a_mistake_is_explained_without_traceback(
    mlpbench: Callable[..., Any], tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    encoded = files.encode(GRID.document())
    (tmp_path / "base.json").write_bytes(encoded)
    (tmp_path / "junk.json").write_text("junk")
    (tmp_path / "cut.json").write_bytes(encoded[: len(encoded) // 2])
    (tmp_path / "cut.jsonl").write_bytes(encoded[: len(encoded) // 2])
    files.save(document({cell("numpy-naive"): [0.0]}), tmp_path / "zero.json")
    files.save(document({}), tmp_path / "empty.json")
    answer = mlpbench("compare", *arguments)
    assert answer.code == 64
    assert said in answer.err
    assert answer.err.count("\n") == 1
    assert answer.out == ""


def test_a_journal_is_compared_with_a_document(
    mlpbench: Callable[..., Any], tmp_path: Path
) -> None:
    files.save(ONE.document(), tmp_path / "base.json")
    record = journal.Journal(tmp_path / "run", msgspec.structs.replace(SLOWER, outcomes=()))
    record.add(journal.Entry(job=0, seconds=1.0, outcomes=SLOWER.outcomes))
    record.close()
    said = mlpbench("compare", "base.json", record.path)
    assert said.code == 1
    assert "complete" in said.out


def test_paths_from_the_root_keep_their_form(mlpbench: Callable[..., Any], tmp_path: Path) -> None:
    for name in ("1.json", "2.json"):
        files.save(ONE.document(), tmp_path / name)
    said = mlpbench("compare", tmp_path / "1.json", "2.json")
    assert said.out.startswith(f"Epoch time of 2.json against {tmp_path / '1.json'}:")


def from_pytest(threads: int, seconds: float) -> bytes:
    """What pytest writes under so many threads, with one process as it has."""
    benchmarks = [
        test_pytest_json.benchmark(phase, threads=threads, pools=(threads,))
        for phase in ("step", "forward")
    ]
    for one in benchmarks:
        one["stats"]["data"] = [seconds, seconds]
    content: dict[str, Any] = msgspec.json.decode(test_pytest_json.document(*benchmarks))
    run = content["machine_info"][test_pytest_json.KEY]
    run["machine"]["environment"] = {"OPENBLAS_NUM_THREADS": str(threads)}
    return msgspec.json.encode(content)


@pytest.fixture
def two_of_pytest(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_bytes(from_pytest(1, 0.5))
    (tmp_path / "2.json").write_bytes(from_pytest(2, 0.25))


@pytest.mark.usefixtures("two_of_pytest")
def test_runs_of_pytest_under_two_thread_counts_need_the_coordinate(
    mlpbench: Callable[..., Any],
) -> None:
    said = mlpbench("compare", "1.json", "2.json")
    assert said.code == 64
    assert "no cell is in two of the documents" in said.err
    assert "threads (1, 2): compare along it with --by threads" in said.err


@pytest.mark.usefixtures("two_of_pytest")
@pytest.mark.parametrize("coordinate", ["OPENBLAS_NUM_THREADS", "run"])
def test_a_coordinate_that_does_not_differ_alone_is_answered_with_one_that_does(
    mlpbench: Callable[..., Any], coordinate: str
) -> None:
    said = mlpbench("compare", "1.json", "2.json", "--by", coordinate)
    assert said.code == 64
    assert "compare along it with --by threads" in said.err


@pytest.mark.usefixtures("two_of_pytest")
def test_runs_of_pytest_are_compared_by_threads(mlpbench: Callable[..., Any]) -> None:
    said = mlpbench("compare", "1.json", "2.json", "--by", "threads")
    # Each is one process, which is too few for an interval.
    assert said.code == 2
    assert said.out.startswith("Step time of 2 threads against 1 thread: of 1 cell")
    assert "no epochs" in said.out
    assert "different times" in said.out
    assert "-50 %" in said.out
    assert "too-few" in said.out
    assert "OPENBLAS_NUM_THREADS" not in said.out
    assert mlpbench("report", "1.json", "2.json").code == 0


def test_documents_that_share_nothing_are_not_comparable(compare: Compare) -> None:
    said = compare(document({cell(): times()}), document({cell("mine", threads=2): times()}))
    assert said.code == 4
    assert said.out.startswith("Nothing can be compared")
    assert "only in base.json" in said.out


@pytest.mark.usefixtures("two_of_pytest")
def test_a_document_measured_by_pytest_is_shown_to_be_measured_in_another_way(
    mlpbench: Callable[..., Any], tmp_path: Path
) -> None:
    run = document({cell("numpy-naive"): times()})
    files.save(run, tmp_path / "base.json")
    said = mlpbench("compare", "base.json", "1.json")
    assert "generator" in said.out
    assert said.code == 2


@pytest.mark.parametrize(
    ("sources", "labels"),
    [
        (("a/results.json", "b/results.json"), ("a", "b")),
        (("results/a/results.json", "results/b/results.json"), ("a", "b")),
        (("1.json", "2.json"), ("1.json", "2.json")),
        (("r.json", "deeper/r.json"), ("r.json", "deeper/r.json")),
        (("a/b/1.json", "a/c/2.json"), ("b/1.json", "c/2.json")),
    ],
)
def test_documents_are_called_by_what_tells_them_apart(
    mlpbench: Callable[..., Any], tmp_path: Path, sources: tuple[str, ...], labels: tuple[str, ...]
) -> None:
    for source in sources:
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        files.save(ONE.document(), tmp_path / source)
    said = mlpbench("compare", *sources)
    assert said.out.startswith(f"Epoch time of {labels[1]} against {labels[0]}:")


CONTROL = "numpy-naive (control)"


def controlled(factor: float = 1.0, of_control: float = 1.0) -> Results:
    """Two implementations with two thread counts, and a control that takes so much more time."""
    controls = {
        cell(CONTROL, threads=n): times(4.0 * factor * of_control / n, NOISY) for n in (1, 2)
    }
    found = document(
        {
            cell(name, threads=n): times(factor * base / n)
            for name, base in {"numpy-naive": 4.0, "numba": 1.0}.items()
            for n in (1, 2)
        }
        | controls
    )
    rows = {name: registry.find(name) for name in ("numpy-naive", "numba")}
    return msgspec.structs.replace(found, rows=(*rows.values(), control_of(rows["numpy-naive"])))


def test_a_control_is_no_cell_of_a_comparison_that_does_not_name_it(
    data: Callable[..., dict[str, Any]],
) -> None:
    for options in (
        ("--by", "threads"),
        ("--by", "threads", "--filter", "implementation=n*"),
        ("--by", "implementation"),
    ):
        found = data(controlled(), options=options)
        assert CONTROL not in {one["implementation"] for one in found["comparisons"]}
        assert found["exit_code"] == 0
        assert found["left_out"] == [CONTROL]
        assert found["summary"][-1] == f"{CONTROL} is left out: --filter can name a control."


def test_where_only_a_control_could_be_compared_it_is_said_how(compare: Compare) -> None:
    options = ("--by", "implementation", "--filter", "implementation=numpy-*")
    said = compare(controlled(), options=options)
    assert said.code == 64
    assert f"or name {CONTROL} with --filter or --baseline" in said.err
    assert compare(controlled(), options=(*options, "--baseline", CONTROL)).code in {0, 1, 2}


def test_a_control_is_no_remedy_where_naming_it_leads_nowhere(compare: Compare) -> None:
    """One number of threads is one with the control as well."""
    one = controlled()
    outcomes = tuple(outcome for outcome in one.outcomes if outcome.cell.threads == 1)
    one = msgspec.structs.replace(one, outcomes=outcomes)
    said = compare(one, options=("--by", "threads"))
    assert said.code == 64
    assert "threads" in said.err
    assert CONTROL not in said.err


def test_a_control_decides_nothing_between_runs(compare: Compare) -> None:
    said = compare(controlled(), controlled(of_control=3.0))
    assert said.code == 0
    assert "of 4 cells" in said.out


@pytest.mark.parametrize(
    "options",
    [
        ("--by", "threads", "--filter", f"implementation={CONTROL}"),
        ("--by", "threads", "--filter", "implementation=*(control)"),
        ("--by", "threads", "--filter", f"implementation=numba,{CONTROL}"),
        ("--by", "implementation", "--baseline", CONTROL),
    ],
)
def test_a_control_that_is_named_is_compared(
    data: Callable[..., dict[str, Any]], options: tuple[str, ...]
) -> None:
    found = data(controlled(), options=options)
    cells = [side for one in found["comparisons"] for side in (one, one["reference"])]
    assert CONTROL in {one["implementation"] for one in cells}
    assert found["left_out"] == []


def test_what_forbids_a_comparison_is_not_said_again_as_what_differs_beside_it(
    compare: Compare,
) -> None:
    new = planned(OTHER_DATA, seed=12)
    said = compare(ONE.document(), new).out
    assert said.count("dataset.sha256") == 1
    assert said.count("plan.seed") == 1
