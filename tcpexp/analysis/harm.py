"""Harm: what a flow loses by the flows beside it.

R. Ware, M. Mukerjee, S. Seshan, J. Sherry: Beyond Jain's Fairness Index: Setting the Bar for the
Deployment of Congestion Control Algorithms. ACM HotNets 2019. With x what the flow has alone (its
solo performance) and y what it has beside the other, harm is (x - y) / x where more is better, as
for throughput, and (y - x) / y where less is better, as for latency, loss and completion times. 0
is no harm, 1 the most there can be.
"""

from __future__ import annotations

from typing import Literal

Better = Literal["more", "less"]


def harm(solo: float, beside: float, better: Better) -> float | None:
    """Return the harm of having ``beside`` instead of ``solo``; None where it is not defined.

    Negative where the flow is better off beside the other. Neither value may be negative; where
    more is better ``solo``, and where less is better ``beside``, must be above 0. Both 0 where less
    is better (no loss alone, none beside) is no harm.
    """
    if solo < 0 or beside < 0:
        return None
    if better == "more":
        return (solo - beside) / solo if solo > 0 else None
    if beside > 0:
        return (beside - solo) / beside
    return 0.0 if solo == 0 else None
