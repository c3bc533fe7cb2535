"""The benchmark's captures are what they say: transfers with losses that are repaired."""

import foreign
from capturing.making import make_capture

from tcpexp.ingest.foreign import read_foreign


def test_the_made_up_capture_has_losses_and_right_checksums(tmp_path):
    path = tmp_path / "x.pcap"
    make_capture(path, 3000, snaplen=2000, connections=2)
    found = read_foreign([path])
    notes = found.notes.captures[0]
    labels = found.packets["labels"].explode().drop_nulls().unique().to_list()
    assert (notes.packets, notes.checksums) == (3000, {"right": 3000})
    assert {"duplicate_ack", "lost_segment"} <= set(labels)
    assert found.packets["stream"].n_unique() == 2
    row = foreign.measure(path, labels=False)
    assert row["packets"] == 3000
    row = foreign.measure(path, labels=False, program=foreign.EXPLAIN)
    assert row["packets"] == 3000
