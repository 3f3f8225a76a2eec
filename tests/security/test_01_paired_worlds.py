"""01: two desks that differ only in what somebody may not see give them the same answers, byte for byte."""

import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import pytest
from litestar import Response, get

from answerable import services
from answerable.gateway.live.hub import Hub
from answerable.gateway.rules import Audience
from answerable.infra.web.grants import SIGNED_IN, needs
from answerable.infra.web.request import DeskRequest, Reply, respond
from answerable.kernel.errors import Missing, Refused
from answerable.kernel.tx import Tx
from answerable.tickets import rules
from answerable.tickets import store as tickets_store
from answerable.tickets.rules.sight import may_see
from answerable.tickets.store import lists, near
from tests.security.asgi import Answer
from tests.security.worlds.asking import Ids, Question, Questions, answer_to, ids_of, plain
from tests.security.worlds.ground import VIEWERS, Ground, open_ground
from tests.security.worlds.histories import Told, play_history

PAIRS = int(os.environ.get("WORLD_PAIRS", "300"))
SHARES = int(os.environ.get("WORLD_SHARES", "1"))  # for several processes, and to see how far it has come
SEED = os.environ.get("WORLD_SEED", "1")
NEXT = re.compile(r'<([^>]*)>; rel="next"')
ENOUGH = 100  # pairs in which a planted leak must be found
QUESTIONS = 18  # of each pair; the routes take turns

# What tells of things that one may not see, because it is meant to. Each entry is a decision, with its reason.
TOLD: dict[tuple[str, str], str] = {
    ("GET", "/metrics"): "numbers of the whole process, open to the operator's networks only",
    ("POST", "/api/auth/register"): "an address that is taken is said to be taken, unless addresses are confirmed",
    ("POST", "/register"): "the same, as a page",
    ("GET", "/api/users/admin/{user_id}/export"): "all that is kept of somebody, for administrators",
    ("GET", "/admin/people/{person_id}/export"): "the same, as a page",
}
# What a part of the viewers is told, and how it looks.
TOLD_IN_PART: dict[tuple[str, str, str], re.Pattern[str]] = {
    ("GET", "/api/agents/workload", "AGENT"): re.compile(r'"activeTickets":\d+'),
    ("GET", "/api/sla/workload", "AGENT"): re.compile(r'"activeTickets":\d+'),
}


@dataclass
class Found:
    """A difference between two worlds."""

    pair: int
    role: str
    question: str
    one: str
    other: str

    def __str__(self) -> str:
        ours, theirs = self.one.split("\n"), self.other.split("\n")
        differ = [(a, b) for a, b in zip(ours, theirs, strict=False) if a != b][:6] or [(ours[-1], theirs[-1])]
        lines = [f"{_around(a, b)}" for a, b in differ]
        again = f"WORLD_SEED={SEED} WORLD_PAIRS={PAIRS} WORLD_SHARES={SHARES}, pair {self.pair}"
        return f"a {self.role} is told what they may not see by {self.question} ({again}):\n" + "\n".join(lines)


def _around(one: str, other: str) -> str:
    place = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    begin = max(0, place - 60)
    return f"  {one[begin : place + 90]!r}\n  {other[begin : place + 90]!r}"


@dataclass
class Search:
    """Looks through pairs of worlds."""

    ground: Ground
    seed: str = SEED
    roles: tuple[str, ...] = tuple(VIEWERS)
    about: str = ""  # a part of the paths, where not all of them are wanted
    asked: Counter[tuple[str, str]] = field(default_factory=Counter)
    done: Counter[tuple[str, str]] = field(default_factory=Counter)  # answered with something, not refused
    closed: dict[str, set[tuple[str, str]]] = field(default_factory=lambda: {role: set() for role in VIEWERS})

    async def through(self, pairs: range) -> AsyncIterator[Found]:
        """Yield the differences of some pairs."""
        questions = Questions(self.ground.world)
        turns = {
            role: questions.rotation(f"{self.seed} {pairs.start} {role}", self.closed[role]) for role in self.roles
        }
        for pair in pairs:
            role = self.roles[pair % len(self.roles)]
            routes = (route for route in turns[role] if self.about in route[1])
            async for found in self._one_pair(pair, role, questions, list(islice(routes, QUESTIONS))):
                yield found

    async def _one_pair(
        self, pair: int, role: str, questions: Questions, routes: list[tuple[str, str]]
    ) -> AsyncIterator[Found]:
        viewer, common = VIEWERS[role], f"{self.seed} {pair}"
        asked: list[Question] = []
        answers: list[list[str]] = []
        tales: list[Told] = []
        for side in ("one", "other"):
            async with self.ground.one_world():
                told = await play_history(self.ground, viewer, common, f"{common} {side}")
                tales.append(told)
                if side == "one":
                    asked = self._questions(questions, routes, await ids_of(self.ground, told), Random(common))
                answers.append([await self._answers(viewer, role, question) for question in asked])
        one, other = tales
        for what, ours, theirs in (("live signals", one.heard, other.heard), ("own deeds", one.ended, other.ended)):
            if ours != theirs:
                yield Found(pair, role, what, "\n".join(ours), "\n".join(theirs))
        for question, first, second in zip(asked, *answers, strict=True):
            self._note(role, question, first)
            if first != second:
                yield Found(pair, role, str(question), first, second)

    def _questions(
        self, questions: Questions, routes: list[tuple[str, str]], ids: Ids, random: Random
    ) -> list[Question]:
        return [questions.about(route, ids, random) for route in routes if route not in TOLD]

    async def _answers(self, viewer: str, role: str, question: Question) -> str:
        """Return the answer to a question, and that of the next page, where it has one."""
        if question.route[0] != "GET":
            with self.ground.undone():
                return self._plain(role, question, await answer_to(self.ground, viewer, question))
        answer = await answer_to(self.ground, viewer, question)
        following = NEXT.search(answer.headers.get("link", ""))
        text = self._plain(role, question, answer)
        if following is None:
            return text
        further = Question(question.route, following[1])
        return f"{text}\n{self._plain(role, further, await answer_to(self.ground, viewer, further))}"

    def _plain(self, role: str, question: Question, answer: Answer) -> str:
        return plain(answer, TOLD_IN_PART.get((*question.route, role)))

    def _note(self, role: str, question: Question, answer: str) -> None:
        self.asked[question.route] += 1
        if answer.startswith("403"):
            self.closed[role].add(question.route)
        elif answer[0] in "23":
            self.done[question.route] += 1


