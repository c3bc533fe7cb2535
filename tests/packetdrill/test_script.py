"""A script as data survives JSON, on which the player in the guest depends."""

from __future__ import annotations

import json

import pytest

from tcpexp.packetdrill.script import (
    Call,
    Code,
    Command,
    Event,
    Expression,
    Icmp,
    Ip,
    Option,
    Packet,
    Script,
    Tcp,
    Udp,
    When,
    from_json,
    to_json,
)

SYN_ACK = Tcp("S.", 0, 0, 1, 65535, options=(Option("mss", 1460), Option("TS", 5, echo=4)))
ACCEPT = Call(
    "accept",
    (Expression("integer", 3), Expression("ellipsis"), Expression("ellipsis")),
    Expression("integer", 4),
)
SCRIPT = Script(
    name="a.pkt",
    text="--mss=1000\n 0 `ip link`\n+.1 < S. 0:0(0) ack 1\n",
    options=(("mss", "1000"), ("mss", "1400"), ("strict_segments", None)),
    initial=Command("./defaults.sh"),
    events=(
        Event(2, When("absolute", 0), Command("ip link")),
        Event(3, When("relative", 100_000_000), Packet("in", SYN_ACK, Ip(ecn="ect0"), (8080, 1))),
        Event(4, When("any"), Packet("out", Tcp(".", 1, 0, 1, options=None), udp_ports=(9899, 1))),
        Event(5, When("range", 1, 2), Packet("out", Udp(100), outer=("gre",))),
        Event(6, When("relative"), Packet("in", Icmp("unreachable", "frag_needed", mtu=1200))),
        Event(7, When("relative", 0), ACCEPT),
        Event(8, When("relative", 0), Code("assert tcpi_snd_cwnd == 10")),
    ),
)


def test_json_and_back_is_the_same_script() -> None:
    assert from_json(json.loads(json.dumps(to_json(SCRIPT)))) == SCRIPT


def test_a_class_that_is_none_of_ours_is_refused() -> None:
    with pytest.raises(KeyError):
        from_json({"is": "Popen", "args": ["true"]})


def test_the_last_option_of_a_name_counts() -> None:
    assert SCRIPT.option("mss") == "1400"
    assert SCRIPT.option("strict_segments") == ""
    assert SCRIPT.option("mtu") is None


def test_source_lines_count_from_one() -> None:
    assert SCRIPT.source(1) == "--mss=1000"
    assert SCRIPT.source(99) == ""
