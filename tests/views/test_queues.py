"""The bottlenecks' queues."""

from tcpexp.views.queues import busy_queues
from tests.support.fake_run import (
    shared_bottleneck,
)


def test_only_busy_queues_are_drawn_and_drops_are_counted_per_sample(tmp_path):
    run = shared_bottleneck(tmp_path, 8)
    samples = busy_queues(run)
    assert samples["place"].unique().to_list() == ["h1-h2 to h2"]
    assert samples["dropped"].sum() == run.table("queues")["drops"].max()
    assert samples["limit"].unique().to_list() == [34]
