"""What a feature offers to the rest of the house. Each feature has one, in its ``feature.py``."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from answerable.kernel.actor import Actor
from answerable.kernel.tx import Database, Tx
from answerable.kernel.visit import Visit
from answerable.messages.base import Envelope, Event, Message

Consumer: TypeAlias = Callable[[Tx, Any], Awaitable[None]]
Listener: TypeAlias = Callable[[Envelope, Any], None]


# Of some keys, those about which messages are on their way to the feature; ``None`` where nobody can tell.
Unheard: TypeAlias = Callable[[Sequence[str]], Awaitable[set[str] | None]]


@dataclass(frozen=True)
class Timer:
    """Something that happens because time passed.

    ``due`` reads the instant (microseconds) of the next thing to do, ``None`` where there is none: one indexed read.
    ``run`` does what is due now, in units of its own, and returns how many things it did. One that is ``shared`` is run
    by all processes beside each other: each claims a part of what is due. Any other is run by the one that leads.
    ``spare`` runs instead where the feature has not heard all that was told: it asks of which keys, and leaves them.
    """

    name: str
    due: Callable[[Tx], Awaitable[int | None]]
    run: Callable[[Database], Awaitable[int]]
    shared: bool = False
    spare: Callable[[Database, Unheard], Awaitable[int]] | None = None


@dataclass(frozen=True)
class Gauge:
    """A number for ``/metrics``: its name without ``answerable_``, what it says, what it is; ``None`` for none now."""

    name: str
    doc: str
    value: float | None


@dataclass(frozen=True, kw_only=True)
class Place:
    """An entry of the navigation, for whoever holds ``grant`` and, where it is named, does not hold ``unless``.

    ``label`` is translated when it is shown; ``icon`` is one of ``assets/icons.json``; ``key`` is the letter after
    ``g``; places are shown by ``order``. ``count`` is the address of a fragment with a small number, read again when
    one of the topics of ``live`` changes. The first place with ``home`` is where the start page leads.
    """

    path: str
    label: str
    icon: str
    grant: str
    unless: str = ""
    key: str = ""
    order: int = 50
    count: str = ""
    live: str = ""
    home: bool = False

    def is_for(self, actor: Actor) -> bool:
        """Tell whether somebody sees this place."""
        return actor.may(self.grant) and not (self.unless and actor.may(self.unless))


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A part of one feature on the page of another: the page names ``slot``, the panel says what belongs there.

    ``path`` is a page of its own that answers its inside as a fragment; ``{id}`` in it, and in the topics of ``live``,
    is what the page is about.
    """

    slot: str
    path: str
    title: str
    grant: str
    order: int = 50
    live: str = ""


@dataclass(frozen=True, kw_only=True)
class Finder:
    """A part of the command palette: the fragment at ``path`` lists what fits ``?q=``, under ``title``."""

    path: str
    title: str
    grant: str
    order: int = 50


@dataclass(frozen=True)
class Feature:
    """A feature's offer.

    ``routes`` are the Litestar handlers of its API and pages; ``consumers`` run once per message in a unit of work;
    ``listeners`` hear each new event of this process after it is durable, and keep nothing; ``state`` is what its
    handlers reach as ``request.parts``; ``on_start`` runs once before the doors open; ``greeting`` returns lines
    for whoever starts the server; ``commands`` are click commands; ``audit`` compares the feature's own figures with a
    recount and returns a line per difference; ``gauges`` reads numbers for whoever runs the desk, in one cheap read.

    ``acts`` names the administrative acts that the feature records (``RecordAct``), in words that go between who did it
    and what it was done to.

    ``everywhere`` are those of its ``routes`` that tell of the process which answers: where services run apart, each of
    them answers for itself, and the gateway hands on what names one in ``?service=``.

    ``inner`` are those which services ask each other; at the gateway they lead nowhere.

    ``export`` returns everything that the feature keeps about a person, by their id, for that person to read.

    ``navigation``, ``panels`` and ``finders`` are what the web desk shows of it in the frame around all pages.

    ``identify`` turns an ``Authorization`` header into an actor and ``grants_of`` roles into grants; one feature offers
    both. Where it runs elsewhere, ``identify_from_afar`` stands in, and leaves the grants out. So it is with the
    cookies of browsers: ``visit`` reads who comes with one, ``seen`` notes that they did, and from afar
    ``still_good`` raises ``Unauthenticated`` for a visit that has ended since. ``key_used`` notes that a program came
    with an API key, ``key_used_from_afar`` tells the feature that keeps the keys.
    """

    name: str
    routes: Sequence[Any] = ()
    everywhere: Sequence[Any] = ()
    inner: Sequence[Any] = ()
    consumers: Mapping[type[Message], Consumer] = field(default_factory=dict)
    listeners: Mapping[type[Event], Listener] = field(default_factory=dict)
    timers: Sequence[Timer] = ()
    commands: Sequence[Any] = ()
    state: Mapping[str, Any] = field(default_factory=dict)
    identify: Callable[[Tx, str], Awaitable[Actor]] | None = None
    identify_from_afar: Callable[[Tx, str], Awaitable[Actor]] | None = None
    grants_of: Callable[[Iterable[str]], frozenset[str]] | None = None
    visit: Callable[[Tx, str], Awaitable[Visit]] | None = None
    seen: Callable[[Tx, str], Awaitable[None]] | None = None
    still_good: Callable[[Tx, Visit], Awaitable[None]] | None = None
    key_used: Callable[[Tx, str], Awaitable[None]] | None = None
    key_used_from_afar: Callable[[Tx, str], Awaitable[None]] | None = None
    acts: Mapping[str, str] = field(default_factory=dict)
    navigation: Sequence[Place] = ()
    panels: Sequence[Panel] = ()
    finders: Sequence[Finder] = ()
    on_start: Callable[[Database], Awaitable[None]] | None = None
    greeting: Callable[[Tx], Awaitable[list[str]]] | None = None
    audit: Callable[[Tx], Awaitable[list[str]]] | None = None
    export: Callable[[Tx, str], Awaitable[Mapping[str, Any]]] | None = None
    gauges: Callable[[Tx], Awaitable[Sequence[Gauge]]] | None = None
