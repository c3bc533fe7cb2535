"""Every "Try next" of every experiment and study: each proposal in it is compiled here, and run
with ``--full``.

A proposal is what stands between back-quotes. One that begins with ``--set`` is taken as it stands.
For one in words (a line of YAML, an argument of a program) :data:`EDITS` says what the words ask
the reader to change. :data:`NAMES` are no proposals but things that are named. Nothing else may be
quoted.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tcpexp.catalogue import load_catalogue
from tcpexp.catalogue.reading import load_spec
from tcpexp.paths import shipped_specs, shipped_studies
from tcpexp.plan.compile import compile_plan
from tcpexp.runs.options import RunOptions
from tcpexp.runs.runner import run_experiment
from tcpexp.spec.yaml12 import parse_yaml
from tcpexp.store.rundata import RunData

Spec = dict[str, Any]
Edit = Callable[[Spec], None]
SPECS = {path.stem: path for path in shipped_specs()}
STUDIES = {path.stem: path for path in shipped_studies()}
TRY_NEXT = re.compile(r"^\s*\*\*Try next\.?\*\*(.*)", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r"`([^`]+)`")


def action(spec: Spec, which: str | int) -> Spec:
    """An action by its id or its number."""
    found = (
        spec["actions"][which]
        if isinstance(which, int)
        else next(candidate for candidate in spec["actions"] if candidate.get("id") == which)
    )
    assert isinstance(found, dict)
    return found


def change(which: str | int, **values: Any) -> Edit:
    """Set parameters of an action; None takes one away."""

    def edit(spec: Spec) -> None:
        found = action(spec, which)
        for name, value in values.items():
            found.pop(name, None)
            if value is not None:
                found[name] = value

    return edit


def option(*which: str | int, **values: str | None) -> Edit:
    """Set options in the arguments of programs; an option of None is taken away with its value."""

    def edit(spec: Spec) -> None:
        for choice in which:
            args = action(spec, choice)["args"]
            for name, value in values.items():
                word = f"--{name.replace('_', '-')}"
                if word in args:
                    at = args.index(word)
                    del args[at : at + 2]
                if value is not None:
                    args += [word, value]

    return edit


def word(which: str | int, old: str, new: str, key: str = "args") -> Edit:
    """Replace one word of a list of arguments."""

    def edit(spec: Spec) -> None:
        words = action(spec, which)[key]
        words[words.index(old)] = new

    return edit


def add(*actions: Spec) -> Edit:
    return lambda spec: spec["actions"].extend(actions)


def drop(which: str | int) -> Edit:
    def edit(spec: Spec) -> None:
        found = action(spec, which)
        spec["actions"] = [kept for kept in spec["actions"] if kept is not found]
        asked = spec.get("expect", [])
        spec["expect"] = [
            entry for entry in asked if isinstance(which, int) or which not in json.dumps(entry)
        ]
        if spec["expect"] != asked:
            # what quotes a check by its number
            spec.pop("answer", None)

    return edit


def sysctl(host: str, **values: Any) -> Edit:
    """Set sysctls of a host; two underscores stand for a dot."""

    def edit(spec: Spec) -> None:
        own = spec.setdefault("hosts", {}).setdefault(host, {}).setdefault("sysctls", {})
        own.update({f"net.ipv4.{name}": value for name, value in values.items()})

    return edit


def record(**values: Any) -> Edit:
    return lambda spec: spec.setdefault("record", {}).update(values)


def both(*edits: Edit) -> Edit:
    def edit(spec: Spec) -> None:
        for change in edits:
            change(spec)

    return edit


FROM_H2 = {"chain": "INPUT", "drop": {"flags": "ack", "from": "h2"}}
#: What the words of a proposal ask for, by experiment and quoted text.
EDITS: dict[tuple[str, str], Edit] = {
    ("accept_queue_overflow", "[--port, 80, --backlog, 1, --accept-after, 8s]"): option(
        "server", accept_after="8s"
    ),
    ("cc_switch", "host: h1"): change(1, flow=None, host="h1"),
    ("closed_port", "{at: 4s, do: firewall, host: h2, drop: {port: 80}}"): add(
        {"at": "4s", "do": "firewall", "host": "h2", "drop": {"port": 80}}
    ),
    ("closed_port", "{at: 4s, do: firewall, host: h2, reject: {port: 80}}"): add(
        {"at": "4s", "do": "firewall", "host": "h2", "reject": {"port": 80}}
    ),
    ("dead_host", "reject: {to: h2}, reject_with: icmp-host-unreachable"): change(
        0, drop=None, reject={"to": "h2"}, reject_with="icmp-host-unreachable"
    ),
    ("dead_host", "tcp_syn_linear_timeouts"): drop(1),
    ("dead_host_linear", "net.ipv4.tcp_syn_linear_timeouts: 0"): sysctl(
        "h1", tcp_syn_linear_timeouts=0
    ),
    ("dead_host_retries_3", "connect_timeout: 5s"): change("get", connect_timeout="5s"),
    ("delayed_ack", "--size 1448"): option(2, 3, size="1448"),
    ("delayed_ack", "--every 5ms"): option(2, 3, size="1448", every="5ms"),
    ("delayed_ack", "quickack 1"): add(
        {
            "at": "0s",
            "do": "command",
            "host": "h2",
            "argv": ["ip", "route", "replace", "{h1}", "dev", "h2-eth0", "quickack", "1"],
            "expect_status": 0,
        }
    ),
    ("echo", "--size 3000"): option("tcp_client", "udp_client", size="3000"),
    ("echo", "--protocol tcp"): both(
        option("udp_lost", protocol="tcp"), change(6, drop={"protocol": "tcp", "port": 7})
    ),
    ("gso_segments", "record: {capture: {snaplen: full}}"): record(capture={"snaplen": "full"}),
    ("half_close", "500ms:close"): word("client", "500ms:shutdown", "500ms:close"),
    ("handshake_teardown", "keep_alive: false"): change("web", keep_alive=False),
    ("handshake_teardown", "tool: wget"): change("get", tool="wget"),
    ("keepalive", "net.ipv4.tcp_keepalive_probes: 2"): sysctl("h1", tcp_keepalive_probes=2),
    ("keepalive", "until: 37s"): change(2, until="37s"),
    ("keepalive", "30s:send:1B"): lambda spec: action(spec, "client")["args"].append("30s:send:1B"),
    **{
        ("linked_list", lie): option("truncated", lie=lie)
        for lie in ("content", "huge-content", "twice", "nowhere", "tail", "title")
    },
    ("loss_of_retransmission", "transmission: [1, 2, 3]"): both(
        change("lose_rack", transmission=[1, 2, 3]), change("lose_no_rack", transmission=[1, 2, 3])
    ),
    ("loss_of_retransmission", "transmission: all"): change(
        "lose_no_rack", transmission="all", until="4s"
    ),
    ("lost_synack", "transmission: all"): change("lose_synack", transmission="all"),
    ("lost_synack", "delay: 200ms"): lambda spec: spec["links"]["h1-h2"].update(delay="200ms"),
    ("nagle", "--every 100ms"): option(3, 4, 5, every="100ms"),
    ("nagle", "--size 1448"): option(3, 4, 5, size="1448"),
    ("one_loss", "nth: 138"): change("lose_40", nth=138),
    ("orphan_fin_wait2", "net.ipv4.tcp_fin_timeout: 70"): both(
        word("deaf", "16s:send:100B", "5s:send:100B"),
        word("deaf_too", "16s:send:100B", "5s:send:100B"),
        sysctl("h1", tcp_fin_timeout=70),
    ),
    ("relay_zero_window", "--user-timeout"): option("web_timeout", user_timeout=None),
    ("relay_zero_window", "do: kill, action: relay, signal: KILL"): add(
        {"at": "20s", "do": "kill", "action": "relay", "signal": "KILL"}
    ),
    ("relay_zero_window", "tcp_retries2"): sysctl("h2", tcp_retries2=15),
    ("reorder_threshold", "nth: [40, 60]"): change("late_6", nth=[40, 60]),
    ("reorder_threshold", "net.ipv4.tcp_reordering: 5"): sysctl("h2", tcp_reordering=5),
    ("reorder_threshold", "net.ipv4.tcp_sack: 0"): sysctl("h1", tcp_sack=0),
    ("rwnd_autotuning", "--size 100000 --every 10ms"): both(
        option("sender", size="100000", every="10ms"), option("reader", read="65536", every="0s")
    ),
    ("rwnd_fixed", 'net.ipv4.tcp_rmem: "4096 8192 8192"'): sysctl("h2", tcp_rmem="4096 8192 8192"),
    ("rwnd_fixed", "--every 500ms"): option("reader", every="500ms"),
    ("send_chunk_size", "--pause 100ms"): option(
        "server_100", "server_1k", "server_10k", pause="100ms"
    ),
    ("send_chunk_size", "tcp_wmem"): sysctl("h1", tcp_wmem="4096 4194304 4194304"),
    ("simultaneous_close", "1060ms:close"): word("server", "1s:close", "1060ms:close"),
    ("slow_receiver", "--every 200ms"): option("reader", every="200ms"),
    ("slow_receiver", "--send-buffer 4096"): option("sender", send_buffer="4096"),
    ("stop_and_wait", "quickack"): drop(2),
    ("syn_flood", "backlog: 128"): change("web", backlog=128),
    ("syn_flood", "{at: 200ms, do: http_get, id: before, from: h1, to: h2}"): both(
        change("web", backlog=128),
        add({"at": "200ms", "do": "http_get", "id": "before", "from": "h1", "to": "h2"}),
    ),
    ("syn_flood_cookies", "net.ipv4.tcp_timestamps: 0"): sysctl("h1", tcp_timestamps=0),
    ("syn_scan", "-sT"): word("scan", "-sS", "-sT", "argv"),
    ("syn_scan", "reject_with: tcp-reset"): change(
        2, reject={"protocol": "tcp", "port": 83, "from": "h1"}, reject_with="tcp-reset"
    ),
    ("synack_drop", 'tcp_synack_retries: "2"'): sysctl("h2", tcp_synack_retries="2"),
    ("synack_drop", "chain: OUTPUT, drop: {flags: syn, to: h2}"): change(
        2, chain="OUTPUT", drop={"flags": "syn", "to": "h2"}
    ),
    ("synack_drop", "tcp_syn_linear_timeouts"): drop(1),
    ("tail_loss", "slow_probe"): drop("slow_probe"),
    ("tail_loss", "nth: [9, 10]"): change("lose_three", nth=[9, 10]),
    ("tail_loss", "bytes: [0, 20000]"): change("lose_three", nth=None, bytes=[0, 20000]),
    ("tail_loss", "record: {ss: 2ms}"): record(ss="2ms"),
    ("udp_no_flow_control", "--every 10ms"): option("udp_sender", every="10ms"),
    ("udp_no_flow_control", "--receive-buffer 1048576"): option(
        "udp_reader", receive_buffer="1048576"
    ),
    ("path_mtu_discovery", "{at: 1200ms, do: link, link: r1-r2, mtu: 1000B}"): add(
        {"at": "1200ms", "do": "link", "link": "r1-r2", "mtu": "1000B"}
    ),
    ("zero_window_attack", "--connections 500"): option("attack", connections="500"),
    ("zero_window_probe", "chain: INPUT, drop: {flags: ack, from: h2}"): add(
        {"at": "480s", "do": "firewall", "host": "h1", **FROM_H2, "until": "484s"}
    ),
}
#: Quoted, but no proposal of their own: parts of one above, and names of things that are seen.
NAMES: dict[str, tuple[str, ...]] = {
    "aimd_friendly": ("cong_avoid", "tcpexp docs own-congestion-control"),
    "accept_queue_overflow": ("tcp_abort_on_overflow",),
    "cc_switch": ("flow: upload",),
    "dead_host": ("drop",),
    "dead_host_retries_3": ("TCP_SYNCNT", "http_get"),
    "dead_host_same_subnet": ("ip neigh", "net.ipv6.neigh", "connect()"),
    "delayed_ack": ("1428", "ip route"),
    "echo": ("protocol: tcp",),
    "half_close": ("500ms:shutdown",),
    "keepalive": ("hosts:", "tcp_retries2"),
    "linked_list": ("--lie",),
    "path_mtu_black_hole": (
        (
            "iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS"
            " --clamp-mss-to-pmtu"
        ),
    ),
    "loss_of_retransmission": ("until: 4s",),
    "lost_synack": ("lose_synack", "tcp_synack_retries", "tcp_syn_retries"),
    "nagle": ("1428",),
    "reorder_threshold": ("late_6",),
    "rwnd_autotuning": ("--read 65536 --every 0s",),
    "send_chunk_size": ('hosts: {h1: {sysctls: {net.ipv4.tcp_wmem: "4096 4194304 4194304"}}}',),
    "syn_flood": ("tcp_max_syn_backlog", "TCPReqQFullDrop", "ListenDrops", "ip tcp_metrics"),
    "syn_scan": ("-sS",),
    "synack_drop": ("hosts:", "ss"),
    "tail_loss": ("timer:", "lp", "on"),
    "zero_window_probe": ("firewall",),
    "initial_window": ("ip route change ... initcwnd 3", "initial_window"),
    "send_chunk_size_ipv6": ("tcpexp diff",),
    "own_programs": ("struct node",),
}


@dataclass(frozen=True)
class Proposal:
    """A specification to be compiled or run: overrides as ``--set`` takes them, or an edit of the
    file.
    """

    name: str
    text: str
    overrides: tuple[str, ...] = ()
    edit: Edit | None = None

    def spec(self, folder: Path) -> Path:
        """Return the file, changed where the proposal changes it."""
        path = SPECS[self.name]
        if self.edit is None:
            return path
        for beside in path.parent.glob("*.trace"):
            shutil.copy(beside, folder)
        raw = parse_yaml(path.read_text(), str(path)).raw
        before = json.dumps(raw)
        self.edit(raw)
        assert json.dumps(raw) != before, "the edit changes nothing"
        changed = folder / path.name
        changed.write_text(json.dumps(raw, indent=1))
        return changed


def asked(path: Path) -> str:
    """Return the "Try next" of a file, empty when it has none."""
    found = TRY_NEXT.search(str(parse_yaml(path.read_text(), str(path)).raw.get("explain", "")))
    return found[1] if found else ""


def proposals() -> list[Proposal]:
    found: list[Proposal] = []
    for name, path in SPECS.items():
        for text in dict.fromkeys(QUOTED.findall(asked(path))):
            words = shlex.split(text) if "--set" in text or text.startswith("tcpexp run") else []
            sets = tuple(words[at + 1] for at, given in enumerate(words) if given == "--set")
            if words[:2] == ["tcpexp", "run"]:
                named = [
                    argument
                    for at, argument in enumerate(words[2:], 2)
                    if not argument.startswith("-") and words[at - 1] != "--set"
                ]
                found += [Proposal(name, text, sets) for name in named]
            elif sets:
                found.append(Proposal(name, text, sets))
            elif (name, text) in EDITS:
                found.append(Proposal(name, text, edit=EDITS[name, text]))
    return found


PROPOSALS = [
    pytest.param(proposal, id=f"{proposal.name}-{proposal.text}".replace(" ", "_")[:90])
    for proposal in proposals()
]


@pytest.mark.parametrize("path", [*SPECS.values(), *STUDIES.values()], ids=lambda path: path.stem)
def test_whatever_is_quoted_is_a_proposal_or_a_name(path: Path) -> None:
    known = (
        {param.values[0].text for param in PROPOSALS if param.values[0].name == path.stem}
        | set(SPECS)
        | set(STUDIES)
    )
    known |= {text for text in QUOTED.findall(asked(path)) if text.startswith("tcpexp run ")}
    unknown = [
        text
        for text in QUOTED.findall(asked(path))
        if text not in known and text not in NAMES.get(path.stem, ())
    ]
    assert not unknown, "say in EDITS what it asks for, or in NAMES that it asks for nothing"


def test_no_edit_is_left_over() -> None:
    quoted = {
        (path.stem, text)
        for path in (*SPECS.values(), *STUDIES.values())
        for text in QUOTED.findall(asked(path))
    }
    assert set(EDITS) <= quoted
    assert {(name, text) for name, texts in NAMES.items() for text in texts} <= quoted


@pytest.mark.parametrize("proposal", PROPOSALS)
def test_the_proposal_makes_a_plan(proposal: Proposal, tmp_path: Path) -> None:
    catalogue = load_catalogue()
    path = proposal.spec(tmp_path)
    plan = compile_plan(load_spec(path, catalogue, overrides=proposal.overrides), catalogue)
    before = compile_plan(load_spec(SPECS[proposal.name], catalogue), catalogue)
    same = (plan.network, plan.setup, plan.steps, plan.recorders, plan.files, plan.modules) == (
        before.network,
        before.setup,
        before.steps,
        before.recorders,
        before.files,
        before.modules,
    )
    assert not same or not (proposal.overrides or proposal.edit), "the proposal changes nothing"


@pytest.mark.guest
@pytest.mark.full
@pytest.mark.parametrize("proposal", PROPOSALS)
def test_the_proposal_runs(proposal: Proposal, tmp_path: Path) -> None:
    """To its end, on the network that it asks for.

    That a check or a program fails may be what the reader is meant to find.
    """
    outcome = run_experiment(
        proposal.spec(tmp_path),
        RunOptions(on="uml", overrides=proposal.overrides, out=tmp_path / "results"),
    )
    assert outcome.status == "complete", outcome.problems
    certificate = RunData(outcome.path).certificate
    assert [
        reason for reason in certificate["reasons"] if not reason.startswith("program of ")
    ] == []
