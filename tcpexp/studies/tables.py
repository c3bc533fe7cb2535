"""A study's datasets in Parquet: ``runs`` (a row per run), ``metrics`` (a row per run and metric)
and time series, partitioned.

Nothing in them depends on when, where or in which order the runs were made: the same study gives
the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tcpexp.batch.cell import CellRow
from tcpexp.batch.measure import computed, definition, measure_table
from tcpexp.late import polars as pl
from tcpexp.spec.sweep import SweepSpec
from tcpexp.store.frames import read_table
from tcpexp.store.rundir import disk_errors
from tcpexp.studies.draws import drawn_numbers

if TYPE_CHECKING:
    from tcpexp.batch.folder import StudyFolder
    from tcpexp.studies.study import PlannedRun, Study

#: Runs per Parquet file: what is in memory at a time.
CHUNK = 500


def write_tables(study: Study, folder: StudyFolder) -> pl.DataFrame:
    """Write all datasets of the study anew, put them in place together, and return ``runs``."""
    target = folder.tables
    new = folder.path / f"tables.new-{os.getpid()}"
    shutil.rmtree(new, ignore_errors=True)
    frames = []
    there = folder.finished() | folder.failures()
    with disk_errors(target):
        (new / "runs").mkdir(parents=True)
        (new / "metrics").mkdir()
        for index, chunk in enumerate(_chunks(study.runs)):
            cells = {run.key: folder.read_cell(run.key) for run in chunk if run.key in there}
            runs = runs_frame(study, chunk, cells, folder)
            frames.append(runs)
            runs.write_parquet(new / "runs" / f"part-{index:05d}.parquet", compression="zstd")
            metrics_frame(study, chunk, cells).write_parquet(
                new / "metrics" / f"part-{index:05d}.parquet", compression="zstd"
            )
            _write_series(study, chunk, folder, new)
        old = folder.path / f"tables.old-{os.getpid()}"
        if target.exists():
            os.rename(target, old)
        os.rename(new, target)
        shutil.rmtree(old, ignore_errors=True)
    return pl.concat(frames)


def _chunks(runs: list[PlannedRun]) -> Iterator[list[PlannedRun]]:
    for start in range(0, len(runs), CHUNK):
        yield runs[start : start + CHUNK]


def _numeric(study: Study, name: str) -> bool:
    return all(not isinstance(cell.values[name], str) for cell in study.cells)


def _ids() -> dict[str, Any]:
    return {name: pl.Int64() for name in ("run", "cell", "repeat", "seed")}


def _parameter_types(study: Study) -> dict[str, Any]:
    types = {
        name: pl.Float64() if _numeric(study, name) else pl.String()
        for name in study.sweep.parameters
    }
    return types | dict.fromkeys(study.sweep.vary, pl.Float64())


def _parameters(study: Study, run: PlannedRun) -> dict[str, Any]:
    """Return the parameters of a run, as numbers where all of their values are, else as written.

    And what it drew.
    """
    values = {
        name: run.cell.values[name] if _numeric(study, name) else str(run.cell.written[name])
        for name in study.sweep.parameters
    }
    return values | drawn_numbers(study.sweep, run.seed)


def runs_frame(
    study: Study, chunk: list[PlannedRun], cells: dict[str, CellRow], folder: StudyFolder
) -> pl.DataFrame:
    """Return a row per run: which it is, its parameters, how it ended, its measures.

    A run not made yet has the status ``not run``.
    """
    schema = {
        **_ids(),
        "label": pl.String(),
        "key": pl.String(),
        **_parameter_types(study),
        "status": pl.String(),
        "certificate": pl.String(),
        "checks_passed": pl.Int64(),
        "checks_failed": pl.Int64(),
        **dict.fromkeys(study.sweep.measures, pl.Float64()),
    }
    rows = []
    for run in chunk:
        cell = cells.get(run.key)
        rows.append(
            {
                "run": run.number,
                "cell": run.cell.number,
                "repeat": run.repeat,
                "seed": run.seed,
                "label": run.cell.label,
                "key": run.key,
                **_parameters(study, run),
                **_outcome(cell),
                **(
                    measures_of(study.sweep, run, cell, folder.cell(run.key))
                    if cell is not None and cell["status"] == "complete"
                    else {}
                ),
            }
        )
    return pl.DataFrame(rows, schema=schema)


def _outcome(cell: CellRow | None) -> dict[str, str | int | None]:
    """Return how a run ended, as columns."""
    if cell is None:
        return {"status": "not run"}
    return {
        "status": cell["status"],
        "certificate": cell.get("certificate"),
        "checks_passed": cell.get("checks_passed"),
        "checks_failed": cell.get("checks_failed"),
    }


def measures_of(
    sweep: SweepSpec, run: PlannedRun, cell: CellRow, path: Path
) -> dict[str, float | None]:
    """Return the measures of a finished run.

    One added to the spec later is made from the tables that were kept.
    """
    measures: dict[str, float | None] = {}
    values: dict[str, Any] = {**run.cell.values, **drawn_numbers(sweep, run.seed)}
    for name, measure in sweep.measures.items():
        if measure.metric is not None:
            measures[name] = cell["metrics"].get(measure.metric, measure.absent)
        elif measure.from_ is not None:
            text = definition(measure.from_)
            kept = path / "run" if (path / "run").is_dir() else path
            value = (
                cell["measured"][text]
                if text in cell["measured"]
                else measure_table(partial(read_table, kept), measure.from_)
            )
            measures[name] = measure.absent if value is None else value
        else:
            assert measure.is_ is not None
            measures[name] = computed(measure.is_, values)
        values[name] = measures[name]
    return measures


def metrics_frame(study: Study, chunk: list[PlannedRun], cells: dict[str, CellRow]) -> pl.DataFrame:
    """Return a row per finished run and metric, with the run's parameters as columns.

    Sorted by run, then metric.
    """
    last = {"metric": pl.String(), "value": pl.Float64()}
    parts = []
    for run in chunk:
        cell = cells.get(run.key)
        metrics = cell.get("metrics", {}) if cell is not None else {}
        names = sorted(metrics)
        head = {
            "run": run.number,
            "cell": run.cell.number,
            "repeat": run.repeat,
            "seed": run.seed,
            **_parameters(study, run),
        }
        frame = pl.DataFrame(
            {"metric": names, "value": [metrics[name] for name in names]}, schema=last
        )
        parts.append(frame.with_columns(**{name: pl.lit(value) for name, value in head.items()}))
    types = {**_ids(), **_parameter_types(study), **last}
    return pl.concat(
        [part.select(pl.col(name).cast(kind) for name, kind in types.items()) for part in parts]
    )


def _write_series(study: Study, chunk: list[PlannedRun], folder: StudyFolder, new: Path) -> None:
    """Write the tables of the runs that the study keeps as time series:
    ``series/<table>/cell=3/repeat=0/part.parquet``.
    """
    for run in chunk:
        path = folder.cell(run.key)
        kept = path / "run" if (path / "run").is_dir() else path
        for name in study.sweep.series:
            if not (kept / "tables" / f"{name}.parquet").is_file():
                continue
            target = new / "series" / name / f"cell={run.cell.number}" / f"repeat={run.repeat}"
            target.mkdir(parents=True)
            columns = {
                key: pl.lit(value)
                for key, value in {
                    "run": run.number,
                    "seed": run.seed,
                    **_parameters(study, run),
                }.items()
            }
            read_table(kept, name).with_columns(**columns).write_parquet(
                target / "part.parquet", compression="zstd"
            )


def hash_tables(tables: Path) -> dict[str, str]:
    """Return the sha256 of every file of the datasets by path: equal studies have equal ones."""
    files = sorted(path for path in tables.rglob("*.parquet") if path.is_file())
    return {
        path.relative_to(tables).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def hash_of_all(tables: Path) -> str:
    """Return one sha256 over :func:`hash_tables`."""
    return hashlib.sha256(json.dumps(hash_tables(tables)).encode()).hexdigest()
