"""The page of checks is complete."""

from __future__ import annotations

from tcpexp.checks import BUILTIN
from tools.docs.checks import SHARED
from tools.docs.checks import page as made_page


def test_every_check_and_parameter_is_on_the_page() -> None:
    page = made_page()
    for name, model in BUILTIN.items():
        section = page.split(f"\n## {name}\n")[1].split("\n## ")[0]
        for field, info in model.model_fields.items():
            shared = field in SHARED
            assert shared or f"`{info.alias or field}`" in section, (name, field)
        assert all(
            f"`{word}`" in page.split("\n## share\n")[0] or word == "between" for word in SHARED
        )
        assert "`max`" in page and "`zero_window_probe`" in page
