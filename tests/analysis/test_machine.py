"""The certificate tells of a clock that was set in the run, and of settings that hosts have from
the machine.
"""

import pytest

from tcpexp.analysis.certificate import certify_run

S = 1_000_000_000


def item(build, name):
    certificate = certify_run(build.done())
    return certificate, next(
        (entry for entry in certificate["items"] if entry["name"] == name), None
    )


def test_a_clock_that_was_set_makes_a_run_suspect_and_is_named(build):
    steps = [{"t_ns": 3 * S, "by_ns": 3 * S}, {"t_ns": 6 * S, "by_ns": -S // 2}]
    certificate, found = item(
        build.engine(clock_steps=steps, restamped=["a", "b"]), "machine's clock"
    )
    assert found["verdict"] == "suspect"
    assert certificate["verdict"] == "SUSPECT"
    assert (
        "set by +3.000 s at 3.000 s, -0.500 s at 6.000 s; the time stamps of 2 files were put back"
        in certificate["reasons"][0]
    )


def test_a_clock_that_was_not_set_is_said_to_be_so(build):
    assert item(build.engine(clock_steps=[]), "machine's clock")[1]["verdict"] == "ok"


def test_a_run_that_does_not_tell_is_not_judged(build):
    assert item(build, "machine's clock")[1] is None


RMEM = {"net.ipv4.tcp_rmem": ["10240 87380 16777216", "4096 131072 6291456", "4096 131072 6291456"]}


@pytest.mark.parametrize(
    ("put_back", "verdict", "words"),
    [
        (RMEM, "ok", ""),
        (
            {"net.ipv4.tcp_rmem": ["1 2 3", "4 5 6", "1 2 3"]},
            "suspect",
            "net.ipv4.tcp_rmem is 1 2 3",
        ),
        (
            RMEM | {"net.ipv4.tcp_congestion_control": ["bbr", "cubic", "bbr"]},
            "ok",
            "net.ipv4.tcp_congestion_control stays bbr",
        ),
    ],
)
def test_what_was_put_back_is_said(build, put_back, verdict, words):
    _, found = item(build.engine(put_back=put_back), "machine's settings")
    assert found["verdict"] == verdict
    assert words in found["why"]
    assert ("put back: net.ipv4.tcp_rmem was 10240" in found["measured"]) == (
        "10240" in str(put_back)
    )


def test_a_machine_with_the_kernels_own_settings_needs_no_words(build):
    assert item(build.engine(put_back={}), "machine's settings")[1] is None
