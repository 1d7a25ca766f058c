from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
import pytest

from bench.documents.results import Measured, Outcome, Results, Unavailable
from bench.planning.plan import Cell
from impls.presets import PRESETS
from reports import build_report
from reports.gather import build_context
from reports.section import Absence
from reports.sections import crossover
from tests.reports import pieces, sample
from tests.reports.reading import Page
from tests.reports.sample import Shape

SIZES = (100, 10000)
TIMES = "\N{MULTIPLICATION SIGN}"
BLOG = "blog: from a batch of 1000 on the GPU is faster (interval 1000 to 1000)."
Seconds = Mapping[str, tuple[float, ...]]


def document(
    seconds: Seconds, network: str = "blog", threads: tuple[int, ...] = (1,), blocks: int = 3
) -> Results:
    """Epoch times of each implementation for :data:`SIZES`, the same in every block."""
    plain = sample.document(
        Shape(
            names=tuple(seconds), batch_sizes=SIZES, threads=threads, outcomes=False,
            network=PRESETS[network].network, blocks=1, rounds=1, epoch_rounds=1,
        )
    )  # fmt: skip
    outcomes = [
        pieces.measured(
            cell(name, size, network, count), block=block, epoch=(times[place] / count,)
        )
        for name, times in seconds.items()
        for place, size in enumerate(SIZES[: len(times)])
        for count in threads
        for block in range(blocks)
    ]
    return pieces.replace(plain, outcomes=tuple(outcomes))


def cell(name: str, size: int, network: str = "blog", threads: int = 1) -> Cell:
    device = "gpu" if name.endswith("-gpu") else "cpu"
    return Cell(
        implementation=name, device=device, network=network, batch_size=size, threads=threads
    )


def shown(*documents: Results) -> str:
    found = crossover.render(build_context(documents))
    assert not isinstance(found, Absence)
    return str(found)


def answers(page: str) -> list[str]:
    source = re.findall(r"<li>.*?</li>", page.split("</ul>", maxsplit=1)[0], re.DOTALL)
    return [Page(re.sub(r"<svg.*?</svg>", "", one)).text for one in source]


def why(*documents: Results) -> str:
    found = crossover.render(build_context(documents))
    assert isinstance(found, Absence)
    return found.reason


MLP = {"numpy-naive": (9.0, 9.0), "numba": (1.0, 1.0), "keras-tf-gpu": (10.0, 0.1)}
CNN = {"keras-tf": (4.0, 4.0), "keras-tf-gpu": (2.0, 0.1)}


def test_the_fastest_of_either_device_are_compared() -> None:
    page = shown(document(MLP))
    assert answers(page) == [BLOG]
    body = page.split("<tbody>")[1]
    assert "numpy-naive" not in body
    assert body.count("numba<small>1 thread</small><small>of 2 candidates") == 2
    assert f"10.0 {TIMES}" in body
    assert f"0.100 {TIMES}" in body


def test_every_condition_is_a_candidate() -> None:
    body = shown(document(MLP, threads=(1, 2))).split("<tbody>")[1]
    # Two threads take half the time here, so the ratio stays as it is.
    assert body.count("numba<small>2 threads</small><small>of 4 candidates") == 2
    assert f"10.0 {TIMES}" in body


def test_floors_and_controls_are_no_candidates() -> None:
    body = shown(document({**MLP, "floor": (1e-3, 1e-3)})).split("<tbody>")[1]
    assert "floor" not in body


def test_choosing_the_fastest_is_called_a_selection_only_where_there_was_a_choice() -> None:
    assert "picked by the numbers shown here" in shown(document(MLP))
    assert "picked by the numbers shown here" not in shown(document(CNN, network="cnn-small"))


def test_two_networks_stand_in_one_section_and_one_chart() -> None:
    page = shown(document(MLP), document(CNN, network="cnn-small"))
    first, second = answers(page)
    assert first == BLOG
    assert second.startswith("cnn-small: no crossover: the GPU is faster at every batch size")
    assert page.count("<figure") == 1
    assert "blog and cnn-small" in page
    assert page.split("<tbody>")[1].count("<tr") == 4


def test_documents_that_are_kept_apart_still_stand_in_one_section() -> None:
    fewer = document(CNN, network="cnn-small")
    fewer = pieces.replace(fewer, plan=pieces.replan(fewer.plan, examples=1000))
    said = answers(shown(document(MLP), fewer))
    assert [one.partition(":")[0] for one in said] == ["blog, run 1", "cnn-small, run 2"]


def test_a_network_without_a_gpu_says_so_beside_one_that_has_it() -> None:
    said = answers(shown(document(MLP), document({"keras-tf": (4.0, 4.0)}, network="cnn-small")))
    assert said[1] == "cnn-small: No implementation that trains on the GPU was asked for."


def test_one_process_has_a_crossing_without_an_interval() -> None:
    (said,) = answers(shown(document(MLP, blocks=1)))
    assert "no interval: fewer than 3 processes" in said


def test_a_size_that_one_device_lacks_is_left_out() -> None:
    page = shown(document(MLP | {"keras-tf-gpu": (10.0,)}))
    assert answers(page) == [
        "blog: the CPU is faster at a batch of 100, the only one measured on both."
    ]


def test_without_a_gpu_the_reason_is_told() -> None:
    outcomes: list[Outcome] = list(document({"numba": (1.0, 1.0)}).outcomes)
    reason = "no device: no GPU found"
    outcomes += [Unavailable(cell=cell("keras-tf-gpu", size), reason=reason) for size in SIZES]
    one = pieces.replace(document(MLP), outcomes=tuple(outcomes))
    assert why(one) == f"Nothing was measured on the GPU. keras-tf-gpu unavailable: {reason}."


def test_what_was_not_asked_for_is_called_so() -> None:
    assert why(document({"numba": (1.0, 1.0)})) == (
        "No implementation that trains on the GPU was asked for."
    )
    assert why(document({"keras-tf-gpu": (1.0, 1.0)})) == (
        "No implementation that trains on the CPU was asked for."
    )


def test_what_was_not_reached_is_no_refusal() -> None:
    whole = document(MLP)
    some = tuple(one for one in whole.outcomes if one.cell.device == "cpu")
    one = pieces.replace(whole, outcomes=some, complete=False)
    assert why(one) == "No epoch was measured on the GPU."


def test_devices_that_share_no_size_are_not_compared() -> None:
    whole = document(MLP)
    outcomes = tuple(
        one
        for one in whole.outcomes
        if (one.cell.device == "gpu") == (one.cell.batch_size == SIZES[0])
    )
    one = pieces.replace(whole, outcomes=outcomes)
    assert why(one) == "No batch size was measured on both devices."


def test_measured_apart_the_ratio_is_called_unpaired() -> None:
    whole = document(MLP)
    outcomes = tuple(
        msgspec.structs.replace(one, block=one.block + 3) if one.cell.device == "gpu" else one
        for one in whole.outcomes
        if isinstance(one, Measured)
    )
    assert "unpaired" in shown(pieces.replace(whole, outcomes=outcomes))


@pytest.mark.parametrize("gpu", [(10.0, 0.1), (1e-6, 1e-7), (1e6, 2e6)])
def test_the_page_as_a_whole_is_sound(gpu: tuple[float, float]) -> None:
    read = Page(build_report([document(MLP | {"keras-tf-gpu": gpu})]))
    assert read.unbalanced == []
    assert len(read.ids) == len(set(read.ids))
    assert "nan" not in read.text.lower().split()
