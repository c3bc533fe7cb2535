"""The set as a whole: every experiment has a twin that must fail."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import pytest

from tcpexp.paths import shipped_specs
from tests.support.twins import ExperimentTests, compiled

HERE = Path(__file__).parent
SHIPPED = {path.stem: path for path in shipped_specs()}

#: Experiments without a twin of their own, and whose twin stands for it.
STANDS_FOR = {
    # the same faults and checks with a tenth of the data
    "impaired_download": "impaired_download_small",
}


def experiments_with_twins() -> set[str]:
    """Return the experiments that a test module here changes so that a check must fail."""
    found: set[str] = set()
    for path in sorted(HERE.glob("test_*.py")):
        if path.stem == Path(__file__).stem:
            continue
        module = importlib.import_module(f"tests.experiments.{path.stem}")
        classes = inspect.getmembers(module, inspect.isclass)
        tests = [kind for _, kind in classes if issubclass(kind, ExperimentTests)]
        found |= {twin.experiment for kind in tests for twin in kind.twins if twin.fails}
    return found


def test_every_experiment_has_a_twin_that_must_fail() -> None:
    twins = experiments_with_twins()
    assert set(SHIPPED) - twins == set(STANDS_FOR)
    assert set(STANDS_FOR.values()) <= twins <= set(SHIPPED)


@pytest.mark.parametrize(("name", "other"), STANDS_FOR.items())
def test_where_another_experiments_twin_stands_for_it_the_checks_are_the_same(
    name: str, other: str
) -> None:
    kinds = [
        {
            (check, given.get("label") or given.get("what"))
            for entry in compiled(experiment).expect
            for check, given in entry.items()
        }
        for experiment in (name, other)
    ]
    assert kinds[0] <= kinds[1]
