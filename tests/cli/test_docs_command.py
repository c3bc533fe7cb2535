"""``docs`` lists every page by folder, and shows one by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcpexp.cli.docs import pages_of
from tcpexp.cli.main import main
from tcpexp.paths import docs_dir


def test_every_page_has_a_name_of_its_own() -> None:
    pages = pages_of(docs_dir())
    assert sorted(pages.values()) == sorted(docs_dir().rglob("*.md"))
    assert pages["index"] == docs_dir() / "index.md"
    assert pages["tutorial"] == docs_dir() / "tutorial" / "index.md"


def test_pages_are_listed_by_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs"]) == 0
    printed = capsys.readouterr().out
    heads = [line for line in printed.splitlines() if line.isalpha() and line[0].isupper()]
    assert heads == ["Concepts", "Guides", "Project", "Reference", "Tutorial"]
    assert printed.splitlines()[-1] == f"in {docs_dir()}"


@pytest.mark.parametrize("name", ["links", "links.md", "concepts/links", "docs/concepts/links.md"])
def test_one_page_is_shown(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs", name]) == 0
    page: Path = docs_dir() / "concepts" / "links.md"
    assert capsys.readouterr().out == page.read_text(encoding="utf-8")


def test_a_page_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs", "link"]) == 2
    assert "did you mean 'links'" in capsys.readouterr().err
