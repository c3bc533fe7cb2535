"""Whole runs in the guest: a spec's text in, the recorded run out."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tcpexp.runs.options import RunOptions
from tcpexp.runs.runner import run_experiment
from tcpexp.store.rundata import RunData

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def run_in_guest(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., RunData]:
    """Return a function that runs a spec's text in the guest.

    Scripts of this folder lie beside the spec, and files ``beside``.
    """

    def run(
        text: str,
        *overrides: str,
        seed: int | None = None,
        on: str = "guest",
        beside: dict[str, str] | None = None,
    ) -> RunData:
        folder = tmp_path_factory.mktemp("guest")
        for script in HERE.glob("script_*.py"):
            (folder / script.name).write_text(script.read_text())
        for name, content in (beside or {}).items():
            (folder / name).write_text(content)
        spec = folder / "spec.yaml"
        spec.write_text(text)
        outcome = run_experiment(
            spec, RunOptions(on=on, seed=seed, overrides=overrides, out=folder / "results")
        )
        assert outcome.status == "complete", outcome.problems
        return RunData(outcome.path)

    return run
