"""Random TCP conversations whose segments are mostly what their ends would send next, with all that
Wireshark has labels for.
"""

import random

from tests.support.crafting import Talk, options

#: What to draw from: (value, weight in a wild talk, weight in a sensible one).
FLAGS = (
    ("A", 60, 60),
    ("PA", 20, 20),
    ("FA", 3, 0.3),
    ("RA", 1, 0.1),
    ("R", 1, 0.1),
    ("S", 1, 0),
    ("SA", 1, 0.1),
    ("F", 1, 0),
    ("AE", 1, 1),
)
SIZES = ((0, 5, 5), ("1", 1, 1), (1, 5, 5), (2, 1, 1), (5, 1, 1))  # in units, but for "1"
STEPS = (
    (0, 20, 20),
    ("-1", 2, 1),
    ("1", 1, 0),
    (-1, 2, 2),
    (-2, 2, 2),
    (-3, 1, 1),
    (1, 1, 1),
    (2, 1, 0),
    (-5, 1, 1),
)
BLOCKS = ((0, 20, 20), (1, 4, 4), (2, 1, 1), (3, 1, 1), (4, 1, 1))
WINDOWS = (("same", 20, 20), (0, 1, 3), (1000, 1, 1), (1001, 1, 1), (100, 1, 1), (2000, 1, 1))
ACKS = (
    ("again", 10, 10),
    ("all", 10, 30),
    ("all but", 3, 3),
    ("less", 1, 0.3),
    ("more", 3, 3),
    ("one more", 1, 1),
    ("too much", 0.5, 0),
)
SCALES = ((7, 7), (0, 3), (None, 7), (7, None), (None, None), (14, 2))
#: Times between segments (ns), near the limits that Wireshark's rules have; sometimes time goes
#: backwards.
PAUSES = (
    0,
    1000,
    100_000,
    1_000_000,
    2_999_999,
    3_000_000,
    3_000_001,
    10_000_000,
    19_999_999,
    20_000_000,
    20_000_001,
    200_000_000,
    -700,
)


class RandomTalk:
    """One conversation; ``rng`` is a ``random.Random``, ``place`` goes to
    :class:`crafting.Talk`.
    """

    def __init__(self, rng, **place):
        self.rng, self.sensible = rng, rng.random() < 0.7
        self.talk = Talk(
            isn=tuple(
                rng.choice((rng.randrange(2**32), 2**32 - rng.randrange(3000))) for _ in range(2)
            ),
            **place,
        )
        self.unit = rng.choice((1, 2, 100, 1000))
        self.next_seq, self.covered, self.acked, self.windows = [1, 1], [1, 1], [1, 1], [1000, 1000]
        self.opened = [False, False]
        if self.sensible or rng.random() < 0.8:
            self.talk.open(rng.choice(SCALES), after_ns=rng.choice(PAUSES[:-1]))
            self.opened = [True, True]
        for _ in range(rng.randrange(1, 30)):
            self.step(int(rng.random() < rng.choice((0.5, 0.2))))

    def draw(self, choices):
        value = self.rng.choices(
            [choice[0] for choice in choices],
            [choice[2 if self.sensible else 1] for choice in choices],
        )[0]
        return value

    def bytes(self, choices):
        value = self.draw(choices)
        return int(value) if isinstance(value, str) else value * self.unit

    def flags(self, side):
        flags = self.draw(FLAGS)
        if flags == "SA" and not self.opened[1 - side]:
            flags = "S"
        if flags == "S":
            self.opened = [side == 0, side == 1]
        elif flags == "SA":
            self.opened = [True, True]
        return flags

    def ack(self, side):
        sent, unit = self.next_seq[1 - side], self.unit
        known = {
            "again": self.acked[side],
            "all": sent,
            "all but": sent - unit,
            "less": self.acked[side] - unit,
            "more": self.acked[side] + unit,
            "one more": self.acked[side] + 1,
            "too much": sent + unit,
        }
        kind = self.draw(ACKS)
        return known[kind] if kind == "too much" else min(known[kind], self.covered[1 - side])

    def step(self, side):
        rng, unit, flags = self.rng, self.unit, self.flags(side)
        size, seq, ack = self.bytes(SIZES), self.next_seq[side] + self.bytes(STEPS), self.ack(side)
        window = self.draw(WINDOWS)
        self.windows[side] = self.windows[side] if window == "same" else window
        sacks = [
            (ack + unit * (1 + at), ack + unit * (1 + at) + rng.choice((1, unit)))
            for at in range(self.draw(BLOCKS))
        ]
        more = (
            {"tail": options(mss=1460, wscale=rng.choice((None, 0, 5, 15)))}
            if "S" in flags and not sacks
            else {}
        )
        self.talk.send(
            side,
            flags,
            seq,
            ack,
            size,
            after_ns=rng.choice(PAUSES),
            window=self.windows[side],
            sacks=sacks,
            ip_id=rng.randrange(2**16),
            **more,
        )
        if "A" in flags:
            self.acked[side] = max(self.acked[side], ack)
        end = seq + size + ("S" in flags or "F" in flags)
        self.next_seq[side] = max(self.next_seq[side], end)
        if seq <= self.covered[side]:
            self.covered[side] = max(self.covered[side], end)


def random_capture(seed, talks):
    """The packets of so many random conversations, one after the other, each between ports of its
    own.
    """
    rng = random.Random(seed)
    packets = []
    for number in range(talks):
        place = {
            "port": 1024 + number % 60000,
            "client": f"10.1.{number // 60000}.1",
            "at_ns": 10**18 + number * 10**11,
        }
        packets += RandomTalk(rng, **place).talk.packets
    return packets
