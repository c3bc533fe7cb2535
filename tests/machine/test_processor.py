"""A processor that cannot run polars: found before polars is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tcpexp.cli.doctor import processor_finding
from tcpexp.machine import processor

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
        "import sys; from pathlib import Path; from tcpexp.machine import processor\n"
        "processor.CPUINFO = Path(sys.argv[1])\nfrom tcpexp.cli.main import main\n"
        "print(main(['report', 'some']), main(['doctor']), main(['validate', 'closed_port']))"
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
