"""Each action, from YAML to plan primitives."""

import json

import pytest

from tcpexp.actions import BUILTIN
from tcpexp.errors import SpecErrors
from tcpexp.plan.types import (
    Firewall,
    FlowCongestionControl,
    InitialWindow,
    Kill,
    LinkChange,
    LinkState,
    Mark,
    Snapshot,
    Spawn,
    Sysctl,
    WaitFor,
)

SECOND_NS = 1_000_000_000
SERVER = "{do: http_server, id: web, host: h2}"


def refused(compile_actions, *actions):
    """Return the text of the errors that the actions give."""
    with pytest.raises(SpecErrors) as caught:
        compile_actions(*actions)
    return str(caught.value)


def test_every_action_names_itself_as_it_is_registered():
    for name, action in BUILTIN.items():
        assert action.model_fields["do"].default == name
        assert action.__doc__
        undescribed = [key for key, field in action.model_fields.items() if not field.description]
        assert [
            key for key in undescribed if not key.endswith(("_correlation", "_distribution"))
        ] == ["do"]


# --------------------------------------------------------------------------------------------------
# iperf3


def test_iperf3_gives_each_flow_an_awaited_server_of_its_own(compile_actions):
    plan = compile_actions(
        "{do: iperf3, from: h1, to: h2, flow: one, congestion_control: cubic, until: 10s}",
        "{at: 5s, do: iperf3, from: h1, to: h2, flow: two, congestion_control: bbr, time: 20s}",
    )
    servers = [step.do for step in plan.setup if isinstance(step.do, Spawn)]
    waits = [step.do for step in plan.setup if isinstance(step.do, WaitFor)]
    assert [server.argv for server in servers] == [
        ("iperf3", "-s", "-1", "-p", port, "--json") for port in ("5201", "5202")
    ]
    assert [(wait.node, wait.condition, wait.value) for wait in waits] == [
        ("h2", "port", "5201"),
        ("h2", "port", "5202"),
    ]
    assert plan.steps[0].do.argv == tuple(
        ["iperf3", "-c", "10.0.0.2", "-p", "5201", "--json", "-i", "1", "-t", "11", "-C", "cubic"]
    )
    assert plan.steps[0].until_ns == 10 * SECOND_NS
    assert plan.steps[1].do.argv == tuple(
        ["iperf3", "-c", "10.0.0.2", "-p", "5202", "--json", "-i", "1", "-t", "20", "-C", "bbr"]
    )
    assert plan.steps[1].until_ns == 60 * SECOND_NS
    assert [(flow.name, flow.sender, flow.port, flow.data_connections) for flow in plan.flows] == [
        ("one", "h1", 5201, "not_first"),
        ("two", "h1", 5202, "not_first"),
    ]
    assert {"bbr", "cubic"} <= set(plan.needs.congestion_controls)
    assert "iperf3" in plan.needs.tools


@pytest.mark.parametrize(
    ("direction", "option", "flows"),
    [
        ("forward", (), [("f", "h1")]),
        ("reverse", ("-R",), [("f", "h2")]),
        ("both", ("--bidir",), [("f", "h1"), ("f-reverse", "h2")]),
    ],
)
def test_iperf3_direction_says_who_sends(compile_actions, direction, option, flows):
    plan = compile_actions(f"{{do: iperf3, from: h1, to: h2, flow: f, direction: {direction}}}")
    argv = plan.steps[0].do.argv
    assert tuple(word for word in argv if word in ("-R", "--bidir")) == option
    assert [(flow.name, flow.sender) for flow in plan.flows] == flows


