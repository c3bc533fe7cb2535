"""A small script language in the manner of packetdrill: exact segments at exact times, and proof
that nothing else was sent.

One line is ``<seconds> <verb> ...``; ``#`` begins a comment. Sequence numbers are relative, ours to
our ISN, the peer's to its own: SYN is 0, data begin at 1.

    0.000 connect                                    a call of the user's
    0.000 > S seq 0 win 65535 <mss 1000, sackOK>     the next segment that goes out, at this time
    0.100 < SA seq 0 ack 1 win 9000 <mss 1000>       a segment of the peer arrives
    0.100 > A seq 1 ack 1
    0.200 write 2500
    0.200 > A seq 1:1001 ack 1                       1000 octets of payload
    0.200 < A seq 1 ack 1001 win 9000 ce             the ECN field: not-ect, ect0, ect1 or ce
    0.200 state ESTABLISHED                          what the connection knows
    0.300 event Closed reset                         what it has told
    9.000 quiet                                      nothing else was sent until here

The calls are connect, listen, write N, read N, shutdown, close, abort, nodelay and urgent N. What a
``>`` does not name is not compared. What can be asked for is state, cwnd and ssthresh (octets), rto
and srtt (seconds), readable N. ``event`` requires one of this class since the last ``event``, with
these words in its text.

Timers expire on their own. Any line but ``>`` requires that all segments sent so far have been
named, and so does the script's end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tcpexp.tcp import Config, Connection, Endpoint, Options, Segment, fixed_isn
from tcpexp.tcp.core.options import NONE
from tcpexp.tcp.core.segment import _LETTERS
from tcpexp.tcp.core.seqnum import MASK

LOCAL, REMOTE = Endpoint("10.0.0.1", 40000), Endpoint("10.0.0.2", 80)
NAMES = ("", "ect1", "ect0", "ce")
MARKS = {"not-ect": 0, "ect1": 1, "ect0": 2, "ce": 3}
FLAGS = {letter: bit for bit, letter in _LETTERS}
SEGMENT = re.compile(
    r"(?P<flags>[SFRPAUECe.]+) seq (?P<seq>-?\d+)(?::(?P<end>\d+))?(?: ack (?P<ack>-?\d+))?"
    r"(?: win (?P<win>\d+))?(?: up (?P<up>\d+))?(?: (?P<ecn>ect0|ect1|ce|not-ect))?"
    r"(?: <(?P<options>.*)>)?$"
)


@dataclass
class Player:
    """Plays a script against one connection."""

    config: Config
    our_isn: int = 1000
    peer_isn: int = 777_000

    def __post_init__(self) -> None:
        self.connection = Connection(LOCAL, REMOTE, fixed_isn(self.our_isn), self.config)
        self.sent: list[tuple[int, Segment]] = []
        self.events: list[object] = []
        self.now = 0
        self.listening = False
        self.where = ""

    def play(self, text: str) -> Player:
        for number, raw in enumerate(text.splitlines(), 1):
            line = raw.split("#")[0].strip()
            if line:
                self.where = f"line {number}: {line}"
                seconds, verb, *rest = line.split(None, 2)
                self.advance(round(float(seconds) * 1e9))
                self.step(verb, rest[0] if rest else "")
        self.where = "the end"
        self.nothing_else()
        return self

    def advance(self, to_ns: int) -> None:
        """Let timers expire up to ``to_ns``, each at its own time."""
        while (at := self.connection.next_timer()) is not None and at <= to_ns:
            self.now = max(at, self.now)
            self.connection.handle_timer(self.now)
            self.collect()
        self.now = to_ns

    def collect(self) -> None:
        self.sent.extend(
            (self.now, segment) for segment in self.connection.segments_to_send(self.now)
        )
        while (event := self.connection.next_event()) is not None:
            self.events.append(event)

    def nothing_else(self) -> None:
        assert not self.sent, f"{self.where}: but sent " + "; ".join(
            f"{at / 1e9:.6f} {self.show(segment)}" for at, segment in self.sent
        )

    def step(self, verb: str, rest: str) -> None:
        if verb == ">":
            self.expect(rest)
            return
        self.nothing_else()
        call = getattr(self, f"do_{verb}", None)
        assert call is not None, f"{self.where}: no verb {verb!r}"
        call(rest)
        self.collect()

    def show(self, segment: Segment) -> str:
        seq = self.relative(segment.seq, self.our_isn)
        end = f":{seq + len(segment.payload)}" if segment.payload else ""
        ack = f" ack {self.relative(segment.ack, self.peer_isn)}" if "A" in segment.letters else ""
        return (
            f"{segment.letters or '.'} seq {seq}{end}{ack} win {segment.window}"
            f" {NAMES[segment.ecn]} {segment.options if segment.options is not NONE else ''}"
        )

    @staticmethod
    def relative(number: int, isn: int) -> int:
        return ((number - isn + (1 << 31)) & MASK) - (1 << 31)

    def expect(self, text: str) -> None:
        assert self.sent, f"{self.where}: nothing was sent"
        at, segment = self.sent.pop(0)
        assert at == self.now, f"{self.where}: sent at {at / 1e9:.6f}: {self.show(segment)}"
        wanted = SEGMENT.match(text)
        assert wanted, f"{self.where}: cannot be read"
        end = wanted["end"] or wanted["seq"]
        same = (
            sorted(wanted["flags"].replace(".", "")) == sorted(segment.letters)
            and int(wanted["seq"]) == self.relative(segment.seq, self.our_isn)
            and int(end) - int(wanted["seq"]) == len(segment.payload)
            and (
                wanted["ack"] is None
                or int(wanted["ack"]) == self.relative(segment.ack, self.peer_isn)
            )
            and (wanted["win"] is None or int(wanted["win"]) == segment.window)
            and (wanted["up"] is None or int(wanted["up"]) == segment.urgent)
            and (wanted["ecn"] is None or MARKS[wanted["ecn"]] == segment.ecn)
            and (
                wanted["options"] is None
                or self.options(wanted["options"], self.peer_isn) == segment.options
            )
        )
        assert same, f"{self.where}: but sent {self.show(segment)}"

    def options(self, text: str, sack_isn: int) -> Options:
        found = Options()
        for word in filter(None, (part.strip() for part in text.split(","))):
            name, *values = word.split()
            if name == "mss":
                found.mss = int(values[0])
            elif name == "wscale":
                found.window_scale = int(values[0])
            elif name == "sackOK":
                found.sack_permitted = True
            elif name == "sack":
                pairs = [value.split(":") for value in values]
                found.sack = tuple(
                    ((int(left) + sack_isn) & MASK, (int(right) + sack_isn) & MASK)
                    for left, right in pairs
                )
            elif name == "fo":
                found.fast_open = bytes.fromhex(values[0]) if values else b""
            elif name in ("ecn0", "ecn1"):
                found.accecn, found.accecn_order = tuple(map(int, values)), int(name[-1])
            else:
                assert name == "ts", f"{self.where}: no option {name!r}"
                val, ecr = values[0].split(":")
                found.timestamps = (int(val), int(ecr))
        return found

    def do_(self, _: str) -> None: ...

    def do_quiet(self, _: str) -> None: ...

    def do_connect(self, _: str) -> None:
        self.connection.connect(self.now)

    def do_listen(self, _: str) -> None:
        self.listening = True

    def do_write(self, count: str) -> None:
        assert self.connection.send(bytes(int(count)), self.now) == int(count)

    def do_urgent(self, count: str) -> None:
        self.connection.send_urgent(bytes(int(count)), self.now)

    def do_read(self, count: str) -> None:
        most, *wanted = count.split()
        data = self.connection.read(int(most), self.now)
        assert len(data) == int(wanted[0] if wanted else most), f"{self.where}: read {len(data)}"

    def do_shutdown(self, _: str) -> None:
        self.connection.shutdown(self.now)

    def do_close(self, _: str) -> None:
        self.connection.close(self.now)

    def do_abort(self, _: str) -> None:
        self.connection.abort(self.now)

    def do_nodelay(self, _: str) -> None:
        self.connection.set_nodelay(True)

    def do_state(self, name: str) -> None:
        assert self.connection.state.label == name, f"{self.where}: {self.connection.state.label}"

    def do_cwnd(self, octets: str) -> None:
        assert self.connection.tcb.congestion.cwnd == int(octets), (
            f"{self.where}: {self.connection.tcb.congestion.cwnd}"
        )

    def do_ssthresh(self, octets: str) -> None:
        assert self.connection.tcb.congestion.ssthresh == int(octets), (
            f"{self.where}: {self.connection.tcb.congestion.ssthresh}"
        )

    def do_mode(self, name: str) -> None:
        assert self.connection.tcb.mode == name, f"{self.where}: {self.connection.tcb.mode}"

    def do_rto(self, seconds: str) -> None:
        assert self.connection.tcb.rtt.rto_ns == round(float(seconds) * 1e9), (
            f"{self.where}: {self.connection.tcb.rtt.rto_ns}"
        )

    def do_srtt(self, seconds: str) -> None:
        assert self.connection.tcb.rtt.srtt_ns == round(float(seconds) * 1e9), (
            f"{self.where}: {self.connection.tcb.rtt.srtt_ns}"
        )

    def do_readable(self, octets: str) -> None:
        assert self.connection.readable == int(octets), f"{self.where}: {self.connection.readable}"

    def do_event(self, text: str) -> None:
        name, *words = text.split(None, 1)
        found = [event for event in self.events if type(event).__name__ == name]
        assert any(not words or words[0] in str(event) for event in found), f"{self.where}: {found}"
        self.events.clear()

    def do_noevent(self, name: str) -> None:
        assert not [event for event in self.events if type(event).__name__ == name], self.where

    def __getattr__(self, name: str) -> object:
        if name == "do_<":
            return self.arrive
        raise AttributeError(name)

    def arrive(self, text: str) -> None:
        given = SEGMENT.match(text)
        assert given, f"{self.where}: cannot be read"
        seq, ack = int(given["seq"]), int(given["ack"] or 0)
        payload = bytes(int(given["end"] or seq) - seq)
        flags = sum(FLAGS[letter] for letter in given["flags"].replace(".", ""))
        options = NONE if given["options"] is None else self.options(given["options"], self.our_isn)
        ack_field = (self.our_isn + ack) & MASK if "A" in given["flags"] else 0
        segment = Segment(
            REMOTE.port,
            LOCAL.port,
            (self.peer_isn + seq) & MASK,
            ack_field,
            flags,
            int(given["win"] or 65535),
            payload,
            options,
            int(given["up"] or 0),
            MARKS[given["ecn"] or "not-ect"],
        )
        if self.listening:
            self.listening = False
            self.connection.accept_syn(segment, self.now)
        else:
            self.connection.receive(segment, self.now)


def plain(**settings: object) -> Config:
    """Settings without options, timers of round numbers, and Reno, as the scripts' readers expect.

    ``settings`` change some.
    """
    values: dict[str, object] = {
        "mss": 1000,
        "sack": False,
        "timestamps": False,
        "window_scaling": False,
        "congestion_control": "reno",
        "receive_buffer": 60_000,
        "msl_ns": 30 * 10**9,
        "limited_transmit": False,
        **settings,
    }
    return Config(**values)  # type: ignore[arg-type]


OPEN = """
0.0 connect
0.0 > S seq 0 <mss 1000>
0.1 < SA seq 0 ack 1 win 60000 <mss 1000>
0.1 > A seq 1 ack 1
"""


def play(
    text: str, *, opened: bool = True, isn: int = 1000, peer_isn: int = 777_000, **settings: object
) -> Player:
    """Play ``text`` with :func:`plain` settings, after a handshake of 100 ms if ``opened``."""
    return Player(plain(**settings), isn, peer_isn).play((OPEN if opened else "") + text)
