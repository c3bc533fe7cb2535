"""The queues of a listening socket beside the kernel's counters."""

import polars as pl

from tcpexp.plots.counters import Counters
from tcpexp.views.sockets import listen_queues
from tests.support.fake_run import SECOND, make_plan, write_run


def flooded(tmp_path, *, listening=True):
    """h2 listens on port 80 with a backlog of 5, and on port 22: three snapshots with 0, 2 and 1
    half-open connections to port 80.
    """
    rows = []
    for t, half_open in enumerate((0, 2, 1)):
        here = {"t_ns": t * SECOND, "node": "h2", "recv_q": 0, "send_q": 0}
        if listening:
            rows.append(
                {
                    **here,
                    "state": "listen",
                    "local_port": 80,
                    "peer_port": 0,
                    "recv_q": t,
                    "send_q": 5,
                }
            )
            rows.append(
                {**here, "state": "listen", "local_port": 22, "peer_port": 0, "send_q": 128}
            )
        rows += [
            {**here, "state": "syn-recv", "local_port": 80, "peer_port": 4000 + number}
            for number in range(half_open)
        ]
    drops = [
        {"t_ns": t * SECOND, "node": node, "counter": "TcpExt.ListenDrops", "value": t}
        for node in ("h1", "h2")
        for t in (0, 5)
    ]
    return write_run(
        tmp_path, make_plan(), {"sockets": pl.DataFrame(rows), "counters": pl.DataFrame(drops)}
    )


def test_both_queues_of_the_port_that_held_connections(tmp_path):
    (queues,) = listen_queues(flooded(tmp_path))
    assert (queues.node, queues.port, queues.backlog) == ("h2", 80, 5)
    assert queues.times_ns == [0, SECOND, 2 * SECOND]
    assert (queues.half_open, queues.waiting) == ([0, 2, 1], [0, 1, 2])


def test_a_time_span_leaves_the_rest_out(tmp_path):
    (queues,) = listen_queues(flooded(tmp_path), (SECOND, 3 * SECOND))
    assert queues.half_open == [2, 1]


def test_without_a_listening_socket_there_are_no_queues(tmp_path):
    assert listen_queues(flooded(tmp_path, listening=False)) == []


def test_a_panel_per_port_above_the_counters_of_its_host(tmp_path):
    run = flooded(tmp_path)
    titles = [
        [axes.get_title(loc="left") for axes in Counters().draw(run, Counters.resolve(given)).axes]
        for given in ({"queues": True}, {})
    ]
    assert titles == [["h1: counters", "h2: queues of port 80", "h2: counters"], ["h1", "h2"]]
    labels = [
        text
        for axes in Counters().draw(run, Counters.resolve({"queues": True, "hosts": ["h2"]})).axes
        for text in axes.get_legend_handles_labels()[1]
    ]
    assert labels == [
        "half-open (SYN-RECEIVED), most 2",
        "waiting for accept() (Recv-Q), most 2",
        "backlog 5",
        "ListenDrops 5",
    ]
