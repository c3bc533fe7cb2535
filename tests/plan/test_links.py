"""What a queue's limit is in packets or bytes, and directions in words."""

import pytest

from tcpexp.plan.links import describe_direction, direction_plan
from tcpexp.plan.queues import ParameterError
from tcpexp.spec.links import LinkParameters

RTT_NS = 40_000_000


def plan(base_rtt_ns=RTT_NS, mtu=1500, **parameters):
    return direction_plan(
        LinkParameters.model_validate(parameters), base_rtt_ns=base_rtt_ns, mtu=mtu
    )


def limit(**parameters):
    queue = plan(**parameters).queue
    return queue.discipline, queue.limit_packets, queue.limit_bytes


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"rate": "10mbit", "queue": "1bdp"}, ("pfifo", 33, None)),
        ({"rate": "10mbit", "queue": "8bdp"}, ("pfifo", 264, None)),
        ({"rate": "100mbit", "queue": "1bdp"}, ("pfifo", 330, None)),
        ({"rate": "10mbit"}, ("pfifo", 33, None)),
        # 1 BDP would be 3 packets: the default is at least 10
        ({"rate": "1mbit"}, ("pfifo", 10, None)),
        ({"rate": "1mbit", "queue": "1bdp"}, ("pfifo", 3, None)),
        ({"rate": "64kbit", "queue": "1bdp"}, ("pfifo", 1, None)),
        ({"rate": "10mbit", "queue": "50p"}, ("pfifo", 50, None)),
        ({"rate": "10mbit", "queue": "20ms"}, ("pfifo", 17, None)),
        ({"rate": "10mbit", "queue": "64kB"}, ("bfifo", None, 64_000)),
        ({"rate": "10mbit", "queue": "1bdp", "discipline": "bfifo"}, ("bfifo", None, 50_000)),
        ({"rate": "10mbit", "queue": "50p", "discipline": "red"}, ("red", None, 75_700)),
        ({"rate": "10mbit", "queue": "50p", "discipline": "fq_codel"}, ("fq_codel", 50, None)),
        # less never holds a frame: test_mtus.py
        ({"rate": "10mbit", "queue": "1514B", "discipline": "bfifo"}, ("bfifo", None, 1514)),
    ],
)
def test_limits(parameters, expected):
    assert limit(**parameters) == expected


def test_a_larger_mtu_makes_fewer_packets():
    assert plan(mtu=9000, rate="100mbit", queue="1bdp").queue.limit_packets == 55


def test_without_a_rate_there_is_no_queue():
    direction = plan(delay="5ms")
    assert direction.rate_bps is None and direction.queue is None


def test_loss_models():
    assert plan(loss="1%").loss.p == 0.01
    assert plan(loss=0).loss is None
    bursts = plan(loss={"model": "gilbert_elliott", "p": "1%", "r": "25%"}).loss
    assert (bursts.model, bursts.p, bursts.r, bursts.bad_loss, bursts.good_loss) == (
        "gilbert_elliott",
        0.01,
        0.25,
        1.0,
        0.0,
    )


def test_ecn_needs_a_discipline_that_marks():
    assert plan(rate="10mbit", discipline="fq_codel", ecn=True).queue.ecn
    with pytest.raises(ParameterError, match="does not mark"):
        plan(rate="10mbit", ecn=True)


def test_marking_at_a_threshold():
    queue = plan(rate="10mbit", queue="2bdp", mark_at="0.25bdp").queue
    assert (queue.discipline, queue.ecn, queue.limit_bytes) == ("red", True, 100_000)
    assert queue.options == (
        "min",
        "12112",
        "max",
        "12112",
        "avpkt",
        "1514",
        "burst",
        "8",
        "bandwidth",
        "10000000bit",
        "probability",
        "1",
        "nodrop",
    )
    # one packet at least
    assert plan(rate="10mbit", queue="50p", mark_at="1B").queue.options[1] == "1514"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"queue": "20p", "mark_at": "20p"}, "full before 20p wait"),
        (
            {"queue": "50p", "mark_at": "20p", "discipline": "codel"},
            "codel marks by rules of its own",
        ),
        ({"queue": "50p", "mark_at": "20p", "ecn": False}, "ecn: false says not to"),
    ],
)
def test_what_contradicts_a_threshold(parameters, message):
    with pytest.raises(ParameterError, match=message):
        plan(rate="10mbit", **parameters)


def test_a_threshold_needs_a_rate():
    with pytest.raises(ParameterError, match="mark_at means nothing without rate"):
        plan(delay="1ms", mark_at="20p")


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "no limits"),
        ({"rate": "10mbit", "delay": "20ms"}, "10mbit, queue 33 packets, delay 20ms"),
        ({"rate": "10mbit", "queue": "64kB"}, "10mbit, queue 64kB"),
        (
            {"rate": "10mbit", "discipline": "codel", "ecn": True},
            "10mbit, codel queue 33 packets, ecn",
        ),
        (
            {"rate": "10mbit", "queue": "64kB", "mark_at": "10p"},
            "10mbit, queue 64kB, marks above 15.14kB",
        ),
        (
            {
                "delay": "70ms",
                "jitter": "10ms",
                "jitter_correlation": "30%",
                "duplicate": "1%",
                "reorder": "5%",
            },
            "delay 70ms, jitter 10ms (correlation 30%), duplicate 1%, reorder 5%",
        ),
        (
            {"loss": {"model": "gilbert_elliott", "p": "1%", "r": "25%"}},
            "loss in bursts (Gilbert-Elliott, p 1%, r 25%)",
        ),
    ],
)
def test_directions_in_words(parameters, words):
    assert describe_direction(plan(**parameters)) == words
