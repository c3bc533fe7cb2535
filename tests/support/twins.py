"""What the tests of the shipped experiments share: runs in the guest or on this machine, and
failing twins.

A twin is a shipped experiment with one mechanism changed by ``--set``. It must turn the checks that
are about this mechanism to FAIL, and leave others alone: a check that no twin can turn says
nothing. Every experiment has one, written with :func:`twin` in the ``twins`` of a subclass of
``ExperimentTests``; there is no other way to write one.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from tcpexp.analysis.crosschecks import differing
from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.paths import find_spec
from tcpexp.plan.compile import compile_plan
from tcpexp.plan.types import RunPlan
from tcpexp.runs.options import RunOptions
from tcpexp.runs.pipeline import RunOutcome
from tcpexp.runs.runner import run_experiment
from tcpexp.store.rundata import RunData
from tests.support.holds import broken


@dataclass(frozen=True)
class Twin:
    """An experiment and the ``--set`` changes that replace a mechanism.

    ``fails``: words of checks (from ``title: reason``), each of which must then FAIL; ``passes``:
    of checks that must PASS all the same.
    """

    experiment: str
    changes: tuple[str, ...]
    fails: tuple[str, ...]
    passes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """A short name for pytest: the experiment and the last key of the first change."""
        return f"{self.experiment}-{self.changes[0].partition('=')[0].rpartition('.')[2]}"


def twin(
    experiment: str, *changes: str, fails: tuple[str, ...], passes: tuple[str, ...] = ()
) -> Twin:
    """Return a ``Twin``; the changes come first because they say what is different."""
    return Twin(experiment, changes, fails, passes)


def compiled(name: str, *overrides: str) -> RunPlan:
    """Return the plan of a shipped experiment."""
    catalogue = load_catalogue(entry_points=False)
    return compile_plan(load_spec(find_spec(name), catalogue, overrides=overrides), catalogue)


def outcome_of(
    name: str, folder: Path, *overrides: str, on: str = "guest", seed: int | None = None
) -> RunOutcome:
    """Run a shipped experiment to its end and return what came of it."""
    outcome = run_experiment(
        find_spec(name),
        RunOptions(on=on, seed=seed, overrides=overrides, out=folder),
    )
    assert outcome.status == "complete", outcome.problems
    assert outcome.checks
    return outcome


def verdicts(outcome: RunOutcome) -> list[str]:
    """Return ``RESULT title: reason`` of each check."""
    return [f"{check.result} {check.title}: {check.reason}" for check in outcome.checks]


def missing(found: list[str], result: str, words: tuple[str, ...]) -> list[str]:
    """Return those of ``words`` that no verdict with this result has."""
    chosen = [verdict for verdict in found if verdict.startswith(f"{result} ")]
    return [word for word in words if not any(word in verdict for verdict in chosen)]


class ExperimentTests:
    """The tests of the experiments that have a twin in ``twins``; ``other_seeds``: a second seed
    where chance plays a part.

    ``tests/experiments/conftest.py`` supplies ``changed``, ``experiment`` and ``seeded``.
    """

    twins: ClassVar[tuple[Twin, ...]] = ()
    other_seeds: ClassVar[dict[str, int]] = {}

    @classmethod
    def experiments(cls) -> list[str]:
        """The names of the experiments, each once."""
        return list(dict.fromkeys(twin.experiment for twin in cls.twins))

    def test_every_check_passes(self, seeded: tuple[str, int | None], tmp_path: Path) -> None:
        name, seed = seeded
        outcome = outcome_of(name, tmp_path, seed=seed)
        assert [verdict for verdict in verdicts(outcome) if not verdict.startswith("PASS ")] == []
        assert broken(outcome.path) == []
        assert outcome.certificate["verdict"] == "VALID", outcome.certificate["reasons"]
        assert differing(RunData(outcome.path)) == []

    def test_a_changed_mechanism_fails(self, changed: Twin, tmp_path: Path) -> None:
        found = verdicts(outcome_of(changed.experiment, tmp_path, *changed.changes))
        assert (missing(found, "FAIL", changed.fails), missing(found, "PASS", changed.passes)) == (
            [],
            [],
        ), found

    def test_a_twin_is_a_valid_experiment_that_differs(self, changed: Twin) -> None:
        shipped, twin = compiled(changed.experiment), compiled(changed.experiment, *changed.changes)
        assert twin.expect == shipped.expect
        assert twin != shipped

    def test_the_report_says_why_and_what_to_look_at(self, experiment: str) -> None:
        plan = compiled(experiment)
        assert any("because" in given for entry in plan.expect for given in entry.values())
        assert "**Try next.**" in plan.explain
        assert "**Look at**" in plan.explain
        assert any("RFC" in reference for reference in plan.references)
