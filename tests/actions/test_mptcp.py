"""``mptcp``, and programs whose sockets are MPTCP's."""

import platform

import pytest

from tcpexp.errors import SpecError
from tcpexp.plan.types import PathManager, Spawn

HEAD = "name: probe\ntopology: two_paths\nduration: 60s\n"


def test_addresses_go_by_their_links(compile_actions):
    plan = compile_actions(
        "{do: mptcp, host: h1, subflows: 1, accept: 1}",
        "{at: 2s, do: mptcp, host: h2, endpoints: {r2-h2: signal, h2-r1: [subflow, backup]}}",
        head=HEAD,
    )
    assert [step.do for step in plan.setup] == [PathManager("h1", 1, 1, ())]
    assert [step.do for step in plan.steps] == [
        PathManager(
            "h2",
            2,
            0,
            (("10.0.3.2", "h2-eth1", "signal"), ("10.0.1.2", "h2-eth0", "subflow backup")),
        )
    ]
    assert "mptcp" in plan.needs.features


@pytest.mark.parametrize(
    ("endpoints", "message"),
    [
        ("{h1-r1: signal}", "h2 has no address on link h1-r1"),
        ("{h2-r3: signal}", "there is no link 'h2-r3'"),
        ("{r1-h2: [signal, fullmesh]}", "either announced"),
    ],
)
def test_mistakes_have_their_place(compile_actions, endpoints, message):
    with pytest.raises(SpecError, match=message) as caught:
        compile_actions(f"{{do: mptcp, host: h2, endpoints: {endpoints}}}", head=HEAD)
    assert "probe.yaml:5:" in str(caught.value)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the library is built for x86-64")
@pytest.mark.parametrize(
    ("action", "program"),
    [
        ("{do: iperf3, from: h1, to: h2, mptcp: true}", "iperf3"),
        ("{do: http_server, host: h2, mptcp: true}", "python3"),
        ("{do: http_get, from: h1, to: h2, mptcp: true}", "sh"),
        ("{do: command, host: h1, argv: [curl, h2], mptcp: true}", "curl"),
    ],
)
def test_programs_get_mptcp_sockets(compile_actions, action, program):
    plan = compile_actions(action, head=HEAD)
    spawned = [step.do for step in (*plan.setup, *plan.steps) if isinstance(step.do, Spawn)]
    assert spawned
    for spawn in spawned:
        assert spawn.argv[:3] == ("env", "LD_PRELOAD={dir}/mptcp_sockets.so", program)
    assert any(file.path == "mptcp_sockets.so" for file in plan.files)


def test_without_it_nothing_is_loaded(compile_actions):
    plan = compile_actions("{do: iperf3, from: h1, to: h2}", head=HEAD)
    assert not [file for file in plan.files if "mptcp" in file.path]
