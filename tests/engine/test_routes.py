"""The initial window of routes: reading what iproute2 6.1 prints, and the changes that follow from
it.
"""

import pytest

from tcpexp.engine.routes import change_lines, parse_windows, set_initial_windows
from tcpexp.errors import RunError

IPROUTE2_6_1 = """\
default via 10.0.0.2 dev h1-eth0
10.0.0.0/24 dev h1-eth0 proto kernel scope link src 10.0.0.1 initcwnd 4
"""


def test_windows_are_read_and_changed_route_by_route():
    assert parse_windows(IPROUTE2_6_1) == [None, 4]
    assert change_lines(IPROUTE2_6_1, [3, None]) == [
        "route change default via 10.0.0.2 dev h1-eth0 initcwnd 3",
        "route change 10.0.0.0/24 dev h1-eth0 proto kernel scope link src 10.0.0.1",
    ]


class Routes:
    """An executor whose node has the routes ``text``; ``deaf`` ignores changes."""

    def __init__(self, text, deaf=False):
        self.text, self.deaf = text, deaf

    def run(self, node, argv, stdin=None):
        assert node == "h1"
        if "-batch" in argv and not self.deaf:
            self.text = stdin.replace("route change ", "")
        return type("Completed", (), {"stdout": self.text})


def test_setting_returns_what_puts_it_back():
    routes = Routes(IPROUTE2_6_1)
    before = set_initial_windows(routes, "h1", 4, 3)
    assert parse_windows(routes.text) == [3, 3]
    set_initial_windows(routes, "h1", 4, before)
    assert routes.text == IPROUTE2_6_1


def test_a_change_without_effect_and_a_node_without_routes_end_the_run():
    with pytest.raises(RunError, match="asked"):
        set_initial_windows(Routes(IPROUTE2_6_1, deaf=True), "h1", 4, 3)
    with pytest.raises(RunError, match="no route"):
        set_initial_windows(Routes(""), "h1", 4, 3)
