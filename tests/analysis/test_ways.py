"""The way of each socket: whose changes belong together, and which of them only ``ss`` showed."""

from __future__ import annotations

from tcpexp.analysis.transitions import Transition
from tcpexp.analysis.ways import ways_of


def changes(*edges, socket="a", source="trace"):
    return [
        Transition(t_ns, "h1", socket, 1, 2, old, new, source)
        for t_ns, (old, new) in enumerate(edges)
    ]


def test_a_sockets_changes_are_one_way():
    (way,) = ways_of(changes(("CLOSED", "SYN-SENT"), ("SYN-SENT", "ESTABLISHED")))
    assert (way.states, way.times_ns) == (["CLOSED", "SYN-SENT", "ESTABLISHED"], [0, 0, 1])
    assert way.passes(("CLOSED", "ESTABLISHED")) and not way.passes(("ESTABLISHED", "SYN-SENT"))


def test_what_does_not_follow_begins_a_new_way():
    again = ways_of(changes(("CLOSED", "SYN-SENT"), ("SYN-SENT", "CLOSED"), ("CLOSED", "SYN-SENT")))
    gap = ways_of(changes(("CLOSED", "SYN-SENT"), ("ESTABLISHED", "CLOSED")))
    other = ways_of(
        [*changes(("CLOSED", "SYN-SENT")), *changes(("SYN-SENT", "CLOSED"), socket="b")]
    )
    assert [len(way) for way in (again, gap, other)] == [2, 2, 2]


def test_each_half_open_connection_of_a_listener_is_a_way():
    assert (
        len(
            ways_of(
                changes(
                    ("CLOSED", "LISTEN"), ("LISTEN", "SYN-RECEIVED"), ("LISTEN", "SYN-RECEIVED")
                )
            )
        )
        == 3
    )


def test_what_only_ss_showed_is_said_but_not_its_end():
    trace = changes(("ESTABLISHED", "FIN-WAIT-2"))
    (way,) = ways_of(
        trace + changes(("FIN-WAIT-2", "TIME-WAIT"), ("TIME-WAIT", "CLOSED"), source="ss")
    )
    assert way.shown_by_ss() == ["TIME-WAIT"]