def test_iperf3_passes_its_options_in_their_units(compile_actions):
    plan = compile_actions(
        "{do: iperf3, from: h1, to: h2, bytes: 5MB, parallel: 3, rate: 2mbit, window: 64KiB,"
        " length: 8kB, mss: 1000, interval: 500ms}"
    )
    argv = " ".join(plan.steps[0].do.argv)
    assert argv.endswith("-i 0.5 -n 5000000 -P 3 -b 2000000 -w 65536 -l 8000 -M 1000")
    assert plan.flows[0].name == "a00"


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("{do: iperf3, from: h1, to: h2, congestion_control: cubik}", "did you mean 'cubic'?"),
        ("{do: iperf3, from: h1, to: h1}", "two different hosts"),
        ("{do: iperf3, from: h1, to: h3}", "no host 'h3'"),
        ("{do: iperf3, from: h1, to: h2, time: 5s, bytes: 1MB}", "both say when the flow ends"),
        ("{do: iperf3, from: h1, to: h2, time: 1500ms}", "whole seconds"),
        ("{do: iperf3, from: h1, to: h2, every: 1s}", "'every' means nothing"),
        ("{do: iperf3, from: h1, to: h2, window: 64}", "no unit"),
        ("{do: http_server, host: h2, files: {../x: a}}", "not a file name"),
        ("{do: http_get, from: h1, to: h2, path: index.html}", "not the path of a URL"),
        ("{do: python, host: h1, script: slow_raeder.py}", "did you mean 'slow_reader.py'?"),
        ("{do: python, host: h1, script: paced_sender.py, flow: x}", "'to' and 'port'"),
        ("{do: python, host: h1, script: paced_sender.py, port: 3}", "without a name"),
        ("{do: command, host: h1}", "either 'argv' or 'shell'"),
        ("{do: command, host: h1, argv: [true]}", "put it in quotes"),
        ("{do: kill, action: nobody}", "no action above this one is called 'nobody'"),
        ("{do: firewall, host: h1}", "exactly one of"),
        ("{do: firewall, host: h1, drop: {}, accept: {}}", "exactly one of"),
        ("{do: firewall, host: h1, drop: {flags: syn+akc}}", "did you mean 'ack'?"),
        ("{do: firewall, host: h1, drop: {protocol: udp, flags: syn}}", "udp has no TCP flags"),
        ("{do: firewall, host: h1, reject: {}, reject_with: tcp-reset}", "answers TCP only"),
        ("{do: firewall, host: h1, chain: INPUTS, drop: {}}", "INPUT"),
        ("{do: link, link: h1-h2}", "nothing to change"),
        ("{do: link, link: h1-h9, delay: 1ms}", "no link 'h1-h9'"),
        ("{do: netem, link: h1-h2, rate: 5mbit}", "not a parameter of netem"),
        ("{do: congestion_control, algorithm: bbr}", "either a host or a flow"),
        (
            "{do: congestion_control, flow: x, algorithm: bbr}",
            "no action above this one starts a flow 'x'",
        ),
        ("{do: sysctl, host: h1, key: kernel.panic, value: 1}", "not a setting"),
        ("{do: initial_window, host: h1, segments: 0}", "it must be at least 1"),
        ("{do: initial_window, host: h9, segments: 4}", "h9"),
        ("{do: wait_for, host: h1}", "exactly one of"),
        ("{do: wait_for, port: 80}", "need a 'host'"),
        ("{do: wait_for, log: text}", "belong together"),
        ("{do: wait_for, host: h1, socket: established}", "did you mean 'estab'?"),
    ],
)
def test_what_cannot_be_meant_is_refused(compile_actions, action, message):
    text = refused(compile_actions, action)
    assert message in text
    assert "probe.yaml:6:" in text


# --------------------------------------------------------------------------------------------------
# http


def test_http_server_without_at_is_ready_before_zero(compile_actions):
    plan = compile_actions(
        "{do: http_server, id: web, host: h2, files: {a.txt: text, b.bin: {size: 1kB, seed: 4}},"
        " backlog: 6}"
    )
    server, wait = (step.do for step in plan.setup)
    assert (
        " ".join(server.argv[3:])
        == "{dir}/apps/http_server.py --port 80 --backlog 6 --keep-alive --file"
        " a.txt={dir}/web/a.txt --generate b.bin=1000:4"
    )
    assert (wait.condition, wait.value, wait.step) == ("port", "80", "web")
    assert {file.path: file.content for file in plan.files}["web/a.txt"] == "text"
    assert plan.steps == ()


def test_http_server_with_at_is_a_timed_step(compile_actions):
    plan = compile_actions("{at: 3s, do: http_server, host: h2, keep_alive: false, until: 9s}")
    assert plan.setup == ()
    assert (plan.steps[0].at_ns, plan.steps[0].until_ns) == (3 * SECOND_NS, 9 * SECOND_NS)
    assert "--keep-alive" not in plan.steps[0].do.argv


@pytest.mark.parametrize("tool", ["curl", "wget"])
def test_http_get_names_a_flow_that_the_server_sends(compile_actions, tool):
    plan = compile_actions(
        SERVER,
        f"{{at: 1s, do: http_get, id: get, from: h1, to: h2, path: /d/x.bin, tool: {tool}, timeout:"
        " 1500ms, every: 2s}",
    )
    step, flow = plan.steps[0], plan.flows[0]
    assert step.do.argv[3:7] == ("http_get", "{out}", "x.bin", "1000000")
    assert step.do.argv[7] == tool
    assert "http://10.0.0.2:80/d/x.bin" in step.do.argv
    assert any("1.500" in word for word in step.do.argv)
    assert (step.every_ns, step.until_ns) == (2 * SECOND_NS, 60 * SECOND_NS)
    assert (flow.name, flow.client, flow.sender, flow.port, flow.step) == (
        "get",
        "h1",
        "h2",
        80,
        "get",
    )


