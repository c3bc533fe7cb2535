"""Blocks of ``/proc/net/snmp``, ``/proc/net/netstat`` and ``/proc/net/snmp6`` to the ``counters``
table.
"""

from __future__ import annotations

import re

import polars as pl

from tcpexp.ingest.blocks import split_blocks
from tcpexp.store.frames import conform, empty_frame

_SNMP6 = re.compile(r"(Ip6|Icmp6|Udp6|UdpLite6)(\w+)\s+(\d+)")


def parse_counters(text: str, node: str) -> pl.DataFrame:
    """Return the counters of ``raw/counters/<node>.txt``: the first sample whole, then only what
    changed.

    A counter's name is its group and its own name: ``Tcp.RetransSegs``, ``TcpExt.ListenDrops``.
    """
    before: dict[str, int] = {}
    times: list[int] = []
    names: list[str] = []
    values: list[int] = []
    for t_ns, block in split_blocks(text):
        now = parse_snmp(block)
        changed = [name for name, value in now.items() if before.get(name) != value]
        times += [t_ns] * len(changed)
        names += changed
        values += [now[name] for name in changed]
        before.update(now)
    if not times:
        return empty_frame("counters")
    frame = pl.DataFrame({"t_ns": times, "counter": names, "value": values})
    return conform(frame.with_columns(node=pl.lit(node)), "counters")


def parse_snmp(text: str) -> dict[str, int]:
    """Parse pairs of lines, names then values, both behind ``Group:``. A pair that was cut off is
    left out.

    A line of /proc/net/snmp6 is one counter, ``Udp6RcvbufErrors 3``, here ``Udp6.RcvbufErrors``.
    """
    found: dict[str, int] = {}
    heads: dict[str, list[str]] = {}
    for line in text.splitlines():
        if (single := _SNMP6.fullmatch(line)) is not None:
            found[f"{single[1]}.{single[2]}"] = int(single[3])
            continue
        group, _, rest = line.partition(":")
        words = rest.split()
        if group not in heads:
            heads[group] = words
            continue
        titles = heads.pop(group)
        if len(titles) == len(words):
            found |= {
                f"{group}.{title}": int(word) for title, word in zip(titles, words, strict=True)
            }
    return found
