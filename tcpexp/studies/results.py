"""What a study comes to: tables, verdicts, figures, report, and ``results.json``, their summary."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from tcpexp.store.rundir import to_json_text, write_atomic
from tcpexp.studies.figures import draw_figures
from tcpexp.studies.judge import judge_study
from tcpexp.studies.report import write_study_report
from tcpexp.studies.tables import hash_of_all, write_tables

if TYPE_CHECKING:
    from tcpexp.batch.folder import StudyFolder
    from tcpexp.studies.outcome import StudyOutcome
    from tcpexp.studies.study import Study


def write_results(study: Study, folder: StudyFolder, outcome: StudyOutcome) -> None:
    """Write everything that follows from the finished runs, and note in ``outcome`` what it says.

    Can be done again at any time.
    """
    runs = write_tables(study, folder)
    outcome.tables_sha256 = hash_of_all(folder.tables)
    outcome.verdicts = judge_study(study, runs)
    figures = draw_figures(study, runs, folder)
    outcome.report = write_study_report(study, runs, folder, outcome, figures)
    summary = {
        "runs": outcome.total,
        "made": outcome.made,
        "found": outcome.found,
        "failed": [{"run": label, "error": error} for label, error in outcome.failed],
        "left": outcome.left,
        "wall_s": round(outcome.wall_s, 3),
        "runs_wall_s": round(outcome.runs_wall_s, 3),
        "processor_s": round(outcome.processor_s, 3),
        "at_once": outcome.at_once,
        "tables_sha256": outcome.tables_sha256,
        "verdicts": [dataclasses.asdict(verdict) for verdict in outcome.verdicts],
    }
    write_atomic(folder.path / "results.json", to_json_text(summary))
