"""Where a study stands: which of its runs are done, and what the rest will cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tcpexp.batch.estimate import Estimate, estimate_rest
from tcpexp.batch.folder import StudyFolder

if TYPE_CHECKING:
    from tcpexp.studies.study import PlannedRun, Study


@dataclass(frozen=True)
class Standing:
    """Where a study stands: runs by what has become of them."""

    done: tuple[PlannedRun, ...]
    failed: tuple[PlannedRun, ...]
    rest: tuple[PlannedRun, ...]


def standing_of(study: Study, folder: StudyFolder, *, retry: bool = False) -> Standing:
    """Return which runs are done, which failed before (none with ``retry``), and which are left to
    make; each key counts once.
    """
    done, failed, rest = [], [], []
    finished, failures = folder.finished(), set() if retry else folder.failures()
    for run in study.runs:
        if run.key in finished:
            done.append(run)
        elif run.key in failures:
            failed.append(run)
        else:
            rest.append(run)
    return Standing(tuple(done), tuple(failed), tuple(rest))


def estimate_study(study: Study, folder: StudyFolder, standing: Standing, at_once: int) -> Estimate:
    """Return what the runs that are left will cost."""
    done = [
        (run.forecast, folder.read_cell(run.key).get("cost", {})) for run in standing.done[:200]
    ]
    return estimate_rest([run.forecast for run in standing.rest], done, at_once)
