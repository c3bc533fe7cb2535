"""Pairs of hosts that share one bottleneck."""

from mininet.topo import Topo

from tcpexp.plan.parameters import (
    duration_ns,
    half_of_rest,
    link_parameters,
    one_for_each,
    whole_number,
)


class Dumbbell(Topo):
    """Pairs of hosts on both sides of one bottleneck: a1, a2, ... - r1 - r2 - b1, b2, ...

    The bottleneck is the link r1-r2. The round-trip time of pair N is `rtt`, one for all or a list
    of one for each; what the bottleneck's own delay leaves of it stands on the link aN-r1.

    Parameters: `pairs` (2), `rate` (10mbit) and `queue` (1bdp) of the bottleneck, its one-way
    `delay` (5ms), `rtt` (40ms), `backward` (parameters of the bottleneck towards r1 that differ,
    such as {rate: 1mbit}), `access` (parameters of the links aN-r1, such as {rate: 100mbit}; none).
    """

    def build(
        self,
        pairs=2,
        rate="10mbit",
        queue="1bdp",
        delay="5ms",
        rtt="40ms",
        backward=None,
        access=None,
    ):
        """Build the network; see the class."""
        pairs = whole_number("pairs", pairs, most=90)
        rtts = one_for_each("rtt", rtt, pairs, "pair")
        back, access = link_parameters("backward", backward), link_parameters("access", access)
        both_ways_ns = duration_ns("delay", delay) + duration_ns(
            "backward", back.get("delay", delay)
        )
        self.addHost("r1", router=True)
        self.addHost("r2", router=True)
        self.addLink("r1", "r2", rate=rate, queue=queue, delay=delay, backward=back)
        for number, own in enumerate(rtts, start=1):
            self.addHost(f"a{number}")
            self.addHost(f"b{number}")
            self.addLink(
                f"a{number}",
                "r1",
                **{"delay": half_of_rest("rtt", own, both_ways_ns, "the bottleneck"), **access},
            )
            self.addLink("r2", f"b{number}")


topos = {"dumbbell": Dumbbell}
