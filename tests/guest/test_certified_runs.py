"""The certificate of whole runs: VALID where the network did what was asked, however awkward that
is to measure, SUSPECT where somebody interfered.

No run here takes longer than its few seconds of experiment need; what is marked ``full`` differs
from the rest in numbers, not in kind.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from tcpexp.ingest.qdisc import parse_sources
from tcpexp.record.qdiscoptions import decode_options
from tcpexp.record.rtnetlink import FILE_HEAD, RECORD_HEAD, parse_messages, place_of
from tcpexp.store.rundata import RunData

pytestmark = pytest.mark.guest
Run = Callable[..., RunData]

FLOW = "  - {at: 0s, do: iperf3, from: h1, to: h2, flow: up, until: 2s}\n"
SLOW_FLOW = "  - {at: 0s, do: iperf3, from: h1, to: h2, flow: up, rate: 1mbit, until: 2s}\n"
JUMBO = "hosts: {h1: {mtu: 9000B}, h2: {mtu: 9000B}}\n"


def spec(links: str, actions: str = FLOW, more: str = "", duration: str = "2s") -> str:
    if "h1->h2" not in links:
        links = f"  h1-h2: {{{links}}}\n"
    return (
        f"name: certified\ntopology: two_host\nlinks:\n{links}duration:"
        f" {duration}\n{more}actions:\n{actions}"
    )


def starts(times: list[float], more: str = "until: 2s") -> str:
    return "".join(
        f"  - {{at: {time:.3f}s, do: iperf3, from: h1, to: h2, flow: f{number}, {more}}}\n"
        for number, time in enumerate(times)
    )


TWO_CHANGES = """\
  - {at: 1s, do: link, link: h1-h2, rate: 5mbit, until: 1.5s}
  - {at: 1s, do: netem, link: h1-h2, loss: 1%}
  - {at: 1s, do: link, link: h1-h2, queue: 30p, delay: 20ms}
"""
STEPS = (
    "  - {at: 0.1s, do: link_steps, link: h1-h2, steps: [{after: 0s, rate: 2mbit}, {after: 0.05s,"
    " rate: 8mbit, delay: 5ms}], every: 0.1s, until: 1.9s}\n"
)
OFF = """\
  - {at: 0.5s, do: netem, link: h1-h2, jitter: 0ms, loss: none, reorder: 0%,
     duplicate: 0%, corrupt: none}
  - {at: 1s, do: link, link: h1-h2, ecn: false}
  - {at: 1.2s, do: link, link: h1-h2, rate: none, until: 1.6s}
