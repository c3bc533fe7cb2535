"""The pages: every link between them leads somewhere, the index names all, nothing shown on the
front page is made up.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tcpexp.cli.main import cli, main
from tools.docs.commands import commands

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
FRONT = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)", page.read_text())
    missing = [
        target for target in targets if "://" not in target and not (page.parent / target).exists()
    ]
    assert not missing


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "index.md").read_text()
    assert [
        str(page.relative_to(ROOT / "docs"))
        for page in (ROOT / "docs").rglob("*.md")
        if page.name != "index.md" and f"({page.relative_to(ROOT / 'docs')})" not in index
    ] == []


def test_the_spec_on_the_front_page_is_valid(tmp_path: Path) -> None:
    (text,) = re.findall(r"```yaml\n# two_cubics.yaml\n(name: .+?)```", FRONT, re.DOTALL)
    spec = tmp_path / "two_cubics.yaml"
    spec.write_text(text)
    assert main(["validate", str(spec)]) == 0


def test_commands_on_the_front_page_exist() -> None:
    known = {name.split()[1] for name, _ in commands(cli, "tcpexp")}
    blocks = "".join(re.findall(r"```sh\n(.*?)```", FRONT, re.DOTALL))
    used = set(re.findall(r"^(?:sudo )?tcpexp (\w+)", blocks, re.MULTILINE))
    assert used
    assert used <= known
