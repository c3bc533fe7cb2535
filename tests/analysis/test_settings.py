"""The certificate's lines on links: asked by the plan, read back, measured.

A reading that differs is suspect, whoever is to blame.
"""

import json
import math

import pytest

from tcpexp.analysis.certificate import certify_run
from tcpexp.analysis.settings import Value, agree, asked_value, describe, read_value
from tcpexp.plan.types import DirectionPlan, LinkChange, LinkRates, LossPlan, QueuePlan, Step

MS = 1_000_000
S = 1_000_000_000
END = 20 * S
QUEUE = QueuePlan("pfifo", 50, None)
WHOLE = DirectionPlan(
    rate_bps=10_000_000,
    queue=QUEUE,
    delay_ns=20 * MS,
    jitter_ns=2 * MS,
    jitter_correlation=0.25,
    jitter_distribution="normal",
    loss=LossPlan("random", 0.01),
    duplicate=0.02,
    corrupt=0.001,
    reorder=0.05,
    reorder_correlation=0.1,
)


def shown(direction, **wrong):
    """What the kernel would say of a direction, as rows by qdisc.

    ``wrong`` are settings that it says otherwise, by qdisc.
    """
    netem = {
        "limit": 100000,
        "delay": {
            "delay": direction.delay_ns / 1e9,
            "jitter": direction.jitter_ns / 1e9,
            "correlation": direction.jitter_correlation,
        },
        "duplicate": {
            "duplicate": direction.duplicate,
            "correlation": direction.duplicate_correlation,
        },
        "corrupt": {"corrupt": direction.corrupt, "correlation": direction.corrupt_correlation},
        "reorder": {"reorder": direction.reorder, "correlation": direction.reorder_correlation},
        "loss-random": {"loss": direction.loss.p if direction.loss else 0, "correlation": 0},
        "gap": 1 if direction.reorder else 0,
    }
    rows = {"netem": ("netem", netem)}
    if direction.rate_bps:
        rows |= {
            "shaper": ("tbf", {"rate": direction.rate_bps // 8, "burst": 3027, "limit": 50}),
            "queue": ("pfifo", {"limit": 50}),
        }
    else:
        rows |= {
            "shaper": ("tbf", {"rate": 2_500_000_000, "burst": 10**6, "limit": 100_000}),
            "queue": ("pfifo", {"limit": 100_000}),
        }
    for qdisc, change in wrong.items():
        if change is None:
            rows.pop(qdisc)
        else:
            rows[qdisc] = (
                change
                if isinstance(change, tuple)
                else (rows[qdisc][0], {**rows[qdisc][1], **change})
            )
    return rows


def rows(t_ns, source, direction, towards="h2", **wrong):
    return [
        {
            "t_ns": t_ns,
            "source": source,
            "link": "h1-h2",
            "towards": towards,
            "qdisc": qdisc,
            "kind": kind,
            "options": json.dumps(options),
        }
        for qdisc, (kind, options) in shown(direction, **wrong).items()
    ]


def interface(t_ns, source, name, mtu=1500, qdisc="noqueue"):
    text = json.dumps({"mtu": mtu, "up": True})
    return {
        "t_ns": t_ns,
        "source": source,
        "node": name[:2],
        "interface": name,
        "kind": qdisc,
        "options": text,
    }


def interfaces(source, t_ns, **changes):
    return [interface(t_ns, source, "h1-eth0", **changes), interface(t_ns, source, "h2-eth0")]


def whole(start, *more, end=None):
    """All readings of a run; ``more`` come in between."""
    backward = DirectionPlan()
    table = [
        *rows(-S, "start", start),
        *rows(-S, "start", backward, "h1"),
        *interfaces("start", -S),
        *more,
    ]
    return [
        *table,
        *rows(END, "end", end or start),
        *rows(END, "end", backward, "h1"),
        *interfaces("end", END),
    ]


def certified(build, direction, table, *steps, probes=True):
    build.plan(direction, steps=steps).engine(readback="readback.jsonl")
    if probes:
        rate = {
            "link": "h1-h2",
            "towards": "h2",
            "asked_bps": direction.rate_bps,
            "measured_bps": direction.rate_bps,
            "held": 50,
        }
        path = {
            "from": "h1",
            "to": "h2",
            "asked_rtt_ns": direction.delay_ns,
            "rtt_ns": [direction.delay_ns] * 5,
        }
        build.probes(paths=[path], rates=[rate] if direction.rate_bps else [])
    build.table("settings", *table)
    certificate = certify_run(build.done())
    return certificate, {item["name"]: item for item in certificate["items"]}


def test_everything_as_asked(build):
    certificate, found = certified(build, WHOLE, whole(WHOLE, *rows(3 * S, "sample", WHOLE)))
    assert certificate["verdict"] == "VALID", certificate["reasons"]
    rate = found["rate of h1-h2 towards h2"]
    assert (rate["asked"], rate["read_back"], rate["measured"]) == (
        "10 Mbit/s",
        "as asked, 3 times",
        "10 Mbit/s by a burst",
    )
    assert found["queue of h1-h2 towards h2"]["asked"] == "50 packets"
    assert found["discipline of h1-h2 towards h2"]["asked"] == "pfifo"
    assert found["jitter of h1-h2 towards h2"]["asked"] == "2 ms, correlation 25%"
    assert found["loss on h1-h2 towards h2"]["read_back"] == "as asked, 3 times"
    assert found["MTU of h1-eth0, h2-eth0"]["read_back"] == "as asked, 4 times"
    assert "rate of h1-h2 towards h1" not in found


WRONG = [
    ("shaper", {"rate": 625_000}, "rate of h1-h2 towards h2", "reads back 5 Mbit/s"),
    ("shaper", ("sfq", {}), "rate of h1-h2 towards h2", "a sfq"),
    ("queue", {"limit": 51}, "queue of h1-h2 towards h2", "reads back 51 packets"),
    (
        "queue",
        ("fq_codel", {"limit": 50, "ecn": True}),
        "discipline of h1-h2 towards h2",
        "fq_codel, marking",
    ),
    (
        "netem",
        {"delay": {"delay": 0.021, "jitter": 0.002, "correlation": 0.25}},
        "delay of h1-h2 towards h2",
        "reads back 21 ms",
    ),
    (
        "netem",
        {"delay": {"delay": 0.02, "jitter": 0.003, "correlation": 0.25}},
        "jitter of h1-h2 towards h2",
        "reads back 3 ms",
    ),
    ("netem", {"loss-random": {"loss": 0.02}}, "loss read back on h1-h2 towards h2", "2.0000%"),
    (
        "netem",
        {"loss-random": {"loss": 0.0}},
        "loss read back on h1-h2 towards h2",
        "reads back none",
    ),
    (
        "netem",
        {"duplicate": {"duplicate": 0.0}},
        "duplicate read back on h1-h2 towards h2",
        "reads back none",
    ),
    ("netem", {"corrupt": {"corrupt": 0.002}}, "corrupt read back on h1-h2 towards h2", "0.2000%"),
    (
        "netem",
        {"reorder": {"reorder": 0.05, "correlation": 0.5}},
        "reorder read back on h1-h2 towards h2",
        "correlation 50%",
    ),
    ("netem", None, "delay of h1-h2 towards h2", "the netem that carries it was gone"),
    ("shaper", None, "rate of h1-h2 towards h2", "the shaper that carries it was gone"),
    ("queue", None, "queue of h1-h2 towards h2", "the queue that carries it was gone"),
]


@pytest.mark.parametrize(("qdisc", "change", "name", "words"), WRONG)
@pytest.mark.parametrize("source", ["start", "change", "end"])
def test_a_reading_that_differs_is_suspect(build, qdisc, change, name, words, source):
    good = rows(5 * S, "change", WHOLE)
    bad = rows({"start": -S, "change": 5 * S, "end": END}[source], source, WHOLE, **{qdisc: change})
    table = [
        row
        for row in whole(WHOLE, *good, *rows(5 * S, "change", DirectionPlan(), "h1"))
        if (row.get("towards"), row["source"]) != ("h2", source)
    ]
    certificate, found = certified(build, WHOLE, [*table, *bad])
    assert certificate["verdict"] == "SUSPECT"
    assert found[name]["verdict"] == "suspect"
    assert words in found[name]["why"]
    assert any(reason.startswith(name) for reason in certificate["reasons"])


def test_a_sample_in_the_middle_that_differs_is_suspect_with_its_time(build):
    bad = rows(7_300 * MS, "sample", WHOLE, shaper={"rate": 125_000})
    _, found = certified(build, WHOLE, whole(WHOLE, *bad, *rows(7_400 * MS, "sample", WHOLE)))
    item = found["rate of h1-h2 towards h2"]
    assert item["verdict"] == "suspect"
    assert "at 7.300 s asked 10 Mbit/s, the kernel reads back 1 Mbit/s" in item["why"]


def test_a_qdisc_that_a_sample_misses_is_suspect(build):
    gone = {
        "t_ns": 8 * S,
        "source": "sample",
        "link": "h1-h2",
        "towards": "h2",
        "qdisc": "netem",
        "kind": None,
        "options": "{}",
    }
    _, found = certified(build, WHOLE, whole(WHOLE, gone))
    assert "netem that carries it was gone" in found["delay of h1-h2 towards h2"]["why"]


def test_a_loss_that_nobody_asked_for_has_a_line_of_its_own(build):
    plain = DirectionPlan(delay_ns=5 * MS)
    _, found = certified(
        build,
        plain,
        whole(plain, *rows(4 * S, "sample", plain, netem={"loss-random": {"loss": 0.1}})),
    )
    assert found["loss read back on h1-h2 towards h2"]["verdict"] == "suspect"


def slower(t_ns, until=None):
    return Step(
        "a00",
        0,
        t_ns,
        LinkChange("h1-h2", "h2", DirectionPlan(rate_bps=5_000_000, queue=QUEUE, delay_ns=20 * MS)),
        "slower",
        until,
    )


def test_after_a_change_the_new_setting_is_the_right_one(build):
    start = DirectionPlan(rate_bps=10_000_000, queue=QUEUE, delay_ns=20 * MS)
    after = slower(4 * S).do.direction
    late = [*rows(4 * S + MS, "change", after), *rows(4 * S + MS, "change", DirectionPlan(), "h1")]
    certificate, found = certified(
        build, start, whole(start, *late, *rows(6 * S, "sample", after), end=after), slower(4 * S)
    )
    assert certificate["verdict"] == "VALID", certificate["reasons"]
    assert found["rate of h1-h2 towards h2"]["asked"] == "10 Mbit/s; 5 Mbit/s from 4 s"
    certificate, found = certified(
        build, start, whole(start, *late, *rows(6 * S, "sample", start), end=after), slower(4 * S)
    )
    assert (
        "at 6.000 s asked 5 Mbit/s, the kernel reads back 10 Mbit/s"
        in found["rate of h1-h2 towards h2"]["why"]
    )
    certificate, found = certified(build, start, whole(start, *late, end=start), slower(4 * S))
    assert found["rate of h1-h2 towards h2"]["verdict"] == "suspect", (
        "the change was gone at the end"
    )


def test_a_rate_that_follows_a_list_is_judged_by_its_own_lines(build):
    start = DirectionPlan(rate_bps=10_000_000, queue=QUEUE)
    step = Step("a00", 0, 2 * S, LinkRates("h1-h2", "h2", (0,), (1_000_000,), "x"), "list", 6 * S)
    inside = rows(4 * S, "sample", start, shaper={"rate": 123_456})
    certificate, _ = certified(
        build, start, whole(start, *inside, *rows(8 * S, "sample", start)), step
    )
    assert certificate["verdict"] == "VALID", certificate["reasons"]
    outside = rows(8 * S, "sample", start, shaper={"rate": 123_456})
    assert certified(build, start, whole(start, *outside), step)[0]["verdict"] == "SUSPECT"


@pytest.mark.parametrize(
    ("table", "name", "words"),
    [
        (
            [*interfaces("start", -S), *interfaces("end", END, mtu=1400)],
            "MTU of h1-eth0, h2-eth0",
            "h1-eth0 reads back 1400 at the end",
        ),
        ([*interfaces("start", -S)[:1]], "MTU of h1-eth0, h2-eth0", "h2-eth0 was not read back"),
        (
            [*interfaces("start", -S), *interfaces("end", END, qdisc="netem")],
            "qdiscs of hosts and routers",
            "h1-eth0 has a netem",
        ),
        (
            [
                *interfaces("start", -S),
                {**interface(END, "during", "h1-eth0"), "options": '{"change": "tbf set"}'},
            ],
            "qdiscs of hosts and routers",
            "h1-eth0 during the run: tbf set",
        ),
        (
            [
                *interfaces("start", -S),
                {**interface(END, "during", "h1-eth0"), "options": '{"change": "MTU 600"}'},
            ],
            "MTU of h1-eth0, h2-eth0",
            "h1-eth0 was given MTU 600 during the run",
        ),
    ],
)
def test_what_is_done_to_a_host_s_interface_is_suspect(build, table, name, words):
    certificate, found = certified(
        build,
        DirectionPlan(),
        [*rows(-S, "start", DirectionPlan()), *rows(-S, "start", DirectionPlan(), "h1"), *table],
    )
    assert certificate["verdict"] == "SUSPECT"
    assert words in found[name]["why"]


def test_a_run_without_any_reading_is_suspect_unless_it_is_older_than_readings(build):
    certificate, _ = certified(build, DirectionPlan(rate_bps=10_000_000, queue=QUEUE), [])
    assert certificate["verdict"] == "SUSPECT"
    assert any("raw/readback.jsonl" in reason for reason in certificate["reasons"])
    build.engine(readback={"h1-h2": []})
    certificate = certify_run(build.done())
    assert certificate["verdict"] == "VALID"
    assert any(
        "did not keep what was read back" in item["read_back"] for item in certificate["items"]
    )


RATED = DirectionPlan(rate_bps=10_000_000, queue=QUEUE)


@pytest.mark.parametrize(
    ("measured", "expected"),
    [(9.98e6, "ok"), (10.04e6, "ok"), (9.9e6, "suspect"), (10.2e6, "suspect")],
)
def test_the_rate_of_the_burst(build, measured, expected):
    build.probes(
        paths=[],
        rates=[
            {"link": "h1-h2", "towards": "h2", "asked_bps": 10_000_000, "measured_bps": measured}
        ],
    )
    _, found = certified(build, RATED, whole(RATED), probes=False)
    assert found["rate of h1-h2 towards h2"]["verdict"] == expected


def test_a_burst_that_starved_says_so_and_blames_nobody(build):
    build.probes(
        paths=[],
        rates=[
            {
                "link": "h1-h2",
                "towards": "h2",
                "asked_bps": 10_000_000,
                "measured_bps": None,
                "why": "the link waited",
            }
        ],
    )
    _, found = certified(build, RATED, whole(RATED), probes=False)
    item = found["rate of h1-h2 towards h2"]
    assert (item["verdict"], item["measured"]) == ("ok", "")
    assert item["read_back"] == "as asked, 2 times"
    assert "the link waited" in item["why"]
    build.probes(paths=[], rates=[])
    assert (
        certified(build, RATED, whole(RATED), probes=False)[1]["rate of h1-h2 towards h2"][
            "verdict"
        ]
        == "suspect"
    ), "no burst at all is a lack"


@pytest.mark.parametrize(
    ("queue", "held", "expected"),
    [
        (QueuePlan("pfifo", 50, None), 50, "ok"),
        (QueuePlan("pfifo", 50, None), 49, "suspect"),
        (QueuePlan("pfifo", 50, None), None, "ok"),
        (QueuePlan("bfifo", None, 20_000), 13, "ok"),
        (QueuePlan("bfifo", None, 20_000), 12, "suspect"),
        (QueuePlan("bfifo", None, 20_000), 14, "suspect"),
    ],
)
def test_the_queue_that_a_burst_filled(build, queue, held, expected):
    direction = DirectionPlan(rate_bps=10_000_000, queue=queue)
    options = {"queue": (queue.discipline, {"limit": queue.limit_packets or queue.limit_bytes})}
    table = [*rows(-S, "start", direction, **options), *rows(-S, "start", DirectionPlan(), "h1")]
    build.probes(
        paths=[],
        rates=[
            {
                "link": "h1-h2",
                "towards": "h2",
                "asked_bps": 10_000_000,
                "measured_bps": 1e7,
                "held": held,
            }
        ],
    )
    _, found = certified(build, direction, table, probes=False)
    assert found["queue of h1-h2 towards h2"]["verdict"] == expected


def samples(rate_bps, waiting, count=100, step=100 * MS, begin=0, drops=0):
    sent = [round(rate_bps * step * index / 8e9) for index in range(count)]
    base = {
        "link": "h1-h2",
        "towards": "h2",
        "qdisc": "queue",
        "drops": drops,
        "backlog_packets": waiting,
        "backlog_bytes": waiting * 1514,
    }
    return [
        {**base, "t_ns": begin + step * index, "sent_bytes": sent[index]} for index in range(count)
    ]


@pytest.mark.parametrize(
    ("clock", "rate", "waiting", "expected"),
    [
        ("virtual", 10e6, 90, "ok"),
        ("virtual", 9.5e6, 90, "suspect"),
        ("virtual", 9.5e6, 10, "ok"),
        ("virtual", 11e6, 0, "suspect"),
        ("real", 9.5e6, 90, "ok"),
    ],
)
def test_the_rate_that_a_queue_carried(build, clock, rate, waiting, expected):
    """What passes while more waits than the rate carries is the rate.

    More than the rate passes never; a real clock's samples are not exact enough.
    """
    deep = DirectionPlan(rate_bps=10_000_000, queue=QueuePlan("pfifo", 100, None))
    options = {"queue": {"limit": 100}}
    table = [*rows(-S, "start", deep, **options), *rows(-S, "start", DirectionPlan(), "h1")]
    build.clock(clock).table("queues", *samples(rate, waiting))
    _, found = certified(build, deep, table)
    assert found["rate of h1-h2 towards h2"]["verdict"] == expected


def test_a_sample_with_more_than_the_limit_is_suspect(build):
    build.table("queues", *samples(10e6, 51))
    _, found = certified(build, RATED, whole(RATED))
    assert "51 packets waited" in found["queue of h1-h2 towards h2"]["why"]


@pytest.mark.parametrize(
    ("extra_ms", "rate", "expected"),
    [
        (0, None, "ok"),
        (0.1, None, "ok"),
        (-1, None, "suspect"),
        (1, None, "suspect"),
        (1, 10**7, "ok"),
    ],
)
def test_the_fastest_packet_tells_the_delay(build, extra_ms, rate, expected):
    direction = DirectionPlan(rate_bps=rate, queue=QUEUE if rate else None, delay_ns=20 * MS)
    build.clock("virtual").journeys([round(extra_ms * MS)] * 50)
    _, found = certified(build, direction, whole(direction))
    assert found["delay of h1-h2 towards h2"]["verdict"] == expected


@pytest.mark.parametrize(
    ("direction", "kind", "options", "parameter"),
    [
        (
            DirectionPlan(loss=LossPlan("gilbert_elliott", 0.01, 0.25, 1.0, 0.0)),
            "netem",
            {"loss-gemodel": {"p": 0.01, "r": 0.25, "1-h": 1, "1-k": 0}},
            "loss",
        ),
        (DirectionPlan(delay_ns=1_234_567), "netem", {"delay": {"delay": 0.001234}}, "delay"),
        (DirectionPlan(rate_bps=64_001), "tbf", {"rate": 8000}, "rate"),
        (DirectionPlan(rate_bps=40_000_000_000), "tbf", {"rate": 5_000_000_000}, "rate"),
        (
            DirectionPlan(queue=QueuePlan("cake", None, 30_280, True)),
            "cake",
            {"memlimit": 30_280},
            "queue",
        ),
        (DirectionPlan(queue=QueuePlan("cake", None, 30_280, True)), "cake", {}, "discipline"),
        (
            DirectionPlan(
                queue=QueuePlan("red", None, 30_280, True, ("min", "3028", "max", "3028", "nodrop"))
            ),
            "red",
            {"limit": 30_280, "min": 3028, "max": 3028, "ecn": True, "nodrop": True},
            "discipline",
        ),
        (
            DirectionPlan(reorder=0.1, reorder_gap=5, delay_ns=1),
            "netem",
            {"reorder": {"reorder": 0.1}, "gap": 5},
            "reorder",
        ),
    ],
)
def test_values_in_the_kernels_words(direction, kind, options, parameter):
    asked: Value = asked_value(parameter, direction, None)
    assert agree(parameter, asked, read_value(parameter, kind, options))
    assert describe(parameter, asked)


def test_a_value_that_is_a_little_off_is_another():
    assert agree("rate", (1e7,), (1e7 + 8,))
    assert not agree("rate", (1e7,), (1.01e7,))
    assert not agree("delay", (0.02,), (0.020004,))
    assert not agree("loss", ("random", 0.01), ("random", 0.0101))
    assert math.isclose(asked_value("delay", DirectionPlan(delay_ns=20 * MS), None)[0], 0.02)
