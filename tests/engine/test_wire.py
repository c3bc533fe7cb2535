"""A wire's tc lines, and their comparison with what tc 6.1.0 really printed for them."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tcpexp.engine import dualpi2, readback, wire
from tcpexp.engine.assembly import iproute2_version, version_tuple
from tcpexp.errors import RunError
from tcpexp.plan.types import (
    ClassFilter,
    ClassPlan,
    DirectionPlan,
    LossPlan,
    PolicerPlan,
    QueuePlan,
    QueueSetting,
)
from tcpexp.record.rtnetlink import attributes
from tests.support import engine_plans as plans

DATA = Path(__file__).parent / "data"
RATE, MS = 10_000_000, plans.MS
NOISY = DirectionPlan(
    RATE,
    QueuePlan("fq_codel", 1000, None, True, ("target", "5ms")),
    delay_ns=5 * MS,
    jitter_ns=MS,
    jitter_correlation=0.25,
    jitter_distribution="normal",
    loss=LossPlan("gilbert_elliott", 0.01, 0.25),
    duplicate=0.01,
    corrupt=0.001,
    reorder=0.05,
    reorder_correlation=0.1,
)
LOSSY = DirectionPlan(
    RATE, QueuePlan("codel", 500, None), delay_ns=5 * MS, loss=LossPlan("random", 0.02)
)
RED_WORDS = ("min", "20000", "max", "60000", "avpkt", "1000", "burst", "30", "probability", "0.1")
RED = DirectionPlan(RATE, QueuePlan("red", None, 100000, True, RED_WORDS), delay_ns=5 * MS)
CAKE = DirectionPlan(RATE, QueuePlan("cake", None, 100000), delay_ns=5 * MS)


def shown(name: str) -> list[dict[str, Any]]:
    return list(json.loads((DATA / f"iproute2-6.1.0-{name}.json").read_text()))


def qdiscs(direction: DirectionPlan, forward: bool) -> list[wire.Qdisc]:
    link = plans.line((direction,) * 4, wire_netem=True).links[0]
    return wire.direction_qdiscs(link, forward, direction, 1500, None)


@pytest.mark.parametrize(
    ("direction", "forward", "file"),
    [
        (NOISY, True, "qdisc-netem-fq_codel-codel"),
        (LOSSY, False, "qdisc-netem-fq_codel-codel"),
        (RED, False, "qdisc-red-cake"),
        (CAKE, True, "qdisc-red-cake"),
    ],
)
def test_what_was_asked_reads_back_the_same(
    direction: DirectionPlan, forward: bool, file: str
) -> None:
    for qdisc in qdiscs(direction, forward):
        readback.check_qdisc(qdisc, shown(file))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rate_bps": 9_000_000}, "rate"),
        ({"delay_ns": 6 * MS}, "delay"),
        ({"jitter_ns": 2 * MS}, "jitter"),
        ({"jitter_correlation": 0.5}, "jitter correlation"),
        ({"loss": LossPlan("gilbert_elliott", 0.02, 0.25)}, "loss gemodel p"),
        ({"loss": LossPlan("random", 0.01)}, "loss asked"),
        ({"duplicate": 0.02}, "duplicate"),
        ({"corrupt": 0.0}, "corrupt"),
        ({"reorder": 0.1}, "reorder"),
        ({"queue": QueuePlan("fq_codel", 999, None, True)}, "limit"),
        ({"queue": QueuePlan("fq_codel", 1000, None, False)}, "ecn"),
        ({"queue": QueuePlan("fq_codel", 1000, None, True, ("target", "6ms"))}, "target"),
        ({"queue": QueuePlan("pfifo", 1000, None)}, "reads back a fq_codel"),
    ],
)
def test_every_difference_is_found(change: dict[str, Any], words: str) -> None:
    with pytest.raises(RunError, match=words):
        for qdisc in qdiscs(replace(NOISY, **change), True):
            readback.check_qdisc(qdisc, shown("qdisc-netem-fq_codel-codel"))


def test_netem_names_every_parameter() -> None:
    words = wire.netem_words(DirectionPlan(delay_ns=20 * MS), 7)
    assert words == (
        *("limit", "100000", "delay", "20000.000us", "loss", "random", "0%"),
        *("duplicate", "0%", "0%", "corrupt", "0%", "0%", "reorder", "0%", "0%", "seed", "7"),
    )


def test_tbf_gets_the_limit_of_its_fifo_leaf() -> None:
    shaper, leaf = wire.shaper_qdiscs("x0", plans.shaped(RATE, 50), 1500)
    assert (
        shaper.command("change")
        == "qdisc change dev x0 root handle 1: tbf rate 10000000bit burst 3028b limit 50b"
    )
    assert leaf.command("add") == "qdisc add dev x0 parent 1: handle 10: pfifo limit 50"


def test_filters_clone_and_drop() -> None:
    link = plans.network(plans.shaped(RATE, 50)).links[0]
    lines = wire.filter_commands(link, "matchall")
    assert lines[0].endswith(
        "dev w0 ingress protocol all pref 10 matchall action mirred egress mirror dev x0 drop"
    )
    assert len(lines) == 4
    assert len(wire.filter_commands(replace(link, wire_queue=False), "u32")) == 2


def test_filter_reads_back() -> None:
    readback.check_filters("w0", "x0", shown("filter-matchall"))
    with pytest.raises(RunError, match="asked mirror to x1"):
        readback.check_filters("w0", "x1", shown("filter-matchall"))
    with pytest.raises(RunError, match="reads back"):
        readback.check_filters("w0", "x0", [])


def test_documents_of_a_batch_are_split() -> None:
    assert readback.parse_documents('[{"a":1}]\n[]\n[2]\n') == [[{"a": 1}], [], [2]]


def test_versions() -> None:
    assert iproute2_version("tc utility, iproute2-6.1.0, libbpf 1.1.2\n") == "6.1.0"
    assert version_tuple("6.18.44-fc-v595") > (6, 7) > version_tuple("6.1.0-56-cloud-amd64")


@pytest.mark.parametrize(
    ("rate_bps", "burst"),
    [(100_000, 3028), (10_000_000, 3027), (1_000_000_000, 3000), (10_000_000_000, 2500)],
)
def test_tbf_burst_is_compared_within_the_kernels_tick(rate_bps: int, burst: int) -> None:
    """The bursts are what tc 6.1.0 shows for 3028 bytes at these rates."""
    shaper = wire.shaper_qdiscs("x0", plans.shaped(rate_bps, 50), 1500)[0]
    entry = {
        "kind": "tbf",
        "handle": "1:",
        "dev": "x0",
        "options": {"rate": rate_bps // 8, "burst": burst},
    }
    readback.check_qdisc(shaper, [entry])
    with pytest.raises(RunError, match="burst"):
        readback.check_qdisc(shaper, [{**entry, "options": {"rate": rate_bps // 8, "burst": 1514}}])


def test_jitter_after_a_table_is_uniform_by_a_table() -> None:
    """netem keeps a table until it is given another.

    Before the first it needs none, and tc has no file for it.
    """
    normal = DirectionPlan(delay_ns=20 * MS, jitter_ns=5 * MS, jitter_distribution="normal")
    for uniform in (None, "uniform"):
        jitter = DirectionPlan(delay_ns=20 * MS, jitter_ns=5 * MS, jitter_distribution=uniform)
        assert "distribution" not in wire.netem_words(jitter, None)
        words = wire.netem_words(jitter, None, had_table=True)
        assert words[words.index("distribution") + 1] == "uniform"
    assert "uniform" not in wire.netem_words(normal, None, had_table=True)
    assert "distribution" not in wire.netem_words(
        DirectionPlan(delay_ns=20 * MS), None, had_table=True
    )


def test_the_uniform_table() -> None:
    values = [int(line) for line in wire.uniform_table().split()]
    assert len(values) == 4096  # at most 16384 (NETEM_DIST_MAX)
    assert -8192 <= min(values) < -8180
    assert 8180 < max(values) <= 8192
    assert abs(sum(values)) < 4096


CLASSES = (
    ClassPlan("web", 3_000_000, 5_000_000, 0, 4542, 50, (ClassFilter(target_port=80),)),
    ClassPlan("rest", 1_000_000, None, 1, 1514, 50),
)
HTB = DirectionPlan(RATE, QueuePlan("htb", 50, None, classes=CLASSES))


def test_classes_borrow_from_one_that_the_shaper_limits() -> None:
    assert HTB.queue is not None
    lines = wire.class_commands("x0", HTB.queue, 1500, "add")
    assert lines[0].startswith("class add dev x0 parent 10: classid 10:1 htb rate 20000000000bit")
    assert lines[1] == (
        "class add dev x0 parent 10:1 classid 10:10 htb rate 3000000bit burst 3028b ceil"
        " 5000000bit cburst 3028b prio 0 quantum 4542"
    )
    assert lines[2] == "qdisc add dev x0 parent 10:10 handle 110: pfifo limit 50"
    assert "ceil 20000000000bit" in lines[3]
    assert "prio 1" in lines[3]
    changed = wire.class_commands("x0", HTB.queue, 1500, "change")
    assert changed == [line.replace(" add ", " change ") for line in lines[1:]]
    assert qdiscs(HTB, True)[1].words == ("default", "11")


def test_filters_of_classes() -> None:
    asked = ClassFilter("10.0.0.1", "10.0.0.2", None, 80, "tcp", 46)
    assert wire.flower_words(asked) == (
        "ip_proto tcp ip_tos 0xb8/0xfc src_ip 10.0.0.1 dst_ip 10.0.0.2 dst_port 80"
    )
    six = ClassFilter("2001:db8::1", None, protocol="icmp")
    assert (wire.filter_protocol(six), wire.flower_words(six)) == (
        "ipv6",
        "ip_proto icmpv6 src_ip 2001:db8::1",
    )
    assert HTB.queue is not None
    assert wire.class_filter_commands("x0", HTB.queue) == [
        "filter add dev x0 parent 10: protocol ip pref 1 flower dst_port 80 classid 10:10"
    ]


def test_a_policer_stands_where_packets_come_in() -> None:
    policed = replace(LOSSY, policer=PolicerPlan(5_000_000, 30_000))
    link = replace(plans.line((policed, LOSSY, LOSSY, LOSSY), wire_netem=True).links[0])
    link = replace(link, forward=policed, backward=LOSSY)
    first, *others = wire.filter_commands(link, "matchall")
    assert (
        "matchall action police rate 5000000bit burst 30000b mtu 65536b overhead 14"
        " conform-exceed drop/pipe action mirred egress mirror dev x0 drop"
    ) in first
    assert not any("police" in line for line in others)
    assert wire.reads_by_netlink(link)


def shown_classes(**changed: int) -> list[dict[str, Any]]:
    found = []
    for number, one in enumerate(CLASSES):
        options = {
            "rate": one.rate_bps,
            "ceil": one.ceil_bps or wire.UNSHAPED_BPS,
            "prio": one.prio,
            "quantum": one.quantum,
        }
        if number == 0:
            options |= {name: value for name, value in changed.items() if name in options}
        limit = changed.get("limit", 50) if number == 0 else 50
        found += [
            {"kind": "htb class", "handle": f"10:{0x10 + number:x}", "dev": "x0"}
            | {"options": options},
            {"kind": "pfifo", "handle": f"{0x110 + number:x}:", "dev": "x0"}
            | {"options": {"limit": limit}},
        ]
    return [{"kind": "htb", "handle": "10:", "dev": "x0", "options": {}}, *found]


@pytest.mark.parametrize("name", ["rate", "ceil", "prio", "quantum", "limit"])
def test_a_class_that_reads_back_different_ends_the_run(name: str) -> None:
    asked = qdiscs(HTB, True)[1]
    readback.check_qdisc(asked, shown_classes())
    with pytest.raises(RunError, match=f"class web on x0: {name}"):
        readback.check_qdisc(asked, shown_classes(**{name: 7}))
    with pytest.raises(RunError, match="there is no class"):
        readback.check_qdisc(asked, shown_classes()[:1])


def test_a_setting_that_reads_back_different_ends_the_run() -> None:
    queue = QueuePlan("pie", 100, None, settings=(QueueSetting("target", 15e6),))
    asked = wire.host_qdisc("x0", queue)
    shown = {"kind": "pie", "handle": "30:", "dev": "x0"}
    options = {"limit": 100, "ecn": False, "target": 15e6}
    readback.check_qdisc(asked, [{**shown, "options": options}])
    for name, value in (("target", 16e6), ("limit", 99), ("ecn", True)):
        with pytest.raises(RunError, match=f"pie on x0: {name}"):
            readback.check_qdisc(asked, [{**shown, "options": {**options, name: value}}])


def test_dualpi2_is_asked_for_in_the_kernels_units() -> None:
    values = (("target", 15e6), ("alpha", 41 / 256), ("classic_protection", 0.1), ("l4s", 3.0))
    queue = QueuePlan(
        "dualpi2", 200, None, settings=tuple(QueueSetting(*value) for value in values)
    )
    found = attributes(dualpi2.options_of(queue), 0)
    assert {kind: int.from_bytes(value, sys.byteorder) for kind, value in found.items()} == {
        1: 200,
        3: 15_000,
        5: 41,
        13: 10,
        14: 3,
    }
    assert queue_words_of(queue) == ()


def queue_words_of(queue: QueuePlan) -> tuple[str, ...]:
    return wire.queue_words(queue, RATE)
