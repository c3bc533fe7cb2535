"""Two hosts with routers in a row between them."""

from mininet.topo import Topo

from tcpexp.plan.parameters import one_for_each, whole_number


class Chain(Topo):
    """Two hosts and routers in a row: h1 - r1 - r2 - ... - h2.

    Parameters: `routers` (2); of each link `delay` (5ms, one way), `rate` and `queue` (none), one
    for all or a list of one for each link, from h1 on. In a list, `null` leaves a link without.
    """

    def build(self, routers=2, delay="5ms", rate=None, queue=None):
        """Build the network; see the class."""
        count = whole_number("routers", routers, most=60)
        lists = [
            one_for_each(name, value, count + 1, "link")
            for name, value in (("delay", delay), ("rate", rate), ("queue", queue))
        ]
        nodes = ["h1", *(f"r{number}" for number in range(1, count + 1)), "h2"]
        for node in nodes:
            self.addHost(node, router=node.startswith("r"))
        for index in range(count + 1):
            own = zip(("delay", "rate", "queue"), (values[index] for values in lists), strict=True)
            self.addLink(
                nodes[index],
                nodes[index + 1],
                **{name: value for name, value in own if value is not None},
            )


topos = {"chain": Chain}
