"""Every command of the tutorial's labs runs and ends as the page says, and prints what it quotes.

A page's ``sh`` blocks run in order in one folder, on the virtual clock. A remark ``# exit code 1``
behind a command is its exit code, 0 when silent. The ``text`` block behind them quotes lines of
what they printed, in their order; spaces do not count, and ``...`` stands for any rest of a line.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.doc_examples import ROOT

LABS = sorted((ROOT / "docs" / "tutorial").glob("[0-9]*.md"))
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.M | re.S)
PARTS = ("Task", "Run", "What you should see", "Change one thing", "Hand in")


def steps(page: Path) -> list[tuple[str, str]]:
    """Return the blocks of a page in order, as (language, text)."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


def run(line: str, folder: Path) -> str:
    """Run a command line; return what it printed."""
    command, _, remark = line.partition("  # ")
    expected = re.search(r"exit code (\d)", remark) or "00"
    words = shlex.split(command)
    assert words[0] == "tcpexp"
    done = subprocess.run(
        [sys.executable, "-m", "tcpexp.cli.main", *words[1:]],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == int(expected[1]), (line, done.stdout, done.stderr)
    return done.stdout


def missing(quoted: str, printed: str) -> list[str]:
    """Return the quoted lines that were not printed, or not in this order."""
    lines = iter([" ".join(line.split()) for line in printed.splitlines()])
    wanted = [" ".join(line.split()) for line in quoted.splitlines()]
    return [line for line in wanted if not any(same(line, other) for other in lines)]


def same(quoted: str, printed: str) -> bool:
    """Return whether a printed line is the quoted one."""
    head, dots, _ = quoted.partition("...")
    return printed.startswith(head) if dots else printed == quoted


def test_there_are_eleven_labs_with_the_same_parts_and_each_leads_to_the_next() -> None:
    assert [page.name[:2] for page in LABS] == [f"{number:02}" for number in range(1, 12)]
    for number, page in enumerate(LABS):
        text = page.read_text()
        assert re.findall(r"^## (.+)$", text, re.M) == list(PARTS), page.name
        assert all(word in text for word in ("**Aim.**", "**Before.**", "<details", "**Next")), page
        if number + 1 < len(LABS):
            assert f"]({LABS[number + 1].name})" in text


def test_each_lab_runs_checks_changes_and_quotes() -> None:
    for page in LABS:
        text = "".join(block for language, block in steps(page) if language == "sh")
        assert re.search(r"^tcpexp run (\w+)\ntcpexp check \1$", text, re.M), page.name
        assert "--set" in text, page.name
        languages = [language for language, _ in steps(page)]
        assert languages == ["sh", "text"] * (len(languages) // 2), page.name


def test_the_site_has_every_lab() -> None:
    text = (ROOT / "mkdocs.yml").read_text()
    nav = yaml.load(text.partition("nav:")[2], yaml.BaseLoader)
    tutorial = next(part["Tutorial"] for part in nav if "Tutorial" in part)
    assert tutorial == ["tutorial/index.md", *(f"tutorial/{page.name}" for page in LABS)]


def test_a_line_that_was_not_printed_is_found() -> None:
    assert missing("PASS  a\nPASS b", "x\n  PASS a\ny\nPASS   b\n") == []
    assert missing("PASS b\nPASS a", "PASS a\nPASS b\n") == ["PASS a"]
    assert missing("PASS", "PASS a\n") == ["PASS"]
    assert missing("measured 0.8...", "measured 0.826; asked 1\n") == []
    assert missing("measured 0.8...", "measured 0.7; asked 1\n") == ["measured 0.8..."]


@pytest.mark.guest
@pytest.mark.parametrize("page", LABS, ids=lambda page: page.stem)
def test_the_lab_goes_as_its_page_says(page: Path, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    printed = ""
    for language, text in steps(page):
        if language == "sh":
            printed = "".join(run(line, tmp_path) for line in text.splitlines())
        else:
            assert missing(text, printed) == [], page.name
