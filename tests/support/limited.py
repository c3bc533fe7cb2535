"""A transfer whose sender is held back by what a test chooses, as packets: a sender with a fixed
congestion window, a path with a rate and a delay, a receiver with a window.
"""

import heapq
from dataclasses import dataclass, field

import polars as pl

from tcpexp.store.frames import conform

MS = 1_000_000
MSS = 1448
CLIENT, SERVER = ("10.0.0.1", 40000), ("10.0.0.2", 5000)


@dataclass
class Transfer:
    """The client sends ``size`` bytes to the server; ``run()`` gives the tables of one capture.

    ``written`` are (ns, bytes in all) of the sender's program; ``lost`` are places of segments that
    the path loses once; ``at`` is where the capture was made, client or server. ``reads`` are
    (ns, bytes) that the receiver's program reads in all; without any it reads at once. Data and
    ACKs take half of ``rtt_ns`` each; the bottleneck (``rate_bps``) has a queue without end.
    """

    size: int = 400_000
    rtt_ns: int = 40 * MS
    rate_bps: int = 100_000_000
    cwnd: int = 10_000
    window: int = 1_000_000
    written: list = field(default_factory=list)
    lost: frozenset = frozenset()
    reads: list = field(default_factory=list)
    at: str = "client"
    acks: bool = True
    timeout_ns: int = 300 * MS

    def run(self):
        self.rows: list[dict] = []
        self.events: list[tuple] = []
        self.turn = 0
        self.una, self.nxt, self.got, self.beyond = 1, 1, 1, {}
        self.edge, self.sent_count, self.duplicates = 1 + self.window, 0, 0
        self.free_ns = self.ids = 0
        self._open()
        start = self.rtt_ns
        for t, _ in self.written or [(0, self.size)]:
            heapq.heappush(self.events, (start + t, self._next(), "write", None))
        for t, _ in self.reads:
            heapq.heappush(self.events, (start + t, self._next(), "read", None))
        while self.events:
            now, _, kind, what = heapq.heappop(self.events)
            getattr(self, f"_{kind}")(now, what)
        return self.tables()

    def tables(self):
        rows = sorted(self.rows, key=lambda row: row["t_ns"])
        for number, row in enumerate(rows, 1):
            row["number"] = number
        packets = conform(pl.DataFrame(rows, infer_schema_length=None), "packets")
        if not self.acks:
            packets = packets.filter(pl.col("src") == CLIENT[0])
        connection = {
            "connection": 1,
            "client": "h1",
            "server": "h2",
            "client_address": CLIENT[0],
            "server_address": SERVER[0],
            "client_port": CLIENT[1],
            "server_port": SERVER[1],
            "capture": "seen",
            "stream": 0,
            "syn_ns": 0,
            "bytes_to_server": self.nxt - 1,
            "bytes_to_client": 0,
        }
        return packets, conform(pl.DataFrame([connection]), "connections")

    def _next(self):
        self.turn += 1
        return self.turn

    def _seen(self, sent_ns, arrived_ns, forth, flags, **more):
        near = (self.at == "client") == forth
        self.ids += 1
        (src, src_port), (dst, dst_port) = (CLIENT, SERVER) if forth else (SERVER, CLIENT)
        t_ns = sent_ns if near else arrived_ns
        if t_ns is not None:
            self.rows.append(
                {
                    "capture": "seen",
                    "node": "",
                    "t_ns": t_ns,
                    "protocol": "tcp",
                    "src": src,
                    "dst": dst,
                    "src_port": src_port,
                    "dst_port": dst_port,
                    "connection": 1,
                    "stream": 0,
                    "ip_id": self.ids,
                    "ttl": 64 if near else 61,
                    "ecn": 0,
                    "frame_bytes": 66 + more.get("payload_bytes", 0),
                    "flags": flags,
                    "payload_bytes": 0,
                    "seq": more.get("seq_rel", 0),
                    "ack": more.get("ack_rel", 0),
                    "labels": [],
                    **more,
                }
            )

    def _open(self):
        half = self.rtt_ns // 2
        first = min(self.window, 65535)
        mss = {"mss": MSS, "window": first, "window_bytes": first}
        self._seen(0, half, True, "S", seq_rel=0, ack_rel=None, **mss)
        self._seen(half, 2 * half, False, "SA", seq_rel=0, ack_rel=1, **mss)
        self._seen(2 * half, 3 * half, True, "A", seq_rel=1, ack_rel=1, window=65535)

    def _ready(self, now):
        written = self.written or [(0, self.size)]
        return 1 + max((size for t, size in written if self.rtt_ns + t <= now), default=0)

    def _write(self, now, _):
        ready = self._ready(now)
        while self.nxt < ready:
            size = min(MSS, ready - self.nxt)
            room = min(self.edge, self.una + self.cwnd * MSS) - self.nxt
            if room < size:
                return
            self._send(now, self.nxt, size)
            self.nxt += size

    def _send(self, now, seq, size):
        self.sent_count += 1
        start = max(now, self.free_ns)
        self.free_ns = start + (size + 66) * 8 * 1_000_000_000 // self.rate_bps
        arrives = self.free_ns + self.rtt_ns // 2
        gone = self.sent_count in self.lost
        more = {"seq_rel": seq, "ack_rel": 1, "payload_bytes": size, "window": 65535}
        self._seen(now, None if gone else arrives, True, "A", **more)
        if not gone:
            heapq.heappush(self.events, (arrives, self._next(), "arrive", (seq, size)))
        heapq.heappush(self.events, (now + self.timeout_ns, self._next(), "timer", (seq, size)))

    def _timer(self, now, segment):
        if segment[0] >= self.una and segment[0] == self.una:
            self._send(now, *segment)

    def _arrive(self, now, segment):
        seq, size = segment
        self.beyond[seq] = size
        while self.got in self.beyond:
            self.got += self.beyond.pop(self.got)
        self._acknowledge(now)

    def _read(self, now, _):
        self._acknowledge(now)

    def _acknowledge(self, now):
        read = self.got - 1
        if self.reads:
            wanted = max((size for t, size in self.reads if self.rtt_ns + t <= now), default=0)
            read = min(read, wanted)
        room = self.window - (self.got - 1 - read)
        self._seen(
            now,
            now + self.rtt_ns // 2,
            False,
            "A",
            seq_rel=1,
            ack_rel=self.got,
            window=room,
            window_bytes=room,
        )
        heapq.heappush(
            self.events, (now + self.rtt_ns // 2, self._next(), "acked", (self.got, room))
        )

    def _acked(self, now, what):
        ack, room = what
        self.duplicates = self.duplicates + 1 if ack == self.una and self.nxt > ack else 0
        self.una, self.edge = max(self.una, ack), max(self.edge, ack + room)
        if self.duplicates == 3:
            self._send(now, ack, min(MSS, self.nxt - ack))
        self._write(now, None)
