"""What each repetition draws anew: the same for all combinations, different from seed to seed, and
set where it belongs.
"""

import pytest

from tcpexp.errors import SpecErrors
from tcpexp.studies.draws import draw_values, drawn_numbers, share_of
from tcpexp.studies.study import StudyOptions, load_study
from tcpexp.studies.tables import runs_frame
from tests.support.cheap import NAME

SPEC = """\
name: drawn
topology: two_host
links: {{h1-h2: {{rate: 10mbit, delay: 10ms}}}}
duration: 2s
actions:
  - {{at: 0s, do: mark, id: hello, text: hello}}
sweep:
  parameters:
    delay: {{values: [10ms, 20ms]}}
  repeat: 4
  vary:
    late: {late}
    longer: {{from: 0ms, to: 1ms, set: {{links.h1-h2.delay: "{{delay + longer}}s"}}}}
  measures:
    twice: {{is: late * 2}}
"""


def study_of(tmp_path, late="{from: 0ms, to: 400ms, set: 'actions[hello].at'}"):
    path = tmp_path / "drawn.yaml"
    path.write_text(SPEC.format(late=late))
    return load_study(path, StudyOptions(out=tmp_path, workplace=NAME))


def test_combinations_share_their_draws_and_repetitions_do_not(tmp_path):
    study = study_of(tmp_path)
    starts = [study.plan_of(run).steps[0].at_ns for run in study.runs]
    assert starts[:4] == starts[4:]
    assert len(set(starts)) == 4
    assert all(0 <= start < 400_000_000 for start in starts)
    assert starts[0] == pytest.approx(drawn_numbers(study.sweep, 1)["late"] * 1e9, abs=1)
    delays = [study.plan_of(run).network.links[0].forward.delay_ns for run in study.runs]
    assert all(10_000_000 <= delay < 11_000_000 for delay in delays[:4])
    assert [b - a for a, b in zip(delays[:4], delays[4:], strict=True)] == [10_000_000] * 4
    assert len({run.key for run in study.runs}) == 8


def test_draws_are_columns_and_can_be_measured_with(tmp_path):
    study = study_of(tmp_path)
    cells = {run.key: {"status": "complete", "metrics": {}, "measured": {}} for run in study.runs}
    runs = runs_frame(study, study.runs, cells, study.folder())
    assert runs["late"].to_list()[:4] == [
        drawn_numbers(study.sweep, seed)["late"] for seed in (1, 2, 3, 4)
    ]
    assert (runs["twice"] == runs["late"] * 2).all()


def test_draws_fill_their_range_evenly():
    shares = [share_of("late", seed) for seed in range(4000)]
    assert sum(shares) / len(shares) == pytest.approx(0.5, abs=0.02)
    assert sum(share < 0.1 for share in shares) / len(shares) == pytest.approx(0.1, abs=0.02)
    assert share_of("late", 1) != share_of("early", 1)


def test_a_draw_is_written_with_its_unit(tmp_path):
    assert all(text.endswith("ms") for text in draw_values(study_of(tmp_path).sweep, 7).values())


@pytest.mark.parametrize(
    ("late", "message"),
    [
        ("{from: 0ms, to: 1s, set: 'actions[hello].at'}", "different units"),
        ("{from: 2ms, to: 1ms, set: 'actions[hello].at'}", "is not below"),
        (
            "{from: 0ms, to: 1ms, set: {'actions[hello].at': '{dely}s'}}",
            "there is no parameter 'dely'",
        ),
        (
            "{from: 2s, to: 9s, set: 'actions[hello].at'}",
            r"drawn\.yaml:12:11: at: .* is after the end of the experiment, .*with delay=10ms",
        ),
    ],
)
def test_mistakes(tmp_path, late, message):
    with pytest.raises(SpecErrors, match=message):
        study_of(tmp_path, late)
