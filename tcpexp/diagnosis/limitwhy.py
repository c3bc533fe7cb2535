"""What packets show for an interval of the table ``limits``, in a sentence with numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tcpexp.diagnosis.limitloss import Repair
from tcpexp.diagnosis.limitrounds import Stream
from tcpexp.late import numpy as np
from tcpexp.words.measured import rate_words, size_words, time_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

#: So many packets are named for an interval.
_NAMED = 6
#: In a shorter silence no timer would have sent again, ns.
_TIMEOUT_NS = 200_000_000


def why(
    stream: Stream, repairs: list[Repair], reason: str, begin: int, end: int
) -> tuple[str, list[int]]:
    """Return the sentence, and the packets that show it: data that was sent in the interval, or the
    ACKs of a window.
    """
    seen = _Interval(stream, repairs, begin, end)
    return seen.text(reason), seen.numbers(reason)


class _Interval:
    """What was seen of a direction between two times."""

    def __init__(self, stream: Stream, repairs: list[Repair], begin: int, end: int) -> None:
        lane = stream.lane
        self.stream, self.lane, self.begin, self.end = stream, lane, begin, end
        self.sent = np.flatnonzero((lane.sent_ns >= begin) & (lane.sent_ns <= end))
        self.acks = np.flatnonzero((lane.effect_ns >= begin) & (lane.effect_ns <= end))
        self.repairs = [one for one in repairs if one.begin_ns < end and one.end_ns >= begin]

    def numbers(self, reason: str) -> list[int]:
        """Return the numbers of at most six packets."""
        if reason in ("repair", "silence"):
            again = [number for one in self.repairs for number in one.numbers]
            return again[:_NAMED]
        if reason in ("window_full", "window_zero") and self.acks.size:
            windows = self.lane.window[self.acks]
            low = self.acks[windows == windows.min()]
            return [int(number) for number in self.lane.ack_number[low[:_NAMED]]]
        sent = self.lane.number[self.sent]
        return sorted({int(number) for number in [*sent[:2], *sent[-1:]]})

    def text(self, reason: str) -> str:
        """Return the sentence of a reason."""
        text: str = getattr(self, f"_{reason}")()
        return text

    @property
    def _took(self) -> str:
        return time_words(self.end - self.begin)

    @property
    def _flight(self) -> int:
        """Return the most that was in flight."""
        if not self.sent.size:
            return 0
        sent = self.lane.sent_ns[self.sent]
        return int((self.stream.top[self.sent] - self.stream.acked_by(sent)).max())

    def _rtt(self) -> int | None:
        inside = (self.stream.rtt_at >= self.begin) & (self.stream.rtt_at <= self.end)
        found = self.stream.rtt_ns[inside]
        return int(np.median(found)) if found.size else self.stream.rtt

    def _receiver(self) -> str:
        return "server" if self.lane.sender == "client" else "client"

    def _opening(self) -> str:
        return f"the handshake took {self._took}"

    def _window_full(self) -> str:
        windows = self.lane.window[self.acks]
        windows = windows[windows >= 0]
        size = f"of at most {size_words(int(windows.max()))} " if windows.size else ""
        return (
            f"the {self._receiver()}'s window {size}was full, and the next data left with the ACK"
            " that opened it"
        )

    def _window_zero(self) -> str:
        return f"the {self._receiver()}'s window was closed: its program did not read"

    def _clocked(self) -> str:
        rtt = self._rtt()
        in_rtt = f" per round trip of {time_words(rtt)}" if rtt else ""
        return (
            f"each ACK let go as much as it acknowledged, at most {size_words(self._flight)}"
            f"{in_rtt}, and {self._room()}"
        )

    def _room(self) -> str:
        if self.lane.scale_known:
            return "the receive window had room"
        return "whether the receive window had room is not known, for its scale was not captured"

    def _marked(self) -> str:
        return "the receiver reported ECN marks (ECE), and the sender had to slow down"

    def _queue(self) -> str:
        rtt, least = self._rtt(), self.stream.least_rtt
        times = (
            f": the round trip took {time_words(rtt)}, and {time_words(least)} without a queue"
            if rtt and least
            else ""
        )
        return f"packets always waited in a queue, so the path could not carry more{times}"

    def _paced(self) -> str:
        return "sent evenly at the rate at which a queue began to stand just before or after"

    def _spaced(self) -> str:
        sent = int((self.lane.end - self.lane.begin)[self.sent].sum())
        rate = sent * 8e9 / max(self.end - self.begin, 1)
        return (
            f"full segments came evenly at {rate_words(rate)}, as a bottleneck between the sender"
            " and this capture lets them through; a sender that paces looks alike"
        )

    def _repair(self) -> str:
        count = sum(len(one.numbers) for one in self.repairs)
        packets = "packet" if count == 1 else "packets"
        return f"{count} {packets} sent again, and all that was under way had to be acknowledged"

    def _silence(self) -> str:
        return f"nothing came back for {self._took}, until a timer sent again"

    def _emptied(self) -> str:
        return (
            f"segments shorter than the full {size_words(self.lane.mss)} left while both windows"
            " had room: the sender's program had written no more"
        )

    def _late(self) -> str:
        return (
            "ACKs made room and nothing followed them at once: the sender's program had written no"
            " more"
        )

    def _even(self) -> str:
        sent = int((self.lane.end - self.lane.begin)[self.sent].sum())
        rate = sent * 8e9 / max(self.end - self.begin, 1)
        return (
            f"sent evenly at {rate_words(rate)} without waiting for ACKs, with room in both"
            " windows: the program wrote so, or the sender paced"
        )

    def _turn(self) -> str:
        return f"all was acknowledged, and the {self.lane.sender} was the next to send{self._far()}"

    def _sent(self) -> str:
        return "all had been sent; the last ACKs were on their way"

    def _nagle(self) -> str:
        return (
            "a short segment left only when all before it was acknowledged: Nagle's algorithm"
            " (RFC 9293 section 3.7.4), or the program waited itself"
        )

    def _buffer(self) -> str:
        return (
            f"never more than {size_words(self._flight)} in flight, though ACKs came, nothing was"
            " lost and the receive window had room: the sender's buffer, most likely"
        )

    def _other(self) -> str:
        return f"the {self._receiver()} was sending, or was to send next"

    def _pause(self) -> str:
        return f"nobody had anything to send{self._far()}"

    def _far(self) -> str:
        far = self.stream.far and self.end - self.begin > _TIMEOUT_NS
        return ", unless what it sent was lost before this capture" if far else ""

    def _closing(self) -> str:
        return "all had been sent, and the end was told (FIN or RST)"

    def _begun(self) -> str:
        return "the capture begins in the middle of the connection"

    def _one_way(self) -> str:
        return "no packet of the other direction was captured"

    def _undecided(self) -> str:
        return (
            "this capture is far from the sender and has no time stamps, so it is not known whether"
            " a segment was on its way or not yet sent"
        )