# --------------------------------------------------------------------------------------------------
# processes


def test_python_server_is_awaited_and_finds_addresses(compile_actions):
    plan = compile_actions(
        "{do: python, id: r, host: h2, script: slow_reader.py, args: [--port, 5000, --every, 10ms],"
        " listens: 5000}",
        '{at: 1s, do: python, host: h1, script: burst_sender.py, args: [--to, "{h2}", --x, 1.5],'
        " flow: up, to: h2, port: 5000}",
    )
    assert plan.setup[0].do.argv == (
        "python3",
        "-u",
        "-B",
        "{dir}/apps/slow_reader.py",
        "--port",
        "5000",
        "--every",
        "10ms",
    )
    assert plan.setup[1].do.value == "5000"
    assert plan.steps[0].do.argv[4:] == ("--to", "10.0.0.2", "--x", "1.5")
    assert (plan.flows[0].client, plan.flows[0].sender, plan.flows[0].port) == ("h1", "h1", 5000)
    assert sorted(file.path for file in plan.files) == [
        "apps/burst_sender.py",
        "apps/slow_reader.py",
    ]


def test_python_prefers_the_script_beside_the_spec(compile_actions, tmp_path):
    (tmp_path / "slow_reader.py").write_text("print('mine')\n")
    plan = compile_actions(
        "{at: 2s, do: python, host: h1, script: slow_reader.py, expect_status: [0, 3]}"
    )
    assert [(file.path, file.content) for file in plan.files] == [
        ("scripts/slow_reader.py", "print('mine')\n")
    ]
    assert plan.steps[0].do.allowed_status == ("0", "3")


def test_command_as_list_and_as_shell_line(compile_actions):
    plan = compile_actions(
        '{at: 1s, do: command, host: h1, argv: [ping, -c, 3, "{h2}"], every: 10s, until: 30s}',
        '{at: 2s, do: command, host: h1, shell: "echo {h1} > {out}/me", needs: [dig]}',
    )
    assert plan.steps[0].do.argv == ("ping", "-c", "3", "10.0.0.2")
    assert plan.steps[0].every_ns == 10 * SECOND_NS
    assert plan.steps[1].do.argv == ("sh", "-c", "echo 10.0.0.1 > {out}/me")
    assert {"ping", "dig", "sh"} <= set(plan.needs.tools)


def test_a_command_may_say_in_words_what_it_does(compile_actions):
    plan = compile_actions(
        '{at: 1s, do: command, host: h1, shell: "true", label: nothing at all}',
        "{at: 2s, do: command, host: h1, shell: ls}",
    )
    assert [step.label for step in plan.steps] == ["nothing at all", "ls on h1"]


def test_kill_reaches_the_process_of_an_action_or_a_flow(compile_actions):
    plan = compile_actions(
        "{do: iperf3, from: h1, to: h2, flow: f}",
        SERVER,
        "{at: 1s, do: kill, action: f}",
        "{at: 2s, do: kill, action: web, signal: STOP}",
    )
    assert [step.do for step in plan.steps[1:]] == [Kill("a00", "TERM"), Kill("web", "STOP")]


# --------------------------------------------------------------------------------------------------
# firewall


def test_firewall_compares_four_flags(compile_actions):
    plan = compile_actions("{do: firewall, host: h1, drop: {flags: syn+ack, from: h2}, until: 9s}")
    rule = "-s 10.0.0.2/32 -p tcp --tcp-flags FIN,SYN,RST,ACK SYN,ACK -j DROP"
    assert plan.steps[0].do == Firewall("h1", "INPUT", tuple(rule.split()))
    assert plan.steps[0].until_ns == 9 * SECOND_NS
    assert plan.needs.features == ("iptables",)


