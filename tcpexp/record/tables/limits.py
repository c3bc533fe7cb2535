"""The table of what limited the rate of each direction of a connection, interval by interval."""

from __future__ import annotations

from tcpexp.record.columns import CONNECTION, Column, TableSchema

LIMITS = TableSchema(
    "limits",
    "one interval of one direction of a connection, and what kept its sender from sending faster,"
    " as packets alone show it (docs/concepts/limits.md); without gaps from the direction's first"
    " packet to the connection's last",
    (
        CONNECTION,
        Column(
            "direction", "String", "the sending node; the sender's address where no node has it"
        ),
        Column("sender", "String", "client or server: the end that sends in this direction"),
        Column("from_ns", "Int64", "begin, from the experiment's zero", unit="ns"),
        Column("to_ns", "Int64", "end, from the experiment's zero", unit="ns"),
        Column(
            "limit",
            "String",
            "application, receive_window, congestion_window, loss, handshake, idle, closing,"
            " sender_host, bottleneck, unknown",
        ),
        Column("sure", "String", "certain, likely or unsure"),
        Column(
            "who",
            "String",
            "whose it is: client, server, network, or capture where it cannot be told; null while"
            " nobody has to send",
        ),
        Column("bytes", "Int64", "payload sent for the first time", unit="bytes"),
        Column("why", "String", "what the packets show"),
        Column("capture", "String", "of the packets, as in the table packets"),
        Column("packets", "List(Int64)", "numbers of packets that show it, at most six"),
    ),
    order=("connection", "sender", "from_ns"),
)
