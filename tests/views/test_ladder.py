"""The ladder diagram: which segments, in which order, lost or not, and the states of both ends."""

import itertools

import polars as pl
import pytest

from tcpexp.plots.ladder import label_part
from tcpexp.store.frames import schema_of, write_table
from tcpexp.store.rundata import RunData
from tcpexp.views.faults import effects_on
from tcpexp.views.ladder import ladder_view
from tests.support.fake_run import make_plan, one_connection, write_run


@pytest.fixture
def view(tmp_path):
    return ladder_view(one_connection(tmp_path), "", 1, 30)


def half_open(tmp_path, *, client="h1"):
    """A client whose SYNs are answered in vain: the server gives up, and the next SYN begins a
    second half-open connection.
    """
    whole = one_connection(tmp_path / "whole")
    server = {
        "node": "h2",
        "local_address": "10.0.0.2",
        "local_port": 80,
        "peer_address": "10.0.0.1",
        "peer_port": 40000,
    }
    times = [(1_100_000_000, "3"), (1_200_000_000, "3"), (1_400_000_000, "4"), (1_500_000_000, "4")]
    sockets = [
        {**server, "t_ns": t_ns, "state": "syn-recv", "info": f"ino:0 sk:{cookie}"}
        for t_ns, cookie in times
    ]
    packets = []
    for number, (t_ns, isn) in enumerate(
        [(1_050_000_000, 1000), (1_150_000_000, 1000), (1_300_000_000, 9000)]
    ):
        there = {
            "src": "10.0.0.1",
            "src_port": 40000,
            "dst": "10.0.0.2",
            "dst_port": 80,
            "flags": "S",
            "seq": 5,
            "seq_rel": 0,
            "ip_id": 10 + number,
        }
        back = {
            "src": "10.0.0.2",
            "src_port": 80,
            "dst": "10.0.0.1",
            "dst_port": 40000,
            "flags": "SA",
            "seq": isn,
            "seq_rel": 0,
            "ip_id": 20 + number,
        }
        for node, late in (("h1", 0), ("h2", 1000)):
            packets.append({**there, "node": node, "t_ns": t_ns + late})
            packets.append({**back, "node": node, "t_ns": t_ns + 5000 - late})
    row = whole.table("connections").row(0, named=True)
    connection = {**row, "client": client, "syn_ns": 1_050_000_000, "end_ns": None}
    same = {"protocol": "tcp", "payload_bytes": 0, "labels": [], "capture": "any", "stream": 0}
    rows = {
        "packets": [
            {**same, "number": number, **packet} for number, packet in enumerate(packets, start=1)
        ],
        "sockets": sockets,
        "connections": [connection],
    }
    return write_run(
        tmp_path / "run", whole.plan, {name: filled(name, row) for name, row in rows.items()}
    )


def filled(table, rows):
    schema = schema_of(table)
    return pl.DataFrame([{name: row.get(name) for name in schema} for row in rows], schema=schema)


def test_segments_are_in_the_order_of_their_sending(view):
    assert [arrow.text.split("  ")[0] for arrow in view.arrows] == [
        "SYN",
        "SYN, ACK",
        "ACK",
        "PSH, ACK",
        "PSH, ACK",
        "ACK",
        "PSH, ACK",
        "FIN, ACK",
        "ACK",
        "FIN, ACK",
        "ACK",
    ]
    assert view.name == "h1 to h2:80" and view.more == 0


def test_labels_hold_relative_numbers_lengths_and_windows(view):
    assert view.arrows[1].text == "SYN, ACK  seq 0 = 1000  ack 1  win 65,160"
    assert view.arrows[6].text == "PSH, ACK  seq 1  ack 77  len 201"
    assert view.arrows[4].text.endswith("(again)")


def test_only_the_segment_without_arrival_is_lost(view):
    assert [index for index, arrow in enumerate(view.arrows) if arrow.lost] == [3]


def test_time_runs_downwards_on_both_sides(view):
    moments = sorted(
        [(arrow.sent_ns, arrow.from_row) for arrow in view.arrows]
        + [(arrow.received_ns, arrow.to_row) for arrow in view.arrows if not arrow.lost]
    )
    rows = [row for _, row in moments]
    assert rows == sorted(rows) and len(set(rows)) == len(rows)


