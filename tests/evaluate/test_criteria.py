"""Criteria from constructed rows: each can fail, pass and stay open."""

import pytest

from tcpexp.evaluate.case import Criterion
from tcpexp.evaluate.criteria import bound_of, judge, worst
from tcpexp.evaluate.evaluation import Row

PATH = (("rate", "10mbit"),)


def criterion(**given):
    base = {
        "id": "x",
        "section": "5.1.2",
        "title": "A title",
        "measure": "waiting",
        "better": "less",
        "because": "a reason",
    }
    return Criterion.model_validate(base | given)


def rows(mix, *values, old="cubic", path=PATH, measure="waiting"):
    """Return a row for each value, with the seeds 1, 2, 3..."""
    return [
        Row("c", mix, old, path, seed, f"{mix}-{seed}", {measure: value})
        for seed, value in enumerate(values, start=1)
    ]


def verdict(asked, *groups, names=("cubic", "reno")):
    return judge("c", asked, [row for group in groups for row in group], list(names))


@pytest.mark.parametrize(
    ("new", "result"), [(31.9, "PASS"), (32.1, "FAIL"), (4.0, "PASS"), (None, "INCONCLUSIVE")]
)
def test_the_bar_is_what_the_incumbent_does_on_the_same_path(new, result):
    asked = criterion(factor=1.1, margin=10, unit="ms")
    found = verdict(asked, rows("new", new, old=None), rows("old", 20.0))
    assert found.result == result
    if new is not None:
        assert "cubic 20 ms, allowed at most 32 ms (rate=10mbit)" in found.reason


def test_more_is_better_turns_the_bound_around():
    asked = criterion(measure="used", better="more", margin=0.05, enough=0.9)
    high = rows("old", 1.0, measure="used")
    for value, result in ((0.91, "PASS"), (0.89, "FAIL")):
        assert verdict(asked, rows("new", value, old=None, measure="used"), high).result == result
    low = rows("old", 0.5, measure="used")
    assert verdict(asked, rows("new", 0.46, old=None, measure="used"), low).result == "PASS"
    assert verdict(asked, rows("new", 0.44, old=None, measure="used"), low).result == "FAIL"


def test_enough_suffices_whatever_the_incumbent_has():
    asked = criterion(measure="lost", margin=0.01, enough=0.02, unit="share")
    clean = rows("old", 0.0, measure="lost")
    assert verdict(asked, rows("new", 0.019, old=None, measure="lost"), clean).result == "PASS"
    assert verdict(asked, rows("new", 0.021, old=None, measure="lost"), clean).result == "FAIL"
    assert bound_of(asked, 0.05) == pytest.approx(0.06)


def test_a_bound_alone_needs_no_incumbent():
    asked = criterion(measure="share", better="more", enough=0.1, of="old|new")
    assert asked.than is None
    for value, result in ((0.11, "PASS"), (0.09, "FAIL")):
        found = verdict(asked, rows("old|new", value, measure="share"))
        assert found.result == result
        assert "beside cubic" in found.reason


def harmed(new, old, alone=10.0):
    asked = criterion(
        measure="goodput",
        better="more",
        margin=0.1,
        of="old|new",
        than="old|old",
        solo="old|",
    )
    return verdict(
        asked,
        rows("old|", alone, measure="goodput"),
        rows("old|old", old, measure="goodput"),
        rows("old|new", new, measure="goodput"),
    )


def test_harm_is_compared_with_what_the_incumbent_does_to_itself():
    """Alone 10, beside its own kind 5 (harm 0.5): the bound is a harm of 0.6, that is 4."""
    assert harmed(4.1, 5.0).result == "PASS"
    found = harmed(3.9, 5.0)
    assert found.result == "FAIL"
    assert "0.61, cubic 0.50, allowed at most 0.60" in found.reason
    assert harmed(9.0, 5.0).result == "PASS"  # a shy one harms nobody


def test_a_control_beside_itself_fails_nothing():
    """The two sides are the same runs then, so that the excess is minus the margin."""
    point = harmed(5.0, 5.0).points[0]
    assert point.result == "PASS"
    assert point.excess.mean == pytest.approx(-0.1)


