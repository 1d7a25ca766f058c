"""``mlpbench walk``: where the page goes, and what is said where there is nothing to make it of."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.documents import files
from bench.documents.results import Results

Command = Callable[..., Any]


def test_it_writes_the_page_and_says_where(
    mlpbench: Command, tmp_path: Path, tiny_document: Results
) -> None:
    source, page = tmp_path / "results.json", tmp_path / "page.md"
    files.save(tiny_document, source)
    said = mlpbench("walk", source, "--out", page)
    assert (said.code, said.out, said.err) == (0, f"Page: {page}\n", "")
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# A walk up the ladder\n")
    assert f"\nmlpbench walk {source} --out {page}\n" in text
    assert "[results.json](results.json)" in text


def test_a_packed_document_gives_the_same_page_but_for_its_name(
    mlpbench: Command, tmp_path: Path, tiny_document: Results
) -> None:
    plain, packed, page = tmp_path / "r.json", tmp_path / "r.json.gz", tmp_path / "page.md"
    files.save(tiny_document, plain)
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    texts = []
    for source in (plain, packed):
        assert mlpbench("walk", source, "--out", page).code == 0
        texts.append(page.read_text(encoding="utf-8").replace(source.name, "SOURCE"))
    assert texts[0] == texts[1]


def test_without_a_document_there_is_no_page(mlpbench: Command, tmp_path: Path) -> None:
    said = mlpbench("walk", tmp_path / "absent.json", "--out", tmp_path / "page.md")
    assert said.code == 64
    assert "cannot read" in said.err
    assert list(tmp_path.glob("*.md")) == []
