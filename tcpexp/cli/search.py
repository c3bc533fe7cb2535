"""Find experiments by words: those of a lab sheet, of an RFC, of ``ip-sysctl`` or of Wireshark."""

from __future__ import annotations

import functools
import math
import re
from collections import Counter
from dataclasses import dataclass

from tcpexp.cli.cards import Card

#: What the field calls one thing by several words. The first is the one that is shown.
GLOSSARY: tuple[tuple[str, ...], ...] = (
    (
        "three-way handshake",
        "handshake",
        "connection establishment",
        "establish a connection",
        "opens a connection",
    ),
    (
        "connection teardown",
        "teardown",
        "closing a connection",
        "connection termination",
        "four-way",
        "closes first",
    ),
    ("SYN", "syns", "connection request"),
    ("SYN-ACK", "syn-acks", "syn+ack", "syn,ack", "synack"),
    ("FIN", "fins"),
    ("RST", "rsts", "reset", "resets", "connection refused", "econnrefused"),
    (
        "retransmission timeout (RTO)",
        "rto",
        "rtos",
        "retransmission timeout",
        "retransmission timer",
        "timeout doubles",
        "tcptimeouts",
    ),
    ("exponential back-off", "back-off", "backoff", "doubles", "doubling", "exponential"),
    (
        "retransmission",
        "retransmissions",
        "retransmit",
        "retransmitted",
        "resend",
        "resent",
        "repeats its",
    ),
    (
        "fast retransmit",
        "fast retransmission",
        "fast_retransmission",
        "three duplicate acks",
        "fast recovery",
    ),
    ("spurious retransmission", "spurious_retransmission", "dsack", "d-sack"),
    ("duplicate ACK", "duplicate acks", "duplicate_ack", "dup ack", "dupack"),
    (
        "selective acknowledgement (SACK)",
        "sack",
        "selective acknowledgement",
        "selective acknowledgment",
    ),
    ("tail loss probe (TLP)", "tail loss", "tlp", "tail_loss"),
    (
        "out-of-order segment",
        "out of order",
        "out-of-order",
        "out_of_order",
        "reordering",
        "reordered",
        "reorder",
    ),
    ("packet loss", "loss", "lost", "lost_segment"),
    ("corruption, checksum", "corrupt", "corrupted", "checksum", "bit error", "incsumerrors"),
    ("duplicated packets", "duplicated", "duplicate packets"),
    (
        "connection states",
        "state diagram",
        "tcp states",
        "state machine",
        "eleven states",
        "states of a socket",
    ),
    ("TIME-WAIT", "time wait", "time_wait", "2msl"),
    ("SYN-SENT", "syn sent", "syn_sent"),
    ("SYN-RECEIVED", "syn-recv", "syn received", "syn_recv", "half-open", "half open"),
    ("FIN-WAIT-2", "fin wait 2", "fin_wait2", "orphan"),
    ("CLOSE-WAIT", "close wait", "close_wait", "half-close", "half close", "half-closed"),
    ("simultaneous close", "close at once", "closing state", "both ends close"),
    ("SYN flood", "syn flooding", "denial of service", "dos attack", "forged sources"),
    ("SYN cookies", "syncookies", "syn cookie", "tcp_syncookies", "syncookiessent"),
    (
        "backlog, accept queue",
        "backlog",
        "accept queue",
        "listen queue",
        "listenoverflows",
        "listen overflow",
    ),
    ("port scan", "nmap", "scan", "half-open scan", "filtered port"),
    (
        "unreachable host",
        "dead host",
        "absent host",
        "host unreachable",
        "ehostunreach",
        "never answers",
        "does not exist",
        "no route",
    ),
    ("firewall", "iptables", "nftables", "filter"),
    ("keep-alive", "keepalive", "keep alive", "keep_alive"),
    ("flow control", "receive window", "advertised window", "rwnd", "receiver window"),
    ("zero window", "zero-window", "zero_window", "window full", "window_full", "reaches 0 bytes"),
    (
        "zero-window probe, persist timer",
        "window probe",
        "window probes",
        "zero-window probe",
        "zero-window probes",
        "zero window probe",
        "zero window probes",
        "persist timer",
    ),
    ("window update", "window_update"),
    ("window scaling", "window scale", "tcp_window_scaling"),
    (
        "receive buffer",
        "so_rcvbuf",
        "rcvbuf",
        "tcp_rmem",
        "receive buffer autotuning",
        "autotuning",
    ),
    ("send buffer", "so_sndbuf", "sndbuf", "tcp_wmem", "write blocks"),
    ("slow receiver", "slow reader", "reads slowly", "slow application"),
    ("silly window syndrome", "silly window", "tiny reads", "small segments"),
    ("Nagle's algorithm", "nagle", "tcp_nodelay", "tiny writes"),
    ("delayed ACK", "delayed acks", "delayed acknowledgement", "quick-ack", "quickack"),
    (
        "segmentation offload (TSO, GSO, GRO)",
        "tso",
        "gso",
        "gro",
        "offload",
        "offloads",
        "super-packet",
    ),
    ("maximum segment size (MSS)", "mss", "maximum segment size", "segment size"),
    ("MTU", "maximum transmission unit", "fragmentation"),
    ("linked list", "serialisation", "struct alignment", "padding"),
    ("echo", "echo server", "echo client"),
    ("UDP", "udp", "datagram", "datagrams"),
    ("IPv6", "ip version 6", "icmpv6"),
    ("relay, load balancer", "relay", "load balancer", "proxy"),
    ("stop-and-wait", "stop and wait", "one segment in flight"),
    (
        "congestion control",
        "congestion avoidance",
        "slow start",
        "cwnd",
        "congestion window",
        "ssthresh",
    ),
    ("CUBIC", "cubic"),
    ("BBR", "bbr"),
    ("Reno", "reno"),
    ("fairness", "share of", "jain", "competing flows", "share a bottleneck"),
    ("bufferbloat", "deep buffer", "deep queue", "queueing delay"),
    ("bandwidth-delay product (BDP)", "bdp", "bandwidth-delay"),
    ("round-trip time (RTT)", "rtt", "round trip", "round-trip"),
    ("throughput, goodput", "throughput", "goodput", "bandwidth", "transfer rate"),
    ("HTTP", "http", "curl", "wget", "web server", "download"),
    ("sequence numbers", "sequence number", "isn", "initial sequence"),
    ("TCP header", "header fields", "header field", "tcp options"),
    ("ARP", "arp", "neighbour", "same subnet"),
)
#: Where a word stands, and what that is worth.
WEIGHTS = {
    "name": 3.0,
    "title": 6.0,
    "description": 4.0,
    "checks": 3.0,
    "references": 1.5,
    "actions": 1.5,
    "explain": 1.0,
}
#: A thing of the glossary counts this many times as much as a plain word.
TERM_WEIGHT = 3.0
#: Words that say nothing about TCP, in questions and on lab sheets.
STOP = frozenset(
    """a about above after again all also an and any are as at be because been before between both but by can could describe determine did do does doing
    draw due each estimate every experiment explain expected find following for from give given has have how i if in into is it its let long look many
    measure more most much must no not note observe observed of on once one only or other our out over own plot report run same see seen sent send
    shall she should show since so some such tcp than that the their them then there these they this those through time to too under until up use used
    using very was we were what when where which while who why will with would you your connection connections segment segments packet packets
    wireshark""".split()  # noqa: SIM905
)
#: Found experiments that score less than this part of the best are not shown.
LEAST_PART = 0.3
MOST = 10