@pytest.mark.parametrize(
    ("parameters", "rule"),
    [
        ("accept: {}", "-j ACCEPT"),
        ("drop: {flags: ack+psh}", "-p tcp --tcp-flags FIN,SYN,RST,PSH,ACK PSH,ACK -j DROP"),
        ("drop: {protocol: icmp, to: h1}", "-d 10.0.0.1/32 -p icmp -j DROP"),
        ("drop: {protocol: udp, port: 53}", "-p udp --dport 53 -j DROP"),
        (
            "reject: {port: 80, source_port: 99}, reject_with: tcp-reset",
            "-p tcp --sport 99 --dport 80 -j REJECT --reject-with tcp-reset",
        ),
    ],
)
def test_firewall_rules(compile_actions, parameters, rule):
    plan = compile_actions(f"{{do: firewall, host: h2, chain: OUTPUT, {parameters}}}")
    assert plan.steps[0].do == Firewall("h2", "OUTPUT", tuple(rule.split()))


# --------------------------------------------------------------------------------------------------
# flood


def test_syn_flood_is_bounded_and_routed_back(compile_actions):
    plan = compile_actions(
        SERVER, "{at: 1s, do: syn_flood, from: h1, to: h2, rate: 50/s, until: 11s}"
    )
    route = next(
        step.do for step in plan.setup if step.do.kind == "spawn" and step.do.argv[0] == "ip"
    )
    assert (route.node, route.argv, route.background) == (
        "h2",
        tuple(["ip", "route", "replace", "198.18.0.0/16", "via", "10.0.0.1"]),
        False,
    )
    words = " ".join(plan.steps[0].do.argv)
    assert "--to 10.0.0.2 --port 80" in words and "--network 10.0.0" in words
    assert words.endswith("--rate 50 --count 500 --until 10 --sources 198.18.0.0/16 --seed 3")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("to: 10.0.0.2", "nothing else is ever flooded"),
        ("to: 8.8.8.8", "nothing else is ever flooded"),
        ("to: example.org", "nothing else is ever flooded"),
        ("to: h1", "cannot flood itself"),
        ("to: h2, count: 100001", "at most 100000"),
        ("to: h2, rate: 5000/s", "more than 100000"),
        ("to: h2, rate: 100", "not a number per second"),
        ("to: h2, rate: 0/s", "not between"),
        ("to: h2, sources: 10.0.0.0/8", "overlap"),
        ("to: h2, sources: 0.0.0.0/0", "too large"),
    ],
)
def test_syn_flood_is_refused(compile_actions, parameters, message):
    assert message in refused(compile_actions, f"{{do: syn_flood, from: h1, {parameters}}}")


# ---------------------------------------------------------------------------------------------
# links and kernel


