"""The stable names of tcpexp, for scripts, notebooks and plugins.

What stands in ``__all__`` keeps its name and meaning within a major version. Every other module
may change at any time. A name is imported when it is first used, so that ``from tcpexp.api import
Action`` does not load what draws figures.

    from tcpexp.api import RunOptions, open_run, run_experiment

    outcome = run_experiment("bbr_vs_cubic", RunOptions(seed=3))
    run = open_run(outcome.run_dir)
    print(run.metrics["flows"]["bbr"]["goodput_bps"])
    print(run.table("rtt").head())
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tcpexp.actions.base import Action
    from tcpexp.catalogue.reading import load_plan, load_spec
    from tcpexp.checks.base import Check, Evidence, NotSupported, Undecided, Verdict
    from tcpexp.checks.compare import Compared
    from tcpexp.errors import (
        DataError,
        HostError,
        RunError,
        SpecError,
        SpecErrors,
        TcpexpError,
    )
    from tcpexp.plan.context import PlanContext
    from tcpexp.plan.types import RunPlan
    from tcpexp.plots.base import Plot
    from tcpexp.record.columns import NODE, T_NS, Column, TableSchema
    from tcpexp.recorders.base import RecorderModel
    from tcpexp.recorders.sampled import SampledRecorder
    from tcpexp.report.diff.compare import Comparison, compare_runs
    from tcpexp.runs.options import RunOptions
    from tcpexp.runs.pipeline import RunOutcome, process_run
    from tcpexp.runs.runner import run_experiment
    from tcpexp.spec.model import ExperimentSpec
    from tcpexp.store.rundata import RunData
    from tcpexp.store.rundata import RunData as open_run
    from tcpexp.sweep.outcome import StudyOutcome
    from tcpexp.sweep.run import run_study
    from tcpexp.sweep.study import Study, StudyOptions, load_study
    from tcpexp.units import Duration, Fraction, Rate, Size

#: Each stable name and where it is today, as ``module:name``.
WHERE = {
    # from a spec to a plan, and from a plan to a run
    "load_spec": "tcpexp.catalogue.reading:load_spec",
    "load_plan": "tcpexp.catalogue.reading:load_plan",
    "run_experiment": "tcpexp.runs.runner:run_experiment",
    "RunOptions": "tcpexp.runs.options:RunOptions",
    "RunOutcome": "tcpexp.runs.pipeline:RunOutcome",
    "ExperimentSpec": "tcpexp.spec.model:ExperimentSpec",
    "RunPlan": "tcpexp.plan.types:RunPlan",
    # what was recorded
    "open_run": "tcpexp.store.rundata:RunData",
    "RunData": "tcpexp.store.rundata:RunData",
    "process_run": "tcpexp.runs.pipeline:process_run",
    "compare_runs": "tcpexp.report.diff.compare:compare_runs",
    "Comparison": "tcpexp.report.diff.compare:Comparison",
    # many runs
    "load_study": "tcpexp.sweep.study:load_study",
    "run_study": "tcpexp.sweep.run:run_study",
    "Study": "tcpexp.sweep.study:Study",
    "StudyOptions": "tcpexp.sweep.study:StudyOptions",
    "StudyOutcome": "tcpexp.sweep.outcome:StudyOutcome",
    # what plugins derive from and use
    "Action": "tcpexp.actions.base:Action",
    "PlanContext": "tcpexp.plan.context:PlanContext",
    "RecorderModel": "tcpexp.recorders.base:RecorderModel",
    "SampledRecorder": "tcpexp.recorders.sampled:SampledRecorder",
    "TableSchema": "tcpexp.record.columns:TableSchema",
    "Column": "tcpexp.record.columns:Column",
    "T_NS": "tcpexp.record.columns:T_NS",
    "NODE": "tcpexp.record.columns:NODE",
    "Check": "tcpexp.checks.base:Check",
    "Compared": "tcpexp.checks.compare:Compared",
    "Verdict": "tcpexp.checks.base:Verdict",
    "Evidence": "tcpexp.checks.base:Evidence",
    "Undecided": "tcpexp.checks.base:Undecided",
    "NotSupported": "tcpexp.checks.base:NotSupported",
    "Plot": "tcpexp.plots.base:Plot",
    "Duration": "tcpexp.units:Duration",
    "Rate": "tcpexp.units:Rate",
    "Size": "tcpexp.units:Size",
    "Fraction": "tcpexp.units:Fraction",
    # errors
    "TcpexpError": "tcpexp.errors:TcpexpError",
    "SpecError": "tcpexp.errors:SpecError",
    "SpecErrors": "tcpexp.errors:SpecErrors",
    "HostError": "tcpexp.errors:HostError",
    "RunError": "tcpexp.errors:RunError",
    "DataError": "tcpexp.errors:DataError",
}

__all__ = [
    "NODE",
    "T_NS",
    "Action",
    "Check",
    "Column",
    "Compared",
    "Comparison",
    "DataError",
    "Duration",
    "Evidence",
    "ExperimentSpec",
    "Fraction",
    "HostError",
    "NotSupported",
    "PlanContext",
    "Plot",
    "Rate",
    "RecorderModel",
    "RunData",
    "RunError",
    "RunOptions",
    "RunOutcome",
    "RunPlan",
    "SampledRecorder",
    "Size",
    "SpecError",
    "SpecErrors",
    "Study",
    "StudyOptions",
    "StudyOutcome",
    "TableSchema",
    "TcpexpError",
    "Undecided",
    "Verdict",
    "compare_runs",
    "load_plan",
    "load_spec",
    "load_study",
    "open_run",
    "process_run",
    "run_experiment",
    "run_study",
]


def __getattr__(name: str) -> Any:
    """Import a stable name when it is first used (PEP 562)."""
    if name not in WHERE:
        raise AttributeError(f"module 'tcpexp.api' has no name '{name}'")
    module, _, attribute = WHERE[name].partition(":")
    value = getattr(importlib.import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the stable names."""
    return list(__all__)
