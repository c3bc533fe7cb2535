"""What arrived with Congestion Experienced, against the marks that the queues counted."""

import pytest

from tcpexp.analysis.crossnetwork import check_marks
from tcpexp.plan.types import Recorder

S = 1_000_000_000
BOTH = tuple(Recorder("capture", node, f"{node}-eth0") for node in ("h1", "h2"))


def marked(build, arrived, marks, recorders=BOTH):
    """A run whose queue marked ``marks`` packets, of which the capture at h2 has ``arrived``."""
    packet = {"node": "h2", "src": "10.0.0.1", "dst": "10.0.0.2", "protocol": "tcp", "ecn": 3}
    build.table("packets", *({**packet, "t_ns": S + number} for number in range(arrived)))
    queue = {"link": "h1-h2", "towards": "h2", "qdisc": "queue"}
    build.table(
        "queues",
        {**queue, "t_ns": 0, "ecn_mark": 7},
        {**queue, "t_ns": 10 * S, "ecn_mark": 7 + marks},
    )
    (check,) = check_marks(build.plan(recorders=recorders).done())
    return check


@pytest.mark.parametrize(
    ("arrived", "marks", "verdict"), [(5, 5, "ok"), (4, 5, "differs"), (6, 5, "differs")]
)
def test_each_mark_arrives(build, arrived, marks, verdict):
    assert marked(build, arrived, marks).verdict == verdict


@pytest.mark.parametrize(("recorders", "missing"), [((), "h1"), (BOTH[:1], "h2")])
def test_what_was_not_recorded_is_no_difference(build, recorders, missing):
    check = marked(build, 0, 5, recorders)
    assert check.verdict == "not comparable"
    assert check.obstacle == f"packets that arrived at {missing} were not recorded"
