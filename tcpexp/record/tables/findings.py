"""The table of what was found in an explained capture, in sentences."""

from __future__ import annotations

from tcpexp.record.columns import Column, TableSchema

FINDINGS = TableSchema(
    "findings",
    "one statement about a connection of an explained capture, or about a whole capture, with the"
    " packets that show it",
    (
        Column("number", "Int64", "from 1 on: first what is about captures, then by connection"),
        Column(
            "connection",
            "Int64",
            "its number in the table connections; null of what is about a whole capture",
        ),
        Column("kind", "String", "a word for what it is about, such as handshake or zero_window"),
        Column("sentence", "String", "the statement"),
        Column(
            "sure",
            "String",
            "certain (it follows from the packets), likely (the usual reason of what was seen) or"
            " unsure (this capture cannot decide it)",
        ),
        Column("because", "String", "what it rests on, or why it is not certain"),
        Column("source", "String", "the section of an RFC, or the paper, whose rule is applied"),
        Column("by", "String", "client or server: the end that it is about; null of both"),
        Column("capture", "String", "of the packets, as in the table packets"),
        Column("packets", "List(Int64)", "numbers of packets that show it"),
    ),
    order=("number",),
)
