"""What a study keeps of a finished run: numbers of tables, and what counts where a run has none."""

from types import SimpleNamespace

import pytest

from tcpexp.batch.measure import definition
from tcpexp.spec.sweep import SweepSpec
from tcpexp.studies.tables import measures_of

LATE = {
    "from": {
        "table": "throughput",
        "column": "goodput_bytes",
        "between": ["20s", "30s"],
        "take": "per_second",
    }
}


@pytest.mark.parametrize(("measured", "kept"), [(None, 0.0), (125.0, 125.0)])
def test_a_time_after_the_runs_end_counts_as_absent_says(tmp_path, measured, kept):
    measures = {"late": {**LATE, "absent": 0}, "plain": LATE, "twice": {"is": "2 * late"}}
    sweep = SweepSpec.model_validate({"parameters": {"p": {"values": [1]}}, "measures": measures})
    run = SimpleNamespace(cell=SimpleNamespace(values={"p": 1.0}), seed=1)
    found = measures_of(
        sweep,
        run,
        {"metrics": {}, "measured": {definition(sweep.measures["late"].from_): measured}},
        tmp_path,
    )
    assert found == {"late": kept, "plain": measured, "twice": 2 * kept}
