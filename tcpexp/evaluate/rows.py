"""Finished runs to the rows that criteria judge."""

from __future__ import annotations

import dataclasses
import fnmatch
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from tcpexp.batch.cell import CellRow
from tcpexp.evaluate.case import PAIR_MIXES, SIDES, Completions
from tcpexp.evaluate.evaluation import Evaluation, Member, Row
from tcpexp.studies.study import PlannedRun
from tcpexp.studies.tables import measures_of


@dataclass
class Collected:
    """Rows by case, how many runs each case has, and why runs give no row."""

    rows: list[Row]
    planned: Counter[str]
    without: dict[str, list[str]]
    certificates: Counter[str]


def collect(evaluation: Evaluation) -> Collected:
    """Return a row for each finished run with a VALID certificate.

    Each run of a pair gives several, one for each victim.
    """
    folder = evaluation.folder()
    there = folder.finished() | folder.failures()
    found = Collected([], Counter(), {}, Counter())
    cells: dict[str, CellRow] = {}
    for member, run in evaluation.runs():
        case = member.loaded.case
        found.planned[case.name] += 1
        if run.key not in there:
            found.without.setdefault(case.name, []).append(f"{run.cell.label}: not run")
            continue
        if run.key not in cells:
            cells[run.key] = folder.read_cell(run.key)
            found.certificates[str(cells[run.key].get("certificate"))] += 1
        cell = cells[run.key]
        problem = problem_of(cell)
        if problem is not None:
            words = f"{member.mix.words}; {run.cell.label}: {problem}"
            found.without.setdefault(case.name, []).append(words)
            continue
        found.rows.append(_row(evaluation, member, run, cell))
    pairs = {loaded.case.name for loaded in evaluation.cases if loaded.case.mixes == "pairs"}
    plain = [row for row in found.rows if row.case not in pairs]
    for name in sorted(pairs):
        own = [row for row in found.rows if row.case == name]
        others = [control.name for control in evaluation.against]
        plain += pair_rows(own, evaluation.new.name, others)
    found.rows = plain
    return found


def problem_of(cell: CellRow) -> str | None:
    """Return why a run counts for nothing, None when it counts."""
    if cell["status"] != "complete":
        return cell.get("error") or cell["status"]
    if cell.get("certificate") != "VALID":
        reasons = "; ".join(cell.get("reasons", []))
        return f"certificate {cell.get('certificate')}: {reasons}"
    return None


def _row(evaluation: Evaluation, member: Member, run: PlannedRun, cell: CellRow) -> Row:
    folder = evaluation.folder()
    values = measures_of(member.study.sweep, run, cell, folder.cell(run.key))
    times: dict[str, tuple[float, ...]] = {}
    duration_s = member.study.spec.duration / 1e9
    for name, wanted in member.loaded.case.completions.items():
        taken = completion_times(cell["metrics"], wanted, duration_s)
        if taken:
            times[name] = taken
            values |= {f"{name}_p50": quantile(taken, 0.5), f"{name}_p95": quantile(taken, 0.95)}
    written = tuple(run.cell.written.items())
    return Row(
        member.loaded.case.name,
        member.mix.name,
        member.mix.old,
        written,
        run.seed,
        run.key,
        values,
        times,
    )


def completion_times(
    metrics: dict[str, float], wanted: Completions, duration_s: float
) -> tuple[float, ...]:
    """Return the completion times of a workload's flows in ms, in the order of their numbers.

    A flow that had not delivered all of its bytes when the run ended counts with the time from its
    first SYN to that end at least: it took longer.
    """
    pattern = f"flows.{wanted.flows}[0-9]*.completion_s"
    found: dict[int, float] = {}
    for path, value in metrics.items():
        if not fnmatch.fnmatchcase(path, pattern):
            continue
        head = path.removesuffix(".completion_s")
        number = re.fullmatch(rf"flows\.{re.escape(wanted.flows)}(\d+)", head)
        if number is None:
            continue
        asked = wanted.bytes[(int(number[1]) - 1) % len(wanted.bytes)]
        begun_s = metrics.get(f"{head}.end_ns", 0.0) / 1e9 - value
        whole = metrics.get(f"{head}.goodput_bytes", 0.0) >= asked
        found[int(number[1])] = (value if whole else duration_s - begun_s) * 1e3
    return tuple(found[number] for number in sorted(found))


def quantile(values: tuple[float, ...] | list[float], share: float) -> float:
    """Return the value that ``share`` of all are at most: one of them (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(-(-round(len(ordered) * share * 1e9) // 1_000_000_000) - 1, 0)]


def pair_rows(rows: list[Row], new: str, against: list[str]) -> list[Row]:
    """Return rows ``victim|neighbour`` in the words of the criteria, of rows ``left|right`` of
    control names.

    The victim's measures lose the side from their names. Of two flows of one control both are
    victims, and the row has their mean.
    """
    made: list[Row] = []
    for victim, neighbour, row in _victims(rows):
        for old in against:
            for mix in PAIR_MIXES:
                one, _, other = mix.partition("|")
                names = {"old": old, "new": new, "": ""}
                if (names[one], names[other]) == (victim, neighbour):
                    made.append(dataclasses.replace(row, mix=mix, old=old))
    return made


def _victims(rows: list[Row]) -> Iterator[tuple[str, str, Row]]:
    """Yield (victim, its neighbour or nothing, the row with the victim's measures)."""
    for row in rows:
        left, _, right = row.mix.partition("|")
        sides = {side: _side(row, side) for side in SIDES}
        if left == right:
            mean = {
                name: None if None in (a, b) else (a + b) / 2  # type: ignore[operator]
                for (name, a), b in zip(sides["left"].items(), sides["right"].values(), strict=True)
            }
            yield left, right, dataclasses.replace(row, values=mean)
            continue
        yield left, right, dataclasses.replace(row, values=sides["left"])
        if right:
            yield right, left, dataclasses.replace(row, values=sides["right"])


def _side(row: Row, side: str) -> dict[str, float | None]:
    end = f"_{side}"
    return {
        name.removesuffix(end): value for name, value in row.values.items() if name.endswith(end)
    }


def matrix_rows(evaluation: Evaluation) -> list[tuple[str, str, Row]]:
    """Return (victim, neighbour, row) of all pairs that are there, for the matrix."""
    folder = evaluation.folder()
    rows = []
    for member, run in evaluation.runs():
        if member.loaded.case.mixes != "pairs" or not folder.has(run.key):
            continue
        cell = folder.read_cell(run.key)
        if problem_of(cell) is None:
            rows.append(_row(evaluation, member, run, cell))
    return list(_victims(rows))
