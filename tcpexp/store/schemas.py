"""The schemas of a run's tables: those of every run, and those that its recorders bring."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from tcpexp.catalogue import catalogue_for, load_catalogue
from tcpexp.record.tables import TABLES

if TYPE_CHECKING:
    from tcpexp.plan.types import RunPlan
    from tcpexp.record.columns import TableSchema


@functools.cache
def known_tables() -> dict[str, TableSchema]:
    """Return the tables of every run and of the recorders that ship or are installed, by name."""
    return {**TABLES, **load_catalogue().tables()}


def tables_of(plan: RunPlan) -> dict[str, TableSchema]:
    """Return the tables of a run: also those of recorders in its plan's plugins."""
    return {**TABLES, **catalogue_for(plan).tables()} if plan.plugins else known_tables()


def table_schema(name: str, plan: RunPlan | None = None) -> TableSchema:
    """Return the schema of a table; raises ``KeyError`` with the known names."""
    if name in TABLES:  # without loading a recorder
        return TABLES[name]
    known = known_tables() if plan is None else tables_of(plan)
    if name not in known:
        raise KeyError(f"no table '{name}'; known: {', '.join(known)}")
    return known[name]
