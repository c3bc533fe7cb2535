"""Conservation of packets where paths share links: what vanished must be among what the qdiscs of
all those links dropped.
"""

from dataclasses import replace

import pytest

from tcpexp.analysis.conservation import find_groups, judge_conservation
from tcpexp.plan import types as t
from tcpexp.store.rundata import RunData

S = 1_000_000_000
END = 20 * S


def dumbbell(build, *steps, mtu=1500):
    """h1 and h2 - r1 - r2 - h3 and h4."""
    nodes, links = {}, []
    for number, (a, b) in enumerate(
        (("h1", "r1"), ("h2", "r1"), ("r1", "r2"), ("r2", "h3"), ("r2", "h4"))
    ):
        ends = []
        for node in (a, b):
            own = nodes.setdefault(node, [])
            name = f"{node}-eth{len(own)}"
            own.append(
                t.InterfacePlan(
                    name,
                    "02:00:00:00:00:01",
                    f"10.0.{number}.{len(ends) + 1}/24",
                    mtu if node == "h4" else 1500,
                )
            )
            ends.append(t.LinkEnd(node, name))
        links.append(
            t.LinkPlan(f"{a}-{b}", *ends, t.DirectionPlan(), t.DirectionPlan(), True, True, True, 0)
        )
    gateways = {
        "h1": "10.0.0.2",
        "h2": "10.0.1.2",
        "r1": "10.0.2.2",
        "r2": "10.0.2.1",
        "h3": "10.0.3.1",
        "h4": "10.0.4.1",
    }
    plans = tuple(
        t.NodePlan(
            name,
            "router" if name.startswith("r") else "host",
            tuple(node),
            (t.RoutePlan("default", gateways[name]),),
        )
        for name, node in nodes.items()
    )
    run = build.plan(steps=steps).done()
    plan = replace(run.plan, network=t.NetworkPlan("dumbbell", plans, tuple(links), ()))
    (build.path / "plan.json").write_text(t.to_json(plan))
    return RunData(build.path)


def journeys(build, *pairs, lost=0):
    rows = []
    for source, target in pairs:
        base = {
            "from_node": source,
            "to_node": target,
            "received_ns": 0,
            "late": False,
            "changed": False,
        }
        rows += [
            {**base, "sent_ns": number * S // 100, "copies": int(number >= lost)}
            for number in range(1000)
        ]
    build.table("journeys", *rows)


def drops(build, **by_link):
    rows = []
    for name, count in by_link.items():
        link, towards = name.split("__")
        base = {"link": link.replace("_", "-"), "towards": towards, "qdisc": "queue"}
        rows += [{**base, "t_ns": 0, "drops": 7}, {**base, "t_ns": END, "drops": 7 + count}]
    build.table("queues", *rows)


def test_pairs_that_share_a_link_are_one_group(build):
    journeys(build, ("h1", "h3"), ("h2", "h4"), ("h3", "h1"))
    groups = find_groups(dumbbell(build))
    assert [len(group.pairs) for group in groups] == [2, 1]
    assert ("r1-r2", "r2") in groups[0].directions
    assert ("r1-r2", "r1") in groups[1].directions
    journeys(build, ("h1", "h2"), ("h3", "h4"))
    assert [group.pairs for group in find_groups(dumbbell(build))] == [
        (("h1", "h2"),),
        (("h3", "h4"),),
    ]


@pytest.mark.parametrize(
    ("lost", "dropped", "verdict"),
    [(20, 40, "ok"), (20, 30, "suspect"), (20, 50, "suspect"), (0, 0, "ok")],
)
def test_what_vanished_is_what_all_links_of_the_group_dropped(build, lost, dropped, verdict):
    journeys(build, ("h1", "h3"), ("h2", "h4"), lost=lost)
    drops(build, h1_r1__r1=dropped // 2, r1_r2__r2=dropped - dropped // 2, r1_r2__r1=99)
    (item,) = judge_conservation(dumbbell(build))
    assert item.verdict == verdict, item
    assert item.name.startswith("packets across h1-r1 towards r1, ")


def test_what_is_not_counted_has_its_reason(build):
    journeys(build, ("h1", "h3"), ("h2", "h4"), lost=20)
    drops(build, r1_r2__r2=0)
    rule = t.Step("a00", 0, S, t.Firewall("r1", "FORWARD", ("-j", "DROP")), "rule")
    (item,) = judge_conservation(dumbbell(build, rule))
    assert (item.verdict, "firewall rule at the router r1" in item.why) == ("not measured", True)
    (item,) = judge_conservation(
        dumbbell(build, t.Step("a00", 0, S, t.Firewall("h1", "INPUT", ("-j", "DROP")), "rule"))
    )
    assert item.verdict == "suspect", "a host's rule is behind its capture"
    (item,) = judge_conservation(dumbbell(build, mtu=900))
    assert (item.verdict, "MTU" in item.why) == ("not measured", True)
