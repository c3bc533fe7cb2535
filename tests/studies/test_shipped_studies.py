"""The studies that come with tcpexp: each form compiles, says what it asks and why, and has a quick
form that is quick.
"""

import pytest

from tcpexp.catalogue.reading import load_spec
from tcpexp.paths import shipped_studies
from tcpexp.studies.matrix import expand_cells
from tcpexp.studies.study import StudyOptions, load_study
from tests.support.cheap import KERNEL_NAME, NAME

STUDIES = shipped_studies()


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_it_says_what_it_asks_expects_and_why(path):
    spec = load_spec(path)
    assert spec.name == path.stem
    assert spec.title and spec.description and spec.explain and spec.references
    assert spec.sweep.figures and spec.sweep.expect and spec.sweep.measures
    assert "Scaled down" in spec.explain


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_both_forms_have_the_values_that_their_expectations_name(path):
    spec = load_spec(path)
    for quick in (True, False):
        cells = expand_cells(spec, quick)
        for entry in spec.sweep.expect:
            for name, value in entry.chosen().at.items():
                assert any(
                    str(value) == str(cell.written[name]) or value == cell.values[name]
                    for cell in cells
                ), (quick, name, value)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_run_of_the_quick_form_compiles(path, tmp_path):
    sweep = load_spec(path).sweep
    varied = any("kernel" in parameter.set for parameter in sweep.parameters.values())
    place = KERNEL_NAME if varied else NAME
    study = load_study(path, StudyOptions(quick=True, out=tmp_path, workplace=place))
    assert len({run.key for run in study.runs}) == len(study.runs)
    assert len(study.runs) <= 120
