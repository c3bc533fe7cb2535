"""Words of other tools (Mininet, netem and tc, iperf, ns-3, testbeds' own) and what they are called
here.

Only for hints: a spec has one word for each thing. Facts about the others' words: Mininet 2.3
(``mininet/link.py``, class ``TCIntf``: bw, delay, jitter, loss, max_queue_size, use_htb,
enable_ecn), tc-netem(8), iperf3(1).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tcpexp.registry import suggest

if TYPE_CHECKING:
    from pydantic import BaseModel


@dataclass(frozen=True)
class Meant:
    """The keys that a word may mean, the first that is known counts.

    ``note`` when their values differ.
    """

    keys: tuple[str, ...]
    note: str = ""


def _words(table: dict[str, str], **notes: str) -> dict[str, Meant]:
    """Return a table of keys (several with ``|``) to the words of others for them, turned round."""
    found = {}
    for keys, words in table.items():
        for word in words.split():
            found[word] = Meant(tuple(keys.split("|")), notes.get(word, ""))
    return found


#: Keys of mappings, by the words that others use. A word may stand for keys of several mappings.
KEYS = _words(
    {
        # links
        "rate": (
            "bandwidth bw bitrate bit_rate datarate data_rate speed throughput capacity link_rate"
            " max_rate"
        ),
        "delay": (
            "latency lag propagation propagation_delay prop_delay one_way_delay owd netem_delay rtt"
        ),
        "queue|window": "buffer buffers buffer_size buf buf_size bufsize",
        "queue": (
            "limit max_queue_size queue_size queue_length queue_limit queue_len qlen qsize maxq"
            " txqueuelen"
        ),
        "loss": "plr packet_loss loss_rate lossrate drop_rate loss_percent losses error_rate per",
        "jitter": "delay_variation variation ipdv delay_jitter",
        "jitter_distribution": "distribution dist delay_distribution",
        "jitter_correlation": "delay_correlation",
        "duplicate": "duplication dup duplicates dup_rate",
        "corrupt": "corruption bit_error corrupt_rate",
        "reorder": "reordering reorder_rate",
        "reorder_gap": "gap",
        "discipline": (
            "qdisc aqm scheduler queue_discipline queueing_discipline queue_type enable_red use_red"
        ),
        "ecn": "enable_ecn use_ecn",
        "mark_at": "ecn_threshold marking_threshold threshold min_th k",
        # actions
        "at": "start starts begin start_time starttime start_at when after t time_s",
        "until": "end ends stop end_time stop_time stop_at finish",
        "time|until": "duration runtime seconds secs",
        "from|host": "src source client sender_host from_host h_from",
        "to": "dst dest destination server target receiver to_host remote",
        "host": "node on where machine hostname",
        "congestion_control|algorithm": (
            "cc cca cong congestion congestion_algorithm tcp_congestion_control tcp variant algo"
        ),
        "shell|args": "command cmd exec commandline line",
        "argv|args": "arguments argument params parameters options",
        "script": "file program path_to_script python",
        "bytes": "size amount total_bytes n_bytes nbytes data volume filesize",
        "parallel": "streams num_streams flows connections nflows number_of_flows",
        "every": "period repeat interval_s each",
        "flow|id": "name flow_name",
        "id|label": "tag",
        "do": "type action_type kind what",
        "expect_status": (
            "status exit_code exitcode returncode return_code exit_status rc expect_exit"
            " expected_status"
        ),
        "needs": "requires depends",
        "timeout": "max_time wait",
        "text|label": "message comment",
        # hosts
        "sysctls": "sysctl settings kernel_settings sysctl_settings",
        "offloads": "offload offloading tso gso gro",
        # checks
        "at_least": "min minimum ge gte above more_than lower",
        "at_most": "max maximum le lte below less_than upper",
        "within": "tolerance error_margin epsilon",
        "because": "reason why explanation comment_text",
        "between": "interval_between range span time_range",
        # the whole spec
        "topology": "network topo net graph",
        "hosts": "nodes host_settings machines",
        "links": "edges link_settings",
        "actions": (
            "events steps timeline tasks commands programs traffic workload schedule script_steps"
            " apps applications run do_list"
        ),
        "expect": (
            "checks check assert asserts assertions expected expectations tests verify validate"
        ),
        "plots": "figures graphs plot charts",
        "record": "recorders capture captures recording logging log pcap pcaps tcpdump monitor",
        "references": "refs literature reading",
        "explain": "explanation discussion",
        "sweep": "vary matrix study variations grid",
        "seed": "random_seed rng_seed",
        "description": "question about summary",
    },
    rtt="delay: is one way, so half a round-trip time in each direction",
    duration="until: is a time from the start of the experiment, time: (iperf3) a length",
    runtime="until: is a time from the start of the experiment, time: (iperf3) a length",
    seconds="until: is a time from the start of the experiment, time: (iperf3) a length",
    secs="until: is a time from the start of the experiment, time: (iperf3) a length",
    enable_red="discipline: red",
    use_red="discipline: red",
    k="mark_at: 20p marks what finds more than 20 packets waiting",
    min_th="mark_at: 20p marks what finds more than 20 packets waiting",
    threshold="mark_at: 20p marks what finds more than 20 packets waiting",
    arguments="argv: is a list that begins with the program; args: are those of a script",
    command="shell: takes a line, argv: a list",
    cmd="shell: takes a line, argv: a list",
    status="an exit status, or a list of those that are no failure",
    tso="offloads: true is all of TSO, GSO and GRO",
    gso="offloads: true is all of TSO, GSO and GRO",
    gro="offloads: true is all of TSO, GSO and GRO",
    tolerance="at_least: and at_most: say what passes",
    capture="record: {capture: {snaplen: 96}}; every host interface is captured anyway",
    tcpdump="record: {capture: {snaplen: 96}}; every host interface is captured anyway",
    pcap="record: {capture: {snaplen: 96}}; every host interface is captured anyway",
    time_s="at: 1s is a time from the start of the experiment",
    after="at: 1s is a time from the start of the experiment",
)
#: Top-level words that mean something else elsewhere.
KEYS_OF_SPEC = {
    "time": "duration",
    "length": "duration",
    "runtime": "duration",
    "seconds": "duration",
    "end": "duration",
    "until": "duration",
    "timeout": "duration",
    "id": "name",
    "flows": "actions",
    "run": "actions",
    "parameters": "sweep",
    "params": "sweep",
    "sysctls": "hosts",
    "sysctl": "hosts",
    "command": "actions",
    "graph": "plots",
    "net": "topology",
    "repeat": "sweep",
    "title_text": "title",
}
#: Words of Mininet that need no counterpart.
NEEDLESS = {
    "use_htb": "rate: is kept by tbf always",
    "use_tbf": "rate: is kept by tbf always",
    "use_hfsc": "rate: is kept by tbf always",
    "r2q": "rate: is kept by tbf always",
    "burst": "the bucket of tbf follows from rate: and the MTU",
    "ip": "addresses follow from the topology; {h1} stands for h1's",
    "cpu": "processors are not divided: the virtual clock does not need it",
    "controller": "there are no switches, so no controller",
    "loss_correlation": "loss in bursts is {model: gilbert_elliott, p: 1%, r: 25%}",
}
#: What others would write behind ``do:``, and how it reads here.
ACTIONS = {
    "ping": 'write do: command, argv: [ping, -c, 10, "{h2}"]',
    "ping6": 'write do: command, argv: [ping, -c, 10, "{h2}"]',
    "pingall": (
        'write do: command, argv: [ping, -c, 1, "{h2}"]; paths are probed before every run anyway'
    ),
    "traceroute": 'write do: command, argv: [traceroute, -n, "{h2}"]',
    "tcpdump": (
        "every host interface is captured anyway (raw/*.pcap); record: {capture: {snaplen: 96}}"
        " changes how"
    ),
    "tshark": (
        "every host interface is captured anyway (raw/*.pcap); record: {capture: {snaplen: 96}}"
        " changes how"
    ),
    "wireshark": "every host interface is captured anyway (raw/*.pcap), for you to open afterwards",
    "capture": (
        "every host interface is captured anyway (raw/*.pcap); record: {capture: {snaplen: 96}}"
        " changes how"
    ),
    "iperf": "did you mean 'iperf3'?",
    "iperf_server": "do: iperf3 starts its own server",
    "iperf3_server": "do: iperf3 starts its own server",
    "iperf_client": "write do: iperf3; it starts its own server",
    "iperf3_client": "write do: iperf3; it starts its own server",
    "netperf": "write do: iperf3",
    "curl": "write do: http_get",
    "wget": "write do: http_get, tool: wget",
    "http": "write do: http_get for a download, do: http_server for a server",
    "http_client": "write do: http_get",
    "download": "write do: http_get",
    "web": "write do: http_server",
    "webserver": "write do: http_server",
    "web_server": "write do: http_server",
    "run": "write do: command with shell: or argv:, or do: python with script:",
    "exec": "write do: command with shell: or argv:",
    "execute": "write do: command with shell: or argv:",
    "cmd": "write do: command with shell: or argv:",
    "shell": 'write do: command, shell: "..."',
    "sh": 'write do: command, shell: "..."',
    "bash": 'write do: command, shell: "..."',
    "script": "write do: python, script: my.py",
    "program": "write do: command, argv: [...]",
    "process": "write do: command, argv: [...]",
    "spawn": "write do: command, argv: [...]",
    "nc": "write do: command, argv: [nc, ...]",
    "netcat": "write do: command, argv: [nc, ...]",
    "nmap": "write do: command, argv: [nmap, ...]",
    "netwox": (
        "write do: syn_flood for forged SYNs, or do: command, argv: [netwox, ...] where the place"
        " has it"
    ),
    "hping3": (
        "write do: syn_flood for forged SYNs, or do: command, argv: [hping3, ...] where the place"
        " has it"
    ),
    "telnet": "write do: command, argv: [nc, ...]",
    "ip": "write do: command, argv: [ip, ...]",
    "ifconfig": "write do: command, argv: [ip, ...]",
    "route": "write do: command, argv: [ip, route, ...]",
    "ethtool": "write do: command, argv: [ethtool, ...]",
    "ss": "write do: snapshot; sockets are recorded throughout anyway (record: {ss: 100ms})",
    "netstat": "write do: snapshot; sockets are recorded throughout anyway (record: {ss: 100ms})",
    "tc": "write do: link, with the parameters that change",
    "qdisc": "write do: link, with the parameters that change",
    "link_change": "write do: link",
    "change_link": "write do: link",
    "set_link": "write do: link",
    "config_link": "write do: link",
    "bandwidth": "write do: link, rate: 5mbit",
    "rate": "write do: link, rate: 5mbit",
    "delay": "write do: link, delay: 50ms",
    "latency": "write do: link, delay: 50ms",
    "loss": "write do: netem, loss: 1%",
    "jitter": "write do: netem, jitter: 5ms",
    "partition": "write do: link_down",
    "flap": "write do: link_down, with until:",
    "down": "write do: link_down",
    "up": "write do: link_up",
    "iptables": "write do: firewall",
    "nft": "write do: firewall",
    "drop": "write do: fault for chosen segments, do: firewall for a rule",
    "set_sysctl": "write do: sysctl",
    "stop": "write do: kill, action: <its id>; or give the action an until:",
    "terminate": "write do: kill, action: <its id>",
    "signal": "write do: kill, action: <its id>, signal: ...",
    "sleep": "actions have a time: at: 5s; do: wait_for waits for something to happen",
    "wait": "actions have a time: at: 5s; do: wait_for waits for something to happen",
    "pause": "actions have a time: at: 5s; do: wait_for waits for something to happen",
    "print": "write do: mark, text: ...",
    "echo": "write do: mark, text: ...; or do: python, script: echo.py for an echo server",
    "log": "write do: mark, text: ...",
    "note": "write do: mark, text: ...",
    "synflood": "did you mean 'syn_flood'?",
    "cc": "write do: congestion_control",
    "dctcp": "write do: iperf3, congestion_control: dctcp",
    "udp": "write do: python, script: datagrams.py",
}
#: Checks by the words of others.
CHECKS = {
    "throughput": "goodput",
    "bandwidth": "goodput",
    "rate": "goodput",
    "speed": "goodput",
    "latency": "rtt",
    "delay": "rtt",
    "fairness": "jain",
    "loss": "retransmissions",
    "retransmits": "retransmissions",
    "resent": "retransmissions",
    "exit_code": "exit",
    "status": "exit",
    "returncode": "exit",
    "stdout": "output",
    "log": "output",
    "contains": "output",
    "state": "states",
    "cwnd": "phase",
    "queue_length": "queue",
    "bufferbloat": "queueing_delay",
    "handshake": "states",
}


def key_hint(
    word: str, model: type[BaseModel] | None, known: list[str]
) -> tuple[str | None, str | None]:
    """Return a hint for a key that ``model`` does not know, and the known key that is meant, None
    when none is (or its value would differ).
    """
    plain = word.lower().replace("-", "_")
    top = model is not None and model.__name__ == "ExperimentSpec"
    if top and KEYS_OF_SPEC.get(plain) in known:
        return f"our word for it is '{KEYS_OF_SPEC[plain]}'", None
    meant = KEYS.get(plain)
    key = next((key for key in meant.keys if key in known), None) if meant is not None else None
    if meant is not None and key is not None:
        return f"our word for it is '{key}'" + (f": {meant.note}" if meant.note else ""), (
            None if meant.note else key
        )
    if plain in NEEDLESS:
        return f"leave it out: {NEEDLESS[plain]}", None
    near = difflib.get_close_matches(plain, known, n=1, cutoff=0.6)
    return (f"did you mean '{near[0]}'?", near[0]) if near else (suggest(word, known), None)


def name_hint(kind: str, word: str) -> str | None:
    """Return a hint for a name of another tool that stands where an action's (or a check's) name
    should, None when it is none.
    """
    plain = word.lower().replace("-", "_")
    if kind == "action":
        return ACTIONS.get(plain)
    if kind == "check" and plain in CHECKS:
        return f"our word for it is '{CHECKS[plain]}'"
    return None


def missing_do_hint(raw: dict[str, Any], actions: Iterable[str]) -> str:
    """Return what an entry of ``actions:`` without ``do`` seems to mean."""
    names = list(actions)
    for key, value in raw.items():
        plain = str(key).lower().replace("-", "_")
        if plain in names:
            return f"write do: {plain}, and its parameters beside it"
        if plain in ACTIONS and plain not in (
            "rate",
            "delay",
            "loss",
            "jitter",
            "script",
            "log",
            "drop",
        ):
            return ACTIONS[plain]
        if plain in ("type", "action", "kind", "what", "name") and value in names:
            return f"write do: {value} instead of {key}: {value}"
        if plain in ("argv", "command"):
            return "write do: command beside it"
        if plain == "script":
            return "write do: python beside it"
    return "add do: with an action's name"
