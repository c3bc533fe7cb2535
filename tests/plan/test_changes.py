"""Link changes: the whole direction as it is at each moment, and the wires that they need."""

import pytest

LINK = "links: {h1-h2: {rate: 10mbit, delay: 20ms}}\nactions:\n"


def changes(bench, *lines, links=LINK, towards="h2"):
    """Return (at seconds, until seconds, rate in Mbit/s, delay in ms) of each change of one
    direction.
    """
    plan = bench.plan(
        links + "".join(f"  - {{do: change, link: h1-h2, {line}}}\n" for line in lines)
    )
    return [
        (
            step.at_ns / 1e9,
            step.until_ns and step.until_ns / 1e9,
            (step.do.direction.rate_bps or 0) / 1e6,
            step.do.direction.delay_ns / 1e6,
        )
        for step in plan.steps
        if step.do.towards == towards
    ]


def test_what_is_not_named_stays(bench):
    assert changes(bench, "at: 1s, set: {rate: 5mbit}", "at: 2s, set: {delay: 1ms}") == [
        (1, None, 5, 20),
        (2, None, 5, 1),
    ]


def test_a_change_with_an_end_is_put_back_by_the_engine(bench):
    assert changes(bench, "at: 1s, until: 3s, set: {rate: 5mbit}") == [(1, 3, 5, 20)]


def test_nested_changes_keep_their_ends(bench):
    found = changes(
        bench, "at: 1s, until: 9s, set: {rate: 5mbit}", "at: 2s, until: 4s, set: {delay: 1ms}"
    )
    assert found == [(1, 9, 5, 20), (2, 4, 5, 1)]


def test_overlapping_changes_end_each_by_itself(bench):
    found = changes(
        bench, "at: 1s, until: 5s, set: {rate: 5mbit}", "at: 3s, until: 8s, set: {delay: 1ms}"
    )
    assert found == [(1, None, 5, 20), (3, None, 5, 1), (5, None, 10, 1), (8, None, 10, 20)]


def test_a_lasting_change_outlives_one_that_ends(bench):
    found = changes(bench, "at: 1s, until: 5s, set: {rate: 5mbit}", "at: 3s, set: {delay: 1ms}")
    assert found == [(1, None, 5, 20), (3, None, 5, 1), (5, None, 10, 1)]


def test_one_ends_where_the_next_begins(bench):
    found = changes(
        bench, "at: 1s, until: 5s, set: {rate: 5mbit}", "at: 5s, until: 9s, set: {rate: 2mbit}"
    )
    assert found == [(1, None, 5, 20), (5, None, 2, 20), (9, None, 10, 20)]


def test_the_files_order_does_not_matter(bench):
    late_first = changes(bench, "at: 3s, set: {delay: 1ms}", "at: 1s, set: {rate: 5mbit}")
    assert late_first == [(1, None, 5, 20), (3, None, 5, 1)]


def test_one_direction_only(bench):
    line = "at: 1s, towards: h1, set: {rate: 5mbit}"
    assert changes(bench, line) == []
    assert changes(bench, line, towards="h1") == [(1, None, 5, 20)]


def test_a_routers_buffer_does_not_grow_with_its_rate(bench):
    plan = bench.plan(LINK + "  - {do: change, link: h1-h2, at: 1s, set: {rate: 100mbit}}\n")
    assert plan.steps[0].do.direction.queue.limit_packets == 33


def test_a_queue_that_is_named_changes(bench):
    plan = bench.plan(
        LINK + "  - {do: change, link: h1-h2, at: 1s, set: {rate: 100mbit, queue: 1bdp}}\n"
    )
    assert plan.steps[0].do.direction.queue.limit_packets == 330


def test_a_change_gives_a_plain_link_the_wire_from_the_start(bench):
    plan = bench.plan("actions:\n  - {do: change, link: h1-h2, at: 1s, set: {delay: 5ms}}\n")
    (link,) = plan.network.links
    assert (link.wire, link.wire_queue, link.wire_netem) == (True, False, True)
    assert link.forward.delay_ns == 0
    assert plan.needs.qdiscs == ("clsact", "netem")
    plan = bench.plan("actions:\n  - {do: change, link: h1-h2, at: 1s, set: {rate: 5mbit}}\n")
    assert (plan.network.links[0].wire_queue, plan.network.links[0].wire_netem) == (True, False)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("at: 1s, set: {discipline: red}", "a queue's discipline cannot change"),
        ("at: 1s, set: {queue: 64kB}", "a queue's discipline cannot change"),
        ("at: 1s, set: {reorder: 5%, delay: 0s}", "reorder means nothing without delay"),
        ("at: 1s, set: {}", "nothing to change"),
        (
            "at: 1s, towards: h3, set: {delay: 1ms}",
            "link h1-h2 does not lead to 'h3' (write h2 or h1)",
        ),
        ("at: 31s, set: {delay: 1ms}", "at: 31s is after the end of the experiment, 30s"),
        ("at: 5s, until: 5s, set: {delay: 1ms}", "until: 5s is not after at: 5s"),
    ],
)
def test_mistakes_carry_the_actions_place(bench, line, expected):
    errors = bench.errors(LINK + f"  - {{do: change, link: h1-h2, {line}}}\n")
    assert expected in errors[0]
    assert errors[0].startswith("7:")


def test_ids_are_unique_and_sorted_by_time(bench):
    lines = "".join(
        f"  - {{do: change, link: h1-h2, at: {9 - n}s, until: {20 - n}s, set: {{delay: {n}ms}}}}\n"
        for n in range(1, 5)
    )
    steps = bench.plan(LINK + lines).steps
    assert len({step.id for step in steps}) == len(steps)
    assert [step.at_ns for step in steps] == sorted(step.at_ns for step in steps)
