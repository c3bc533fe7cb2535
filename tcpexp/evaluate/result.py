"""What an evaluation comes to: judgements, matrix, figures, report, and ``results.json``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp import __version__
from tcpexp.evaluate.coverage import BBR_INSIDE, NOT_MEASURED, SECTIONS, draft_cases_of, sections_of
from tcpexp.evaluate.criteria import Judgement, judge
from tcpexp.evaluate.expand import spec_name
from tcpexp.evaluate.matrix import build_matrix
from tcpexp.evaluate.outcome import EvaluationResult
from tcpexp.evaluate.report import write_report
from tcpexp.evaluate.rows import collect, matrix_rows
from tcpexp.store.rundir import disk_errors, to_json_text, write_atomic

if TYPE_CHECKING:
    from tcpexp.evaluate.evaluation import Evaluation
    from tcpexp.evaluate.run import EvaluationOutcome

RESULTS_SCHEMA = 1


def write_result(evaluation: Evaluation, outcome: EvaluationOutcome) -> EvaluationResult:
    """Judge what is there and write report, figures, specs and ``results.json``.

    Can be done again at any time.
    """
    collected = collect(evaluation)
    names = [control.name for control in evaluation.against]
    judgements = [
        judge(loaded.case.name, criterion, collected.rows, names)
        for loaded in evaluation.cases
        for criterion in loaded.case.criteria
    ]
    result = EvaluationResult(
        judgements, build_matrix(matrix_rows(evaluation)), collected, outcome, notes_on(evaluation)
    )
    folder = evaluation.report_folder()
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _write_specs(evaluation, folder / "specs")
    result.report = write_report(evaluation, result, folder)
    write_atomic(folder / "results.json", to_json_text(json_value(evaluation, result)))
    return result


def _write_specs(evaluation: Evaluation, folder: Path) -> None:
    """Write the spec of each case and mix, for ``tcpexp run`` and ``tcpexp sweep``."""
    folder.mkdir(exist_ok=True)
    evaluation.write_files(folder)
    for member in evaluation.members:
        text = evaluation.source_of(member).text
        write_atomic(
            folder / f"{spec_name(member.loaded.case.name, member.mix.words)}.yaml", text.encode()
        )


def notes_on(evaluation: Evaluation) -> list[str]:
    """Return what a reader must know of the control under test."""
    notes = []
    for control in (evaluation.new, *evaluation.against):
        if control.needs_ecn:
            notes.append(
                f"{control.name} is itself only where packets are marked: RFC 8257 (section 1) is"
                " for data centres, a controlled environment in the sense of RFC 9743 section 4."
                " Its hosts agree on ECN in every case, but only the cases ecn and marks mark."
                " On all other paths it sees losses alone, and answers them as Reno does."
            )
    return list(dict.fromkeys(notes))


def json_value(evaluation: Evaluation, result: EvaluationResult) -> dict[str, Any]:
    """Return ``results.json``."""
    outcome = result.outcome
    return {
        "results_schema": RESULTS_SCHEMA,
        "tcpexp": __version__,
        "control": evaluation.new.name,
        "spec": evaluation.new.value,
        "against": [control.name for control in evaluation.against],
        "quick": evaluation.options.quick,
        "identity": evaluation.identity,
        "notes": result.notes,
        "runs": {
            "total": outcome.total,
            "found": outcome.found,
            "made": outcome.made,
            "left": outcome.left,
            "failed": [{"run": label, "error": error} for label, error in outcome.failed],
            "certificates": dict(result.collected.certificates),
            "without": result.collected.without,
        },
        "criteria": [_criterion_value(judgement) for judgement in result.judgements],
        "matrix": [dataclasses.asdict(cell) for cell in result.cells],
        "sections": dict(_sections(evaluation)),
        "draft": {
            name: cases or BBR_INSIDE
            for name, cases in draft_cases_of(each.case for each in evaluation.cases).items()
        },
    }


def _sections(evaluation: Evaluation) -> Iterator[tuple[str, Any]]:
    asked = sections_of(each.case for each in evaluation.cases)
    for section, title in SECTIONS.items():
        yield (
            section,
            {
                "title": title,
                "criteria": asked[section],
                "not_measured": None
                if asked[section]
                else NOT_MEASURED.get(section, "no case chosen"),
            },
        )


def _criterion_value(judgement: Judgement) -> dict[str, Any]:
    criterion = judgement.criterion
    return {
        "id": criterion.id,
        "case": judgement.case,
        "section": criterion.section,
        "title": criterion.title,
        "result": judgement.result,
        "reason": judgement.reason,
        "because": criterion.because,
        "threshold": criterion.model_dump(
            include={"better", "of", "than", "solo", "factor", "margin", "enough", "unit"}
        ),
        "points": [
            {**dataclasses.asdict(point), "path": dict(point.path)} for point in judgement.points
        ],
    }
