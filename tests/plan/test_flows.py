"""Who is who in a plan."""

from dataclasses import replace

from tcpexp.plan.flows import addresses_of, flow_of, receiver_of
from tcpexp.plan.types import FlowPlan
from tests.support.fake_run import make_plan

UPLOAD = FlowPlan("upload", "h1", "h2", 5001, "h1", "test", "send", "all", None, 0, None)


def test_a_flow_is_found_by_its_name() -> None:
    plan = make_plan(flows=(UPLOAD,))
    assert flow_of(plan, "upload") is UPLOAD
    assert flow_of(plan, "no such flow") is None


def test_the_receiver_is_the_end_that_does_not_send() -> None:
    assert receiver_of(UPLOAD) == "h2"
    assert receiver_of(replace(UPLOAD, sender="h2")) == "h1"


def test_addresses_are_those_of_the_nodes_interfaces() -> None:
    plan = make_plan()
    for node in plan.network.nodes:
        assert addresses_of(plan, node.name) == [
            interface.address for interface in node.interfaces if interface.address
        ]
    assert addresses_of(plan, "nobody") == []
