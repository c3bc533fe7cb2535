"""A packet at both ends of its way."""

from tcpexp.views.bothends import both_ends
from tcpexp.views.packets import PacketLink
from tests.support.fake_run import one_connection


def test_a_packet_that_no_journey_knows_stands_alone(tmp_path):
    assert both_ends(one_connection(tmp_path), "h1-eth0", 1) == (PacketLink("h1-eth0", 1),)
