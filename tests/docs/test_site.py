"""The site builds from the pages without a warning, needs no network to be read, and has search."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.support.doc_examples import ROOT

#: What a page fetches by itself; what a reader clicks on may lead anywhere.
FETCHED = re.compile(r"<(?:script|img|link|iframe)[^>]*?(?:src|href)=\"?(?:https?:)?//[^\s\">]+")


def nav_pages(part: object) -> list[str]:
    """Return the pages that the site's menu names."""
    if isinstance(part, str):
        return [part]
    parts = part.values() if isinstance(part, dict) else part
    return [page for part in parts for page in nav_pages(part)]  # type: ignore[attr-defined]


def test_the_menu_names_every_page() -> None:
    nav = yaml.load((ROOT / "mkdocs.yml").read_text().partition("nav:")[2], yaml.BaseLoader)
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    named = nav_pages(nav)
    assert len(named) == len(set(named))
    assert pages <= set(named)
    assert [part for section in nav for part in section] == [
        "Home",
        "Tutorial",
        "Guides",
        "Concepts",
        "Reference",
        "Project",
    ]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not importlib.util.find_spec("material"):
        pytest.skip("mkdocs-material is not installed: pip install mkdocs-material")
    folder = tmp_path_factory.mktemp("site")
    argv = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir"]
    done = subprocess.run(
        [*argv, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 40
    fetched = [address for page in pages for address in FETCHED.findall(page.read_text())]
    assert fetched == []


def test_search_knows_the_pages(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text())
    found = [entry["location"] for entry in index["docs"] if "bufferbloat" in entry["text"].lower()]
    assert any(location.startswith("tutorial/06-bufferbloat") for location in found)
    assert (site / "search" / "search_index.js").is_file()  # read without a server


def test_a_labs_hints_are_folded_and_rendered(site: Path) -> None:
    page = (site / "tutorial" / "01-handshake.html").read_text()
    hints = re.search(r"<details>(.*?)</details>", page, re.S)
    assert hints is not None
    assert "<summary>Hints</summary>" in hints[1] and hints[1].count("<li>") >= 3
