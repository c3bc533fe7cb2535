"""What became of each piece that was sent, step by step."""

from tcpexp.diagnosis.pieces import Added, Pieces, Timed


def sent(*ranges):
    pieces = Pieces()
    for at, (begin, end) in enumerate(ranges):
        pieces.add(begin, end, at)
    return pieces


def test_what_is_in_order_is_new() -> None:
    assert sent((0, 1), (1, 100)).add(100, 200, 9) == Added(0, False, 0, None, None)


def test_a_repeated_piece_knows_how_long_ago() -> None:
    assert sent((0, 100), (100, 200)).add(0, 100, 9) == Added(100, False, 0, 9, None)


def test_a_gap_is_filled() -> None:
    assert sent((0, 100), (200, 300)).add(100, 200, 9) == Added(0, True, 100, None, 8)


def test_a_repair_that_joins_two_pieces_is_not_late() -> None:
    pieces = sent((0, 100), (100, 200))
    assert pieces.add(0, 200, 9) == Added(200, False, 0, 9, None)


def test_a_packet_may_fill_a_gap_repeat_and_go_on() -> None:
    pieces = sent((0, 100), (150, 200))
    assert pieces.add(100, 250, 9) == Added(50, False, 50, 8, 8)
    assert pieces.add(250, 260, 9).repeated == 0


def test_an_ack_times_the_piece_that_it_ends_at() -> None:
    pieces = sent((0, 100), (100, 200))
    assert pieces.acknowledge(200, 50) == Timed("sample", 49)
    assert pieces.acknowledge(200, 60) is None


def test_a_repeated_piece_gives_an_ambiguous_time_and_its_successors_none() -> None:
    pieces = sent((0, 100), (100, 200))
    pieces.add(0, 100, 30)
    assert pieces.acknowledge(100, 50) == Timed("ambiguous", 20)
    assert pieces.acknowledge(200, 60) == Timed("post_loss", None)


def test_an_ack_inside_a_piece_gives_no_time() -> None:
    assert sent((0, 100)).acknowledge(50, 9) is None
