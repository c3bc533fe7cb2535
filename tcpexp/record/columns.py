"""``TableSchema`` and ``Column``: a table of a run as data, and columns that many tables share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

#: The types that a column can have, in the words of polars.
ColumnType = Literal["Int64", "Float64", "String", "Boolean", "List(Int64)", "List(String)"]


@dataclass(frozen=True)
class Column:
    """One column: its name, its type, what it means, and its unit (empty where it has none)."""

    name: str
    type: ColumnType
    meaning: str
    unit: str = ""


@dataclass(frozen=True)
class TableSchema:
    """One table: what a row is, its columns, and the columns by which the rows are ordered."""

    name: str
    row: str
    columns: tuple[Column, ...]
    order: tuple[str, ...]
    #: The type of each column, by its name.
    types: Mapping[str, ColumnType] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        types = {column.name: column.type for column in self.columns}
        if len(types) != len(self.columns):
            raise ValueError(f"a column of the table {self.name} is named twice")
        if not set(self.order) <= set(types):
            raise ValueError(f"the table {self.name} is ordered by a column that it lacks")
        object.__setattr__(self, "types", types)


T_NS = Column("t_ns", "Int64", "time, from the experiment's zero", unit="ns")
NODE = Column("node", "String", "the host or router")
FLOW = Column("flow", "String", "FlowPlan.name, null when none")
CONNECTION = Column("connection", "Int64", "its number in the table connections")
LINK = Column("link", "String", "the link's name")
TOWARDS = Column("towards", "String", "the direction, by the node at its end")

#: Who sent a segment and to whom; of a socket: its own end, and the peer's.
SEGMENT_ENDS = (
    Column("src", "String", "the sender's address"),
    Column("src_port", "Int64", "the sender's port"),
    Column("dst", "String", "the receiver's address"),
    Column("dst_port", "Int64", "the receiver's port"),
)
#: The two ends of a socket.
SOCKET_ENDS = (
    Column("local_address", "String", "the socket's own address"),
    Column("local_port", "Int64", "the socket's own port"),
    Column("peer_address", "String", "the peer's address"),
    Column("peer_port", "Int64", "the peer's port"),
)
