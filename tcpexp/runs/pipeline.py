"""From ``raw/`` to ``report.html``: the steps after a run, in order, each of which can be repeated
from disk.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.analysis.certificate import certify_run
from tcpexp.analysis.derive import derive_tables
from tcpexp.analysis.failures import Failure, find_failures
from tcpexp.analysis.metrics import measure_run
from tcpexp.checks.base import Verdict
from tcpexp.checks.run import check_run
from tcpexp.errors import TcpexpError
from tcpexp.ingest.ingest import ingest_run
from tcpexp.paths import give_to_user
from tcpexp.report.page.write import PAGES, write_report
from tcpexp.store.manifest import NAME as MANIFEST_NAME
from tcpexp.store.manifest import refresh_manifest
from tcpexp.store.rundata import RunData
from tcpexp.telling import Say, say_nothing

if TYPE_CHECKING:
    from tcpexp.plots.run import PlottedFigure

#: Lists the figures that were drawn as files (``tcpexp.plots.run.INDEX``).
FIGURES = "figures/index.json"


@dataclass(frozen=True)
class RunOutcome:
    """What came out of a run: how the run ended, its certificate, verdicts and metrics, and where
    the report lies.

    ``failures`` are the programs that ended as the spec does not expect.
    ``figures`` are those that were drawn as files. ``problems`` are steps that could not be done,
    each a sentence; ``report`` is None when writing it was one of them. ``timing`` is how long each
    step took, in seconds of wall time: ``reading_s``, ``judging_s``, ``drawing_s`` (of files),
    ``report_s``, and what the runner adds.
    """

    path: Path
    status: str
    certificate: dict[str, Any]
    checks: tuple[Verdict, ...]
    metrics: dict[str, Any]
    report: Path | None
    figures: tuple[PlottedFigure, ...] = ()
    problems: tuple[str, ...] = field(default=())
    timing: dict[str, float] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()

    @property
    def exit_code(self) -> int:
        """The command line's: 4 the run failed, 1 a check or a program failed, 0 all well."""
        if self.status != "complete":
            return 4
        return 1 if self.failures or any(verdict.result == "FAIL" for verdict in self.checks) else 0


def process_run(
    run_dir: Path, say: Say | None = None, *, figures: bool = False, student: bool = False
) -> RunOutcome:
    """Make everything that follows from ``raw/``: tables, metrics, certificate, verdicts, report.

    The page draws its own pictures. With ``figures`` those of the spec are also made as files, SVG
    and PNG. With ``student`` the page for students is made beside it. A run that has such files
    gets them made again, so that none shows what the tables no longer say.

    A run that was interrupted is processed as far as its data goes. A failure of a later step is
    named in ``RunOutcome.problems``, and the steps after it are done. A check that cannot be made
    raises, because a missing verdict must never look like a passed one. An existing manifest gets
    the new files' digests.

    Raises:
        DataError: the raw data is damaged.
    """
    tell = say or say_nothing
    problems: list[str] = []
    timing: dict[str, float] = {}
    with _timed(timing, "reading_s"):
        run = ingest_run(run_dir, tell)
    with _timed(timing, "judging_s"):
        tell("measuring")
        derive_tables(run)
        failures = tuple(find_failures(run))
        metrics = measure_run(run)
        certificate = certify_run(run)
        tell("checking")
        checks = tuple(check_run(run))
    with _timed(timing, "drawing_s"):
        drawn = _draw(run, tell, problems) if figures or (run_dir / FIGURES).is_file() else ()
    with _timed(timing, "report_s"):
        tell("writing the report")
        report = _attempt(lambda: write_report(run), "report", problems)
        if student or (run_dir / PAGES["student"]).is_file():
            _attempt(lambda: write_report(run, "student"), "page for students", problems)
        if (run_dir / MANIFEST_NAME).is_file():
            refresh_manifest(run_dir)
        give_to_user(run_dir)
    return RunOutcome(
        run_dir,
        run.status,
        certificate,
        checks,
        metrics,
        report,
        drawn,
        tuple(problems),
        timing,
        failures,
    )


def _draw(run: RunData, tell: Say, problems: list[str]) -> tuple[PlottedFigure, ...]:
    """Draw the run's figures as files."""
    from tcpexp.plots.kit.writing import install_fonts, scripts_without_font
    from tcpexp.plots.run import figure_texts, plot_run

    tell("drawing")
    lacking = scripts_without_font(figure_texts(run))
    if lacking:
        names = ", ".join(script.name for script in lacking)
        tell(
            f"this machine has no font for {names}, and figures show boxes there:"
            f" {install_fonts(lacking)}"
        )
    return _attempt(lambda: tuple(plot_run(run)), "figures", problems) or ()


def process_numbers(run_dir: Path) -> RunOutcome:
    """Make tables, metrics, certificate and verdicts of a run, as :func:`process_run` does, and
    neither figures nor a report.

    For many runs whose numbers matter and whose pages nobody reads. Raises ``DataError``.
    """
    timing: dict[str, float] = {}
    with _timed(timing, "reading_s"):
        run = ingest_run(run_dir)
    with _timed(timing, "judging_s"):
        derive_tables(run)
        failures = tuple(find_failures(run))
        metrics = measure_run(run)
        certificate = certify_run(run)
        checks = tuple(check_run(run))
    return RunOutcome(
        run_dir, run.status, certificate, checks, metrics, None, timing=timing, failures=failures
    )


@contextmanager
def _timed(timing: dict[str, float], name: str) -> Iterator[None]:
    """Write into ``timing`` how long the ``with`` block took."""
    started = time.monotonic()
    yield
    timing[name] = round(time.monotonic() - started, 3)


def _attempt(step: Callable[[], Any], name: str, problems: list[str]) -> Any:
    try:
        return step()
    except TcpexpError as error:
        problems.append(f"{name}: {error}")
        return None


def read_outcome(run_dir: Path) -> dict[str, Any]:
    """Return what earlier processing left on disk: metrics, certificate and checks as they were
    written, for ``--json``.
    """
    run = RunData(run_dir)
    checks = run_dir / "checks.json"
    verdicts = json.loads(checks.read_text()) if checks.is_file() else []
    return {
        "status": run.status,
        "metrics": run.metrics,
        "certificate": run.certificate,
        "checks": verdicts,
    }
