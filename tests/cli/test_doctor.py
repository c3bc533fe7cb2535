"""What doctor tries: the processor before polars is imported, the package's files, fonts, and what
builds the image without root.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tcpexp.cli.doctor import font_finding, pdf_finding, processor_finding
from tcpexp.machine import processor
from tcpexp.machine.installed import package_finding
from tcpexp.places.image.unshared import all_may_pass, has_ids
from tcpexp.plots.kit.writing import SCRIPTS, font_families, scripts_of, scripts_without_font

OLD = "processor\t: 0\nflags\t\t: fpu sse sse2 pni ssse3 cx16 sse4_1 sse4_2 popcnt\n"
NEW = OLD.strip() + " avx avx2 fma bmi1 bmi2 abm movbe pclmulqdq\n"


@pytest.fixture
def old_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "cpuinfo"
    path.write_text(OLD)
    monkeypatch.setattr(processor, "CPUINFO", path)
    return path


def test_a_processor_without_avx2_is_told_the_variant_of_the_installed_version(
    old_processor: Path,
) -> None:
    from importlib.metadata import version

    finding = processor_finding()
    assert finding.state == "missing"
    assert "avx2" in finding.found
    assert finding.remedy == f"pip install 'polars[rtcompat]=={version('polars')}'"


def test_a_processor_with_all_of_them_is_fine(old_processor: Path) -> None:
    old_processor.write_text(NEW)
    assert processor_finding().state == "ok"


def test_a_command_that_needs_polars_ends_with_words_and_not_with_a_signal(
    old_processor: Path,
) -> None:
    """A polars that ends the process when it is imported stands for the real one on such a
    processor.
    """
    (old_processor.parent / "polars.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGILL)\n"
    )
    code = (
        "import sys; from pathlib import Path; from tcpexp import processor; processor.CPUINFO ="
        " Path(sys.argv[1])\nfrom tcpexp.cli.main import main\nprint(main(['report', 'some']),"
        " main(['doctor']), main(['validate', 'closed_port']))"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(
            [str(old_processor.parent), os.environ.get("PYTHONPATH", "")]
        ),
    }
    environment.pop("POLARS_SKIP_CPU_CHECK", None)
    done = subprocess.run(
        [sys.executable, "-c", code, str(old_processor)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1] == "3 3 0", done.stderr
    assert "mend: pip install 'polars[rtcompat]==" in done.stderr
    assert "missing  processor: no abm, avx, avx2" in done.stdout


def test_each_problem_is_one_line_with_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    from tcpexp.cli.main import main

    main(["doctor"])
    for line in capsys.readouterr().out.splitlines():
        if line.startswith("  missing"):
            assert "; mend: " in line


def test_the_files_of_this_package_are_complete() -> None:
    assert package_finding().state == "ok"


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


def test_ids_for_a_user_namespace_are_read_from_the_systems_list(tmp_path: Path) -> None:
    listed = tmp_path / "subuid"
    listed.write_text("alice:100000:65536\nbob:165536:100\n")
    assert has_ids(listed, "alice")
    assert not has_ids(listed, "bob")
    assert not has_ids(listed, "carol")
    assert not has_ids(tmp_path / "none", "alice")


def test_a_folder_below_a_closed_home_is_not_for_everybody(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "tmp").mkdir(parents=True)
    home.chmod(0o700)
    (home / "tmp").chmod(0o755)
    assert not all_may_pass(home / "tmp")
    assert all_may_pass(Path("/tmp"))
