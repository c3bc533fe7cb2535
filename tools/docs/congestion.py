"""The page of congestion controls, made from the list that validation uses."""

from __future__ import annotations

from tcpexp.spec.congestion import CONGESTION_CONTROLS

HEAD = """\
# Congestion controls

A spec names the congestion control of a flow, or of all connections that a host opens:

```yaml
hosts:
  h2: {sysctls: {net.ipv4.tcp_congestion_control: vegas}}  # what h2 uses by default
actions:
  # one flow, and the same flow from 20 s on
  - {do: iperf3, from: h1, to: h2, flow: upload, congestion_control: cubic}
  - {at: 20s, do: congestion_control, flow: upload, algorithm: bbr}
  # connections that h1 opens from then on
  - {at: 20s, do: congestion_control, host: h1, algorithm: reno}
```

A name that the kernel does not know is refused before anything runs, with the list below and the
nearest name. In the guest the module is loaded before the experiment starts. On your own machine
(`--on host`) tcpexp tries `modprobe`, and where that fails says which kernel option or package is
missing; a host's default must also be in the machine's `net.ipv4.tcp_allowed_congestion_control`,
and the message has the command.

One of your own is named by its source, `{source: my_cc.c}`, and compiled for the kernel in use:
[a congestion control of your own](../guides/own-congestion-control.md).

`tcpexp list congestion_controls` prints the list, `tcpexp describe dctcp` one of them. It is
measured: a test compares it with the modules of the guest's kernel (Debian 12, Linux 6.1), sends
with each, and reads its name back from the socket. The study
[cc_matrix](../guides/sweeps.md#the-studies-that-come-with-tcpexp) compares eight of them.

| name | listens to | what it does | source |
|---|---|---|---|
"""
TAIL = """
## DCTCP and ECN

DCTCP lives on marks: a queue marks packets instead of dropping them, and DCTCP backs off by half
the fraction of marked ones. Three things must come together.

- **The client asks for ECN.** Linux gives a connection to DCTCP only where both ends agreed on ECN
  in the handshake. Else it hands it to Reno without a word; `ss` then shows `dctcp-reno`. tcpexp
  sets `net.ipv4.tcp_ecn: 1` on the client's host of every DCTCP flow. That holds for all
  connections which that host opens, so other flows of the host ask for ECN too: give DCTCP a host
  of its own where that matters.
- **The server agrees.** The kernel's setting, 2, agrees when asked. `net.ipv4.tcp_ecn: 0` on the
  server is refused.
- **A queue marks.** `mark_at` on a link is DCTCP's threshold K: every packet that may be marked and
  finds more than that waiting is marked.

```yaml
links:
  h1->h2: {rate: 10mbit, delay: 20ms, queue: 4bdp, mark_at: 0.25bdp}
```

Packets that cannot be marked pass such a queue like a plain one, up to its limit. So one network
serves DCTCP and the others. K should be above a seventh of the bandwidth-delay product, or the path
is not used fully (Alizadeh et al., SIGCOMM 2010, section 3.4). Measured with 10 Mbit/s, 40 ms and K
= 10 packets (12.1 ms): half of all packets waited less than 12.1 ms, 95 % less than 14.5 ms, and
none was dropped; CUBIC in the same queue waited 132 ms in the median.

`discipline: red`, `codel`, `fq_codel` or `cake` with `ecn: true` mark as well, by rules of their
own. Where no queue on the way marks, the spec is refused; `ecn: false` on a link says that it is
meant so.

A host whose *default* is DCTCP sends its SYN as a packet that may be marked, which Linux accepts
only from a listener that uses DCTCP too: set it on both hosts.
"""


def page() -> str:
    """Return the page."""
    rows = (
        f"| `{each.name}` | {each.signal} | {each.summary} | {each.source} |"
        for each in CONGESTION_CONTROLS.values()
    )
    return HEAD + "\n".join(rows) + "\n" + TAIL
