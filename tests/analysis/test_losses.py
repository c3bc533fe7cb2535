"""Loss events: episodes, whose loss it was, ranges, and what counts as a report of a duplicate."""

import numpy as np
import polars as pl
import pytest

from tcpexp.analysis.losses import Episode, assign_losses, find_episodes, is_dsack, merge_ranges


def episode(noticed, repaired):
    return Episode(noticed, repaired, "Recovery", 0)


def test_an_episode_lasts_until_open_and_counts_its_timeouts():
    changes = [
        (1, "Open"),
        (5, "Disorder"),
        (6, "Recovery"),
        (9, "Loss"),
        (12, "Loss"),
        (20, "Open"),
        (30, "CWR"),
        (31, "Open"),
        (40, "Loss"),
    ]
    assert find_episodes(*map(list, zip(*changes, strict=True))) == [
        Episode(6, 20, "Recovery", 2),
        Episode(30, 31, "CWR", 0),
        Episode(40, None, "Loss", 1),
    ]


def test_disorder_alone_is_no_loss():
    assert find_episodes([1, 2, 3], ["Open", "Disorder", "Open"]) == []


@pytest.mark.parametrize(
    ("sent", "again", "owner"),
    [
        (50, False, 0),  # before the first notice
        (150, True, 0),  # a retransmission of the first recovery, lost in its turn
        # new data sent in a recovery lies behind its recovery point: the next one notices
        (150, False, 1),
        (250, False, 1),
        (950, False, -1),  # nobody noticed any more
    ],
)
def test_a_lost_segment_belongs_to_the_event_that_notices_it(sent, again, owner):
    events = [episode(100, 200), episode(300, None)]
    assert assign_losses(np.array([sent]), np.array([again]), events).tolist() == [owner]


def test_a_retransmission_in_an_event_without_end_belongs_to_it():
    assert assign_losses(np.array([950]), np.array([True]), [episode(300, None)]).tolist() == [0]


def test_ranges_are_united():
    assert merge_ranges(np.array([10, 0, 25, 5]), np.array([5, 6, 5, 2])) == [0, 7, 10, 15, 25, 30]
    assert merge_ranges(np.array([10, 0]), np.array([5, 10])) == [0, 15]
    assert merge_ranges(np.array([], dtype=np.int64), np.array([], dtype=np.int64)) == []


@pytest.mark.parametrize(
    ("ack", "blocks", "duplicate"),
    [
        (1000, [500, 600], True),  # below the ACK (RFC 2883 section 4.1)
        (1000, [2000, 2100, 1900, 2500], True),  # inside the second block (RFC 2883 section 4.2)
        (1000, [2000, 2100], False),
        (1000, [2000, 2100, 3000, 3100], False),
        (1000, [], False),
        (1000, None, False),
    ],
)
def test_dsack(ack, blocks, duplicate):
    frame = pl.DataFrame(
        {"ack_rel": [ack], "sack_blocks": [blocks]},
        schema={"ack_rel": pl.Int64, "sack_blocks": pl.List(pl.Int64)},
    )
    assert frame.select(is_dsack()).item() is duplicate
