"""Between which hosts the probes before t0 measure.

The paths themselves are those of ``plan.paths``.
"""

from __future__ import annotations

from collections.abc import Sequence

from tcpexp.plan import paths
from tcpexp.plan.paths import Hop, address

__all__ = ["Paths", "address"]


class Paths(paths.Paths):
    """The paths of a network, and which pairs of hosts show what its links do."""

    def asked_rtt_ns(self, source: str, target: str) -> int | None:
        """Return the sum of the delays there and back, None when there is no path."""
        way = self.way(source, target)
        return None if way is None else way.delay_ns

    def covering_pairs(self, first: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return pairs of hosts whose paths together cross every link that any path crosses:
        ``first``, and of the others those that add a link.
        """
        chosen: dict[tuple[str, str], None] = {}
        crossed: set[str] = set()
        for least, pairs in ((0, first), (2, self.host_pairs()), (1, self.host_pairs())):
            for pair in pairs:
                way = self.way(*pair)
                links = (
                    {hop.link.name for hop in (*way.there, *way.back)} if way is not None else set()
                )
                if links and len(links - crossed) >= least and pair[::-1] not in chosen:
                    chosen[pair] = None
                    crossed |= links
        return list(chosen)

    def pairs_by_direction(self) -> dict[tuple[str, str], tuple[str, str]]:
        """Return by (link's name, towards) two hosts whose path has no part narrower than this
        direction, the shortest such path.

        Its rate can then be measured from end to end. A direction without such a pair is absent.
        """
        best: dict[tuple[str, str], tuple[int, str, str]] = {}
        for pair in self.host_pairs():
            for source, target in (pair, pair[::-1]):
                hops = self.between(source, target) or ()
                for hop in hops:
                    if _is_narrowest(hop, hops) and (
                        hop.key not in best or len(hops) < best[hop.key][0]
                    ):
                        best[hop.key] = (len(hops), source, target)
        return {key: path[1:] for key, path in best.items()}


def _is_narrowest(ours: Hop, hops: Sequence[Hop]) -> bool:
    rate = ours.direction.rate_bps
    others = (hop.direction.rate_bps for hop in hops if hop is not ours)
    return rate is not None and all(other is None or other >= rate for other in others)
