"""The pages that the code writes are as `python -m tools.docs` writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.docs import __main__ as build
from tools.docs.experimentruns import DOCS


@pytest.mark.parametrize("name", build.PAGES)
def test_a_generated_page_is_current(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == build.made(name), (
        "run: .venv/bin/python -m tools.docs"
    )


def test_one_command_writes_and_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "reference" / "page.md"
    page.parent.mkdir()
    page.write_text("old")
    monkeypatch.setattr(
        build, "PAGES", {"reference/page.md": lambda: "new, see docs/guides/x.md\n"}
    )
    monkeypatch.setattr(build, "DOCS", tmp_path)
    assert build.main(["--check"]) == 1
    assert "docs/reference/page.md differs" in capsys.readouterr().out
    assert page.read_text() == "old"
    assert build.main([]) == 0
    assert page.read_text() == "new, see [x](../guides/x.md)\n"
    assert build.main(["--check"]) == 0


def test_pages_that_texts_name_become_links() -> None:
    text = "See docs/guides/faults.md.\n```\ndocs/guides/faults.md\n```\n`docs/a/b.md`\n"
    linked = build.link_pages(text)
    assert linked == text.replace("See docs/guides/faults.md", "See [faults](../guides/faults.md)")
