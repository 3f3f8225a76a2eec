"""What happens in two worlds: the same as far as somebody may see, and something else where they may not."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from answerable.gateway.live.stream import Stream
from answerable.kernel.errors import Problem
from answerable.kernel.times import HOUR, MINUTE, SECOND
from answerable.kernel.tx import Tx
from answerable.kernel.visit import Preferences
from answerable.notifications import actions as notices
from answerable.tickets import actions as tickets
from answerable.tickets.actions import work
from answerable.tickets.rules import Changes, Draft
from answerable.tickets.rules.views import WorkFilter
from answerable.users.actions import browsers, mails
from answerable.users.actions import people as accounts
from answerable.users.rules import NewPerson
from answerable.users.store import people
from tests.people import hash_once
from tests.security.worlds.ground import Ground, number_from

WORDS = ("printer", "fire", "salary", "merger", "laptop", "password", "lawsuit", "coffee", "raise", "server")
SECRETS = ("zanzibar", "quixotic", "obelisk", "marzipan", "verboten", "halcyon")  # said where nobody else may look
PRIORITIES = ("LOW", "MEDIUM", "HIGH", "CRITICAL")
CATEGORIES = ("HARDWARE", "SOFTWARE", "NETWORK", "ACCESS", "OTHER")
STEPS = ("IN_PROGRESS", "WAITING", "RESOLVED")
BETWEEN = 7 * SECOND + 13_000  # two hidden things that follow each other
STRANGERS = ("sam", "tom")
OTHER_AGENTS = {"abe": ("bea", "cal"), "bea": ("abe", "cal"), "cal": ("abe", "bea")}

Deed = Callable[["Play"], Awaitable[Any]]


@dataclass
class Play:
    """A history while it is played: whose eyes it is made for, and what there is by now."""

    ground: Ground
    random: Random
    viewer: str
    seen: list[str] = field(default_factory=list)  # tickets that the viewer may see
    hidden: list[str] = field(default_factory=list)  # tickets that the viewer may not see
    mine: bool = True  # what happens now is for the viewer's eyes
    queued: bool = False  # a hidden ticket was in the queue for an instant, where its viewer may have seen it

    def one(self, of: Sequence[str]) -> str:
        return self.random.choice(of) if of else "nothing"

    def words(self) -> str:
        said = self.random.choices(WORDS, k=self.random.randint(3, 6))
        return " ".join(said if self.mine else [*said, *self.random.choices(SECRETS, k=2)])

    def draft(self, requester: str | None = None) -> Draft:
        return Draft(
            title=self.words()[:100],
            description=self.words() + ".",
            category=self.one(CATEGORIES),
            priority=self.one(PRIORITIES),
            requester_id=self.ground.people[requester].id if requester else None,
        )

    async def do(self, name: str, verb: Any, *args: Any, **values: Any) -> Any:
        """Do something as somebody; what is refused is told as its words."""
        try:
            return await self.ground.write(name, verb, *args, **values)
        except Problem as problem:
            return f"{type(problem).__name__}: {problem.message}"

    async def raise_ticket(self, requester: str, into: list[str]) -> None:
        made = await self.do(requester, tickets.create_ticket, self.draft())
        into.append(made.id)

    async def give(self, ticket: str, agent: str) -> Any:
        return await self.do("mia", tickets.assign_ticket, ticket, self.ground.people[agent].id, None)


# --- what happens on a ticket ----------------------------------------------------------------------------------------


async def life_goes_on(play: Play, ticket: str, staff: str, requester: str) -> Any:
    """Something that everybody who sees the ticket may see."""
    match play.random.randrange(9):
        case 0 | 1:
            return await play.do(staff, tickets.add_comment, ticket, play.words(), 0)
        case 2:
            return await play.do(requester, tickets.add_comment, ticket, play.words(), 0)
        case 3 | 4:
            return await play.do(staff, tickets.set_status, ticket, play.one(STEPS), None)
        case 5:
            return await play.do("mia", tickets.update_ticket, ticket, Changes(priority=play.one(PRIORITIES)), None)
        case 6:
            return await play.do(requester, tickets.cancel_ticket, ticket, None)
        case 7:
            return await play.do(requester, tickets.reopen_ticket, ticket, None)
        case _:
            return await play.do(staff, tickets.close_ticket, ticket, None)


async def note(play: Play, ticket: str, staff: str) -> Any:
    return await play.do(staff, tickets.add_comment, ticket, play.words(), 1)


async def private_desk(play: Play, ticket: str, staff: str) -> Any:
    """Something on somebody's own desk: a draft, a filter, what they read and how they like it."""
    match play.random.randrange(4):
        case 0:
            return await play.do(staff, work.keep_draft, ticket, play.words(), 0)
        case 1:
            kept = WorkFilter(view="all", q=play.one(SECRETS))
            return await play.do(staff, work.save_filter, play.one(SECRETS), kept)
        case 2:
            return await play.do(staff, notices.read_all_notices)
        case _:
            return await play.do(staff, browsers.prefer, Preferences(theme="dark", density="compact"))


