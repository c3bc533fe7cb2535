"""What the panels show is what the tables and metrics.json hold; what is absent is named."""

import numpy as np
import polars as pl
import pytest

from tcpexp.analysis.metrics import measure_run
from tcpexp.report.panels.build import ORDER, panel_data
from tcpexp.report.panels.columns import unpack
from tcpexp.store.frames import write_table
from tcpexp.store.rundata import RunData
from tests.support.fake_run import SECOND, make_plan, one_connection, shared_bottleneck, write_run


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> RunData:
    run = shared_bottleneck(tmp_path_factory.mktemp("run"), 8)
    measure_run(run)
    return run


@pytest.fixture(scope="module")
def data(run):
    return panel_data(run)


def layer(data, panel, label, **more):
    (one,) = [
        drawn
        for shown in data.panels
        if shown.id == panel
        for drawn in shown.layers
        if drawn.label == label
        and all(getattr(drawn, name) == value for name, value in more.items())
    ]
    return one


def test_the_panels_come_in_their_order(data):
    ids = [panel.id for panel in data.panels]
    assert ids == [name for name in ORDER if name in ids]
    assert {"sequence", "cwnd", "rtt", "throughput", "stacked", "queue", "window", "io"} <= set(ids)


@pytest.mark.parametrize("flow", ["cubic", "bbr"])
def test_goodput_is_that_of_the_metrics(run, data, flow):
    column = data.tables["throughput"].columns[f"goodput {flow}"]
    assert int(column.values.sum()) == run.metrics["flows"][flow]["goodput_bytes"]


@pytest.mark.parametrize("flow", ["cubic", "bbr"])
def test_round_trip_times_are_those_of_the_metrics(run, data, flow):
    values, rtt = (
        data.tables[f"rtt-{flow}"].columns["rtt"].values,
        run.metrics["flows"][flow]["rtt"],
    )
    assert len(values) == rtt["samples"] and values.max() / 1e6 == pytest.approx(
        rtt["max_ms"], rel=1e-9
    )


@pytest.mark.parametrize("flow", ["cubic", "bbr"])
def test_cwnd_is_that_of_the_metrics(run, data, flow):
    table = layer(data, "cwnd", "cwnd", flow=flow).table
    values, cwnd = data.tables[table].columns["cwnd"].values, run.metrics["flows"][flow]["cwnd"]
    assert (len(values), int(values.max()), int(values[-1])) == (
        cwnd["samples"],
        cwnd["max"],
        cwnd["last"],
    )


def test_every_packet_of_a_connection_is_there(run, data):
    packets = run.table("packets").filter(pl.col("flow") == "cubic").sort("t_ns")
    (connection,) = [
        connection["id"] for connection in data.connections if connection["flow"] == "cubic"
    ]
    columns = data.tables[connection].columns
    assert columns["number"].values.tolist() == packets["number"].to_list()
    assert columns["t"].values.tolist() == packets["t_ns"].to_list()
    again = layer(data, "sequence", "retransmission", connection=connection)
    assert (
        len(again.rows)
        == packets.filter(pl.col("labels").list.contains("retransmission")).height
        > 0
    )
    assert columns["again"].values.sum() == len(again.rows)


def test_what_is_stored_is_what_was_described(data):
    info, text = data.pages()
    place = info["tables"]["throughput"]["columns"]["t"]["at"]
    assert unpack(text, place) == data.tables["throughput"].columns["t"].values.tolist()


def test_the_same_run_gives_the_same_text(run, data):
    assert panel_data(RunData(run.path)).pages() == data.pages()


def test_what_is_absent_is_named(tmp_path):
    data = panel_data(write_run(tmp_path, make_plan(), {}))
    assert data.panels == []
    said = {lack["what"]: lack["why"] for lack in data.absent}
    assert {
        "Congestion window",
        "Round-trip time",
        "Throughput",
        "Queue",
        "Packets per interval",
        "Time-sequence graph",
        "Faults",
    } <= set(said)
    assert "table phases" in said["Phases of congestion control"]


