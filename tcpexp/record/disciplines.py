"""The settings of queue disciplines as data: names, units, the kernel's defaults, and tc's words.

One table serves the spec (what may be written), the plan (every default resolved), the engine (what
tc is told), and the certificate (what is compared with what the kernel reads back). Defaults are
those of ``net/sched/sch_<name>.c`` in Linux 6.1 to 7.3. All values are numbers: times in ns, sizes
in bytes, rates in bit/s, switches 0 or 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Unit = Literal["time", "size", "rate", "packets", "count", "percent", "number", "switch", "word"]

#: The largest number of 31 bits, and of a time in whole microseconds that the kernel keeps in 32.
LARGEST, LONGEST_NS = 2.0**31 - 1, 4_294e9
#: The kernel keeps some times in ticks of its timer and rounds them up: 4 ms with 250 ticks a
#: second, at most 10 ms with 100.
TICK_NS = 10_000_000
DUALPI2 = "dualpi2"
HTB = "htb"


@dataclass(frozen=True)
class Setting:
    """One setting of a discipline.

    ``default`` is the kernel's (None: off), in frames where ``frames`` is set. ``tc`` is its word
    for tc, where that is not the name. ``words`` are the values of one that is written as a word,
    in the kernel's order from ``first`` on. ``ticks``: the kernel rounds it up to its timer's
    ticks.
    """

    name: str
    unit: Unit
    default: float | None
    meaning: str
    frames: bool = False
    tc: str | None = None
    words: tuple[str, ...] = ()
    first: int = 0
    least: float = 0
    most: float = LARGEST
    ticks: bool = False

    @property
    def largest(self) -> float:
        """The largest value that can be written."""
        return LONGEST_NS if self.unit == "time" and self.most == LARGEST else self.most

    def resolved(self, frame_bytes: int) -> float | None:
        """Return the default for a full frame of that many bytes."""
        if self.default is None:
            return None
        return self.default * frame_bytes if self.frames else self.default


_MS = 1_000_000
_PIE = (
    Setting("target", "time", 15 * _MS, "delay in the queue that PIE holds"),
    Setting(
        "tupdate", "time", 16 * _MS, "how often the probability is computed", ticks=True, least=1
    ),
    Setting("alpha", "count", 2, "weight of the delay's distance from target, in 1/16 Hz", most=32),
    Setting("beta", "count", 20, "weight of the delay's change, in 1/16 Hz", most=32),
    Setting("bytemode", "switch", 0, "smaller packets are dropped less often"),
    Setting(
        "dq_rate_estimator",
        "switch",
        0,
        "delay by the rate of departures (RFC 8033) instead of time stamps",
    ),
)

DISCIPLINES: Mapping[str, tuple[Setting, ...]] = {
    "pie": _PIE,
    "fq_pie": (
        *_PIE,
        Setting("flows", "count", 1024, "queues that flows are hashed to", least=1, most=65536),
        Setting("quantum", "size", 1, "bytes per round and queue", frames=True, least=256),
        Setting("memory_limit", "size", 32 * 2**20, "memory of all queues", least=1),
        Setting(
            "ecn_prob",
            "percent",
            0.10,
            "mark (ecn) up to this probability, drop beyond it",
            most=1,
        ),
    ),
    "sfq": (
        Setting("quantum", "size", 1, "bytes per round and queue", frames=True, least=256),
        Setting(
            "perturb",
            "time",
            0,
            "how often the hash is changed, whole seconds; 0s never",
            most=1000e9,
        ),
        Setting("flows", "count", 128, "queues that can be in use at once", least=1, most=65536),
        Setting("divisor", "count", 1024, "size of the hash, a power of two", least=1, most=65536),
        Setting("depth", "packets", 127, "packets per queue", least=1, most=127),
    ),
    "choke": (
        Setting("min", "packets", None, "no early drop below; a third of max when silent", least=1),
        Setting(
            "max",
            "packets",
            None,
            "every packet is dropped above; a quarter of the queue when silent",
            least=1,
        ),
        Setting("probability", "percent", 0.02, "probability of an early drop at max", most=1),
    ),
    "fq": (
        Setting("flow_limit", "packets", 100, "packets per flow", least=1),
        Setting("quantum", "size", 2, "bytes per round and flow", frames=True, least=256),
        Setting("initial_quantum", "size", 10, "bytes of a new flow at once", frames=True),
        Setting("pacing", "switch", 1, "keep to the time at which TCP wants a packet sent"),
        Setting("maxrate", "rate", None, "at most this rate per flow; unlimited when silent"),
        Setting(
            "refill_delay",
            "time",
            40 * _MS,
            "a flow idle for so long is new again",
            ticks=True,
        ),
        Setting("ce_threshold", "time", None, "mark (ECN) what waited longer; off when silent"),
        Setting("horizon", "time", 10_000 * _MS, "no packet is held longer"),
    ),
    DUALPI2: (
        Setting("target", "time", 15 * _MS, "delay in the classic queue that PI2 holds"),
        Setting("tupdate", "time", 16 * _MS, "how often the probability is computed", least=1000),
        Setting(
            "alpha",
            "number",
            41 / 256,
            "weight of the delay's distance from target, Hz",
            least=1 / 256,
            most=8_388_607,
        ),
        Setting(
            "beta",
            "number",
            819 / 256,
            "weight of the delay's change, Hz",
            least=1 / 256,
            most=8_388_607,
        ),
        Setting("step", "time", 1 * _MS, "L4S packets that waited longer are marked, every one"),
        Setting("min_qlen_step", "packets", 0, "no such mark while fewer L4S packets wait"),
        Setting("coupling", "count", 2, "the factor k between the queues", least=1, most=255),
        Setting(
            "overload",
            "word",
            1,
            "when marking everything does not help: overflow or drop",
            words=("overflow", "drop"),
        ),
        Setting(
            "drop_at",
            "word",
            0,
            "where packets are dropped or marked",
            words=("dequeue", "enqueue"),
        ),
        Setting(
            "classic_protection",
            "percent",
            0.10,
            "share that the classic queue has when both are full",
            most=1,
        ),
        Setting(
            "l4s",
            "word",
            1,
            "packets of the low-latency queue: ect1 (RFC 9331), ect0, or any that can be marked",
            words=("ect1", "ect0", "any"),
            first=1,
            least=1,
        ),
        Setting("split_gso", "switch", 1, "segments of a super-packet are queued one by one"),
    ),
}

#: Those that tc 6.1, which is what Debian 12 has, does not know.
WITHOUT_TC = (DUALPI2,)
#: Those whose settings are read by netlink, in this module's terms, not by what tc prints.
BY_NETLINK = (*DISCIPLINES, HTB)


def setting(discipline: str, name: str) -> Setting:
    """Return a setting; raises ``KeyError``."""
    for one in DISCIPLINES.get(discipline, ()):
        if one.name == name:
            return one
    raise KeyError(name)


def tc_words(
    discipline: str, settings: Mapping[str, float], *, ecn: bool, rate_bps: int
) -> tuple[str, ...]:
    """Return settings in tc's words; the limit is not among them."""
    words: list[str] = []
    for one in DISCIPLINES[discipline]:
        if one.name in settings:
            words += _tc_word(discipline, one, settings[one.name])
    if discipline in ("pie", "fq_pie"):
        words.append("ecn" if ecn else "noecn")
    if discipline == "choke":
        words += ["bandwidth", f"{rate_bps}bit", *(["ecn"] if ecn else [])]
    return tuple(words)


