"""Two hosts joined by one link."""

from mininet.topo import Topo


class TwoHost(Topo):
    """h1 and h2, joined by the link h1-h2."""

    def build(self, **parameters):
        """Build the network; ``parameters`` are default parameters of the link, such as
        ``rate="10mbit"``.
        """
        self.addHost("h1")
        self.addHost("h2")
        self.addLink("h1", "h2", **parameters)
