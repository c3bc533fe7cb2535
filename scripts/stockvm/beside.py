"""A Mininet of the user's own that runs beside the experiments: two hosts, one pings the other.
Runs inside the machine, as root.

Mininet widens ``tcp_rmem`` and other settings of the machine when it starts (mininet/util.py,
fixLimits). At SIGTERM it prints how many pings came back.
"""

from __future__ import annotations

import signal
import time

from mininet.net import Mininet
from mininet.util import fixLimits


def main() -> None:
    """Run until SIGTERM; print ``ready``, then the last lines of ping."""
    ended: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: ended.append(number))
    fixLimits()
    network = Mininet(controller=None)
    one, two = network.addHost("mine1"), network.addHost("mine2")
    network.addLink(one, two)
    network.start()
    pings = one.popen(["ping", "-i", "1", "-n", two.IP()])
    print("ready", flush=True)
    while not ended:
        time.sleep(0.2)
    pings.send_signal(signal.SIGINT)
    print(pings.communicate()[0].decode()[-300:], flush=True)
    network.stop()


if __name__ == "__main__":
    main()