def test_link_change_keeps_what_is_not_named_at_that_time(compile_actions):
    head = (
        "name: probe\ntopology: two_host\nlinks: {h1-h2: {rate: 10mbit, delay: 20ms, queue:"
        " 50p}}\nduration: 60s\n"
    )
    plan = compile_actions(
        "{at: 5s, do: link, link: h1-h2, rate: 5mbit}",
        "{at: 10s, do: netem, link: h1-h2, towards: h2, loss: 1%, until: 20s}",
        head=head,
    )
    changes = [step for step in plan.steps if isinstance(step.do, LinkChange)]
    assert [(step.at_ns // SECOND_NS, step.do.towards) for step in changes] == [
        (5, "h2"),
        (5, "h1"),
        (10, "h2"),
    ]
    last = changes[-1].do.direction
    assert (last.rate_bps, last.delay_ns, last.queue.limit_packets, last.loss.p) == (
        5_000_000,
        20_000_000,
        50,
        0.01,
    )
    assert changes[-1].until_ns == 20 * SECOND_NS


def test_link_states(compile_actions):
    plan = compile_actions(
        "{at: 1s, do: link_down, link: h1-h2, until: 3s}", "{at: 5s, do: link_up, link: h2-h1}"
    )
    assert [(step.do, step.until_ns) for step in plan.steps] == [
        (LinkState("h1-h2", False), 3 * SECOND_NS),
        (LinkState("h1-h2", True), None),
    ]


def test_congestion_control_of_a_host_and_of_a_live_flow(compile_actions):
    plan = compile_actions(
        "{do: iperf3, from: h1, to: h2, flow: f, congestion_control: cubic}",
        "{at: 4s, do: congestion_control, host: h1, algorithm: reno, until: 6s}",
        "{at: 10s, do: congestion_control, flow: f, algorithm: bbr, until: 20s}",
    )
    assert plan.steps[1].do == Sysctl("h1", "net.ipv4.tcp_congestion_control", "reno")
    switches = [
        (step.at_ns // SECOND_NS, step.do)
        for step in plan.steps
        if isinstance(step.do, FlowCongestionControl)
    ]
    assert switches == [
        (10, FlowCongestionControl("h1", "a00", 5201, "bbr")),
        (20, FlowCongestionControl("h1", "a00", 5201, "cubic")),
    ]
    assert {"bbr", "cubic", "reno"} <= set(plan.needs.congestion_controls)


def test_congestion_control_switches_at_the_sender(compile_actions):
    plan = compile_actions(
        SERVER,
        "{at: 1s, do: http_get, id: get, from: h1, to: h2}",
        "{at: 1s, do: iperf3, from: h1, to: h2, flow: back, direction: reverse}",
        "{at: 2s, do: congestion_control, flow: get, algorithm: bbr}",
        "{at: 2s, do: congestion_control, flow: back, algorithm: bbr}",
    )
    switches = [step.do for step in plan.steps if isinstance(step.do, FlowCongestionControl)]
    assert [(switch.node, switch.step) for switch in switches] == [
        ("h2", "web"),
        ("h2", "a02.server"),
    ]


def test_sysctl(compile_actions):
    plan = compile_actions("{at: 1s, do: sysctl, host: h2, key: net.ipv4.tcp_sack, value: 0}")
    assert plan.steps[0].do == Sysctl("h2", "net.ipv4.tcp_sack", "0")
    assert plan.steps[0].label == "net.ipv4.tcp_sack = 0 on h2"


def test_initial_window_holds_from_before_the_start_or_from_its_time(compile_actions):
    plan = compile_actions(
        "{do: initial_window, host: h2, segments: 3}",
        "{at: 2s, do: initial_window, host: h1, segments: 4, until: 3s}",
    )
    assert plan.setup[-1].do == InitialWindow("h2", 3)
    assert (plan.steps[0].do, plan.steps[0].until_ns) == (InitialWindow("h1", 4), 3 * SECOND_NS)


# --------------------------------------------------------------------------------------------------
# observe


def test_snapshot_mark_and_their_repetition(compile_actions):
    plan = compile_actions(
        "{at: 1s, do: snapshot, every: 5s, until: 20s}", "{at: 2s, do: mark, text: here}"
    )
    assert plan.steps[0].do == Snapshot(("h1", "h2"))
    assert (plan.steps[0].every_ns, plan.steps[0].until_ns) == (5 * SECOND_NS, 20 * SECOND_NS)
    assert plan.steps[1].do == Mark("here")


def test_wait_for_each_condition(compile_actions):
    plan = compile_actions(
        SERVER,
        "{at: 1s, do: wait_for, host: h2, port: 80}",
        "{at: 2s, do: wait_for, host: h2, socket: syn-recv, port: 80, timeout: 5s}",
        "{at: 3s, do: wait_for, log: listening, action: web}",
        "{at: 4s, do: wait_for, exit: web}",
    )
    assert [step.do for step in plan.steps] == [
        WaitFor("h2", "port", "80", 30 * SECOND_NS, step="web"),
        WaitFor("h2", "socket", "syn-recv", 5 * SECOND_NS, port=80),
        WaitFor("h2", "log", "listening", 30 * SECOND_NS, step="web"),
        WaitFor("h2", "exit", "", 30 * SECOND_NS, step="web"),
    ]


def test_plans_are_plain_data(compile_actions):
    from tcpexp.plan.types import RunPlan, from_json, to_json

    plan = compile_actions(
        SERVER, "{at: 1s, do: http_get, from: h1, to: h2}", "{do: iperf3, from: h1, to: h2}"
    )
    assert from_json(to_json(plan), RunPlan) == plan
    assert json.loads(to_json(plan))["steps"]


# --------------------------------------------------------------------------------------------------
# utcp


def test_utcp_can_open_a_connection_for_each_request(compile_actions):
    server = "{do: utcp, id: server, host: h2, run: serve, config: {fast_open: true}}"
    plan = compile_actions(
        server,
        "{at: 1s, do: utcp, id: c, host: h1, run: calc, to: h2, args: [1+1, 2+2], each: true,"
        " config: {fast_open: true}, flow: f}",
        "{at: 2s, do: utcp, id: d, host: h1, run: calc, to: h2, args: [1+1]}",
    )
    argv = {step.id: step.do.argv for step in plan.steps}
    assert "--each" in argv["c"]
    assert "fast_open=true" in argv["c"]
    assert "--each" not in argv["d"]
    said = refused(
        compile_actions,
        "{at: 1s, do: utcp, host: h1, run: source, to: h2, each: true}",
    )
    assert "'source' has no requests" in said
