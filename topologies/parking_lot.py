"""Several bottlenecks in a row, each with traffic of its own, and one flow through all."""

from mininet.topo import Topo

from tcpexp.plan.parameters import one_for_each, whole_number


class ParkingLot(Topo):
    """Bottlenecks in a row, r1 - r2 - r3 - ...; the pair a0 and b0 crosses all of them, the pair aN
    and bN only number N, from rN to the next router.

    Parameters: `bottlenecks` (2); of each bottleneck `rate` (10mbit), `queue` (1bdp) and one-way
    `delay` (5ms), one for all or a list; `access` (5ms), the one-way delay between a sender and its
    first router.
    """

    def build(self, bottlenecks=2, rate="10mbit", queue="1bdp", delay="5ms", access="5ms"):
        """Build the network; see the class."""
        count = whole_number("bottlenecks", bottlenecks, most=40)
        lists = [
            one_for_each(name, value, count, "bottleneck")
            for name, value in (("rate", rate), ("queue", queue), ("delay", delay))
        ]
        for number in range(1, count + 2):
            self.addHost(f"r{number}", router=True)
        for number, (own_rate, own_queue, own_delay) in enumerate(
            zip(*lists, strict=True), start=1
        ):
            self.addLink(
                f"r{number}", f"r{number + 1}", rate=own_rate, queue=own_queue, delay=own_delay
            )
        for number in range(count + 1):
            first, last = (1, count + 1) if number == 0 else (number, number + 1)
            self.addHost(f"a{number}")
            self.addHost(f"b{number}")
            self.addLink(f"a{number}", f"r{first}", delay=access)
            self.addLink(f"r{last}", f"b{number}")


topos = {"parking_lot": ParkingLot}