def test_states_of_both_ends_with_time_wait_from_ss(view):
    left = [state.state for state in view.states if state.left]
    right = [(state.state, state.from_ss) for state in view.states if not state.left]
    assert left == ["CLOSED", "SYN-SENT", "ESTABLISHED", "CLOSE-WAIT", "LAST-ACK", "CLOSED"]
    assert right == [
        ("LISTEN", False),
        ("ESTABLISHED", False),
        ("FIN-WAIT-1", False),
        ("FIN-WAIT-2", False),
        ("TIME-WAIT", True),
        ("CLOSED", True),
    ]


def test_states_of_one_end_do_not_overlap(view):
    for left in (True, False):
        rows = [state.row for state in view.states if state.left is left]
        assert all(later - earlier > 0.8 for earlier, later in itertools.pairwise(rows))


def test_the_number_of_segments_is_limited_and_the_rest_counted(tmp_path):
    view = ladder_view(one_connection(tmp_path), "get", 1, 4)
    assert (len(view.arrows), view.more) == (4, 7)
    assert "LAST-ACK" not in [state.state for state in view.states]


def test_without_a_capture_at_the_far_end_nothing_is_called_lost(tmp_path):
    run = one_connection(tmp_path)
    alone = run.table("packets").filter(pl.col("node") == "h1")
    tables = {"packets": alone, "connections": run.table("connections")}
    view = ladder_view(write_run(tmp_path / "alone", run.plan, tables), "", 1, 30)
    assert not any(arrow.lost for arrow in view.arrows)


def test_there_is_no_diagram_without_a_connection(tmp_path):
    run = one_connection(tmp_path)
    assert ladder_view(run, "other", 1, 30) is None
    assert ladder_view(run, "", 2, 30) is None
    assert ladder_view(write_run(tmp_path / "empty", make_plan(), {}), "", 1, 30) is None


def test_a_host_that_captured_nothing_of_the_connection_got_nothing(tmp_path):
    whole = one_connection(tmp_path / "whole")
    packets = whole.table("packets").filter((pl.col("node") == "h1") & (pl.col("flags") == "S"))
    tables = {name: whole.table(name) for name in ("connections", "states", "sockets")}
    engine = {"status": "complete", "end_ns": whole.plan.duration_ns}
    for captures, lost in (({"h1-eth0": {}, "h2-eth0": {}}, True), ({"h1-eth0": {}}, False)):
        run = write_run(
            tmp_path / str(lost),
            whole.plan,
            {**tables, "packets": packets},
            engine={**engine, "captures": captures},
        )
        assert [arrow.lost for arrow in ladder_view(run, "", 1, 30).arrows] == [lost]


def test_between_shows_its_segments_and_the_states_at_its_beginning(tmp_path):
    view = ladder_view(one_connection(tmp_path), "", 1, 30, (1_235_000_000, 1_245_000_000))
    assert [arrow.sent_ns for arrow in view.arrows] == [1_240_200_000, 1_241_000_000, 1_241_100_000]
    first = {state.left: state.state for state in view.states if state.t_ns is None}
    assert first == {True: "ESTABLISHED", False: "ESTABLISHED"}
    assert [state.state for state in view.states if state.t_ns is not None] == ["FIN-WAIT-1"]


def test_between_without_segments_gives_no_ladder(tmp_path):
    assert ladder_view(one_connection(tmp_path), "", 1, 30, (5_000_000_000, 6_000_000_000)) is None


def fault(packet, after_ns, effect):
    """A row of the table faults on a packet, so long after it was sent."""
    return {
        **{
            name: packet[name]
            for name in ("src", "src_port", "dst", "dst_port", "seq", "payload_bytes")
        },
        "t_ns": packet["t_ns"] + after_ns,
        "effect": effect,
    }


def test_the_arrow_of_a_segment_says_which_fault_acted_on_it(tmp_path):
    whole = one_connection(tmp_path)
    sent = (
        whole.table("packets")
        .filter((pl.col("node") == "h1") & (pl.col("payload_bytes") > 0))
        .sort("t_ns")
        .to_dicts()
    )
    write_table(
        tmp_path,
        "faults",
        pl.DataFrame([fault(sent[0], 1000, "drop"), fault(sent[1], 1000, "delay")]),
    )
    arrows = ladder_view(RunData(tmp_path), "", 1, 30).arrows
    assert [
        (index, arrow.fault, arrow.lost) for index, arrow in enumerate(arrows) if arrow.fault
    ] == [(3, "drop", True), (4, "delay", False)]
    assert "fault" not in arrows[3].text  # it stands below the arrow, which ends in a cross
    assert arrows[4].text.endswith("  [fault: delay]")


