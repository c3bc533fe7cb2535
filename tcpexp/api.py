"""The stable names of tcpexp, for scripts, notebooks and plugins.

What stands in ``__all__`` keeps its name and meaning within a major version. Every other module
may change at any time. A name is imported when it is first used, so that ``from tcpexp.api import
Action`` does not load what draws figures.

The first group is what ``import tcpexp`` gives too, and enough for most scripts and notebooks::

    import tcpexp

    run = tcpexp.run("bbr_vs_cubic", seed=3)
    print(run.metric("flows.bbr.goodput_bps"))
    print(run.table("rtt").head())
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tcpexp.actions.base import Action
    from tcpexp.catalogue.reading import load_plan, load_spec
    from tcpexp.checks.base import (
        Check,
        Evidence,
        FlowName,
        HostName,
        NotSupported,
        Undecided,
        Verdict,
    )
    from tcpexp.checks.compare import Compared, Count
    from tcpexp.checks.recorded import require_span
    from tcpexp.errors import DataError, HostError, RunError, SpecError, SpecErrors, TcpexpError
    from tcpexp.notebook.run import Run, load, run
    from tcpexp.notebook.rundiff import RunDiff
    from tcpexp.notebook.spec import Spec
    from tcpexp.notebook.verdicts import Verdicts
    from tcpexp.plan.context import PlanContext
    from tcpexp.plan.parameters import one_for_each, whole_number
    from tcpexp.plan.types import (
        Firewall,
        FlowPlan,
        Kill,
        LinkChange,
        LinkState,
        Mark,
        Recorder,
        RunPlan,
        Snapshot,
        Spawn,
        Sysctl,
    )
    from tcpexp.plots.base import Plot
    from tcpexp.plots.kit.style import flow_series, legend, new_figure, panels, time_limits
    from tcpexp.plots.marks import draw_marks
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
    from tcpexp.studies.making import sweep
    from tcpexp.studies.outcome import StudyOutcome
    from tcpexp.studies.run import run_study
    from tcpexp.studies.study import Study, StudyOptions, load_study
    from tcpexp.units import Duration, Fraction, Rate, Size
    from tcpexp.words.measured import time_words

#: The stable names by what they are for, each with where it is today, as ``module:name``.
GROUPS = {
    "In scripts and notebooks": {
        "run": "tcpexp.notebook.run:run",
        "load": "tcpexp.notebook.run:load",
        "sweep": "tcpexp.studies.making:sweep",
        "Spec": "tcpexp.notebook.spec:Spec",
        "Run": "tcpexp.notebook.run:Run",
        "Verdicts": "tcpexp.notebook.verdicts:Verdicts",
        "RunDiff": "tcpexp.notebook.rundiff:RunDiff",
    },
    "From a spec to a run": {
        "load_spec": "tcpexp.catalogue.reading:load_spec",
        "load_plan": "tcpexp.catalogue.reading:load_plan",
        "run_experiment": "tcpexp.runs.runner:run_experiment",
        "RunOptions": "tcpexp.runs.options:RunOptions",
        "RunOutcome": "tcpexp.runs.pipeline:RunOutcome",
        "ExperimentSpec": "tcpexp.spec.model:ExperimentSpec",
        "RunPlan": "tcpexp.plan.types:RunPlan",
    },
    "What was recorded": {
        "open_run": "tcpexp.store.rundata:RunData",
        "RunData": "tcpexp.store.rundata:RunData",
        "process_run": "tcpexp.runs.pipeline:process_run",
        "compare_runs": "tcpexp.report.diff.compare:compare_runs",
        "Comparison": "tcpexp.report.diff.compare:Comparison",
    },
    "Many runs": {
        "load_study": "tcpexp.studies.study:load_study",
        "run_study": "tcpexp.studies.run:run_study",
        "Study": "tcpexp.studies.study:Study",
        "StudyOptions": "tcpexp.studies.study:StudyOptions",
        "StudyOutcome": "tcpexp.studies.outcome:StudyOutcome",
    },
    "Actions of your own": {
        "Action": "tcpexp.actions.base:Action",
        "PlanContext": "tcpexp.plan.context:PlanContext",
        "Spawn": "tcpexp.plan.types:Spawn",
        "Firewall": "tcpexp.plan.types:Firewall",
        "LinkChange": "tcpexp.plan.types:LinkChange",
        "LinkState": "tcpexp.plan.types:LinkState",
        "Sysctl": "tcpexp.plan.types:Sysctl",
        "Kill": "tcpexp.plan.types:Kill",
        "Snapshot": "tcpexp.plan.types:Snapshot",
        "Mark": "tcpexp.plan.types:Mark",
        "FlowPlan": "tcpexp.plan.types:FlowPlan",
    },
    "Recorders of your own": {
        "RecorderModel": "tcpexp.recorders.base:RecorderModel",
        "SampledRecorder": "tcpexp.recorders.sampled:SampledRecorder",
        "Recorder": "tcpexp.plan.types:Recorder",
        "TableSchema": "tcpexp.record.columns:TableSchema",
        "Column": "tcpexp.record.columns:Column",
        "T_NS": "tcpexp.record.columns:T_NS",
        "NODE": "tcpexp.record.columns:NODE",
    },
    "Checks of your own": {
        "Check": "tcpexp.checks.base:Check",
        "Compared": "tcpexp.checks.compare:Compared",
        "Count": "tcpexp.checks.compare:Count",
        "FlowName": "tcpexp.checks.base:FlowName",
        "HostName": "tcpexp.checks.base:HostName",
        "Verdict": "tcpexp.checks.base:Verdict",
        "Evidence": "tcpexp.checks.base:Evidence",
        "Undecided": "tcpexp.checks.base:Undecided",
        "NotSupported": "tcpexp.checks.base:NotSupported",
        "require_span": "tcpexp.checks.recorded:require_span",
        "time_words": "tcpexp.words.measured:time_words",
    },
    "Plots of your own": {
        "Plot": "tcpexp.plots.base:Plot",
        "panels": "tcpexp.plots.kit.style:panels",
        "new_figure": "tcpexp.plots.kit.style:new_figure",
        "flow_series": "tcpexp.plots.kit.style:flow_series",
        "time_limits": "tcpexp.plots.kit.style:time_limits",
        "legend": "tcpexp.plots.kit.style:legend",
        "draw_marks": "tcpexp.plots.marks:draw_marks",
    },
    "Topologies of your own": {
        "one_for_each": "tcpexp.plan.parameters:one_for_each",
        "whole_number": "tcpexp.plan.parameters:whole_number",
    },
    "Quantities with units": {
        "Duration": "tcpexp.units:Duration",
        "Rate": "tcpexp.units:Rate",
        "Size": "tcpexp.units:Size",
        "Fraction": "tcpexp.units:Fraction",
    },
    "Errors": {
        "TcpexpError": "tcpexp.errors:TcpexpError",
        "SpecError": "tcpexp.errors:SpecError",
        "SpecErrors": "tcpexp.errors:SpecErrors",
        "HostError": "tcpexp.errors:HostError",
        "RunError": "tcpexp.errors:RunError",
        "DataError": "tcpexp.errors:DataError",
    },
}
WHERE = {name: place for names in GROUPS.values() for name, place in names.items()}

__all__ = [
    "NODE",
    "T_NS",
    "Action",
    "Check",
    "Column",
    "Compared",
    "Comparison",
    "Count",
    "DataError",
    "Duration",
    "Evidence",
    "ExperimentSpec",
    "Firewall",
    "FlowName",
    "FlowPlan",
    "Fraction",
    "HostError",
    "HostName",
    "Kill",
    "LinkChange",
    "LinkState",
    "Mark",
    "NotSupported",
    "PlanContext",
    "Plot",
    "Rate",
    "Recorder",
    "RecorderModel",
    "Run",
    "RunData",
    "RunDiff",
    "RunError",
    "RunOptions",
    "RunOutcome",
    "RunPlan",
    "SampledRecorder",
    "Size",
    "Snapshot",
    "Spawn",
    "Spec",
    "SpecError",
    "SpecErrors",
    "Study",
    "StudyOptions",
    "StudyOutcome",
    "Sysctl",
    "TableSchema",
    "TcpexpError",
    "Undecided",
    "Verdict",
    "Verdicts",
    "compare_runs",
    "draw_marks",
    "flow_series",
    "legend",
    "load",
    "load_plan",
    "load_spec",
    "load_study",
    "new_figure",
    "one_for_each",
    "open_run",
    "panels",
    "process_run",
    "require_span",
    "run",
    "run_experiment",
    "run_study",
    "sweep",
    "time_limits",
    "time_words",
    "whole_number",
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
