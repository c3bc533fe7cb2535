import json

import pytest

from tcpexp.analysis.certificate import certify_run
from tcpexp.analysis.items import Item
from tcpexp.analysis.links import find_epochs
from tcpexp.analysis.measured import measured_delay
from tcpexp.plan.types import DirectionPlan, LinkState, LossPlan, Recorder, Step
from tests.support.folders import RECORDED

MS = 1_000_000
S = 1_000_000_000


def items(build):
    certificate = certify_run(build.done())
    assert (
        json.loads((build.path / "certificate.json").read_text())["verdict"]
        == certificate["verdict"]
    )
    return certificate, {item["name"]: item for item in certificate["items"]}


def verdict(build, name):
    certificate, found = items(build)
    item = found[name]
    assert (certificate["verdict"] == "SUSPECT") == any(
        line["verdict"] == "suspect" for line in found.values()
    )
    assert (item["verdict"] == "suspect") == any(
        reason.startswith(name) for reason in certificate["reasons"]
    )
    if item["verdict"] == "suspect":
        assert item["why"]
    return item["verdict"]


def test_a_run_about_which_nothing_is_known_is_suspect_and_says_why_the_rest_was_not_measured(
    build,
):
    certificate, found = items(build)
    assert certificate["verdict"] == "SUSPECT"
    assert certificate["reasons"] == ("base RTT: there were no probes before the run",)
    unmeasured = {
        name: item["why"] for name, item in found.items() if item["verdict"] == "not measured"
    }
    assert set(unmeasured) == {"lateness of actions", "processor", "cross-checks"}
    assert all(unmeasured.values())


def test_a_run_that_failed_before_it_began_has_one_reason(build):
    build.plan(
        recorders=(
            Recorder("cpu", None, None, S),
            Recorder("trace"),
            Recorder("capture", "h1", "h1-eth0"),
        )
    )
    build.engine(status="failed", error="echo ended with status 2", t0_monotonic_ns=None)
    certificate, _ = items(build)
    assert certificate["reasons"] == ("run: echo ended with status 2",)


@pytest.mark.parametrize("verdict", ["not measured", "suspect"])
def test_no_item_is_unmeasured_or_suspect_without_a_reason(verdict):
    with pytest.raises(ValueError, match="no reason"):
        Item("rate", "10 Mbit/s", "", verdict)


@pytest.mark.parametrize(
    ("manifest", "status", "words"),
    [
        ({"clock": "virtual", "host": {"repeatable": True}}, "complete", None),
        (
            {"clock": "virtual", "host": {"repeatable": True}},
            "interrupted",
            "ended from outside (stopped)",
        ),
        ({"clock": "virtual", "host": {"repeatable": True}}, "failed", "the run failed: stopped"),
        (
            {
                "clock": "virtual",
                "host": {"repeatable": False, "why_not_repeatable": "no C compiler"},
            },
            "complete",
            "no C compiler",
        ),
        ({"clock": "virtual", "host": {}}, "complete", "does not say"),
        ({"clock": "real", "host": {"repeatable": True}}, "complete", "real clock"),
    ],
)
def test_a_run_says_whether_it_can_be_repeated_bit_for_bit(build, manifest, status, words):
    (build.path / "manifest.json").write_text(json.dumps(manifest))
    certificate, _ = items(
        build.engine(status=status, error=None if status == "complete" else "stopped")
    )
    assert certificate["repeatable"] == (words is None)
    assert (words or "byte for byte") in certificate["repeatable_why"]


@pytest.mark.parametrize("status", ["interrupted", "failed"])
def test_a_run_that_did_not_end_is_suspect(build, status):
    assert verdict(build.engine(status=status, error="stopped by Ctrl-C"), "run") == "suspect"


@pytest.mark.parametrize(
    ("clock", "rtt", "expected"),
    [
        ("virtual", 40.10, "ok"),
        ("virtual", 40.25, "suspect"),
        ("real", 40.25, "ok"),
        ("real", 41.2, "suspect"),
        ("virtual", 39.7, "suspect"),
    ],
)
def test_base_rtt(build, clock, rtt, expected):
    samples = [round(rtt * MS), round(rtt * MS), 90 * MS, None, round(rtt * MS)]
    build.clock(clock).probes(
        paths=[{"from": "h1", "to": "h2", "asked_rtt_ns": 40 * MS, "rtt_ns": samples}]
    )
    assert verdict(build, "base RTT h1 to h2") == expected