async def presence(play: Play, ticket: str, staff: str) -> Any:
    return await play.do(staff, work.be_here, ticket, "0", 1)


async def sign_in(play: Play, name: str) -> Any:
    async def begin(tx: Tx) -> None:
        person = await people.load_person(tx, play.ground.people[name].id)
        assert person is not None
        await browsers.sign_in(tx, person, browsers.Browser(agent="Firefox/1 Linux"))

    return await play.do("users", begin)


async def newcomer(play: Play) -> Any:
    """Somebody comes whom requesters do not know."""
    name = f"{play.one(SECRETS).title()} {play.random.randrange(10**6)}"
    new = NewPerson(name, f"{name.lower().replace(' ', '.')}@desk.test", ("USER",), hash_once("correct horse battery"))
    return await play.do("ada", accounts.create_person, new)


async def forgotten(play: Play, name: str) -> Any:
    return await play.do("users", mails.ask_reset, play.ground.people[name].email)


# --- what each viewer may see, and what not --------------------------------------------------------------------------


async def seen_by_user(play: Play) -> Any:
    if not play.seen or play.random.random() < 0.3:
        return await play.raise_ticket("una", play.seen)
    if play.random.random() < 0.25:
        return await play.give(play.one(play.seen), play.one(("abe", "bea")))
    return await life_goes_on(play, play.one(play.seen), play.one(("abe", "mia")), "una")


async def hidden_from_user(play: Play) -> Any:
    roll = play.random.random()
    if not play.hidden or roll < 0.25:
        return await play.raise_ticket(play.one(STRANGERS), play.hidden)
    if roll < 0.35:
        return await play.give(play.one(play.hidden), play.one(("abe", "bea", "cal")))
    if roll < 0.55:
        return await note(play, play.one([*play.seen, *play.hidden]), play.one(("mia", "ada", "abe")))
    if roll < 0.75:
        return await life_goes_on(play, play.one(play.hidden), play.one(("abe", "mia")), play.one(STRANGERS))
    match play.random.randrange(6):
        case 0:
            return await newcomer(play)
        case 1:
            return await play.do(play.one(STRANGERS), accounts.rename_oneself, f"Renamed {play.one(SECRETS)}")
        case 2:
            return await sign_in(play, play.one(("sam", "abe", "ada")))
        case 3:
            return await presence(play, play.one([*play.seen, *play.hidden]), "mia")
        case 4:
            return await forgotten(play, play.one(STRANGERS))
        case _:
            return await private_desk(play, play.one([*play.seen, *play.hidden]), play.one(("mia", "abe", "ada")))


async def seen_by_agent(play: Play) -> Any:
    roll = play.random.random()
    if not play.seen or roll < 0.3:
        return await play.raise_ticket(play.one(("una", "sam", "abe")), play.seen)
    if roll < 0.5:
        return await play.give(play.one(play.seen), "abe")
    if roll < 0.6:
        return await note(play, play.one(play.seen), play.one(("abe", "mia")))
    return await life_goes_on(play, play.one(play.seen), play.one(("abe", "mia")), play.one(("una", "sam")))


async def hidden_from_agent(play: Play) -> Any:
    roll = play.random.random()
    if not play.hidden or roll < 0.3:
        made: list[str] = []
        play.queued = True
        await play.raise_ticket(play.one(("una", "sam", "tom")), made)
        play.hidden += made
        return await play.give(made[0], play.one(("bea", "cal")))
    agent = play.one(("bea", "cal"))
    if roll < 0.4:
        return await play.give(play.one(play.hidden), agent)
    if roll < 0.55:
        return await note(play, play.one(play.hidden), play.one((agent, "mia")))
    if roll < 0.8:
        return await _on_with_somebody_elses(play, agent)
    match play.random.randrange(3):
        case 0:
            return await sign_in(play, play.one(("sam", "bea", "ada")))
        case 1:
            return await forgotten(play, play.one(STRANGERS))
        case _:
            return await private_desk(play, play.one([*play.seen, *play.hidden]), play.one(("mia", "bea")))