@pytest.mark.one_engine
@pytest.mark.parametrize("share", range(SHARES))
async def test_nobody_can_tell_two_worlds_apart_that_differ_in_what_is_not_theirs(share: int, tmp_path: Path) -> None:
    pairs = range(PAIRS * share // SHARES, PAIRS * (share + 1) // SHARES)
    async with open_ground(tmp_path) as ground:
        search = Search(ground)
        found = [each async for each in search.through(pairs)]
        by_route = {each.question.split("?")[0]: each for each in reversed(found)}
        assert not found, f"{len(found)} differences:\n" + "\n".join(map(str, list(by_route.values())[:12]))


# --- it finds what is planted ---------------------------------------------------------------------------------------


def _count_that_ignores_who_asks(plant: pytest.MonkeyPatch) -> None:
    async def count(tx: Tx, conditions: list[str], values: dict[str, Any], cap: int | None) -> int:
        where = " AND ".join(["1 = 1", *conditions])
        rows = await tx.run(f"SELECT COUNT(*) AS n FROM tickets_ticket t WHERE {where}", me=tx.actor.id, **values)
        return int(rows[0]["n"])

    plant.setattr(lists, "_count", count)


def _search_that_looks_into_notes(plant: pytest.MonkeyPatch) -> None:
    # Two walls in each way of searching: the condition, and the index itself, in which no note is a requester's
    # (migration tickets/0012); who may read notes has neither.
    plant.setattr(near, "NOTES", "")


def _count_of_comments_with_notes(plant: pytest.MonkeyPatch) -> None:
    async def count(tx: Tx, ticket_id: str, most: int) -> int:
        rows = await tx.run("SELECT COUNT(*) AS n FROM tickets_comment WHERE ticket_id = :id", id=ticket_id)
        return int(rows[0]["n"])

    plant.setattr(tickets_store, "count_comments", count)


def _refusal_instead_of_absence(plant: pytest.MonkeyPatch) -> None:
    async def load(tx: Tx, ticket_id: str) -> Any:
        ticket = await tickets_store.find_ticket(tx, ticket_id)
        if ticket is None:
            raise Missing("There is no such ticket.")
        if not may_see(tx.actor, ticket):
            raise Refused("You are not allowed to do this.")
        return ticket

    plant.setattr(tickets_store, "load_ticket", load)


def _time_of_a_note(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(rules, "as_seen", lambda _, ticket: ticket)


def _signals_for_everybody(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(Audience, "includes", lambda *_: True)
    plant.setattr(Hub, "_concerned", lambda hub, _: set(hub._open))


def _a_new_route(plant: pytest.MonkeyPatch) -> None:
    @get("/api/tickets/newest", opt=needs(SIGNED_IN))
    async def newest(request: DeskRequest) -> Response[Any]:
        """Tell how many tickets there are."""

        async def count(tx: Tx) -> int:
            return int((await tx.run("SELECT COUNT(*) AS n FROM tickets_ticket"))[0]["n"])

        return respond(Reply({"tickets": await request.ask(count)}))

    [feature] = services.SERVICES["tickets"]
    plant.setitem(services.SERVICES, "tickets", [lambda: replace(feature(), routes=[*feature().routes, newest])])


# Each with where to look: at whose answers, and about what.
PLANTED: dict[Callable[[pytest.MonkeyPatch], None], tuple[str, str]] = {
    _count_that_ignores_who_asks: ("USER", "/api/tickets"),
    _search_that_looks_into_notes: ("USER", "/api/tickets"),
    _count_of_comments_with_notes: ("USER", "/comments"),
    _refusal_instead_of_absence: ("AGENT", ""),
    _time_of_a_note: ("USER", "/api/tickets"),
    _signals_for_everybody: ("AGENT", ""),
    _a_new_route: ("USER", "/api/tickets"),
}


@pytest.mark.one_engine
@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__.strip("_"))
async def test_a_leak_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    role, about = PLANTED[plant]
    async with open_ground(tmp_path) as ground:
        async for found in Search(ground, roles=(role,), about=about).through(range(ENOUGH)):
            assert found.one != found.other
            return
    pytest.fail(f"nothing was found in {ENOUGH} pairs")


@pytest.mark.on_postgres
async def test_neither_can_they_on_postgresql(tmp_path: Path) -> None:
    async with open_ground(tmp_path) as ground:
        found = [each async for each in Search(ground).through(range(8))]
        assert not found, "\n".join(map(str, found[:8]))
