"""What goes wrong when: made from a seed and nothing else, so that the same seed makes the same troubles again."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

SERVICES = ("gateway", "users", "tickets", "assignment", "notifications", "reporting")
READERS = {  # the consumer groups of each service that has any
    "gateway": ("gateway",),
    "users": ("users",),
    "tickets": ("tickets",),
    "assignment": ("assignment", "sla"),
    "notifications": ("notifications", "webhooks"),
    "reporting": ("reporting",),
}
KAFKA, POSTGRES = "kafka", "postgres"
ENGINES = ("sqlite", POSTGRES)
LONGEST_AWAY = 60.0
HELD = 6.0  # how long a broker waits for a consumer that does not answer, in seconds


@dataclass(frozen=True)
class Kind:
    """A kind of trouble: its name, whom it may befall, how often compared with others, and how long it lasts."""

    name: str
    targets: Sequence[str]
    weight: int
    shortest: float
    longest: float


@dataclass(frozen=True)
class Fault:
    """One trouble, ``at`` so many seconds after the beginning, for ``lasts`` seconds."""

    at: float
    kind: str
    target: str
    lasts: float

    def __str__(self) -> str:
        return f"{self.at:7.2f} s  {self.kind:<10} {self.target:<22} for {self.lasts:.2f} s"

    @property
    def befalls(self) -> frozenset[str]:
        """Return what must not be in another trouble at the same time."""
        if self.kind == "repeat":  # offsets are reset by asking the broker, while the service is down
            return frozenset({service_of(self.target), KAFKA})
        return frozenset({self.target})


def service_of(group: str) -> str:
    """Return the service in which a consumer group runs."""
    return next(service for service, groups in READERS.items() if group in groups)


def kinds_on(engine: str, seconds: float) -> list[Kind]:
    """Return what may happen to a desk on ``engine`` in a run of so many seconds."""
    short, long = min(3.0, seconds / 4), min(LONGEST_AWAY, seconds / 2)
    groups = [group for service in READERS.values() for group in service]
    kinds = [
        Kind("kill", SERVICES, 8, 0.0, short),
        Kind("pause", SERVICES, 4, 0.2, short),
        Kind("delay", [name for name in READERS if name != "gateway"], 3, short, min(2 * HELD, 2 * short)),
        Kind("repeat", groups, 3, 0.0, 0.0),
        Kind("kill", [KAFKA], 2, 0.0, short),
        Kind("pause", [KAFKA], 2, 0.5, short),
        Kind("away", [KAFKA], 1, long / 2, long),
    ]
    if engine == POSTGRES:
        return [
            *kinds,
            Kind("kill", [POSTGRES], 2, 0.0, short),
            Kind("power cut", [POSTGRES], 2, 0.0, short),
            Kind("pause", [POSTGRES], 2, 0.5, short),
        ]
    return [*kinds, Kind("disk full", ["tickets"], 4, 0.3, short)]


def schedule(seed: int, seconds: float, engine: str) -> list[Fault]:
    """Return what goes wrong in a run, in the order of time; nothing befalls one target twice at once."""
    random = Random(f"{seed} {seconds} {engine}")
    kinds = kinds_on(engine, seconds)
    ends: dict[str, float] = {}
    found: list[Fault] = []
    at = random.uniform(0.2, 0.8)
    while round(at, 2) < seconds:
        (kind,) = random.choices(kinds, [each.weight for each in kinds])
        lasts = random.uniform(kind.shortest, kind.longest)
        fault = Fault(round(at, 2), kind.name, random.choice(kind.targets), round(lasts, 2))
        if all(ends.get(thing, 0) <= fault.at for thing in fault.befalls):
            found.append(fault)
            ends.update(dict.fromkeys(fault.befalls, fault.at + fault.lasts + 0.5))
            at += random.expovariate(1 / 1.2)
        else:
            at += 0.1
    return found
