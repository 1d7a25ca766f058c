"""The Python API in a real notebook: what a kernel shows of results."""

from __future__ import annotations

import nbformat
import pytest
from nbclient import NotebookClient

from bench.documents import files
from tests.golden.numbers import sampled

CELLS = (
    "import bench\nresults = bench.load('results.json')\nresults",
    "results.frame().groupby('implementation', observed=True)['seconds'].count()",
    "results.ratios()[['implementation', 'ratio', 'low', 'high', 'verdict']]",
    "figure = results.plot()\nfigure",
)


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, str]]:
    """What each cell showed, by media type."""
    folder = tmp_path_factory.mktemp("notebook")
    files.save(sampled(), folder / "results.json")
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in CELLS]
    )
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(folder)}})
    client.execute()
    return [
        next(output["data"] for output in cell.outputs if output["output_type"] == "execute_result")
        for cell in notebook.cells
    ]


def test_results_show_themselves_as_a_table_of_pairs(shown: list[dict[str, str]]) -> None:
    assert "<th>verdict</th>" in shown[0]["text/html"]
    assert "numba" in shown[0]["text/html"]


def test_frames_are_those_of_pandas(shown: list[dict[str, str]]) -> None:
    assert "numpy-naive" in shown[1]["text/plain"]
    assert "<th>ratio</th>" in shown[2]["text/html"]


def test_the_picture_is_shown(shown: list[dict[str, str]]) -> None:
    assert len(shown[3]["image/png"]) > 10_000
