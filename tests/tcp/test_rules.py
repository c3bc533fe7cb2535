"""The page's table of rules names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "concepts" / "tcp.md"


def test_each_rule_of_the_page_has_tests() -> None:
    found = {
        name
        for path in HERE.rglob("test_*.py")
        for name in re.findall(r"^def test_(\w+)\(", path.read_text(), re.MULTILINE)
    }
    table = PAGE.read_text().split("| rule | tests |")[1].split("\n\n")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines()[2:]]
    assert len(rows) >= 20
    for rule, tests in rows:
        names = re.findall(r"`(\w+)`", tests)
        assert names, rule
        assert set(names) <= found, rule
