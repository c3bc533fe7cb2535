"""The pages that are written by hand read well as text: below 120 columns, lists with a blank line
before them; and the YAML that people read too.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.doc_examples import ROOT
from tools.docs.prose import WIDTH, lists_without_space, long_lines, wrap

PAGES = sorted(
    [
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("*.md"),
        *(ROOT / "tcpexp" / "kernels").rglob("*.md"),
    ]
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_reads_well_as_text(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert (long_lines(text), lists_without_space(text)) == ([], [])


@pytest.mark.parametrize("path", sorted((ROOT / "topologies").glob("*.yaml")), ids=lambda p: p.name)
def test_yaml_reads_well_as_text(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [number for number, line in enumerate(lines, 1) if len(line) > WIDTH] == []


LONG = "word " * 40
WORDS = "word " * 22 + "`code that stays together` and [a link too](page.md)"


def test_only_prose_that_is_too_long_changes() -> None:
    kept = f"# {LONG}\n\n| {LONG} |\n\n```\n{LONG}\n```\n\nShort\nlines stay\n"
    assert wrap(kept) == kept
    assert long_lines(kept) == []
    wrapped = wrap(f"- {WORDS}\n- next\n")
    assert wrapped.splitlines()[-1] == "- next"
    assert all(len(line) <= WIDTH for line in wrapped.splitlines())
    assert "`code that stays together`" in wrapped
    assert wrapped.splitlines()[1].startswith("  ")
    assert wrap(wrapped) == wrapped
    assert " ".join(wrapped.split()) == f"- {WORDS} - next"


def test_no_line_begins_with_a_mark_that_would_begin_something_else() -> None:
    for mark in ("- ", "3. ", "# ", "> ", "| "):
        wrapped = wrap("a" * 118 + f" {mark}b c")
        assert wrapped.split() == ("a" * 118 + f" {mark}b c").split()
        assert f"\n{mark}" not in wrapped


def test_a_list_is_set_off() -> None:
    assert lists_without_space("Some:\n- one\n- two\n") == [2]
    assert wrap("Some:\n- one\n- two\n") == "Some:\n\n- one\n- two\n"
    assert lists_without_space("# Head\n- one\n  more\n- two\n") == []