@dataclass(frozen=True)
class Hit:
    """A found experiment: how well it fits, the question's words that it has, and the sentence or
    check in which most of them stand.
    """

    card: Card
    score: float
    words: tuple[str, ...]
    line: str


def terms_in(text: str) -> tuple[str, ...]:
    """Return the things of the glossary that ``text`` speaks of, in the glossary's order."""
    return tuple(_counted(text))


def _counted(text: str) -> dict[str, int]:
    """Return how many times ``text`` speaks of each thing of the glossary, without those that it
    does not speak of.
    """
    plain = text.lower()
    return {
        term: count
        for term, pattern in _patterns().items()
        if (count := len(pattern.findall(plain)))
    }


@functools.cache
def _patterns() -> dict[str, re.Pattern[str]]:
    """Return for each thing of the glossary what finds it, longer words first.

    SYN is not found in SYN-ACK and SYN-SENT.
    """
    found = {}
    for term in GLOSSARY:
        words = sorted(
            (word.lower() for word in term if " (" not in word and ", " not in word),
            key=len,
            reverse=True,
        )
        found[term[0]] = re.compile(
            rf"(?<![a-z0-9])(?:{'|'.join(map(re.escape, words))})(?![a-z0-9])(?!-(?:ack|sent|recv|received)\b)"
        )
    return found


def tags(card: Card) -> tuple[str, ...]:
    """Return what an experiment is about, of the glossary: what its title, question and checks
    speak of, or its explanation more than once.
    """
    fields = card.fields()
    asked = "\n".join(
        fields[name] for name in ("name", "title", "description", "checks", "references", "actions")
    )
    found = set(terms_in(asked)) | {
        term for term, count in _counted(fields["explain"]).items() if count > 1
    }
    return tuple(each[0] for each in GLOSSARY if each[0] in found)