def test_base_rtt_with_jitter_is_held_to_its_range(build):
    path = {"from": "h1", "to": "h2", "asked_rtt_ns": 40 * MS}
    build.plan(DirectionPlan(delay_ns=20 * MS, jitter_ns=5 * MS)).probes(
        paths=[{**path, "rtt_ns": [44 * MS] * 5}]
    )
    assert verdict(build, "base RTT h1 to h2") == "ok"
    build.probes(paths=[{**path, "rtt_ns": [47 * MS] * 5}])
    assert verdict(build, "base RTT h1 to h2") == "suspect"
    build.probes(paths=[{**path, "rtt_ns": [None] * 5}])
    assert verdict(build, "base RTT h1 to h2") == "suspect"  # an answer was due


def test_faults(build):
    loss = DirectionPlan(delay_ns=20 * MS, loss=LossPlan("random", 0.1))
    build.plan(loss).journeys([None if number % 10 == 0 else 0 for number in range(3000)])
    assert verdict(build, "loss on h1-h2 towards h2") == "ok"
    build.journeys([0] * 3000)
    assert verdict(build, "loss on h1-h2 towards h2") == "suspect"


def test_correlated_reordering_is_reported_not_blamed(build):
    direction = DirectionPlan(delay_ns=20 * MS, reorder=0.05, reorder_correlation=0.1)
    build.plan(direction).journeys([-20 * MS if number % 80 == 10 else 0 for number in range(4000)])
    _, found = items(build)
    item = found["reorder on h1-h2 towards h2"]
    assert item["verdict"] == "ok"
    assert "correlat" in item["why"]
    assert item["asked"].startswith("5.0")
    assert item["measured"].startswith("1.25")


def event(t_ns, planned_ns, kind="firewall", name="start", step="a00"):
    lateness = max(0, t_ns - planned_ns)
    return {
        "event": name,
        "t_ns": t_ns,
        "planned_ns": planned_ns,
        "lateness_ns": lateness,
        "step": step,
        "kind": kind,
        "label": f"the {kind}",
    }


@pytest.mark.parametrize(
    ("clock", "late", "behind", "expected"),
    [
        ("virtual", 30, 30, "ok"),
        ("virtual", 30, 26, "ok"),
        ("virtual", 30, 24, "suspect"),
        ("virtual", 30, None, "suspect"),
        ("virtual", 51, 51, "suspect"),
        ("real", 51, 51, "suspect"),
        ("real", 49, 0, "ok"),
    ],
)
def test_the_engine_s_own_work_is_no_lateness_on_a_virtual_clock(
    build, clock, late, behind, expected
):
    """What a change costs delays the next one of its instant.

    That is known, and the same in every run. A real clock has its limit, whatever the reason.
    """
    own = None if behind is None else behind * MS
    build.clock(clock).table(
        "events",
        {**event(S, S), "behind_ns": 0},
        {**event(S + late * MS, S, step="a01"), "behind_ns": own},
    )
    assert verdict(build, "lateness of actions") == expected


@pytest.mark.parametrize(
    ("clock", "late", "expected"),
    [("virtual", 4, "ok"), ("virtual", 6, "suspect"), ("real", 40, "ok"), ("real", 60, "suspect")],
)
def test_late_actions(build, clock, late, expected):
    build.clock(clock).table("events", event(S + late * MS, S))
    assert verdict(build, "lateness of actions") == expected


def test_a_process_that_ends_late_or_an_action_behind_a_wait_is_not_late(build):
    build.table(
        "events",
        event(S, S, "spawn"),
        event(9 * S, 8 * S, "spawn", "end"),
        event(2 * S, 2 * S, "wait_for", step="a01"),
        event(5 * S, 2 * S, "wait_for", "end", step="a01"),
        event(5 * S, 3 * S, "mark", step="a02"),
    )
    assert verdict(build, "lateness of actions") == "ok"


def test_samplers(build):
    recorder = Recorder("ss", "h1", None, 100 * MS)
    build.plan(recorders=(recorder,))
    build.engine(samplers={"ss": {"planned": 200, "taken": 200, "largest_gap_ns": 110 * MS}})
    assert verdict(build, "samples of ss") == "ok"
    build.engine(samplers={"ss": {"planned": 200, "taken": 190, "largest_gap_ns": 110 * MS}})
    assert verdict(build, "samples of ss") == "suspect"
    build.engine(samplers={"ss": {"planned": 200, "taken": 200, "largest_gap_ns": 900 * MS}})
    assert verdict(build, "samples of ss") == "suspect"


def test_a_recorder_that_left_nothing_is_suspect(build):
    build.plan(
        recorders=(
            Recorder("qdisc", None, None, 100 * MS),
            Recorder("trace"),
            Recorder("cpu", None, None, S),
        )
    )
    build.engine(samplers={"cpu": {"planned": 20, "taken": 20, "largest_gap_ns": S}})
    _, found = items(build)
    assert {name for name, item in found.items() if item["verdict"] == "suspect"} == {
        "base RTT",
        "samples of qdisc",
        "trace",
        "processor",
    }


