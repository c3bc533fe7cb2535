"""Pairs of hosts, each with a link of its own, so that many settings can be seen in one run."""

import re

from mininet.topo import Topo

from tcpexp.plan.links import ParameterError

#: What a pair may be called: with a number behind it, it names a host.
NAME = re.compile(r"[a-z][a-z0-9]{0,5}")


class Pairs(Topo):
    """Two hosts for each name, joined by a link of their own: syn1 - syn2, win1 - win2, ...

    Parameters: `names` ([a, b]) of the pairs, a small letter and up to five more or digits. What
    a link does is said under `links:`, such as `syn1-syn2: {delay: 10ms}`.
    """

    def build(self, names=("a", "b")):
        """Build the network; see the class."""
        if not isinstance(names, list | tuple) or not names or len(set(names)) < len(names):
            raise ParameterError(
                "names", "names: is a list of different names", "write for example [syn, win]"
            )
        for name in names:
            if not isinstance(name, str) or not NAME.fullmatch(name):
                hint = "a small letter and up to five more letters or digits, such as syn"
                raise ParameterError("names", f"names: '{str(name)[:40]}' names no pair", hint)
            self.addLink(self.addHost(f"{name}1"), self.addHost(f"{name}2"))


topos = {"pairs": Pairs}
