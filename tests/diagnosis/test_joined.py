"""Two captures of one transfer, with other clocks, and with a middlebox between them."""

import polars as pl
import pytest

from tcpexp.diagnosis.joined import join_captures
from tests.support.limited import MS, Transfer

SHIFT = 3_000_000_000


def both_ends(offset_ns=0, drift=0.0, **more):
    """The packets at the client, and at the server by another clock."""
    parts = []
    for name, at in (("here", "client"), ("there", "server")):
        packets, _ = Transfer(at=at, **more).run()
        parts.append(packets.with_columns(capture=pl.lit(name)))
    t = pl.col("t_ns")
    parts[1] = parts[1].with_columns(t_ns=t + offset_ns + (t * drift).cast(pl.Int64))
    return parts


def joined(parts):
    (found,) = join_captures(pl.concat(parts))
    return found


def sentences(found, kind):
    return [one.sentence for one in found.findings if one.kind == kind]


def test_without_trouble_every_packet_is_found_again() -> None:
    found = joined(both_ends(cwnd=20))
    assert found.clock.offset_ns == pytest.approx(0, abs=MS)
    assert found.summary["lost"].sum() == found.summary["made"].sum() == 0
    assert (found.summary["sent"] == found.summary["arrived"]).all()
    assert found.summary["least_ns"].to_list() == pytest.approx([20 * MS, 20 * MS], abs=MS)


def test_offset_and_drift_of_the_clocks_are_found_and_taken_out() -> None:
    written = [(n * 50 * MS, (n + 1) * 5_000) for n in range(100)]
    slow = {"size": 500_000, "written": written}
    found = joined(both_ends(offset_ns=7_654_321_000, drift=50e-6, **slow))
    assert found.clock.drift_ppm == pytest.approx(50, rel=0.01)
    assert found.clock.offset_ns == pytest.approx(7_654_321_000, abs=MS)
    assert found.clock.uncertain_ns == pytest.approx(20 * MS, rel=0.05)
    own, other = (joined(both_ends(**slow)), found)
    assert other.summary.equals(own.summary) or (
        (other.summary["median_ns"] - own.summary["median_ns"]).abs().max() < MS // 10
    )
    assert "gains 50 microseconds in a second" in sentences(found, "clocks")[0]


@pytest.mark.parametrize("turned", [False, True])
def test_the_order_of_the_captures_does_not_matter(turned) -> None:
    parts = both_ends(offset_ns=-5_000_000_000, cwnd=20, lost=frozenset({30}))
    found = joined(parts[::-1] if turned else parts)
    assert found.packets.near == ("second" if turned else "first")
    lost = dict(found.summary.select("sender", "lost").iter_rows())
    assert lost == {"client": 1, "server": 0}
    (sentence,) = sentences(found, "joined_lost")
    assert "of the client left and never came" in sentence


def test_translated_addresses_are_recognised_by_sequence_numbers() -> None:
    here, there = both_ends(cwnd=20)
    inside = {"10.0.0.1": "192.0.2.7"}
    there = there.with_columns(
        pl.col("src", "dst").replace(inside),
        pl.col("src_port", "dst_port").replace({40000: 61000}),
    )
    found = joined([here, there])
    assert found.pairs[0].by == "numbers" and found.summary["lost"].sum() == 0
    (sentence,) = sentences(found, "joined_translated")
    assert "10.0.0.1:40000 in here and 192.0.2.7:61000 in there" in sentence


def test_new_sequence_numbers_are_put_back() -> None:
    here, there = both_ends(cwnd=20, lost=frozenset({30}))
    forth = pl.col("src") == "10.0.0.1"
    there = there.with_columns(
        seq=pl.when(forth).then((pl.col("seq") + SHIFT) % 2**32).otherwise("seq"),
        ack=pl.when(forth).then("ack").otherwise((pl.col("ack") + SHIFT) % 2**32),
    )
    found = joined([here, there])
    assert found.summary["lost"].to_list() == [1, 0] and found.pairs[0].by == "ports"
    (sentence,) = sentences(found, "joined_numbers")
    assert f"{2**32 - SHIFT} smaller in there" in sentence


def test_options_ecn_and_windows_that_were_changed_are_named() -> None:
    here, there = both_ends(cwnd=20)
    forth = pl.col("src") == "10.0.0.1"
    syn = pl.col("flags") == "S"
    here = here.with_columns(
        wscale=pl.when(syn).then(pl.lit(7, dtype=pl.Int64)),
        ecn=pl.when(forth).then(pl.lit(2, dtype=pl.Int64)).otherwise("ecn"),
    )
    there = there.with_columns(
        mss=pl.when(syn).then(pl.lit(1300, dtype=pl.Int64)).otherwise("mss"),
        window=pl.when(pl.col("flags") == "SA")
        .then(pl.lit(4000, dtype=pl.Int64))
        .otherwise("window"),
    )
    found = joined([here, there])
    options = sentences(found, "joined_option")
    assert any("MSS was clamped in 1 packet, first from 1448 to 1300" in one for one in options)
    assert any("window scale was taken out of 1 packet" in one for one in options)
    assert "first from 4000 to 65535" in sentences(found, "joined_window")[0]
    assert "left as ECT(0) and came as not-ECT" in sentences(found, "joined_ecn")[0]
    assert sentences(found, "joined_hops")[0].startswith("3 routers between the captures")


def test_packets_of_which_only_the_far_capture_knows_are_named() -> None:
    here, there = both_ends(cwnd=20)
    reset = there.tail(1).with_columns(
        flags=pl.lit("R"),
        t_ns=pl.lit(500 * MS, dtype=pl.Int64),
        number=pl.lit(9999, dtype=pl.Int64),
        seq=pl.lit(777, dtype=pl.Int64),
        src=pl.lit("10.0.0.1"),
        dst=pl.lit("10.0.0.2"),
        src_port=pl.lit(40000, dtype=pl.Int64),
        dst_port=pl.lit(5000, dtype=pl.Int64),
    )
    found = joined([here, pl.concat([there, reset])])
    assert "1 of them resets" in sentences(found, "joined_made")[0]


def test_captures_without_a_common_connection_are_not_joined() -> None:
    here, there = both_ends(size=20_000)
    other = there.with_columns(
        pl.col("src", "dst").replace({"10.0.0.1": "10.9.9.9", "10.0.0.2": "10.8.8.8"}),
        seq=(pl.col("seq") + 5),
    )
    assert join_captures(pl.concat([here, other])) == ()
    assert join_captures(here) == ()
