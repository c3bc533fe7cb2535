"""``Table``: a result of a plot that is read, not looked at.

The report shows it as a real table, ``figures/`` holds it as JSON and as a picture.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeVar

from tcpexp.errors import DataError
from tcpexp.views.packets import PacketLink

TABLE_SCHEMA = 1
#: How many rows a table shows unless its plot's options say otherwise.
MOST_ROWS = 25

T = TypeVar("T")


@dataclass(frozen=True)
class Column:
    """A heading, and where its cells' text stands: numbers right, words left.

    ``explains``: its cells say what the data mean or should be, which a student is to find out.
    """

    heading: str
    align: Literal["left", "right"] = "left"
    explains: bool = False


@dataclass(frozen=True)
class Row:
    """One text per column; ``shaded`` sets it off; ``packets`` are what it was read from."""

    cells: tuple[str, ...]
    shaded: bool = False
    packets: tuple[PacketLink, ...] = ()


@dataclass(frozen=True)
class Part:
    """Rows under one set of headings, with a ``title`` above and a ``note`` below (both may be
    empty); ``packets`` are what all rows speak of.
    """

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    title: str = ""
    note: str = ""
    packets: tuple[PacketLink, ...] = ()

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(
                    f"a row of {len(row.cells)} cells under {len(self.columns)} headings:"
                    f" {row.cells}"
                )

    def only_data(self) -> Part:
        """Return the part without its note and without columns that explain."""
        kept = [index for index, column in enumerate(self.columns) if not column.explains]
        return replace(
            self,
            columns=tuple(self.columns[index] for index in kept),
            rows=tuple(
                replace(row, cells=tuple(row.cells[index] for index in kept)) for row in self.rows
            ),
            note="",
        )


@dataclass(frozen=True)
class Table:
    """One or more parts, one below the other, and a ``note`` on all of them."""

    parts: tuple[Part, ...]
    note: str = ""

    def only_data(self) -> Table:
        """Return the table without notes and without columns that explain."""
        return Table(tuple(part.only_data() for part in self.parts))

    def to_json(self) -> str:
        """Return the table as JSON text: ``table_schema``, ``parts``, ``note``."""
        return (
            json.dumps({"table_schema": TABLE_SCHEMA, **asdict(self)}, indent=1, ensure_ascii=False)
            + "\n"
        )


def table_from_json(text: str) -> Table:
    """Return the table that :meth:`Table.to_json` wrote.

    Raises ``DataError`` when it is something else.
    """
    try:
        raw = json.loads(text)
        return Table(tuple(_part(part) for part in raw["parts"]), str(raw["note"]))
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"not a table: {type(error).__name__}: {error}") from None


def _part(raw: dict[str, Any]) -> Part:
    rows = (
        Row(tuple(map(str, row["cells"])), bool(row["shaded"]), _links(row)) for row in raw["rows"]
    )
    return Part(
        tuple(Column(**column) for column in raw["columns"]),
        tuple(rows),
        str(raw["title"]),
        str(raw["note"]),
        _links(raw),
    )


def _links(raw: dict[str, Any]) -> tuple[PacketLink, ...]:
    return tuple(PacketLink(str(link["capture"]), int(link["number"])) for link in raw["packets"])


def spread(rows: Sequence[T], most: int) -> list[T]:
    """Return at most ``most`` of ``rows``, evenly: the first and the last always."""
    if len(rows) <= most:
        return list(rows)
    step = (len(rows) - 1) / max(most - 1, 1)
    return [rows[round(index * step)] for index in range(most)]
