from __future__ import annotations

from pathlib import Path

from tcpexp.checks import BUILTIN
from tcpexp.checks.document import SHARED, document

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "checks.md"


def test_the_page_of_checks_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == document(), (
        "run: python -m tcpexp.checks.document > docs/reference/checks.md"
    )


def test_every_check_and_parameter_is_on_the_page() -> None:
    page = document()
    for name, model in BUILTIN.items():
        section = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
        for field, info in model.model_fields.items():
            shared = field in SHARED
            assert shared or f"`{info.alias or field}`" in section, (name, field)
        assert all(
            f"`{each}`" in page.split("\n## share\n")[0] or each == "between" for each in SHARED
        )
        assert "`max`" in page and "`zero_window_probe`" in page
