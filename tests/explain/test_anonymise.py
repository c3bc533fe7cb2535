"""A capture without what tells of people: what is gone, and that what TCP did is still there."""

import polars as pl
import pytest

from tcpexp.explain.anonymise import anonymise, plain_options
from tcpexp.explain.explain import explain_captures
from tcpexp.explain.prefixes import KEPT_BITS, Prefixes
from tcpexp.ingest.foreign import read_foreign
from tests.support.crafting import Talk, options, write_pcap
from tests.support.foreign import CLIENT, SERVER, write_download

KEY = bytes(range(32))
#: Columns of packets that an anonymised capture may change.
CHANGED = ("src", "dst", "capture", "checksum", "frame_bytes", "t_ns")


def common_bits(one: bytes, other: bytes) -> int:
    """Return how many bits two addresses have in common at their beginning."""
    difference = int.from_bytes(one, "big") ^ int.from_bytes(other, "big")
    return 8 * len(one) - difference.bit_length()


@pytest.mark.parametrize("size", [4, 16])
def test_addresses_that_began_alike_still_do(size):
    base = bytes([0x20 if size == 16 else 0xC0, *range(7, 6 + size)])
    prefixes = Prefixes(KEY)
    for bit in range(KEPT_BITS[size], 8 * size):
        flipped = int.from_bytes(base, "big") ^ (1 << (8 * size - 1 - bit))
        other = flipped.to_bytes(size, "big")
        assert common_bits(prefixes.replace(base), prefixes.replace(other)) == bit
    assert prefixes.replace(base) != base
    assert Prefixes(bytes(32)).replace(base) != prefixes.replace(base)


@pytest.mark.parametrize("address", [b"\x7f\0\0\1", bytes(4), b"\xff" * 4, bytes(15) + b"\1"])
def test_what_names_no_host_stays(address):
    assert Prefixes(KEY).replace(address) == address


def test_kinds_of_addresses_stay_what_they_are():
    prefixes = Prefixes(KEY)
    assert prefixes.replace(bytes([224, 0, 0, 251]))[0] >> 4 == 0xE
    link_local = prefixes.replace(b"\xfe\x80" + bytes(13) + b"\7")
    assert link_local[0] == 0xFE and link_local[1] >> 6 == 2


def test_tcp_did_the_same(tmp_path):
    given = write_download(tmp_path / "mine.pcap", "server")
    [written] = anonymise([given], tmp_path, KEY)
    before, after = (read_foreign([path]).packets for path in (given, written))
    kept = [name for name in before.columns if name not in CHANGED]
    assert before.select(kept).equals(after.select(kept))
    assert (before["t_ns"] == after["t_ns"]).all()
    names = {*before["src"].drop_nulls(), *before["dst"].drop_nulls()}
    assert names.isdisjoint({*after["src"].drop_nulls(), *after["dst"].drop_nulls()})


def test_nothing_of_payload_names_or_addresses_is_left(tmp_path):
    talk = Talk(client=CLIENT, server=SERVER).open()
    talk.send(0, "PA", 1, 1, 24)
    at, data = talk.packets[-1]
    talk.packets[-1] = (at, data[:-24] + b"GET /secret?name=alice\r\n")
    capture = write_pcap(tmp_path / "alice.pcap", talk.packets)
    explained = explain_captures([capture], tmp_path / "results", anonymise=True)
    plain = {bytes(map(int, address.split("."))) for address in (CLIENT, SERVER)}
    for path in explained.path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            texts = [b"secret", b"alice", CLIENT.encode(), SERVER.encode()]
            found = [text for text in texts if text in content]
            assert found == [], path
            if path.suffix == ".pcap":
                assert [address for address in plain if address in content] == []
    assert explained.run.table("packets")["payload_bytes"].sum() == 24


def test_the_same_address_is_the_same_in_both_captures(tmp_path):
    captures = [write_download(tmp_path / f"{place}.pcap", place) for place in ("client", "server")]
    run = explain_captures(captures, tmp_path / "results", anonymise=True).run
    tcp = run.table("packets").filter(pl.col("protocol") == "tcp")
    assert tcp["src"].n_unique() == 2 and tcp["capture"].n_unique() == 2


@pytest.mark.parametrize(
    ("kind", "body", "stays"),
    [
        (253, b"\x0a\x00\x00\x01", False),  # experimental: may hold an address
        (200, b"\x00\x50\x0a\x00\x00\x01", False),  # the client's address, as load balancers add it
        (30, b"\x30\x01\x0a\x00\x00\x01", False),  # MPTCP ADD_ADDR
        (30, b"\x00\x81\x01\x02\x03\x04", True),  # MPTCP MP_CAPABLE
        (34, b"\x01\x02\x03\x04", True),  # Fast Open's cookie
    ],
)
def test_options_that_may_name_a_host_are_left_out(kind, body, stays):
    own = options(mss=1460) + bytes([kind, 2 + len(body)]) + body
    own += b"\1" * (-len(own) % 4)
    plain = plain_options(own)
    assert len(plain) == len(own) and plain[:4] == own[:4]
    assert (body in plain) is stays


def test_options_that_cannot_be_right_do_no_harm():
    for broken in (b"\x02\x00\x05\xb4", b"\x08\xff\x01\x01", b"\xfe", b"\x00\x0a\x0a\x0a"):
        assert len(plain_options(broken)) == len(broken)
    assert plain_options(b"\x00\x0a\x0a\x0a") == bytes(4)
