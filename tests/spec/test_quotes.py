"""Numbers that an explanation takes from its run: what is refused, and how they are written."""

import pytest

from tcpexp.spec.kernels import Kernels
from tcpexp.spec.quotes import (
    UNMEASURED,
    fill,
    find_quotes,
    for_kernel,
    quote_errors,
    without_run,
    written,
)

NAMES = {"flow": ["up"], "host or router": ["h1", "h2"], "direction": ["h1-h2>h2"]}
#: The third of three checks is about new kernels only.
CHECKS = [Kernels(), Kernels(), Kernels(since="6.17")]


@pytest.mark.parametrize(
    ("text", "value", "words"),
    [
        ("{metric: flows.up.goodput_bps}", 9_482_000.0, "9.48 Mbit/s"),
        ("{metric: flows.up.rtt.p50_ms}", 41.26, "41.3 ms"),
        ("{metric: flows.up.rtt.p50_ms, as: number}", 41.0, "0.041"),
        ("{metric: flows.up.share}", 0.5231, "52.3 %"),
        ("{metric: flows.up.goodput_bytes}", 1234.0, "1,234 bytes"),
        ("{metric: flows.up.start_ns}", 1_500_000_000, "1.5 s"),
        ("{metric: connections.seen}", 1234.0, "1,234"),
        ("{is: 500 * 1514 * 8 / 10mbit, as: time}", 0.6056, "606 ms"),
    ],
)
def test_how_a_number_is_written(text, value, words):
    (quote,) = find_quotes(text)
    assert written(quote, value) == words


def test_only_what_is_computed_stands_without_a_run():
    text = (
        "a {is: 10mbit * 40ms / 8, as: size}, b {metric: flows.up.goodput_bps}, c {check: 1}, `{do:"
        " iperf3}`"
    )
    assert without_run(text) == f"a 50,000 bytes, b {UNMEASURED}, c {UNMEASURED}, `{{do: iperf3}}`"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{metric: flow.up.goodput_bps}", "no part 'flow'"),
        ("{metric: flows.upp.goodput_bps}", "no flow 'upp'"),
        ("{metric: counters.h3.Tcp.OutSegs}", "no host or router 'h3'"),
        ("{metric: queues.h1-h2>h3.drops}", "no direction 'h1-h2>h3'"),
        ("{check: 4}", "no check '4'"),
        ("{check: 0}", "no check '0'"),
        ("{is: rate * 2}", "names rate"),
        ("{is: 1 / 0}", "cannot be computed"),
        ("{is: 2 ms ms}", "not an expression"),
        ("{check: 1, as: tim}", "no way to write"),
        ("{check: 3}", "check 3 is made on Linux 6.17 and later only"),
        ("{since 6.5: RACK: {check: 3}}", "check 3 is made on Linux 6.17 and later only"),
        ("{since 6: words}", "'6' is not a kernel version"),
        ("{since Linux 6.5: words}", "does not say which kernels"),
        ("{since 6.5, before 6.5: words}", "no kernel is"),
        ("{before 6.5: {check: 5}}", "no check '5'"),
    ],
)
def test_what_no_run_can_have_is_refused(text, words):
    (error,) = quote_errors(text, CHECKS, NAMES)
    assert words in error.message


def test_what_a_run_can_have_is_accepted():
    text = (
        "{metric: flows.up.rtt.p50_ms} {metric: queues.0.drops} {metric: queues.h1-h2>h2.drops}"
        " {metric: counters.h1.Tcp.OutSegs}"
    )
    text += " {check: 2} {is: 2 * 20ms, as: time}"
    assert list(quote_errors(text, CHECKS, NAMES)) == []
    assert fill(text, lambda quote: quote.kind) == "metric metric metric metric check is"
    assert list(quote_errors("{since 6.17: {check: 3} of {check: 1}.}", CHECKS, NAMES)) == []


PASSAGES = "One. {before 6.5: Old {check: 1}.} {since 6.5: New.} {since 6.2, before 6.6: Mid.} Two."


@pytest.mark.parametrize(
    ("kernel", "words"),
    [
        ((6, 1), "One. Old {check: 1}. Two."),
        ((6, 2), "One. Old {check: 1}. Mid. Two."),
        ((6, 5), "One. New. Mid. Two."),
        ((6, 12), "One. New. Two."),
        ((7, 3), "One. New. Two."),
    ],
)
def test_words_for_some_kernels_stand_in_the_texts_of_their_runs_only(kernel, words):
    assert for_kernel(PASSAGES, kernel) == words


def test_without_a_run_words_for_some_kernels_say_for_which():
    assert without_run(PASSAGES) == (
        f"One. [Linux before 6.5: Old {UNMEASURED}.] [Linux 6.5 and later: New.]"
        " [Linux 6.2 up to, but not, 6.6: Mid.] Two."
    )
