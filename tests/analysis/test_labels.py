"""A packet that two captures hold counts once, and what a label contains is said."""

from tcpexp.analysis.labels import count_labels

LABELS = ("retransmission", "fast_retransmission", "spurious_retransmission", "rto", "out_of_order")


def packet(node, number, *labels, t_ns=0):
    return {
        "capture": f"{node}-eth0",
        "node": node,
        "number": number,
        "t_ns": t_ns,
        "protocol": "tcp",
        "flow": "a",
        "src": "10.0.0.1",
        "labels": list(labels),
    }


def journey(sent, received):
    ends = {
        "from_node": "h1",
        "to_node": "h2",
        "sent_capture": "h1-eth0",
        "received_capture": "h2-eth0",
    }
    return {
        **ends,
        "sent_number": sent,
        "received_number": received,
        "sent_ns": 0,
        "received_ns": 0,
        "copies": 1,
    }


def test_once_per_packet(build):
    build.table(
        "packets",
        packet("h1", 1, "retransmission", "fast_retransmission"),
        packet("h1", 2, "retransmission", "rto"),
        packet("h1", 3, "retransmission"),
        # what arrived of number 1 at h1
        packet("h2", 1, "retransmission", "spurious_retransmission"),
        packet("h2", 2, "retransmission", "rto"),  # of number 2
        packet("h2", 4, "out_of_order"),  # of number 3: both ends call it something else
        # a copy that the network made: a packet of its own
        packet("h2", 5, "retransmission", "spurious_retransmission"),
    )
    found = count_labels(
        build.table("journeys", journey(1, 1), journey(2, 2), journey(3, 4)).done(), LABELS
    )
    assert {label: counted["count"] for label, counted in found.items()} == {
        "retransmission": 4,
        "fast_retransmission": 1,
        "spurious_retransmission": 2,
        "rto": 1,
        "out_of_order": 1,
    }
    assert found["retransmission"]["includes"] == {
        "fast_retransmission": 1,
        "spurious_retransmission": 2,
        "rto": 1,
    }
    assert found["retransmission"]["captures"] == {"h1-eth0": 3, "h2-eth0": 3}
    assert found["rto"]["includes"] == {}
