"""Where things stand on a ladder, for a figure of any width: on a narrow one, as a phone shows it,
states have rows of their own and long labels two lines.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tcpexp.plots.kit.lettering import text_inches
from tcpexp.plots.kit.style import NARROW, WIDTH
from tcpexp.views.ladder import LadderView

#: The height of a row that has room for two lines, and what a label leaves of its arrow, inches.
TWO_LINES, SPARE = 0.3, 0.15
#: How many rows a state of its own takes, and where in them it stands.
STATE_ROWS, STATE_AT = 0.85, 0.5
#: The row of what was before the first event, and how far a state is moved below another
#: (:func:`tcpexp.views.ladder.place_rows`).
BEFORE, MOVED = -1.0, 0.88
#: Events that are nearer, in rows, happen at the same moment.
SAME = 0.1


@dataclass(frozen=True)
class Layout:
    """Inches from the figure's left edge, and sizes of letters in points.

    ``states_between``: states have rows of their own. ``breaks``: rows have room for labels of
    two lines.
    """

    width: float
    left: float
    right: float
    title: float = 0.3
    row: float = 0.235
    label_points: float = 8.0
    time_points: float = 7.0
    state_points: float = 7.5
    states_between: bool = False
    breaks: bool = False


def layout_for(width: float, view: LadderView) -> Layout:
    """Return where things stand on a figure of this width, inches."""
    if width < NARROW:
        latest = max(arrow.received_ns or arrow.sent_ns for arrow in view.arrows)
        side = text_inches(f"{latest / 1e9:.6f}", 8.0) + 0.1
        return Layout(width, side, width - side, 0.08, TWO_LINES, 8.0, 8.0, 8.0, True, True)
    side = min(2.75, width * 0.287)
    layout = Layout(width, side, width - side)
    room = layout.right - layout.left - SPARE
    longest = max(
        (
            text_inches(arrow.text, layout.label_points)
            for arrow in view.arrows
            if not arrow.crossed
        ),
        default=0.0,
    )
    if width < WIDTH and longest > room:
        return replace(layout, row=TWO_LINES, breaks=True)
    return layout


def spread_states(view: LadderView) -> LadderView:
    """Return the diagram with room below each event for the states that it caused, one below the
    other; those before the first event come first.
    """
    bases = _bases(view)
    room: dict[float, float] = {}  # below which row, how much
    places: list[tuple[float, float]] = []
    stacked: dict[tuple[float, bool], int] = {}
    for change, base in zip(view.states, bases, strict=True):
        number = stacked.setdefault((base, change.left), 0)
        stacked[(base, change.left)] += 1
        room[base] = max(room.get(base, 0.0), (number + 1) * STATE_ROWS)
        places.append((base, number * STATE_ROWS + STATE_AT))
    before = room.pop(BEFORE, 0.0)

    def down(row: float) -> float:
        above = sum(more for base, more in room.items() if base < row - 1e-9)
        return row + above + max(before - 0.3, 0.0)

    arrows = tuple(
        replace(arrow, from_row=down(arrow.from_row), to_row=down(arrow.to_row))
        for arrow in view.arrows
    )
    states = tuple(
        replace(change, row=(-0.6 if base == BEFORE else down(base)) + more)
        for change, (base, more) in zip(view.states, places, strict=True)
    )
    lowest = [*(arrow.to_row for arrow in arrows), *(change.row for change in states)]
    return replace(view, arrows=arrows, states=states, rows=max(lowest))


def _bases(view: LadderView) -> list[float]:
    """Return for each state the row of the event below which it stands.

    A state that was moved down because of another stands with that one.
    """
    events = sorted({row for arrow in view.arrows for row in (arrow.from_row, arrow.to_row)})
    above: dict[bool, tuple[float, float]] = {}  # by side: the last state's row and base
    bases = []
    for change in view.states:
        row, base = above.get(change.left, (-9.0, BEFORE))
        if change.row < -0.5:
            base = BEFORE
        elif not _is_moved(change.row, row) or change.late:
            before = max(
                (event for event in events if event <= change.row + 0.01), default=events[0]
            )
            base = max(event for event in events if event <= before + SAME)
        above[change.left] = (change.row, base)
        bases.append(base)
    return bases


def _is_moved(row: float, above: float) -> bool:
    return abs(row - above - MOVED) < 1e-6


def two_lines(text: str, length: float, layout: Layout) -> str:
    """Return a label, broken between its parts where it is longer than an arrow of so many inches
    of a narrow figure, whose rows are high enough for two lines.
    """
    if not layout.breaks or text_inches(text, layout.label_points) <= length - SPARE:
        return text
    parts = text.split("  ")
    halves = [
        ("  ".join(parts[:index]), "  ".join(parts[index:])) for index in range(1, len(parts))
    ]
    if not halves:
        return text
    best = min(halves, key=lambda half: max(map(len, half)))
    return "\n".join(best)