def settings(card: Card) -> tuple[str, ...]:
    """Return the kernel's settings and counters that an experiment names, sorted."""
    text = "\n".join([*card.fields().values(), card.path.read_text(encoding="utf-8")])
    return tuple(
        sorted(
            set(
                re.findall(
                    r"\b(?:tcp_[a-z][a-z0-9_]*[a-z0-9]|(?:TcpExt|Tcp|Udp|Ip|Icmp)\.[A-Z]\w+)\b",
                    text,
                )
            )
            - {"tcp_probe", "tcp_metrics"}
        )
    )


def sentences(text: str) -> list[str]:
    """Return a text's sentences, without the asterisks of headings."""
    plain = " ".join(text.replace("*", "").split())
    return [each for each in re.split(r"(?<=[.?!])\s+(?=[A-Z`])", plain) if each]


def stems(text: str) -> list[str]:
    """Return the words of a text without endings, also the parts of compound ones.

    Stop words are left out.
    """
    found = []
    for word in re.findall(r"[a-z0-9]+(?:[-_.+,][a-z0-9]+)*", text.lower()):
        parts = re.split(r"[-_.+,]", word)
        for each in {word, *parts} if len(parts) > 1 else (word,):
            if each not in STOP and (len(each) > 1 or each.isdigit()):
                found.append(stem(each))
    return found


def stem(word: str) -> str:
    """Return an English word without the ending that tells singular from plural or one tense from
    another.
    """
    if not word.isalpha():
        return word
    for ending, instead in (
        ("ies", "y"),
        ("sses", "ss"),
        ("ations", ""),
        ("ation", ""),
        ("ings", ""),
        ("ing", ""),
        ("ed", ""),
        ("es", ""),
        ("s", ""),
    ):
        left = word.removesuffix(ending)
        if left != word and len(left) >= 3 and not word.endswith(("ss", "us", "is")):
            return (left + instead).removesuffix("e")
    return word.removesuffix("e") if len(word) > 4 else word


def find_cards(question: str, cards: list[Card]) -> list[Hit]:
    """Return the experiments that fit a question, best first.

    A word counts the more the fewer experiments have it, and by where it stands: the title more
    than the explanation. An experiment that has only some of the question's words counts less.
    """
    terms, words = terms_in(question), list(dict.fromkeys(stems(question)))
    scored = []
    by_card = [_Words(card) for card in cards]
    rare = {
        each: _rarity(sum(each in card.weights for card in by_card), len(cards))
        for each in (*terms, *words)
    }
    for each in by_card:
        has = [word for word in rare if word in each.weights]
        if has:
            coverage = sum(rare[word] for word in has) / sum(rare.values())
            scored.append((coverage * sum(each.weights[word] * rare[word] for word in has), each))
    scored.sort(key=lambda pair: (-pair[0], pair[1].card.name))
    wanted = {*terms, *words}
    return [
        Hit(each.card, score, each.shared(question), each.best_line(wanted))
        for score, each in scored[:MOST]
        if score >= LEAST_PART * scored[0][0]
    ]


def _rarity(have: int, of: int) -> float:
    return math.log(1 + of / have) if have else 0.0


class _Words:
    """An experiment's words and glossary terms, with what each is worth."""

    def __init__(self, card: Card) -> None:
        self.card = card
        self.weights: dict[str, float] = {}
        for field, text in card.fields().items():
            words = Counter(stems(text))
            for word, count in words.items():
                self._add(word, WEIGHTS[field] * (1 + math.log(count)))
            for term, count in _counted(text).items():
                self._add(term, TERM_WEIGHT * WEIGHTS[field] * (1 + math.log(count)))

    def _add(self, word: str, worth: float) -> None:
        self.weights[word] = self.weights.get(word, 0.0) + worth

    def shared(self, question: str) -> tuple[str, ...]:
        """Return the question's words that the experiment has: those of the glossary as it shows
        them, others as they were typed.
        """
        terms = [term for term in terms_in(question) if term in self.weights]
        typed = re.findall(r"[A-Za-z0-9]+(?:[-_.+][A-Za-z0-9]+)*", question)
        plain = [
            word
            for word in typed
            if any(each in self.weights for each in stems(word)) and not terms_in(word)
        ]
        return tuple(dict.fromkeys([*terms, *plain]))

    def best_line(self, wanted: set[str]) -> str:
        """Return the check, or else the sentence, that has most of the wanted words."""
        lines = [
            *map(str, self.card.checks),
            *sentences(self.card.description),
            *sentences(self.card.explain),
        ]
        return max(
            lines, key=lambda line: len(wanted & {*stems(line), *terms_in(line)}), default=""
        )
