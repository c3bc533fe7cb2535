"""Gives each subclass of ``ExperimentTests`` its twins, its experiments, and their seeds."""

from __future__ import annotations

import pytest

from tests.support.twins import ExperimentTests

IN_GUEST = (pytest.mark.guest, pytest.mark.full)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    tests = metafunc.cls
    if not (isinstance(tests, type) and issubclass(tests, ExperimentTests)):
        return
    marks = IN_GUEST if "tmp_path" in metafunc.fixturenames else ()
    if "changed" in metafunc.fixturenames:
        metafunc.parametrize(
            "changed", [pytest.param(twin, id=twin.name, marks=marks) for twin in tests.twins]
        )
    if "experiment" in metafunc.fixturenames:
        metafunc.parametrize("experiment", tests.experiments())
    if "seeded" in metafunc.fixturenames:
        runs = [
            (name, seed)
            for name in tests.experiments()
            for seed in dict.fromkeys((None, tests.other_seeds.get(name)))
        ]
        metafunc.parametrize(
            "seeded",
            [pytest.param(run, id=f"{run[0]}-{run[1] or 'own'}-seed", marks=marks) for run in runs],
        )