def test_a_run_too_short_for_the_processor_s_samples(build):
    build.plan(recorders=(Recorder("cpu", None, None, S),)).engine(end_ns=S)
    assert verdict(build, "processor") == "not measured"


def test_captures(build):
    build.plan(recorders=(Recorder("capture", "h1", "h1-eth0"),))
    assert verdict(build, "capture h1-eth0") == "suspect"
    (build.path / "raw" / "h1-eth0.pcap").write_bytes(b"")
    assert verdict(build, "capture h1-eth0") == "suspect", (
        "tcpdump should have said what it dropped"
    )
    build.engine(captures={"h1-eth0": {"captured": 10, "dropped": 0}})
    assert verdict(build, "capture h1-eth0") == "ok"
    build.engine(captures={"h1-eth0": {"captured": 10, "dropped": 3}})
    assert verdict(build, "capture h1-eth0") == "suspect"


def test_trace(build):
    build.plan(recorders=(Recorder("trace"),))
    build.engine(
        trace={"events": ["tcp:tcp_probe"], "missing": ["tcp:tcp_cong_state_set"], "overrun": 0}
    )
    assert verdict(build, "trace") == "ok"
    assert verdict(build, "tracepoints") == "not measured"
    build.engine(trace={"events": ["tcp:tcp_probe"], "missing": [], "overrun": 12})
    assert verdict(build, "trace") == "suspect"


