"""The plan of every shipped experiment, as reviewed: ``UPDATE_GOLDEN=1 pytest
tests/plan/test_golden_plans.py`` writes them anew.

A changed golden file is a changed experiment: read the difference before you keep it. The defaults
of a plan's fields are in ``defaults.yaml`` alone: a new field is one line there and none elsewhere.
"""

import dataclasses
from pathlib import Path

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.paths import shipped_specs
from tcpexp.plan.compile import compile_plan
from tcpexp.plan.types import RunPlan, from_json, to_json
from tests.support.reviewed import (
    assert_reviewed,
    dump,
    read_plan,
    without_defaults,
    written,
    written_defaults,
)

GOLDEN = Path(__file__).parent / "golden"
EXPERIMENTS = shipped_specs()


def compile_experiment(path):
    catalogue = load_catalogue(entry_points=False)
    return compile_plan(load_spec(path, catalogue), catalogue)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_the_plan_is_the_reviewed_one(path):
    assert_reviewed(written(compile_experiment(path)), GOLDEN / f"{path.stem}.yaml")


def test_the_defaults_of_a_plan_are_the_reviewed_ones():
    assert_reviewed(written_defaults(), GOLDEN.parent / "defaults.yaml")


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_the_reviewed_form_has_all_of_the_plan(path):
    """So plans that differ anywhere have texts that differ."""
    plan = compile_experiment(path)
    files = tuple(dataclasses.replace(file, content="(left out)") for file in plan.files)
    assert read_plan(written(plan)) == dataclasses.replace(plan, files=files)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_a_plan_comes_back_from_json(path):
    plan = compile_experiment(path)
    assert from_json(to_json(plan), RunPlan) == plan
    assert plan.name == path.stem


def test_no_golden_plan_without_its_experiment():
    assert {golden.stem for golden in GOLDEN.glob("*.yaml")} == {path.stem for path in EXPERIMENTS}


def widened(value):
    """Return a plan as if each of its classes had gained a field ``added`` that is 7 by default."""
    if isinstance(value, tuple):
        return tuple(widened(item) for item in value)
    if not dataclasses.is_dataclass(value):
        return value
    kind = dataclasses.make_dataclass(
        type(value).__name__,
        [("added", int, dataclasses.field(default=7, kw_only=True))],
        bases=(type(value),),
        frozen=True,
    )
    return kind(**{name: widened(item) for name, item in vars(value).items()})


@pytest.mark.parametrize("path", EXPERIMENTS[:8], ids=lambda path: path.stem)
def test_a_new_field_with_a_default_changes_no_golden_plan(path):
    plan = widened(compile_experiment(path))
    assert plan.added == plan.network.nodes[0].interfaces[0].added == 7
    assert written(plan) == (GOLDEN / f"{path.stem}.yaml").read_text()


def test_a_new_field_with_another_value_shows():
    wide = widened(compile_experiment(EXPERIMENTS[0]).network.nodes[0].interfaces[0])
    assert "added" not in dump(without_defaults([wide])[0])
    assert dump(without_defaults([dataclasses.replace(wide, added=8)])[0]).endswith("added: 8\n")