"""
WHOLE = (
    "rate: 20mbit, delay: 20ms, jitter: 3ms, loss: 5%, duplicate: 10%, corrupt: 2%, reorder: 20%,"
    " reorder_gap: 4, queue: 9p"
)
MARKING = (
    "rate: 10mbit, queue: 20p, discipline: fq_codel, ecn: true, delay: 40ms, jitter: 15ms,"
    " jitter_distribution: normal"
)
#: The cases that came out wrong, as they were.
CASES = {
    "rate_jitter": spec(
        "rate: 10mbit, delay: 40ms, jitter: 5ms", FLOW.replace("2s", "5s"), duration="5s"
    ),
    "tiny_queue": spec(
        "rate: 45mbit, delay: 5ms, queue: 7p", SLOW_FLOW.replace("2s", "3s"), duration="3s"
    ),
    "both_ways": spec(
        "rate: 10mbit, delay: 10ms",
        FLOW.replace("2s", "8s") + "  - {at: 4s, do: link, link: h1-h2, rate: 5mbit, until: 6s}\n",
        duration="8s",
    ),
    "netem_off": spec(
        "delay: 40ms, jitter: 15ms, jitter_distribution: normal",
        FLOW.replace("2s", "3s") + "  - {at: 1s, do: netem, link: h1-h2, jitter: 0ms}\n",
        duration="3s",
    ),
}
GOOD = {
    "everything": spec(WHOLE),
    "one_packet_at_1gbit": spec("rate: 1gbit, delay: 5ms, queue: 1p", SLOW_FLOW),
    "frames_of_9000": spec("rate: 1gbit, delay: 5ms, queue: 1p", more=JUMBO),
    "unequal": spec(
        "  h1->h2: {rate: 50mbit, delay: 3ms}\n  h2->h1: {rate: 1mbit, delay: 80ms, loss: 30%}\n"
    ),
    "changes_at_one_instant": spec("rate: 10mbit, delay: 10ms", FLOW + TWO_CHANGES),
    "ten_at_one_instant": spec("rate: 10mbit, delay: 10ms, queue: 100p", starts([0.5] * 10)),
    "switched_off": spec(
        f"{MARKING}, loss: 1%, duplicate: 1%, corrupt: 1%, reorder: 5%", FLOW + OFF
    ),
}
MORE = {
    "forty_at_one_instant": spec("rate: 10mbit, delay: 10ms, queue: 100p", starts([0.5] * 40)),
    "jitter_pareto": spec(
        "rate: 2mbit, delay: 30ms, jitter: 10ms, jitter_distribution: pareto,"
        " jitter_correlation: 25%"
    ),
    "jitter_normal": spec("rate: 10mbit, delay: 40ms, jitter: 15ms, jitter_distribution: normal"),
    "two_packets_at_1gbit": spec("rate: 1gbit, delay: 1ms, queue: 2p"),
    "one_packet": spec("rate: 45mbit, delay: 5ms, queue: 1p"),
    "slow": spec("rate: 64kbit, delay: 10ms"),
    "slow_one_packet": spec("rate: 64kbit, delay: 10ms, queue: 1p"),
    "slow_jitter": spec("rate: 128kbit, delay: 50ms, jitter: 20ms"),
    "loss": spec("rate: 10mbit, delay: 10ms, loss: 30%"),
    "loss_in_bursts": spec(
        "rate: 10mbit, delay: 10ms, loss: {model: gilbert_elliott, p: 5%, r: 25%}"
    ),
    "duplicates": spec("rate: 5mbit, delay: 10ms, duplicate: 50%"),
    "reordering": spec("rate: 100mbit, delay: 10ms, reorder: 50%"),
    "corruption": spec("rate: 10mbit, delay: 5ms, corrupt: 10%"),
    "fq_codel": spec("rate: 10mbit, delay: 10ms, discipline: fq_codel, queue: 100p, ecn: true"),
    "codel": spec("rate: 10mbit, delay: 10ms, discipline: codel, queue: 20p"),
    "cake": spec("rate: 10mbit, delay: 10ms, discipline: cake"),
    "red": spec(
        "rate: 10mbit, delay: 10ms, discipline: red, queue: 60p, ecn: true",
        FLOW + "  - {at: 1s, do: link, link: h1-h2, ecn: false}\n",
    ),
    "marking_at_a_step": spec("rate: 20mbit, delay: 5ms, queue: 60p, mark_at: 10p"),
    "queue_in_bytes": spec("rate: 10mbit, delay: 10ms, queue: 20kB"),
    "ten_gigabit": spec("rate: 10gbit, delay: 1ms, queue: 1000p", SLOW_FLOW),
    "no_rate": spec("delay: 25ms"),
    "only_loss": spec("loss: 10%"),
    "odd_numbers": spec("rate: 12345kbit, delay: 1.234ms, queue: 11p"),
    "frames_of_9000_at_100mbit": spec("rate: 100mbit, delay: 5ms, queue: 5p", more=JUMBO),
    "narrow_there_only": spec(
        "  h1->h2: {rate: 200kbit, delay: 3ms, queue: 3p}\n  h2->h1: {delay: 80ms, jitter: 20ms}\n"
    ),
    "ten_within_a_second": spec(
        "rate: 10mbit, delay: 10ms", starts([number / 10 for number in range(10)])
    ),
    "forty_within_a_second": spec(
        "rate: 10mbit, delay: 10ms, queue: 100p",
        starts([0.5 + number / 50 for number in range(40)], "bytes: 10kB"),
    ),
    "many_steps": spec("rate: 10mbit, delay: 10ms", FLOW + STEPS),
    "a_link_that_is_down": spec(
        "rate: 10mbit, delay: 10ms",
        FLOW + "  - {at: 0.7s, do: link_down, link: h1-h2, until: 1s}\n",
    ),
}


def on_uml(cases: dict[str, str], *marks: Any) -> list[Any]:
    return [pytest.param(text, "uml", id=name, marks=marks) for name, text in cases.items()]


ON_QEMU = [
    pytest.param(CASES[name], "qemu", id=f"{name}-qemu", marks=pytest.mark.full) for name in CASES
]


@pytest.mark.parametrize(
    ("text", "place"), [*on_uml(CASES), *on_uml(GOOD), *on_uml(MORE, pytest.mark.full), *ON_QEMU]
)
def test_what_was_as_asked_is_valid(run_in_guest: Run, text: str, place: str) -> None:
    run = run_in_guest(text, on=place)
    certificate = run.certificate
    assert certificate["verdict"] == "VALID", certificate["reasons"]
    assert all(item["why"] for item in certificate["items"] if item["verdict"] == "not measured")
    links = [
        item for item in certificate["items"] if item["read_back"] and " towards " in item["name"]
    ]
    assert links
    assert all(item["read_back"].startswith("as asked") for item in links)
    rates = [
        item for item in links if item["name"].startswith("rate") and item["asked"] != "no rate"
    ]
    assert all(item["measured"] for item in rates), "every rate was measured, in both directions"


def test_a_distribution_that_is_switched_off_leaves_nothing_behind(run_in_guest: Run) -> None:
    """netem keeps the table of the normal distribution: uniform jitter behind it has its bounds
    again only when it is given another.
    """
    off = (
        "  - {at: 1s, do: netem, link: h1-h2, towards: h2, jitter_distribution: none}\n  - {at: 2s,"
        " do: netem, link: h1-h2, towards: h2, jitter: 0ms}\n"
    )
    flow = FLOW.replace("until: 2s", "rate: 2mbit, until: 3s")
    run = run_in_guest(
        spec(
            "  h1->h2: {delay: 40ms, jitter: 5ms, jitter_distribution: normal}\n",
            flow + off,
            duration="3s",
        ),
        on="uml",
    )
    assert run.certificate["verdict"] == "VALID", run.certificate["reasons"]
    times = run.table("journeys").filter((pl.col("from_node") == "h1") & (pl.col("copies") > 0))
    times = times.select("sent_ns", took=(pl.col("received_ns") - pl.col("sent_ns")) / 1e6)
    normal, uniform, none = (
        times.filter(pl.col("sent_ns").is_between(begin * 10**8, (begin + 8) * 10**8))["took"]
        for begin in (1, 11, 21)
    )
    assert normal.max() > 46
    assert 35 <= uniform.min() < 36
    assert 44 < uniform.max() <= 45.01
    assert none.max() - none.min() < 0.01
    assert none.min() == pytest.approx(40, abs=0.01)


def command(at: str, words: str) -> str:
    return f"  - {{at: {at}, do: command, host: h1, argv: {words}}}\n"


def in_the_wire(at: str, words: str) -> str:
    """Run tc in the network namespace that has ``x0``: that of the wire."""
    find = (
        "for p in /proc/[0-9]*; do nsenter --net=$p/ns/net tc qdisc show dev x0 >/dev/null 2>&1 &&"
        " nsenter --net=$p/ns/net tc"
    )
    return command(at, f"[sh, -c, '{find} {words} && exit 0; done; exit 1']")


TBF = "qdisc change dev x0 root handle 1: tbf burst 3028 limit 30 rate"
NETEM = "qdisc change dev w1 root handle 20: netem limit 100000 delay"
#: What is done, and what the certificate must name.
BAD = {
    "a_rate_and_back": (
        in_the_wire("0.5s", f"{TBF} 5mbit") + in_the_wire("1s", f"{TBF} 10mbit"),
        "rate of h1-h2 towards h2",
    ),
    "a_qdisc_on_a_host_and_off_again": (
        command("0.5s", "[tc, qdisc, add, dev, h1-eth0, root, netem, delay, 5ms]")
        + command("0.8s", "[tc, qdisc, del, dev, h1-eth0, root]"),
        "qdiscs of hosts and routers",
    ),
    "a_qdisc_removed": (in_the_wire("0.5s", "qdisc del dev w1 root"), "delay of h1-h2 towards h2"),
}
MORE_BAD = {
    "a_rate": (in_the_wire("0.5s", f"{TBF} 5mbit"), "rate of h1-h2 towards h2"),
    "a_limit": (
        in_the_wire("0.5s", "qdisc change dev x0 parent 1: handle 10: pfifo limit 300"),
        "queue of h1-h2 towards h2",
    ),
    "a_delay": (in_the_wire("0.5s", f"{NETEM} 20ms"), "delay of h1-h2 towards h2"),
    "a_loss": (in_the_wire("0.5s", f"{NETEM} 10ms loss 5%"), "loss read back on h1-h2 towards h2"),
    "no_shaper": (in_the_wire("0.5s", "qdisc del dev x0 root"), "rate of h1-h2 towards h2"),
    "a_shaper_on_a_host": (
        command(
            "0.5s",
            "[tc, qdisc, add, dev, h1-eth0, root, tbf, rate, 1mbit, burst, 3000, limit, 30000]",
        ),
        "qdiscs of hosts and routers",
    ),
    "an_mtu": (command("0.5s", "[ip, link, set, h1-eth0, mtu, 1200]"), "MTU of h1-eth0, h2-eth0"),
    "an_mtu_and_back": (
        command("0.5s", "[ip, link, set, h1-eth0, mtu, 1200]")
        + command("1s", "[ip, link, set, h1-eth0, mtu, 1500]"),
        "MTU of h1-eth0, h2-eth0",
    ),
    "before_the_start": (
        (
            "  - {do: command, host: h1, argv: [tc, qdisc, add, dev, h1-eth0, root, netem, delay,"
            " 5ms]}\n"
        ),
        "qdiscs of hosts and routers",
    ),
}
DISTURBED = [pytest.param(*case, id=name) for name, case in BAD.items()]
DISTURBED += [
    pytest.param(*case, id=name, marks=pytest.mark.full) for name, case in MORE_BAD.items()
]


@pytest.mark.parametrize(("action", "name"), DISTURBED)
def test_what_somebody_changed_by_hand_is_suspect(
    run_in_guest: Run, action: str, name: str
) -> None:
    certificate = run_in_guest(
        spec("rate: 10mbit, delay: 10ms, queue: 30p", FLOW + action), on="uml"
    ).certificate
    assert certificate["verdict"] == "SUSPECT"
    assert [item["verdict"] for item in certificate["items"] if item["name"] == name] == [
        "suspect"
    ], certificate["reasons"]


KINDS = {
    "everything": WHOLE,
    "bursts": (
        "delay: 10ms, rate: 64kbit, queue: 20kB, loss: {model: gilbert_elliott, p: 5%, r: 25%,"
        " bad_loss: 80%, good_loss: 1%}"
    ),
    "red": "rate: 10mbit, discipline: red, queue: 60p, ecn: true, delay: 1ms",
    "marks": "rate: 20mbit, queue: 60p, mark_at: 10p, delay: 1ms",
    "codel": "rate: 10gbit, discipline: codel, queue: 20p, delay: 1ms",
    "fq_codel": "rate: 10mbit, discipline: fq_codel, ecn: true, delay: 1ms",
    "cake": "rate: 10mbit, discipline: cake, delay: 1ms",
}


@pytest.mark.parametrize(
    "name",
    [
        name if name in ("everything", "marks") else pytest.param(name, marks=pytest.mark.full)
        for name in KINDS
    ],
)
def test_the_kernel_s_own_message_says_what_tc_prints(run_in_guest: Run, name: str) -> None:
    """Our reading of the sampler's dumps against ``tc -j qdisc show`` of the same qdiscs."""
    run = run_in_guest(
        f"name: kinds\ntopology: two_host\nlinks:\n  h1-h2: {{{KINDS[name]}}}\nduration:"
        " 200ms\nactions: []\n",
        on="uml",
    )
    sources = parse_sources((run.path / "raw" / "qdisc_sources.json").read_text())
    data = (run.path / "raw" / "qdisc.nl").read_bytes()
    _, number, length = RECORD_HEAD.unpack_from(data, FILE_HEAD.size)
    begin = FILE_HEAD.size + RECORD_HEAD.size
    printed = (
        run.table("settings")
        .filter(pl.col("source") == "start")
        .select("towards", "qdisc", "options")
        .rows()
    )
    shown = {(towards, qdisc): json.loads(options) for towards, qdisc, options in printed}
    compared = 0
    for message in parse_messages(data[begin : begin + length]):
        place = place_of(message, sources[number][1])
        if place is not None:
            ours = flat(decode_options(message.kind, message.options))
            for key, value in flat(shown[place]).items():
                # tc computes it from a rate and a time in whole microseconds
                if key in ours and key != "burst":
                    compared += 1
                    assert ours[key] == pytest.approx(
                        value, rel=1e-4, abs=2e-6 if value < 1 else 2
                    ), (place, key)
            assert {"limit", "memlimit"} & set(ours), place
    assert compared > 6


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Return nested mappings as one, numbers only; shares stay shares."""
    if isinstance(value, dict):
        return {
            key: leaf
            for name, inner in value.items()
            for key, leaf in flat(inner, f"{path}.{name}".lstrip(".")).items()
        }
    return {path: value} if isinstance(value, int | float) else {}
