"""Which step opened a socket: forks and marks, in the order in which the kernel recorded them."""

import polars as pl

from tcpexp.engine import trace
from tcpexp.ingest import tcptrace
from tcpexp.ingest.openers import Opener, find_openers

ENGINE = 100


def opened(asked, forks=(), marks=()):
    """``forks``: (order, parent, child); ``marks``: (order, task, step).

    ``asked``: (order, task).
    """
    rows = pl.DataFrame(list(asked), schema={"order": pl.Int64, "task": pl.Int64}, orient="row")
    return find_openers(
        pl.DataFrame(list(forks), schema=tcptrace.FORKS, orient="row"),
        pl.DataFrame(list(marks), schema=tcptrace.MARKS, orient="row"),
        rows,
    )


def steps(found):
    return [opener.step if opener else "stranger" for opener in found]


def test_the_engine_and_ingest_speak_of_the_same_mark():
    assert tcptrace.MARK == trace.MARK
    assert (trace.OPENINGS, trace.FORKS) == ("sock:inet_sock_set_state", "sched:sched_process_fork")


def test_a_mark_is_about_the_engines_last_fork():
    forks = [(1, ENGINE, 201), (3, ENGINE, 202)]
    marks = [(2, ENGINE, "small"), (4, ENGINE, "big")]
    assert steps(opened([(5, 202), (6, 201)], forks, marks)) == ["big", "small"]


def test_a_process_may_connect_before_its_mark_is_written():
    assert steps(opened([(2, 201)], [(1, ENGINE, 201)], [(3, ENGINE, "quick")])) == ["quick"]


def test_children_and_threads_belong_to_the_same_step():
    forks = [(1, ENGINE, 201), (3, 201, 300), (4, 300, 301), (5, 301, 302)]
    assert steps(opened([(6, 302), (7, 300)], forks, [(2, ENGINE, "shell")])) == ["shell", "shell"]


def test_each_start_of_a_step_is_a_process_of_its_own():
    forks, marks = [(1, ENGINE, 201), (3, ENGINE, 202)], [(2, ENGINE, "many"), (4, ENGINE, "many")]
    assert opened([(5, 201), (6, 202)], forks, marks) == [Opener("many", 0), Opener("many", 1)]


def test_a_number_that_is_given_again_belongs_to_the_later_task():
    forks = [(1, ENGINE, 201), (5, 9, 201), (8, ENGINE, 201)]
    marks = [(2, ENGINE, "first"), (9, ENGINE, "second")]
    assert steps(opened([(3, 201), (6, 201), (10, 201)], forks, marks)) == [
        "first",
        "stranger",
        "second",
    ]


def test_what_the_engine_forks_without_a_mark_is_the_runs_own_but_no_steps():
    forks = [(1, ENGINE, 150), (2, ENGINE, 201), (4, 150, 151)]
    found = opened([(5, 151), (6, 150), (7, ENGINE), (8, 201)], forks, [(3, ENGINE, "get")])
    assert found[:3] == [Opener(None, None)] * 3
    assert steps(found)[3] == "get"


def test_strangers_are_strangers():
    assert steps(
        opened([(4, 77), (5, 88)], [(1, ENGINE, 201), (2, 77, 88)], [(3, ENGINE, "get")])
    ) == ["stranger", "stranger"]
    assert steps(opened([(1, 5)])) == ["stranger"]
