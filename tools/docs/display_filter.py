"""The page of the packet list's display filter, with a table of its fields from the code."""

from __future__ import annotations

from itertools import groupby

from tcpexp.report.packets.fields import FIELDS, FilterField

_KINDS = {
    "number": "number",
    "time": "time",
    "flag": "yes or no",
    "address": "address or host",
    "port": "number",
    "word": "word",
    "label": "label",
    "fate": "word",
    "both": "number; alone yes or no",
}

_HEAD = """\
# The display filter

Made from the fields' definitions by `python -m tools.docs`.

The packet list of a [report](../guides/reading-a-report.md) shows the packets that its filter
lets through. The language is a small part of Wireshark's, with the same names, and a few words
of its own: the flow, what became of a packet, what the panels show.

```text
tcp.flags.syn == 1 and not ack
ip.addr == 10.0.0.1 && tcp.port == 80
tcp.len > 0 and (resent or lost)
frame.number in {1..20, 33}
time >= 1.5 and time < 2
label == "Dup ACK"
flow == download and view
h1 syn
```

## How it reads

- **A field and a value** with `==`, `!=`, `<`, `>`, `<=`, `>=` (also `eq`, `ne`, `lt`, `gt`,
  `le`, `ge`), `contains` for a part of a word, and `in {1..20, 33}` for ranges and several
  values. Two numbers can be compared with each other: `frame.cap_len < frame.len`. `tcp.flags &
  0x12` looks at bits.
- **A field alone**: a flag or a label that is set, a number that is there: `tcp.flags.syn`,
  `tcp.options.mss_val`.
- **A word that is no field** is looked for in flags, labels, what became of the packet, hosts,
  addresses, flows and protocols; a whole number in ports and frame numbers. A text in quotation
  marks is always such a word.
- **Join** with `and` (`&&`), `or` (`||`), `not` (`!`) and parentheses. `not` binds tightest,
  then `and`, then `or`. Words beside each other mean `and`: `h1 syn`.
- **Numbers** are decimal or `0x` hexadecimal, with `k` or `M` where you like. **Times** are
  seconds, or a number with `ms`, `us` or `ns`. **Addresses** are IPv4, IPv6, networks such as
  `10.0.0.0/24`, and the names of hosts.
- A value that a packet does not have meets no comparison, not even `!=`. Of two values
  (`ip.addr`, `tcp.port`), `==` wants one, `!=` wants that neither is.

A filter that cannot be read leaves the list as it was. The page says where the mistake is and
what may have been meant. Filter, capture and packet stand in the page's address, so a link or a
bookmark keeps them.

## Where it differs from Wireshark

- A flag alone (`tcp.flags.syn`) means that it is set. In Wireshark it means that the packet has
  such a field, as every TCP segment does. `tcp.ack` alone is the flag ACK.
- Addresses, `ip.ttl` and `ip.id` are the packet's own. Wireshark also looks at the packet that
  an ICMP message quotes.
- `ip.` and `ipv6.` mean the same here, so that a filter serves a run over either.
- There is no arithmetic, no slice, no regular expression, and no field of what TCP carries.

"""


def page() -> str:
    """Return the page."""
    parts = ["## Fields", ""]
    for group, fields in groupby(FIELDS, key=lambda field: field.group):
        parts += [f"### {group}", "", "| field | also | value | meaning |", "|---|---|---|---|"]
        parts += [*map(_line, fields), ""]
    examples = [field.example for field in FIELDS if field.example]
    parts += ["## One example of each", "", "```text", *examples, "```", ""]
    return _HEAD + "\n".join(parts)


def _line(field: FilterField) -> str:
    also = ", ".join(f"`{name}`" for name in field.names[1:])
    return f"| `{field.names[0]}` | {also} | {_KINDS[field.kind]} | {field.meaning} |"