def test_harm_of_latency_is_relative_to_what_it_has_become():
    asked = criterion(measure="rtt", better="less", margin=0.1, of="new", than="old", solo="alone")
    point = verdict(
        asked,
        rows("alone", 40.0, measure="rtt"),
        rows("old", 80.0, measure="rtt"),
        rows("new", 160.0, measure="rtt"),
    ).points[0]
    assert point.old.mean == pytest.approx(0.5)
    assert point.new.mean == pytest.approx(0.75)
    assert point.result == "FAIL"


def test_each_side_may_have_a_solo_of_its_own():
    asked = criterion(
        measure="goodput",
        better="more",
        margin=0.1,
        of="new_new",
        than="old_old",
        solo=["long_new", "long_old"],
    )
    found = verdict(
        asked,
        rows("long_new", 5.0, measure="goodput"),
        rows("long_old", 10.0, measure="goodput"),
        rows("new_new", 4.0, measure="goodput"),
        rows("old_old", 8.0, measure="goodput"),
    ).points[0]
    assert (found.new.mean, found.old.mean) == (pytest.approx(0.2), pytest.approx(0.2))


def test_what_varies_more_than_it_differs_is_open():
    asked = criterion(margin=1)
    old = rows("old", 10.0, 10.0, 10.0)
    assert verdict(asked, rows("new", 11.5, 11.6, 11.4, old=None), old).result == "FAIL"
    unsure = verdict(asked, rows("new", 8.0, 20.0, 9.0, old=None), old)
    assert unsure.result == "INCONCLUSIVE"
    assert "by less than its runs vary" in unsure.points[0].reason


def test_seeds_are_paired():
    """Each seed has its own bound: a difference of 2 shows, however far the seeds lie apart."""
    asked = criterion(margin=1)
    new, old = rows("new", 12.0, 52.0, 92.0, old=None), rows("old", 10.0, 50.0, 90.0)
    assert verdict(asked, new, old).result == "FAIL"


def test_nothing_that_is_missing_passes():
    asked = criterion(margin=1)
    assert verdict(asked).result == "INCONCLUSIVE"
    only_new = verdict(asked, rows("new", 1.0, old=None))
    assert (only_new.result, only_new.points[0].reason) == (
        "INCONCLUSIVE",
        "runs on the side of the incumbent are missing",
    )
    some = verdict(asked, rows("new", 1.0, 1.0, 1.0, old=None), rows("old", 1.0, 1.0))
    assert some.result == "INCONCLUSIVE"
    assert "missing" in some.points[0].reason


def test_one_bad_path_is_enough():
    asked = criterion(margin=1)
    other = (("rate", "1mbit"),)
    found = verdict(
        asked,
        rows("new", 5.0, old=None),
        rows("old", 5.0),
        rows("new", 50.0, old=None, path=other),
        rows("old", 5.0, path=other),
    )
    assert found.result == "FAIL"
    assert found.reason.startswith("1 of 2 points beyond the bound")
    assert "(rate=1mbit)" in found.reason


def test_at_chooses_paths():
    asked = criterion(margin=1, at={"rate": "1mbit"})
    found = verdict(asked, rows("new", 50.0, old=None), rows("old", 5.0))
    assert (found.result, found.points) == ("INCONCLUSIVE", ())


def test_every_incumbent_is_a_point_of_its_own():
    asked = criterion(measure="share", better="more", enough=0.1, of="old|new")
    found = verdict(
        asked,
        rows("old|new", 0.5, measure="share"),
        rows("old|new", 0.05, measure="share", old="reno"),
    )
    assert [(point.old_name, point.result) for point in found.points] == [
        ("cubic", "PASS"),
        ("reno", "FAIL"),
    ]


def test_the_worst_counts():
    assert worst(["PASS", "INCONCLUSIVE", "FAIL"]) == "FAIL"
    assert worst(["PASS", "INCONCLUSIVE"]) == "INCONCLUSIVE"
    assert worst(["PASS"]) == "PASS"
    assert worst([]) == "INCONCLUSIVE"
