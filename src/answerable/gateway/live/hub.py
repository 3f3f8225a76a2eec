"""The hub: hears every event of this process and tells the open streams of those who may see it.

It keeps nothing but a bounded ring of recent signals in memory, for clients that were away for a moment.
"""

from collections import defaultdict, deque
from collections.abc import Iterable
from functools import partial

from answerable.gateway.live.marks import Marks
from answerable.gateway.live.stream import Line, Stream
from answerable.gateway.rules import REFRESH, Audience, Signal, ends_streams, signals_of
from answerable.infra import metrics
from answerable.infra.database.open import system_clock
from answerable.kernel.actor import Actor
from answerable.kernel.errors import Throttled, Unavailable
from answerable.kernel.tx import Database
from answerable.kernel.words import N_
from answerable.messages.base import Envelope, Event
from answerable.messages.users import ApiKeyChanged, SessionEnded, UserChanged
from answerable.settings import Server

STREAMS_PER_PERSON = 20
STREAMS_IN_ALL = 5000


class Hub:
    """The live signals of one desk. Places count the events heard since this process began."""

    def __init__(self) -> None:
        self._settings = Server()
        self._clock = system_clock
        self._marks = Marks()
        self._ring: deque[tuple[int, list[tuple[Signal, Audience]]]] = deque(maxlen=self._settings.live_ring)
        self._newest = 0
        self._floor = 0  # what happened up to here is not in the ring any more
        self._by_person: defaultdict[str, set[Stream]] = defaultdict(set)
        self._by_grant: defaultdict[str, set[Stream]] = defaultdict(set)
        self._open: set[Stream] = set()
        self._closed = False

    async def begin(self, database: Database) -> None:
        """Take the desk's settings and clock, before the doors open."""
        self._settings = database.settings.server
        self._clock = database.clock
        self._ring = deque(self._ring, maxlen=max(1, self._settings.live_ring))

    @property
    def open_streams(self) -> int:
        """Return how many streams are open."""
        return len(self._open)

    # --- events in -----------------------------------------------------------------------------------------------

    def hear(self, envelope: Envelope, event: Event) -> None:
        """Signal an event to whom it concerns; a listener, called once per event and never for an old one."""
        made = signals_of(event)
        if made:
            self._newest += 1
            if len(self._ring) == self._ring.maxlen:
                self._floor = self._ring[0][0]
            self._ring.append((self._newest, made))
            for stream in self._concerned(audience for _, audience in made):
                self._tell(stream, self._newest, made)

    def hear_of_person(self, envelope: Envelope, event: UserChanged) -> None:
        """End a person's streams when their rights, address or sessions changed: they must come in again."""
        if ends_streams(event):
            for stream in list(self._by_person.get(event.user_id, ())):
                stream.end()

    def hear_of_session(self, envelope: Envelope, event: SessionEnded) -> None:
        """End the streams of a browser that was signed out."""
        for stream in list(self._by_person.get(event.user_id, ())):
            if stream.session_id in (event.session_id, ""):
                stream.end()

    def hear_of_key(self, envelope: Envelope, event: ApiKeyChanged) -> None:
        """End the streams of a program whose key was revoked."""
        if event.revoked:
            for stream in list(self._by_person.get(event.person_id or event.key_id, ())):
                if stream.actor.key is not None and stream.actor.key.id == event.key_id:
                    stream.end()

    def _concerned(self, audiences: Iterable[Audience]) -> set[Stream]:
        found: set[Stream] = set()
        for audience in audiences:
            for person in audience.people | audience.agents:
                found |= self._by_person.get(person, set())
            for grant in audience.grants:
                found |= self._by_grant.get(grant, set())
        return found

    def _tell(self, stream: Stream, place: int, made: list[tuple[Signal, Audience]]) -> None:
        heard = [signal for signal, audience in made if audience.includes(stream.actor)]
        if heard:
            stream.put(place, heard)

    # --- streams out ---------------------------------------------------------------------------------------------

    def join(self, actor: Actor, expires_at: int, last_mark: str | None = None, session_id: str = "") -> Stream:
        """Open a stream for a person until ``expires_at`` (microseconds), from where ``last_mark`` says.

        ``session_id`` is that of a browser, empty for a program.

        Raises ``Throttled`` where the person has too many, ``Unavailable`` where the desk has or is stopping.
        """
        if self._closed:
            raise Unavailable(N_("The desk is stopping."), retry_after=2)
        if len(self._open) >= STREAMS_IN_ALL:
            raise Unavailable(N_("Too many live streams are open. Please try again soon."), retry_after=30)
        if len(self._by_person.get(actor.id, ())) >= STREAMS_PER_PERSON:
            raise Throttled("You have too many live streams open. Please close one.", retry_after=30)
        binding = self._marks.binding(actor)
        line = Line(
            partial(self._marks.seal, binding=binding),
            lambda: self._newest,
            self._clock,
            self._settings.live_heartbeat_seconds,
        )
        stream = Stream(actor, expires_at, line, session_id)
        if last_mark is not None:
            self._replay(stream, self._marks.open(last_mark, binding))
        self._open.add(stream)
        self._by_person[actor.id].add(stream)
        for grant in actor.grants:
            self._by_grant[grant].add(stream)
        metrics.STREAMS.inc()
        return stream

    def _replay(self, stream: Stream, since: int | None) -> None:
        if since is None or not self._floor <= since <= self._newest:
            stream.put(self._newest, [REFRESH])
            return
        for place, made in self._ring:
            if place > since:
                self._tell(stream, place, made)

    def leave(self, stream: Stream) -> None:
        """Forget a stream that has ended."""
        if stream not in self._open:
            return
        self._open.discard(stream)
        _take_out(self._by_person, stream.actor.id, stream)
        for grant in stream.actor.grants:
            _take_out(self._by_grant, grant, stream)
        metrics.STREAMS.dec()

    def close(self) -> None:
        """End all streams and take no new ones: the desk is stopping."""
        self._closed = True
        for stream in list(self._open):
            stream.end()


def _take_out(index: dict[str, set[Stream]], key: str, stream: Stream) -> None:
    streams = index.get(key, set())
    streams.discard(stream)
    if not streams:
        index.pop(key, None)