def test_a_fault_acts_on_the_last_segment_that_was_sent_by_then():
    rows = [
        {
            "src": "a",
            "src_port": 1,
            "dst": "b",
            "dst_port": 2,
            "seq": 5,
            "payload_bytes": 9,
            "t_ns": at,
        }
        for at in (10, 50)
    ]
    first, second = (
        {**rows[0], "t_ns": 40, "effect": "drop"},
        {**rows[0], "t_ns": 60, "effect": "delay"},
    )
    assert effects_on(rows, [first]) == {0: "drop"}
    assert effects_on(rows, [first, second]) == {0: "drop", 1: "delay"}
    assert (
        effects_on(rows, [{**second, "seq": 6}, {**second, "src_port": 3}, {**second, "t_ns": 5}])
        == {}
    )


def test_what_was_dropped_did_not_arrive_although_its_retransmission_looks_the_same(tmp_path):
    """Two SYN-ACKs with the IP id 0, the first dropped by a fault: the arrival is the
    second one's.
    """
    whole = one_connection(tmp_path)
    packets = whole.table("packets")
    sent = packets.filter((pl.col("node") == "h2") & (pl.col("flags") == "SA"))
    again = sent.with_columns(t_ns=pl.col("t_ns") + 1_000_000)
    late = packets.with_columns(
        t_ns=pl.when((pl.col("node") == "h1") & (pl.col("flags") == "SA"))
        .then(pl.col("t_ns") + 1_000_000)
        .otherwise(pl.col("t_ns"))
    )
    write_table(tmp_path, "packets", pl.concat([late, again]).sort("t_ns"))
    write_table(tmp_path, "faults", pl.DataFrame([fault(sent.row(0, named=True), 1000, "drop")]))
    answers = [
        arrow
        for arrow in ladder_view(RunData(tmp_path), "", 1, 30).arrows
        if arrow.text.startswith("SYN, ACK")
    ]
    assert [(arrow.fault, arrow.lost) for arrow in answers] == [("drop", True), (None, False)]


def test_a_second_half_open_connection_begins_where_its_initial_sequence_number_does(tmp_path):
    view = ladder_view(half_open(tmp_path), "", 1, 30)
    server = [
        (state.state, state.t_ns, state.from_ss)
        for state in view.states
        if not state.left and state.t_ns is not None
    ]
    assert server == [
        ("SYN-RECEIVED", 1_050_004_000, True),
        ("CLOSED", 1_200_000_000, True),
        ("SYN-RECEIVED", 1_300_004_000, True),
        ("CLOSED", 1_500_000_000, True),
    ]


@pytest.mark.filterwarnings("error")
def test_an_end_that_is_no_host_has_no_states(tmp_path):
    view = ladder_view(half_open(tmp_path, client=None), "", 1, 30)
    assert {state.left for state in view.states} == {False}


@pytest.mark.parametrize(("label", "part"), [(1.0, 0.3), (3.0, 0.4), (9.0, 0.5)])
def test_a_label_on_a_crossed_arrow_stands_near_its_tail_but_not_over_the_hosts_line(label, part):
    assert label_part(label, 4.0) == pytest.approx(part)


def test_a_segment_that_was_cut_on_the_way_arrives_with_its_last_piece(tmp_path):
    """Segmentation offload: the sender's capture shows one segment, the receiver's two."""
    whole = one_connection(tmp_path / "whole")
    packets = whole.table("packets")
    response = pl.col("payload_bytes") == 201
    arrived = packets.filter(response & (pl.col("node") == "h1"))
    pieces = [
        arrived.with_columns(
            seq_rel=pl.col("seq_rel") + at,
            seq=pl.col("seq") + at,
            payload_bytes=pl.lit(size, dtype=pl.Int64),
            t_ns=pl.col("t_ns") + late,
            ip_id=pl.col("ip_id") + number,
        )
        for number, (at, size, late) in enumerate([(0, 100, 0), (100, 101, 700)])
    ]
    rest = packets.filter(~(response & (pl.col("node") == "h1")))
    tables = {"packets": pl.concat([rest, *pieces]), "connections": whole.table("connections")}
    run = write_run(tmp_path / "cut", whole.plan, tables)
    (arrow,) = [arrow for arrow in ladder_view(run, "", 1, 30).arrows if "len 201" in arrow.text]
    assert arrow.received_ns == arrived["t_ns"][0] + 700 and not arrow.lost