def test_a_lost_packet_and_its_journey(tmp_path):
    base = one_connection(tmp_path)
    packets = base.table("packets")
    left = packets.filter((pl.col("node") == "h2") & (pl.col("src") == "10.0.0.2")).sort("t_ns")
    journeys = left.select(
        pl.lit("get").alias("flow"),
        pl.lit("h2").alias("from_node"),
        pl.lit("h1").alias("to_node"),
        pl.col("t_ns").alias("sent_ns"),
        pl.col("number").alias("sent_number"),
        pl.when(pl.int_range(pl.len()) == 2)
        .then(None)
        .otherwise(pl.col("t_ns") + 10_000_000)
        .alias("received_ns"),
        pl.when(pl.int_range(pl.len()) == 2).then(0).otherwise(1).alias("copies"),
    )
    write_table(base.path, "journeys", journeys)
    data = panel_data(RunData(base.path))
    columns = data.tables[data.connections[0]["id"]].columns
    sent = {
        int(number): (int(fate), int(delay))
        for number, fate, delay in zip(
            *(columns[name].values for name in ("number", "fate", "delay")), strict=True
        )
    }
    lost = int(left["number"][2])
    assert sent[lost] == (1, -1) and all(
        value == (0, 10_000_000)
        for number, value in sent.items()
        if number != lost and number in left["number"].to_list()
    )


def test_states_phases_and_losses_where_the_tables_say(tmp_path):
    run = shared_bottleneck(tmp_path, 8)
    base = {"flow": "cubic", "node": "h1", "connection": 40000}
    write_table(
        run.path,
        "ca_states",
        pl.DataFrame([{**base, "t_ns": 3 * SECOND, "src_port": 40000, "ca_state": "Recovery"}]),
    )
    phases = [(0, 3, "slow_start"), (3, 4, "fast_recovery"), (4, 8, "congestion_avoidance")]
    write_table(
        run.path,
        "phases",
        pl.DataFrame(
            [
                {**base, "port": 40000, "from_ns": a * SECOND, "to_ns": b * SECOND, "phase": name}
                for a, b, name in phases
            ]
        ),
    )
    write_table(
        run.path,
        "loss_events",
        pl.DataFrame(
            [
                {
                    **base,
                    "port": 40000,
                    "noticed_ns": 3 * SECOND,
                    "noticed_by": "sack",
                    "cwnd_before": 20,
                }
            ]
        ),
    )
    data = panel_data(RunData(run.path))
    phase = data.tables[layer(data, "states", "phase").table].columns
    assert [phase["code"].words[code] for code in phase["code"].values] == [
        name for *_, name in phases
    ]
    state = data.tables[layer(data, "states", "congestion state", flow="cubic").table].columns
    assert [
        (int(t), state["code"].words[code])
        for t, code in zip(state["t"].values, state["code"].values, strict=True)
    ][1] == (3 * SECOND, "Recovery")
    loss = data.tables[layer(data, "cwnd", "loss event").table].columns
    assert loss["t"].values.tolist() == [3 * SECOND] and loss["before"].values.tolist() == [20]
    assert not {"Phases of congestion control", "Loss events", "Congestion states"} & {
        lack["what"] for lack in data.absent
    }


def test_faults_are_marked_and_stand_in_the_time_sequence_graph(tmp_path):
    run = shared_bottleneck(tmp_path, 4)
    ends = {
        "flow": "cubic",
        "connection": 40000,
        "src": "10.0.0.1",
        "src_port": 40000,
        "dst": "10.0.0.2",
        "dst_port": 5201,
    }
    write_table(
        run.path, "packets", run.table("packets").with_columns(seq=pl.col("seq_rel") + 2**32 - 500)
    )
    fault = {
        **ends,
        "t_ns": SECOND,
        "effect": "drop",
        "segment": "data",
        "number": 20,
        "seq": 701,
        "payload_bytes": 1448,
    }
    write_table(run.path, "faults", pl.DataFrame([fault]))
    data = panel_data(RunData(run.path))
    assert {"t": SECOND, "label": "drop data 20", "kind": "fault"} in data.marks
    assert data.tables[layer(data, "sequence", "fault").table].columns["y"].values.tolist() == [
        1201 + 1448
    ]


def test_more_packets_than_a_page_holds(run, monkeypatch):
    monkeypatch.setattr("tcpexp.report.panels.packets.MOST_PACKETS", 2000)
    few = panel_data(run)
    rows = sum(
        len(table.columns["t"].values) for table in few.tables.values() if table.kind == "packets"
    )
    labelled = sum(
        int(np.count_nonzero(table.columns["labels"].values))
        for table in few.tables.values()
        if table.kind == "packets"
    )
    assert rows - labelled <= 2000
    assert labelled == run.table("packets").filter(pl.col("labels").list.len() > 0).height
    assert any("packets" in lack["what"] and "parquet" in lack["why"] for lack in few.absent)


