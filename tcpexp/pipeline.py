"""From ``raw/`` to ``report.html``: the steps after a run, in order, each of which can be repeated from disk."""

from __future__ import annotations

import importlib
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.errors import TcpexpError
from tcpexp.paths import give_to_user
from tcpexp.store.manifest import NAME as MANIFEST_NAME
from tcpexp.store.manifest import refresh_manifest
from tcpexp.store.rundata import RunData

if TYPE_CHECKING:
    from tcpexp.checks.base import Verdict
    from tcpexp.plots.run import PlottedFigure

Progress = Callable[[str], None]


@dataclass(frozen=True)
class RunOutcome:
    """What came out of a run: how the run ended, its certificate, verdicts and metrics, and where the report lies.

    ``problems`` are steps that could not be done, each a sentence; ``report`` is None when writing it was one of them.
    """

    path: Path
    status: str
    certificate: dict[str, Any]
    checks: tuple[Verdict, ...]
    metrics: dict[str, Any]
    report: Path | None
    figures: tuple[PlottedFigure, ...] = ()
    problems: tuple[str, ...] = field(default=())

    @property
    def exit_code(self) -> int:
        """The command line's: 4 the run failed, 1 a check failed, 0 all well."""
        if self.status != "complete":
            return 4
        return 1 if any(verdict.result == "FAIL" for verdict in self.checks) else 0


def process_run(run_dir: Path, progress: Progress | None = None) -> RunOutcome:
    """Make everything that follows from ``raw/``: tables, metrics, certificate, verdicts, figures, report.

    A run that was interrupted is processed as far as its data goes. Damaged raw data raises ``DataError``; a failure of a later
    step is named in ``RunOutcome.problems`` and does not keep the steps after it from being done, except that a check that cannot be
    made raises: a missing verdict must never look like a passed one. An existing manifest gets the new files' digests.
    """
    tell = progress or (lambda text: None)
    problems: list[str] = []
    from tcpexp.ingest.ingest import ingest_run

    ahead = threading.Thread(target=_import_ahead, daemon=True)
    ahead.start()
    run = ingest_run(run_dir, tell)
    ahead.join()
    from tcpexp.analysis.certificate import certify_run
    from tcpexp.analysis.metrics import measure_run
    from tcpexp.checks.run import check_run
    from tcpexp.plots.run import plot_run
    from tcpexp.report.write import write_report

    tell("measuring")
    metrics = measure_run(run)
    certificate = certify_run(run)
    tell("checking")
    checks = tuple(check_run(run))
    tell("drawing")
    figures = _attempt(lambda: tuple(plot_run(run)), "figures", problems) or ()
    tell("writing the report")
    report = _attempt(lambda: write_report(run), "report", problems)
    if (run_dir / MANIFEST_NAME).is_file():
        refresh_manifest(run_dir)
    give_to_user(run_dir)
    return RunOutcome(run_dir, run.status, certificate, checks, metrics, report, figures, tuple(problems))


#: What the steps after ``ingest_run`` import, the slow ones first.
_LATER = (
    "tcpexp.checks.run", "matplotlib.figure", "matplotlib.backends.backend_svg", "matplotlib.backends.backend_agg", "tcpexp.analysis.certificate",
    "tcpexp.analysis.metrics", "tcpexp.plots.run", "tcpexp.report.write", "jinja2",
)  # fmt: skip


def _import_ahead() -> None:
    """Import what the steps after reading captures need: while tshark works, this process has little to do."""
    with suppress(Exception):  # whoever needs the module will say what is wrong with it
        for name in _LATER:
            importlib.import_module(name)


def _attempt(step: Callable[[], Any], name: str, problems: list[str]) -> Any:
    try:
        return step()
    except TcpexpError as error:
        problems.append(f"{name}: {error}")
        return None


def read_outcome(run_dir: Path) -> dict[str, Any]:
    """Return what earlier processing left on disk: metrics, certificate and checks as they were written, for ``--json``."""
    run = RunData(run_dir)
    checks = run_dir / "checks.json"
    verdicts = json.loads(checks.read_text()) if checks.is_file() else []
    return {"status": run.status, "metrics": run.metrics, "certificate": run.certificate, "checks": verdicts}
