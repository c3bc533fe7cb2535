"""Bands of phases: as many as a figure can show, and none of them lost."""

from tcpexp.views.phases import joined


def test_bands_of_a_word_that_a_pixel_cannot_tell_apart_are_one():
    bands = [("a", 0, 10), ("b", 10, 12), ("a", 12, 30), ("b", 30, 80), ("a", 80, 90)]
    assert joined(bands, 5) == {"a": [(0, 30), (80, 90)], "b": [(10, 12), (30, 80)]}


def test_without_a_least_width_nothing_is_joined():
    bands = [("a", 0, 10), ("a", 10, 20), ("b", 20, 21)]
    assert joined(bands, 0) == {"a": [(0, 10), (10, 20)], "b": [(20, 21)]}


def test_there_are_at_most_as_many_bands_as_pixels():
    bands = [("a" if index % 2 else "b", index * 10, index * 10 + 10) for index in range(20_000)]
    found = joined(bands, 200_000 // 1200)
    assert all(len(own) <= 1200 for own in found.values())
    assert [(own[0][0], own[-1][1]) for own in found.values()] == [(0, 199_990), (10, 200_000)]