def _tc_word(discipline: str, one: Setting, value: float) -> list[str]:
    name = one.tc or one.name
    match one.unit:
        case "switch":
            if one.name == "dq_rate_estimator":
                return ["dq_rate_estimator"] if value else ["no_dq_rate_estimator"]
            return [name] if value else [f"no{name}"]
        case "time":
            if (discipline, one.name) == ("sfq", "perturb"):
                return [name, str(round(value / 1e9))]
            return [name, f"{round(value / 1000)}us"]
        case "rate":
            return [name, f"{round(value)}bit"]
        case "percent":
            if (discipline, one.name) == ("choke", "probability"):
                return [name, f"{value:.10g}"]
            return [name, str(round(value * 100))]
        case "size":
            return [name, str(round(value))]
    return [name, str(round(value))]


def agrees(discipline: str, name: str, asked: float, found: float | None) -> bool:
    """Return whether a setting that reads back is the one that was asked, within what the kernel
    rounds.
    """
    if found is None:
        return False
    one = setting(discipline, name)
    if one.ticks:
        return asked - 1_000 <= found < asked + TICK_NS
    slack = {"time": 2_000.0, "number": 0.005, "percent": 0.0005}.get(one.unit, 0.5)
    return abs(asked - found) <= max(slack, 1e-4 * abs(asked))