def busy(*shares, step_ns=S // 10):
    return [
        {"t_ns": number * step_ns, "busy": share} for number, share in enumerate(shares, start=1)
    ]


def test_processor(build):
    build.table("cpu", *busy(*[0.5] * 20))
    assert verdict(build, "processor") == "ok"
    # a short burst is no saturation
    build.table("cpu", *busy(*[0.5] * 20, *[1.0] * 3, *[0.5] * 20))
    assert verdict(build, "processor") == "ok"
    build.table("cpu", *busy(*[0.5] * 40, *[0.95] * 10, *[0.5] * 40))
    _, found = items(build)
    assert found["processor"]["verdict"] == "suspect"
    assert "between" in found["processor"]["why"]
    assert "3.7 s and 5.3 s" in found["processor"]["why"]


def test_a_busy_processor_delays_nothing_where_computing_takes_no_time(build):
    build.table("cpu", *busy(*[0.95] * 40))
    assert verdict(build, "processor") == "suspect"
    for where, expected in (("uml", "ok"), ("qemu", "suspect"), ("host", "suspect")):
        (build.path / "manifest.json").write_text(json.dumps({"clock": "virtual", "where": where}))
        assert verdict(build, "processor") == expected


def test_the_processor_is_judged_only_while_there_are_packets(build):
    build.table("cpu", *busy(*[1.0] * 20, *[0.5] * 40, *[1.0] * 20))
    assert verdict(build, "processor") == "suspect", "without captures the whole run counts"
    build.table(
        "packets",
        {"capture": "h1-eth0", "number": 1, "t_ns": 2 * S + 1},
        {"capture": "h1-eth0", "number": 2, "t_ns": 6 * S - 1},
    )
    assert verdict(build, "processor") == "ok"
    build.table(
        "packets",
        {"capture": "h1-eth0", "number": 1, "t_ns": 2 * S},
        {"capture": "h1-eth0", "number": 2, "t_ns": 7 * S + 1},
    )
    assert verdict(build, "processor") == "suspect"
    build.table("packets", {"capture": "h1-eth0", "number": 1, "t_ns": 9 * S})
    assert verdict(build, "processor") == "not measured"


def test_conservation(build):
    queue = {"link": "h1-h2", "towards": "h2", "qdisc": "queue"}
    name = "packets of h1-h2 towards h2"
    build.journeys([0] * 990 + [None] * 10).table(
        "queues", {**queue, "t_ns": 0, "drops": 0}, {**queue, "t_ns": S, "drops": 10}
    )
    assert verdict(build, name) == "ok"
    build.table("queues", {**queue, "t_ns": 0, "drops": 0}, {**queue, "t_ns": S, "drops": 0})
    assert verdict(build, name) == "suspect"
    build.table("queues", {**queue, "t_ns": 0, "drops": 0}, {**queue, "t_ns": S, "drops": 30})
    assert verdict(build, name) == "suspect"


def test_a_drop_that_met_a_second_copy_is_missed_by_nobody(build):
    queue = {"link": "h1-h2", "towards": "h2", "qdisc": "netem"}
    build.journeys([None if number % 20 == 0 else 0 for number in range(2000)])
    build.table("queues", {**queue, "t_ns": 0, "drops": 0}, {**queue, "t_ns": S, "drops": 112})
    build.plan(DirectionPlan(loss=LossPlan("random", 0.05)))
    assert verdict(build, "packets of h1-h2 towards h2") == "suspect"
    build.plan(DirectionPlan(loss=LossPlan("random", 0.05), duplicate=0.1))
    assert verdict(build, "packets of h1-h2 towards h2") == "ok"


def test_what_a_link_swallows_while_it_is_down_is_left_out(build):
    down = Step("a00", 0, 5 * S, LinkState("h1-h2", False), "down", 8 * S)
    name = "packets of h1-h2 towards h2"
    lost = [None if 4_990 <= number < 8_000 else 0 for number in range(20_000)]
    build.plan(steps=(down,)).journeys(lost)
    assert verdict(build, name) == "ok"
    _, found = items(build)
    assert "down" in found[name]["why"]
    build.journeys(
        [None if 12_000 <= number < 12_020 else transit for number, transit in enumerate(lost)]
    )
    assert verdict(build, name) == "suspect", "twenty vanished while it was up"
    build.plan(
        steps=tuple(
            Step(f"a{n}", 0, n * S, LinkState("h1-h2", False), "down", n * S + 500 * MS)
            for n in range(1, 20)
        )
    )
    assert verdict(build, name) == "not measured"


def test_packets_are_not_counted_where_a_host_cuts_or_joins_segments(build):
    build.journeys([0] * 990 + [None] * 10)
    assert verdict(build, "packets of h1-h2 towards h2") == "suspect"
    build.offloads("h1")
    assert verdict(build, "packets of h1-h2 towards h2") == "not measured"


def test_a_capture_that_is_cut_off_is_said_to_be(build, tmp_path):
    """The disk was full: tcpdump counts what it saw, and the file holds less."""
    data = RECORDED / "tcpdump-4.99-lossy-h1-eth0.pcap"
    (tmp_path / "raw" / "h1-eth0.pcap").write_bytes(data.read_bytes()[:-1])
    build.plan(recorders=(Recorder("capture", "h1", "h1-eth0"),)).engine(
        captures={"h1-eth0": {"captured": 276, "dropped": 0}}
    )
    assert verdict(build, "capture h1-eth0") == "ok"
    build.engine(captures={"h1-eth0": {"captured": 277, "dropped": 0}})
    assert verdict(build, "capture h1-eth0") == "suspect"
    build.engine(
        captures={
            "h1-eth0": {
                "captured": None,
                "dropped": None,
                "error": "tcpdump: Unable to write output: No space left on device",
            }
        }
    )
    assert verdict(build, "capture h1-eth0") == "suspect"


@pytest.mark.parametrize(
    ("lost_ms", "arrived_ms", "checksums", "wrong"),
    [
        (0, 77, (1, 1), False),  # the first, of 3 ms before, may have arrived: after 80 ms
        (0, 77, (1, 2), True),  # it has another checksum
        (0, 70, (1, 1), True),  # it would have been too fast as well
        (20, 77, (1, 1), True),  # it was sent afterwards
    ],
)
def test_of_packets_alike_to_the_bit_the_lost_one_may_be_the_one_that_arrived(
    build, lost_ms, arrived_ms, checksums, wrong
):
    """Two packets, of which one arrives, and no other crosses the link."""
    direction = DirectionPlan(delay_ns=80 * MS)
    ends = {"capture": "h1-eth0", "src": "10.0.0.1", "dst": "10.0.0.2", "protocol": "tcp"}
    there = {"from_node": "h1", "to_node": "h2", "sent_capture": "h1-eth0", "late": False}
    sent = [(1, lost_ms, checksums[0]), (2, 3, checksums[1])]
    build.plan(direction).table(
        "packets",
        *[
            {**ends, "node": "h1", "number": number, "t_ns": at * MS, "ip_id": 0, "checksum": bits}
            for number, at, bits in sent
        ],
    )
    build.table(
        "journeys",
        {**there, "sent_number": 1, "sent_ns": lost_ms * MS, "copies": 0},
        {
            **there,
            "sent_number": 2,
            "sent_ns": 3 * MS,
            "copies": 1,
            "received_ns": (3 + arrived_ms) * MS,
        },
    )
    run = build.done()
    (epoch,) = [epoch for epoch in find_epochs(run) if epoch.towards == "h2"]
    measured = measured_delay(run, epoch, "virtual")
    assert bool(measured.wrong) == wrong
    assert ("alike" in measured.why) == (not wrong)
