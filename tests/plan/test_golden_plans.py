"""The plan of every shipped experiment, as reviewed: ``UPDATE_GOLDEN=1 pytest
tests/plan/test_golden_plans.py`` writes them anew.

A changed golden file is a changed experiment: read the difference before you keep it. The text of
files that travel with a plan is left out; they are tested where they live.
"""

import dataclasses
import os
from pathlib import Path

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.paths import shipped_specs
from tcpexp.plan.compile import compile_plan
from tcpexp.plan.types import RunPlan, from_json, to_json
from tcpexp.spec.load import load_spec

GOLDEN = Path(__file__).parent / "golden"
EXPERIMENTS = shipped_specs()


def compile_experiment(path):
    catalogue = load_catalogue(entry_points=False)
    return compile_plan(load_spec(path, catalogue), catalogue)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_the_plan_is_the_reviewed_one(path):
    plan = compile_experiment(path)
    files = tuple(dataclasses.replace(file, content="(left out)") for file in plan.files)
    text = to_json(dataclasses.replace(plan, files=files))
    golden = GOLDEN / f"{path.stem}.json"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.mkdir(exist_ok=True)
        golden.write_text(text)
    assert golden.is_file(), (
        f"no reviewed plan {golden.name}: write it with UPDATE_GOLDEN=1 and read it"
    )
    assert text == golden.read_text()


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_a_plan_comes_back_from_json(path):
    plan = compile_experiment(path)
    assert from_json(to_json(plan), RunPlan) == plan
    assert plan.name == path.stem


def test_no_golden_plan_without_its_experiment():
    assert {golden.stem for golden in GOLDEN.glob("*.json")} == {path.stem for path in EXPERIMENTS}