async def _on_with_somebody_elses(play: Play, agent: str) -> Any:
    """The same life, but for what would put the ticket back into the queue or give it to the viewer."""
    ticket = play.one(play.hidden)
    match play.random.randrange(4):
        case 0:
            return await play.do(agent, tickets.add_comment, ticket, play.words(), 0)
        case 1:
            return await play.do(play.one(("una", "sam", "tom")), tickets.add_comment, ticket, play.words(), 0)
        case 2:
            return await play.do(agent, tickets.set_status, ticket, play.one(STEPS), None)
        case _:
            return await play.do("mia", tickets.update_ticket, ticket, Changes(title=play.words()[:100]), None)


async def seen_by_manager(play: Play) -> Any:
    roll = play.random.random()
    if not play.seen or roll < 0.3:
        return await play.raise_ticket(play.one(("una", "sam", "mia")), play.seen)
    if roll < 0.4:
        return await play.give(play.one(play.seen), play.one(("abe", "bea")))
    if roll < 0.5:
        return await note(play, play.one(play.seen), play.one(("abe", "max")))
    return await life_goes_on(play, play.one(play.seen), play.one(("abe", "mia")), play.one(("una", "sam")))


async def hidden_from_manager(play: Play) -> Any:
    """Managers see every ticket, but not what is on somebody else's desk."""
    match play.random.randrange(3):
        case 0:
            return await sign_in(play, play.one(("sam", "bea", "ada", "max")))
        case 1:
            return await forgotten(play, play.one((*STRANGERS, "max")))
        case _:
            return await private_desk(play, play.one(play.seen), play.one(("max", "abe", "ada")))


async def hidden_from_admin(play: Play) -> Any:
    """Administrators see all that is the desk's, and nothing of what is somebody's own."""
    if play.random.random() < 0.3:
        return await sign_in(play, play.one(("sam", "bea", "eve", "max")))
    return await private_desk(play, play.one(play.seen), play.one(("max", "abe", "eve")))


SEEN = {"una": seen_by_user, "abe": seen_by_agent, "mia": seen_by_manager, "ada": seen_by_manager}
HIDDEN = {"una": hidden_from_user, "abe": hidden_from_agent, "mia": hidden_from_manager, "ada": hidden_from_admin}


@dataclass
class Told:
    """What is left of a history: the tickets, what the viewer heard live, and how their own deeds ended."""

    seen: list[str]
    hidden: list[str]
    heard: list[str]
    ended: list[str]


async def play_history(ground: Ground, viewer: str, common: str, apart: str) -> Told:
    """Play a history: ``common`` is the seed of what the viewer may see, ``apart`` of what they may not."""
    shape, ours, theirs = Random(common), Random(common + " seen"), Random(apart)
    play = Play(ground, ours, viewer)
    listening = ground.hub.join(ground.actor(viewer), ground.began + 1000 * HOUR)
    heard: list[str] = []
    ended: list[str] = []
    last, passes = shape.randint(4, 9), shape.random() < 0.25

    async def at(instant: int) -> None:
        """Let time pass, in some worlds with all that it brings."""
        if passes:
            await ground.world.stage.advance_to(instant)
        ground.world.clock.now = instant

    for number in range(1, last + 1):
        begin = ground.began + number * 10 * MINUTE
        heard_now: set[str] = set()
        play.random, play.mine = theirs, False
        await number_from(ground, number * 1000 - 500)
        for step in range(theirs.randint(0, 4)):
            await at(begin - 5 * MINUTE + (step + 1) * BETWEEN)
            heard_now |= _signals(listening)
            if play.seen or viewer in ("una", "abe"):
                await HIDDEN[viewer](play)
            said = _signals(listening)
            heard_now |= set() if play.queued else said
            play.queued = False
        play.random, play.mine = ours, True
        await number_from(ground, number * 1000)
        await at(begin)
        if number < last:
            made = await SEEN[viewer](play)
            ended.append(made if isinstance(made, str) else "")
        heard.append(" ".join(sorted(heard_now | _signals(listening))))
    ground.hub.leave(listening)
    await at(ground.began + shape.randint(110, 200) * MINUTE + passes * shape.randint(1, 40) * HOUR)
    ground.find_words()
    return Told(play.seen, play.hidden, heard, ended)


def _signals(stream: Stream) -> set[str]:
    """Take what waits for the viewer, without the marks, which are sealed anew each time."""
    lines = stream._take().decode().split("\n")
    return {line for line in lines if line.startswith(("event:", "data:"))}
