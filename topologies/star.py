"""Servers around a router whose port to the one client is the bottleneck."""

from mininet.topo import Topo

from tcpexp.plan.parameters import half_of_rest, one_for_each, whole_number


class Star(Topo):
    """Servers s1, s2, ... and one client c1 around the router r1: what they all send meets at the
    port towards c1 (incast).

    Parameters: `servers` (8); of the link r1-c1 `rate` (100mbit) and `queue` (64p); `rtt` (1ms)
    between a server and the client, one for all or a list of one for each server; `server_rate`
    (that of `rate`) of each server's own link.
    """

    def build(self, servers=8, rate="100mbit", queue="64p", rtt="1ms", server_rate=None):
        """Build the network; see the class."""
        servers = whole_number("servers", servers, most=180)
        rtts = one_for_each("rtt", rtt, servers, "server")
        self.addHost("c1")
        self.addHost("r1", router=True)
        self.addLink("r1", "c1", rate=rate, queue=queue)
        for number, own in enumerate(rtts, start=1):
            self.addHost(f"s{number}")
            delay = half_of_rest("rtt", own, 0, "the rest")
            self.addLink(f"s{number}", "r1", rate=server_rate or rate, queue="1000p", delay=delay)


topos = {"star": Star}
