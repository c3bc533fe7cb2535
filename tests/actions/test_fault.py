"""``fault``: from YAML to the plan, and what is refused."""

import pytest

from tcpexp.errors import SpecErrors
from tcpexp.plan.types import SegmentFault

GET = ("{do: http_server, host: h2}", "{at: 1s, do: http_get, id: get, from: h1, to: h2}")
BULK = "{do: iperf3, from: h1, to: h2, flow: bulk}"
LINE = """\
name: probe
topology: three_host_line
duration: 60s
"""


def faults(plan):
    return [
        (step.at_ns, step.do)
        for step in (*plan.setup, *plan.steps)
        if isinstance(step.do, SegmentFault)
    ]


def refused(compile_actions, *actions, head=None):
    with pytest.raises(SpecErrors) as caught:
        compile_actions(*actions, **({"head": head} if head else {}))
    return str(caught.value)


def test_a_flow_says_who_sends_and_on_which_ports(compile_actions):
    acks = "{do: fault, flow: get, from: h1, segment: pure-ack, nth: [3, 5], effect: drop}"
    plan = compile_actions(*GET, "{do: fault, flow: get, nth: 20, effect: drop}", acks)
    (at, data), (_, ack) = faults(plan)
    assert at is None, "active before anything is sent"
    assert (
        data.link,
        data.towards,
        data.source,
        data.target,
        data.source_port,
        data.target_port,
    ) == ("h1-h2", "h1", "h2", "h1", 80, None)
    assert (data.segment, data.nth, data.transmissions) == ("data", (20,), (1,))
    assert (ack.towards, ack.source_port, ack.target_port, ack.nth) == ("h2", None, 80, (3, 5))
    assert "segment_faults" in plan.needs.features and "netem" not in plan.needs.qdiscs


def test_a_link_with_a_fault_gets_a_wire(compile_actions):
    plan = compile_actions(
        *GET, "{at: 2s, until: 3s, do: fault, flow: get, effect: delay, delay: 30ms}"
    )
    link = plan.network.links[0]
    assert (link.wire, link.wire_queue, link.wire_netem) == (True, False, False)
    assert {"clsact", "netem"} <= set(plan.needs.qdiscs)
    assert [
        (step.at_ns, step.until_ns) for step in plan.steps if isinstance(step.do, SegmentFault)
    ] == [(2 * 10**9, 3 * 10**9)]


def test_the_control_connection_of_iperf3_is_left_alone(compile_actions):
    ((_, fault),) = faults(
        compile_actions(BULK, "{do: fault, flow: bulk, every: 1000, effect: drop}")
    )
    assert (fault.skip_connections, fault.every, fault.first, fault.nth) == (1, 1000, 1000, ())


def test_every_transmission_and_ranges_of_bytes(compile_actions):
    ((_, fault),) = faults(
        compile_actions(
            *GET, "{do: fault, flow: get, bytes: [0, 999], transmission: all, effect: corrupt}"
        )
    )
    assert (fault.bytes, fault.transmissions, fault.nth) == ((0, 999), (), ())


def test_the_direction_follows_from_the_sender(compile_actions):
    plan = compile_actions("{do: fault, from: h2, link: h1-h2, segment: syn-ack, effect: drop}")
    assert faults(plan)[0][1].towards == "h1"


@pytest.mark.parametrize(
    ("action", "words"),
    [
        ("{do: fault, flow: get, nth: 3, every: 5, effect: drop}", "each say which segments"),
        ("{do: fault, flow: get, first: 3, effect: drop}", "'first' belongs to 'every'"),
        ("{do: fault, flow: get, segment: pure-ack, bytes: [0, 9], effect: drop}", "range of data"),
        ("{do: fault, flow: get, bytes: [9, 0], effect: drop}", "range of data"),
        (
            "{do: fault, flow: get, segment: syn-ack, nth: 2, effect: drop}",
            "one syn-ack in each direction",
        ),
        (
            "{do: fault, flow: get, segment: pure-ack, transmission: 2, effect: drop}",
            "not retransmitted",
        ),
        ("{do: fault, flow: get, effect: delay}", "belong together"),
        ("{do: fault, flow: get, effect: drop, delay: 3ms}", "belong together"),
        ("{do: fault, effect: drop}", "whose segments?"),
        ("{do: fault, flow: get, port: 80, effect: drop}", "has its port already"),
        ("{do: fault, flow: gte, effect: drop}", "did you mean 'get'"),
        ("{do: fault, flow: get, to: h2, effect: drop}", "is meant for h1"),
        ("{do: fault, from: h1, nth: 0, effect: drop}", "nth"),
        ("{do: fault, from: h1, transmission: 64, effect: drop}", "transmission"),
        ("{do: fault, from: h1, effect: lose}", "drop"),
    ],
)
def test_what_makes_no_sense_is_refused(compile_actions, action, words):
    assert words in refused(compile_actions, *GET, action)


def test_damage_needs_checksums_that_are_looked_at(compile_actions):
    head = "name: probe\ntopology: two_host\nduration: 60s\nhosts: {h2: {offloads: true}}\n"
    assert "nobody would notice damage" in refused(
        compile_actions, *GET, "{do: fault, flow: get, effect: corrupt}", head=head
    )


def test_on_a_way_of_several_links_one_is_named(compile_actions):
    assert "cross several links" in refused(
        compile_actions, "{do: fault, from: h1, segment: syn, effect: drop}", head=LINE
    )
