"""What doctor tries: the processor before polars is imported, the package's files, fonts, and what
builds the image without root.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tcpexp.cli.doctor import font_finding, pdf_finding
from tcpexp.plots.kit.writing import SCRIPTS, font_families, scripts_of, scripts_without_font


def test_each_problem_is_one_line_with_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    from tcpexp.cli.main import main

    main(["doctor"])
    for line in capsys.readouterr().out.splitlines():
        if line.startswith("  missing"):
            assert "; mend: " in line


def test_pdf_is_tried_by_loading_what_makes_it() -> None:
    assert "WeasyPrint" in pdf_finding().found


def test_scripts_are_told_from_their_letters() -> None:
    text = "Café 12 ms → Ελληνικά, Привет, שלום, مرحبا, हिन्दी, ไทย, 中文, かな, 한국어, 🚀"
    assert [script.name for script in scripts_of([text])] == [
        *(
            "Greek",
            "Cyrillic",
            "Hebrew",
            "Arabic",
            "Devanagari",
            "Thai",
            "Chinese",
            "Japanese",
            "Korean",
            "emoji",
        )
    ]
    assert scripts_of(["Zürich, naïve — “10 Mbit/s” ≥ 5 µs"]) == ()


def test_a_script_without_a_font_is_named_with_the_package(tmp_path: Path) -> None:
    spec = tmp_path / "s.yaml"
    spec.write_text("title: " + "".join(script.letter for script in SCRIPTS), encoding="utf-8")
    lacking = scripts_without_font([spec.read_text()])
    finding = font_finding([spec])
    unprintable = [script for script in SCRIPTS if not font_families(script.letter)]
    assert (finding.state == "note") == bool(unprintable)
    for script in unprintable:
        assert script.name in finding.found and script.package in (finding.remedy or "")
    for script in SCRIPTS:
        assert (script in lacking) != any(
            "color" not in name.lower() for name in font_families(script.letter)
        )
