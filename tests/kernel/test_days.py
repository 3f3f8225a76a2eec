"""Whole days, the parts that they make up, and the edges of a range."""

import random

import pytest

from answerable.kernel.days import LENGTHS, WEEK, Days, begin_of, cover, days_of, in_lots
from answerable.kernel.span import Span
from answerable.kernel.times import DAY, parse_iso

START = parse_iso("2026-03-02T09:00:00Z")


@pytest.mark.parametrize("lengths", [LENGTHS, WEEK])
def test_parts_make_up_any_days_and_are_few(lengths: tuple[int, ...]) -> None:
    rng = random.Random(7)
    for _ in range(300):
        first, last = sorted(rng.randrange(3000) for _ in range(2))
        parts = cover(Days(first, last, ()), lengths)
        days = sorted(
            day
            for length, begin, end in parts
            for part in range(begin, end)
            for day in range(part * length, (part + 1) * length)
        )
        assert days == list(range(first, last))
        if lengths == LENGTHS:
            assert sum(end - begin for _, begin, end in parts) <= 2 * (6 + 7 + 7) + 6
    assert cover(days_of(Span())) == [(448, 0, 10_000)]
    assert cover(days_of(Span(0, 0))) == []


def test_a_range_is_the_nearest_whole_days_and_its_edges() -> None:
    rng = random.Random(8)
    for _ in range(300):
        start, end = sorted(rng.randrange(START, START + 3 * DAY) for _ in range(2))
        days = days_of(Span(start, end))
        assert all(edge.begin < edge.end <= edge.begin + DAY // 2 for edge in days.edges)
        for at in (rng.randrange(START - DAY, START + 4 * DAY) for _ in range(20)):
            whole = begin_of(days.first) <= at < begin_of(days.last)
            put_right = sum(edge.sign for edge in days.edges if edge.begin <= at < edge.end)
            assert whole + put_right == Span(start, end).holds(at)
    assert days_of(Span(START - START % DAY, None)).edges == ()


def test_parts_are_asked_for_by_their_length() -> None:
    assert in_lots([(1, 5), (7, 0), (1, 6), (1, 9)], 2) == [(1, [5, 6]), (1, [9]), (7, [0])]
    assert in_lots([], 2) == []