def test_the_first_view_is_where_the_packets_are() -> None:
    from tcpexp.views.spans import busy_part

    second = 1_000_000_000
    whole = (0, 65 * second)
    assert busy_part(whole, np.array([second, second + 60_000_000])) == (
        second - 5_000_000,
        second + 60_000_000 + 1_625_000,
    )
    assert busy_part(whole, np.array([second, 40 * second])) == (0, 41 * second), (
        "it begins with the run and ends with the packets"
    )
    assert busy_part(whole, np.array([second, 62 * second])) == whole, "nearly all of it"
    assert busy_part(whole, np.array([], dtype=np.int64)) == whole


@pytest.mark.parametrize(("count", "drawn"), [(1, False), (2, False), (3, True)])
def test_panels_with_next_to_nothing_to_show_are_left_out_with_the_reason(tmp_path, count, drawn):
    run = shared_bottleneck(tmp_path, 4)
    for name, column in (("rtt", "rtt_ns"), ("tcp_probe", "cwnd")):
        rows = run.table(name).filter(run.table(name)["flow"] == "cubic").head(count)
        varied = pl.col(column) * (1 + pl.int_range(pl.len()))
        write_table(run.path, name, rows.with_columns(varied))
    write_table(run.path, "ca_states", run.table("ca_states").clear())
    data = panel_data(RunData(run.path))
    assert ({"cwnd", "rtt"} <= {panel.id for panel in data.panels}) is drawn
    said = " ".join(lack["why"] for lack in data.absent)
    assert ("was seen only" in said) is ("taken only" in said) is not drawn


def test_values_that_never_change_are_said_instead_of_drawn(tmp_path):
    run = shared_bottleneck(tmp_path, 4)
    still = run.table("rtt").with_columns(pl.lit(40_000_000).alias("rtt_ns"))
    write_table(run.path, "rtt", still)
    few = run.table("tcp_probe").head(9).with_columns(pl.lit(10).alias("cwnd"))
    write_table(run.path, "tcp_probe", few)
    data = panel_data(RunData(run.path))
    assert not {"rtt", "cwnd", "states"} & {panel.id for panel in data.panels}
    said = {lack["what"]: lack["why"] for lack in data.absent}
    assert said["Round-trip time"] == f"each of {still.height:,} samples was 40 ms"
    assert said["Congestion window, its states and phases"] == "cwnd stayed at 10 segments"


def test_the_strip_counts_every_frame(run, data):
    (row,) = data.activity
    columns = data.tables[row["table"]].columns
    packets = run.table("packets")
    assert columns["n"].values.sum() == packets.height
    assert (
        columns["t"].values[0]
        == packets["t_ns"].min()
        == columns["to"].values[0] - np.diff(columns["t"].values)[0]
    )
    lost = run.table("journeys").filter(pl.col("copies") == 0).height
    assert columns["lost"].values.sum() == lost


def test_a_flow_has_its_colour_in_every_panel_and_nothing_else_has_it(data):
    for panel in data.panels:
        for drawn in panel.layers:
            flow = drawn.flow or next(
                (row["flow"] for row in data.connections if row["id"] == drawn.connection), ""
            )
            if drawn.color.startswith("--s") and drawn.color[3:].isdigit():
                assert drawn.color == data.flows[flow], (panel.id, drawn.label)


def test_losses_have_one_colour(data):
    lossy = ("retransmission", "lost on the way", "loss event", "drops, ")
    colors = {
        drawn.color
        for panel in data.panels
        for drawn in panel.layers
        if drawn.label.startswith(lossy)
    }
    assert colors == {"--alarm"}


def test_a_reset_without_ack_number_stands_on_the_ack_line(tmp_path):
    run = one_connection(tmp_path)
    packets = run.table("packets")
    back = packets.filter(pl.col("src_port") == packets["src_port"][0]).group_by("capture").last()
    back = back.select(packets.columns)
    reset = back.with_columns(
        pl.col("t_ns") + SECOND,
        pl.col("number") + 1000,
        pl.lit("R").alias("flags"),
        pl.lit(0).cast(pl.Int64).alias("ack_rel"),
    )
    write_table(run.path, "packets", pl.concat([packets, reset]))
    data = panel_data(RunData(run.path))
    marked = [
        drawn
        for panel in data.panels
        for drawn in panel.layers
        if drawn.label == "SYN, FIN, RST" and drawn.y == "line"
    ]
    assert marked
    for drawn in marked:
        line = data.tables[drawn.table].columns["line"].values
        assert line[drawn.rows[0]] == line.max() > 0
