"""The tables of a run: names, columns, types and what one row is.

Parquet files under ``tables/``, read with polars. ``t_ns`` is always integer nanoseconds from the
experiment's zero. A capture is named ``<node>-<interface tail>`` as its file is (``h1-eth0``). A
recorder may bring a table of its own (``tcpexp.recorders``).
"""

from __future__ import annotations

from tcpexp.record.columns import TableSchema
from tcpexp.record.tables.congestion import FAIRNESS, FLOW_STATES, LOSS_EVENTS, PHASES
from tcpexp.record.tables.diagnosis import SUMMARY
from tcpexp.record.tables.findings import FINDINGS
from tcpexp.record.tables.kernel import (
    CA_STATES,
    KERNEL_LOG,
    RESENT,
    RETRANSMITS,
    SOCKETS,
    STATES,
    TCP_EVENTS,
    TCP_PROBE,
    TIMEOUTS,
    VARIABLES,
)
from tcpexp.record.tables.limits import LIMITS
from tcpexp.record.tables.network import (
    CLASSES,
    FAULTS,
    LINK_RATES,
    QUEUE_STATISTICS,
    QUEUES,
    SETTINGS,
)
from tcpexp.record.tables.packets import (
    COMPLAINTS,
    CONNECTIONS,
    JOURNEYS,
    PACKETS,
    RTT,
    SUBFLOWS,
    THROUGHPUT,
)
from tcpexp.record.tables.run import COUNTERS, CROSS_CHECKS, EVENTS, IPERF3

#: The interval of the table ``throughput``; the one in which the run ends may be shorter (its
#: column ``interval_ns``).
THROUGHPUT_INTERVAL_NS = 100_000_000

#: By name, in the order of the documentation.
TABLES: dict[str, TableSchema] = {
    table.name: table
    for table in (
        PACKETS,
        COMPLAINTS,
        CONNECTIONS,
        SUBFLOWS,
        THROUGHPUT,
        RTT,
        JOURNEYS,
        SOCKETS,
        TCP_PROBE,
        STATES,
        RETRANSMITS,
        CA_STATES,
        TCP_EVENTS,
        VARIABLES,
        KERNEL_LOG,
        RESENT,
        TIMEOUTS,
        CROSS_CHECKS,
        FLOW_STATES,
        PHASES,
        LOSS_EVENTS,
        FAIRNESS,
        LIMITS,
        QUEUES,
        QUEUE_STATISTICS,
        CLASSES,
        SETTINGS,
        LINK_RATES,
        COUNTERS,
        EVENTS,
        FAULTS,
        IPERF3,
        FINDINGS,
        SUMMARY,
    )
}

#: Tables that a run has only where they were asked for; of ``findings`` and
#: ``summary``: of explained captures.
ON_REQUEST = frozenset({"complaints", "findings", "summary"})
