"""Rates that follow a list: the bytes of the requests, the bucket's account, and a model of tbf
that the account keeps on its rate.
"""

from __future__ import annotations

import struct

import pytest

from tcpexp.engine import tbf
from tcpexp.engine.rates import FEW_FRAMES, STANDSTILL_BYTE_S, Bucket
from tcpexp.record.rtnetlink import attributes

BURST, FRAME = 3028, 1514
SECOND = 1_000_000_000


def test_the_request_names_rate_burst_and_the_leafs_limit() -> None:
    request = tbf.change_request(7, 0x10000, 625_000, BURST, 100, 5)
    length, kind, flags, sequence, _ = struct.unpack_from("=IHHII", request)
    assert (length, kind, sequence) == (len(request), 36, 5)
    # neither create nor replace: a change keeps the backlog
    assert flags == tbf.NLM_F_ECHO | tbf.NLM_F_ACK | 1
    _, ifindex, handle, parent, _ = struct.unpack_from("=BxxxiIII", request, 16)
    assert (ifindex, handle, parent) == (7, 0x10000, 0xFFFFFFFF)
    options = attributes(attributes(request, 36)[tbf.TCA_OPTIONS], 0)
    parameters = options[tbf.TCA_TBF_PARMS]
    assert struct.unpack_from("=I", parameters, 8)[0] == 625_000
    assert struct.unpack_from("=I", parameters, 24)[0] == 100
    assert struct.unpack_from("=I", parameters, 28)[0] == BURST * SECOND // 625_000 >> 6
    assert struct.unpack("=I", options[tbf.TCA_TBF_BURST])[0] == BURST


def test_an_answer_holds_the_qdisc_and_the_acknowledgement() -> None:
    request = tbf.change_request(7, 0x10000, 625_000, BURST, 100, 5)
    shown = bytearray(request)
    acknowledgement = struct.pack("=IHHIIi", 20, 2, 0, 5, 0, 0)
    found, status = tbf.parse_answer(bytes(shown) + acknowledgement)
    assert found is not None
    assert (found.rate_byte_s, status) == (625_000, 0)
    assert tbf.parse_answer(struct.pack("=IHHIIi", 20, 2, 0, 5, 0, -22)) == (None, 22)


class ModelOfTbf:
    """A bucket that is never without packets: it sends a frame whenever it holds one's tokens, and
    is filled at every change.
    """

    def __init__(self, rate: float) -> None:
        self.rate, self.tokens, self.sent, self.t = rate, float(BURST), 0, 0.0

    def run(self, until: float) -> None:
        self.tokens += self.rate * (until - self.t)
        self.t = until
        while self.tokens >= FRAME:
            self.tokens -= FRAME
            self.sent += FRAME

    def change(self, rate: float, burst: int) -> None:
        self.rate, self.tokens = rate, float(burst)


LISTS = (
    [5e6, 1e6, 8e6, 2e6, 6e5] * 40,
    [1e6, 0, 0.0, 4e6, 0, 3e5] * 30,
    [2e5] * 200,
    [121120, 0] * 100,
    [6e4] * 100,
    [3e6, 6e4, 0, 6e4] * 50,
)


@pytest.mark.parametrize("rates", LISTS)
def test_with_the_account_the_model_keeps_to_the_list(rates: list[float]) -> None:
    model, step = ModelOfTbf(rates[0] / 8), 0.1
    bucket = Bucket(BURST, float(BURST), rates[0] / 8, 0, 0)
    asked = worst = 0.0
    for number, rate in enumerate(rates):
        t = number * step
        model.run(t)
        worst = max(worst, abs(model.sent - asked))
        if not bucket.rests(rate / 8, round(step * SECOND)):
            burst = BURST if rate / 8 * step >= FEW_FRAMES * FRAME else FRAME
            bucket.refill(round(t * SECOND), model.sent, 10, burst)
            model.change(bucket.pay(rate / 8, round(step * SECOND)), burst)
        asked += rate / 8 * step
    assert worst <= 4 * FRAME


def test_without_the_account_every_change_lets_one_and_a_half_frames_too_many_pass() -> None:
    model, asked = ModelOfTbf(125_000), 0.0
    for number in range(200):
        model.run(number * 0.1)
        model.change(125_000, BURST)
        asked += 12_500
    assert (model.sent - asked) / 200 == pytest.approx(1.5 * FRAME, rel=0.15)


def test_an_empty_queue_ends_a_debt_and_a_payment_is_all_that_there_is_at_most() -> None:
    bucket = Bucket(BURST, 0.0, 1000.0, 0, 0, debt=5000.0)
    bucket.refill(0, 0, 3, BURST)
    assert bucket.debt == 5000 + BURST
    assert bucket.pay(1000.0, SECOND) == STANDSTILL_BYTE_S
    assert bucket.debt == 5000 + BURST - 999
    bucket.refill(SECOND, 0, 0, BURST)
    assert bucket.debt == 0
