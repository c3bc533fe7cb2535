"""Options of plots are checked when the spec is: nothing is drawn for that, and nothing heavy
imported.
"""

import subprocess
import sys

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.errors import SpecErrors
from tcpexp.plan.compile import compile_plan

SPEC = """\
name: options
topology: two_host
duration: 10s
actions:
  - {do: iperf3, from: h1, to: h2, flow: upload}
plots:
  - cwnd
  - PLOT
"""


def errors(folder, plot):
    path = folder / "spec.yaml"
    path.write_text(SPEC.replace("PLOT", plot))
    catalogue = load_catalogue(entry_points=False)
    try:
        compile_plan(load_spec(path, catalogue), catalogue)
    except SpecErrors as error:
        return [
            (mistake.where.line, mistake.where.column, mistake.message, mistake.hint)
            for mistake in error.errors
        ]
    return []


@pytest.mark.parametrize(
    ("plot", "column", "message", "hint"),
    [
        (
            "sequence: {panel: 3}",
            16,
            "plot 'sequence' has no option 'panel'",
            "did you mean 'panels'?",
        ),
        (
            "sequence: {panels: 0}",
            24,
            "plot 'sequence': panels must be a whole number above 0, not 0",
            None,
        ),
        ("sequence: {detail: 7}", 24, "plot 'sequence': detail must be true or false, not 7", None),
        ("rtt: {between: [2s]}", 20, "plot 'rtt': between must be two times", "such as [10s, 20s]"),
        (
            "rtt: {between: [2s, 20s]}",
            25,
            "20s is after the end of the experiment",
            "the experiment lasts 10s",
        ),
        (
            "rtt: {flows: upload}",
            18,
            "plot 'rtt': flows must be a list of names",
            "such as [web, upload]",
        ),
        (
            "rtt: {flows: [uplod]}",
            19,
            "there is no flow 'uplod' in this experiment",
            "did you mean 'upload'?",
        ),
    ],
)
def test_a_wrong_option_is_an_error_at_its_place(tmp_path, plot, column, message, hint):
    assert errors(tmp_path, plot) == [(8, column, message, hint)]


def test_all_wrong_options_are_told_at_once(tmp_path):
    assert len(errors(tmp_path, "sequence: {panel: 3, detail: 7}")) == 2


def test_right_options_pass(tmp_path):
    assert (
        errors(
            tmp_path,
            "sequence: {panels: 3, detail: false, flows: [upload], between: [1s, 10s], title:"
            " Numbers}",
        )
        == []
    )


def test_no_plotting_library_is_imported(tmp_path):
    assert errors(tmp_path, "sequence: {panels: 3}") == []
    code = """
import sys
from pathlib import Path
from tcpexp.catalogue import load_catalogue
from tcpexp.plan.compile import compile_plan
from tcpexp.catalogue.reading import load_spec
catalogue = load_catalogue()
compile_plan(load_spec(Path(sys.argv[1]), catalogue), catalogue)
print([name for name in ("matplotlib", "polars", "numpy") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "spec.yaml")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
