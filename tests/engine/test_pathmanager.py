"""The MPTCP path manager: what ip prints is understood, and a difference is an error."""

from types import SimpleNamespace

import pytest

from tcpexp.engine.pathmanager import manage_paths, parse_endpoints, parse_limits
from tcpexp.errors import RunError
from tcpexp.plan.types import PathManager

SHOWN = "10.0.3.2 id 1 signal dev h2-eth1 \n10.0.2.1 id 2 subflow backup dev h1-eth1 \n"
ASKED = PathManager("h2", 1, 0, (("10.0.3.2", "h2-eth1", "signal"),))


class Fake:
    """Answers as ip does, and remembers what it was asked."""

    def __init__(self, limits, endpoints):
        self.answers = {"limits": limits, "endpoint": endpoints}
        self.asked = []

    def run(self, node, argv):
        self.asked.append(" ".join(argv))
        return SimpleNamespace(stdout=self.answers[argv[2]] if argv[-1] == "show" else "")


def test_what_ip_prints():
    assert parse_limits("add_addr_accepted 1 subflows 2 \n") == (2, 1)
    assert parse_endpoints(SHOWN) == [
        ("10.0.3.2", "h2-eth1", frozenset({"signal"})),
        ("10.0.2.1", "h1-eth1", frozenset({"subflow", "backup"})),
    ]


def test_limits_and_endpoints_are_set_and_read_back():
    ip = Fake("add_addr_accepted 0 subflows 1", SHOWN.splitlines()[0])
    assert "10.0.3.2 (signal)" in manage_paths(ip, ASKED)
    assert ip.asked == [
        "ip mptcp endpoint flush",
        "ip mptcp limits set subflow 1 add_addr_accepted 0",
        "ip mptcp endpoint add 10.0.3.2 dev h2-eth1 signal",
        "ip mptcp limits show",
        "ip mptcp endpoint show",
    ]


@pytest.mark.parametrize(
    ("limits", "endpoints", "word"),
    [
        ("add_addr_accepted 0 subflows 2", SHOWN.splitlines()[0], "limits"),
        ("add_addr_accepted 0 subflows 1", "", "endpoints"),
    ],
)
def test_something_else_read_back_is_an_error(limits, endpoints, word):
    with pytest.raises(RunError, match=word):
        manage_paths(Fake(limits, endpoints), ASKED)
