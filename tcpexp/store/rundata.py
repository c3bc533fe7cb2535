"""Lazy, read-only access to one run directory: the plan, what the engine said, and the tables."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from tcpexp.errors import DataError
from tcpexp.plan.types import RunPlan, from_json
from tcpexp.record import files
from tcpexp.record.columns import TableSchema
from tcpexp.record.measured import Probes
from tcpexp.record.summary import EngineSummary
from tcpexp.store.schemas import table_schema

if TYPE_CHECKING:
    import polars

NANOSECONDS = 1_000_000_000
#: In ``raw/`` of what was made of captures (``tcpexp explain``): where they came from.
CAPTURES = "captures.json"


class RunData:
    """One run. Each part is read from disk when it is first asked for, and kept.

    Tables and JSON files that do not exist are empty; files that exist and are damaged raise
    ``DataError``.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._tables: dict[str, polars.DataFrame] = {}

    @cached_property
    def plan(self) -> RunPlan:
        """The resolved plan; raises ``DataError`` when there is none."""
        path = self.path / "plan.json"
        try:
            text = path.read_text()
        except OSError as error:
            raise DataError(f"{path}: {error.strerror}", hint="not a run directory?") from None
        return from_json(text, RunPlan)

    @cached_property
    def engine(self) -> EngineSummary:
        """``raw/engine.json``, empty when the engine left none."""
        summary = self._json(f"{files.RAW}/{files.ENGINE}")
        return cast(EngineSummary, summary or {})

    @cached_property
    def probes(self) -> Probes:
        """``raw/probes.json``: the measurements before t0; empty when there are none."""
        return cast(Probes, self._json(f"{files.RAW}/{files.PROBES}") or {})

    @property
    def captured(self) -> bool:
        """Whether it was made of captures that somebody else recorded (``tcpexp explain``)."""
        return (self.path / files.RAW / CAPTURES).is_file()

    def capture_file(self, capture: str) -> Path:
        """Return the file in ``raw/`` that holds a capture of the table ``packets``."""
        raw = self.path / files.RAW
        if self.captured:
            shown = (self._json(f"{files.RAW}/{CAPTURES}") or {}).get("captures") or {}
            if capture in shown:
                return raw / str(shown[capture]["file"])
        return raw / f"{capture}.pcap"

    @property
    def manifest(self) -> dict[str, Any] | None:
        """``manifest.json``, or None before the run has one."""
        return self._json("manifest.json")

    @property
    def metrics(self) -> dict[str, Any]:
        """``metrics.json``, empty before :func:`tcpexp.analysis.metrics.measure_run`."""
        return self._json("metrics.json") or {}

    @property
    def certificate(self) -> dict[str, Any]:
        """``certificate.json``, empty before :func:`tcpexp.analysis.certificate.certify_run`."""
        return self._json("certificate.json") or {}

    @property
    def failures(self) -> list[dict[str, Any]]:
        """The programs that failed, from ``failures.json`` (``tcpexp.analysis.failures``).

        None before it is written.
        """
        return list((self._json("failures.json") or {}).get("failures", ()))

    @property
    def status(self) -> str:
        """How the run ended: complete, interrupted or failed.

        Interrupted when the engine could not say.
        """
        return str(self.engine.get("status", "interrupted"))

    @property
    def end_ns(self) -> int:
        """When the experiment ended, ns from t0: as planned, or earlier when it was ended early.

        The tables hold nothing later (``ingest/ending.py``).
        """
        end = self.engine.get("end_ns")
        return self.plan.duration_ns if end is None else min(int(end), self.plan.duration_ns)

    def table(self, name: str) -> polars.DataFrame:
        """Return a table: of ``tcpexp.record.tables``, or one that a recorder of the run brings.

        Empty with the right columns when the run has none.
        """
        from tcpexp.store.frames import read_table

        if name not in self._tables:
            self._tables[name] = read_table(self.path, self._schema(name))
        return self._tables[name]

    def keep(self, name: str, table: polars.DataFrame) -> None:
        """Keep a table that was just written, so that it is not read again."""
        self._tables[name] = table

    def _schema(self, name: str) -> TableSchema:
        """Return a table's schema; the plan is asked only for one that nobody else knows."""
        try:
            return table_schema(name)
        except KeyError:
            if not (self.path / "plan.json").is_file():
                raise
            return table_schema(name, self.plan)

    def has(self, name: str) -> bool:
        """Return whether the table ``name`` exists and has rows."""
        return self.table(name).height > 0

    def forget(self, *tables: str) -> None:
        """Drop what was read, or only the named tables, so that the next access reads the files
        again.
        """
        if tables:
            for name in tables:
                self._tables.pop(name, None)
            return
        self._tables.clear()
        for name in ("plan", "engine", "probes"):
            self.__dict__.pop(name, None)

    def _json(self, name: str) -> dict[str, Any] | None:
        path = self.path / name
        try:
            value = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: damaged: {error}") from None
        if not isinstance(value, dict):
            raise DataError(f"{path}: damaged: not a mapping")
        return value
