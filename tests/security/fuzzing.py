"""Requests made from the desk's own OpenAPI document, right ones and wrong ones, and its answers held against it.

schemathesis makes the requests and checks the answers; every check that it has is on.
"""

import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any

import msgspec
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from hypothesis.stateful import initialize
from schemathesis.config import SchemathesisConfig
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode
from schemathesis.generation.drivers import CoverageGenerator
from schemathesis.generation.feedback import NO_FEEDBACK
from schemathesis.generation.overrides import Override
from schemathesis.openapi.checks import RejectedPositiveData
from schemathesis.specs.openapi.checks import ignored_auth

from answerable.kernel.scopes import SCOPES
from answerable.users.actions import keys
from answerable.users.rules.keys import NewKey
from tests.security.worlds.asking import DEAR, NOWHERE
from tests.security.worlds.ground import Ground
from tests.security.worlds.histories import play_history
from tests.security.wsgi import Wsgi, nothing

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2"))  # of each operation and kind of request
SEED = int(os.environ.get("FUZZ_SEED", "1"))
PEOPLE = ("una", "abe", "mia", "ada")
CALLERS = ("nobody", *PEOPLE, "a key of una", "a key of ada")
ACTIVE = ("ada", "mia", "a key of ada", "abe", "una", "a key of una", "ada", "mia")  # by how much they may
STREAMS = ("/api/live",)  # its answer does not end
SHOWN = ("If-Match", "Idempotency-Key", "Content-Type")
# Promises and hours have a language of their own, with rules that are tested where it is read.
LANGUAGE = ("/api/sla/policies", "/api/sla/calendars", "/api/sla/terms", "/api/sla/backtest")
RIGHT = {
    "title": "Printer on fire",
    "description": "It burns, help.",
    "category": "HARDWARE",
    "priority": "HIGH",
    "requesterId": None,
    "comment": "Still burning.",
    "name": "Fuzz and friends",
    "email": "fuzz@desk.test",
    "roles": ["USER"],
    "role": None,
    "personId": None,
    "scopes": ["tickets:read"],
    "url": "https://example.com/hook",
    "days": 30,
    "targets": {"RESOLUTION": {"times": {"HIGH": "8h"}, "calendars": ["always"]}},
    "match": {},
    "week": {"mon": ["09:00-17:00"]},
    "special": {},
    "zone": "Europe/Berlin",
}
PLAIN = {"type", "description", "default", "examples"}
CONFIG = {
    "generation": {"with-security-parameters": False},  # who asks is the callers' affair
    "checks": {
        "positive_data_acceptance": {
            # 412: the ticket has changed since; no schema knows its version
            "expected-statuses": ["2xx", "3xx", "401", "403", "404", "409", "412", "429", "503"]
        }
    },
}
# Rules that refuse what a schema allows, by what the desk says, because no schema could tell them.
BEYOND_A_SCHEMA = tuple(
    re.compile(rule)
    for rule in (
        r"(password|currentPassword|code|token|refreshToken|challenge): ",  # a secret that is not the right one
        r"\w+: must have \d+ to \d+ characters",  # counted without the blanks around
        r"name: must not have invisible characters",
        r"email: (is not an email address|Email already exists)",  # stricter than the format
        r"cursor: not a cursor of this list",
        r"page: page \* size must not pass",
        r"(from|to|effectiveFrom): must (look like|be an instant)",  # calendars have no shape
        r"zone: must be a time zone",
        r"(priority|status|sort|state|\d+\.type|\d+\.channel): must be one of",  # in either case of letters
        r"category: (must be one of|is not one)",  # the desk's own
        r"role: is for a key that acts for nobody",
        r"categories: .*must be",  # the same
        r"\w+: must be a whole number, not a number",  # 7.0 is one to a schema
        r"agentId: is missing",  # in the query or in the body
        r"url: must be an address like",
    )
)


class Fuzz:
    """One desk, those who ask, and what was not as the document says."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.app = Wsgi(ground.world, self._undone)
        self.callers: dict[str, dict[str, str]] = {"nobody": {}}
        self.complaints: dict[str, str] = {}
        self.tried: Counter[str] = Counter()
        self.random = Random(SEED)
        self._there: dict[str, list[str]] = {}
        self._locked: set[str] = set()  # operations that have shown that they ask who it is

    @asynccontextmanager
    async def _undone(self) -> AsyncIterator[None]:
        with self.ground.undone():
            yield

    async def prepare(self) -> None:
        """Let there be something to ask for, and somebody who asks."""
        told = await play_history(self.ground, "una", f"fuzz {SEED}", f"fuzz too {SEED}")
        world, people = self.ground.world, self.ground.people
        self.callers |= {name: people[name].headers for name in PEOPLE}
        for name in ("una", "ada"):
            made = await world.db.write(people[name].actor, keys.make_key, NewKey("Fuzz", tuple(SCOPES)))
            self.callers[f"a key of {name}"] = {"Authorization": f"Bearer {made.secret}"}
        await world.settle()
        notices = await world.sql("SELECT id FROM notifications_notice")
        self._there = {
            "tickets": [*told.seen, *told.hidden, NOWHERE],
            "people": [person.id for person in people.values()],
            "notices": [row["id"] for row in notices],
        }

    def document(self) -> Any:
        """Read the document as clients do."""
        return schemathesis.openapi.from_wsgi(
            "/api/openapi.json", self.app, config=SchemathesisConfig.from_dict(dict(CONFIG))
        )

    def every_operation(self) -> None:
        """Ask for every operation: what is right, what is wrong, and what is at the edges."""
        for found in self.document().get_all_operations():
            operation = found.ok()
            if operation.path in STREAMS:
                continue
            self._at_random(operation, GenerationMode.POSITIVE)
            if _can_be_wrong(operation):
                self._at_random(operation, GenerationMode.NEGATIVE)
            self._at_the_edges(operation)

    def _at_random(self, operation: Any, mode: GenerationMode) -> None:
        @seed(SEED)
        @settings(
            max_examples=min(2, EXAMPLES) if DEAR.search(operation.path) else EXAMPLES,
            database=None,
            deadline=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode, feedback=NO_FEEDBACK))
        def asked(case: Any) -> None:
            self._put_what_there_is(case, self.random)
            self.tried[mode.name] += 1
            self.ask(case, self.random.choice(CALLERS))

        with suppress(Unsatisfiable):  # there is nothing wrong that could be sent
            asked()

    def _at_the_edges(self, operation: Any) -> None:
        """Some of what is just right or just wrong: limits, missing parts, other methods, other types."""
        modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
        config = operation.schema.config.generation_for(operation=operation, phase="coverage")
        cases: list[Any] = list(
            CoverageGenerator(
                operation=operation,
                generation_modes=modes,
                generation_config=config,
                auth_storage=None,
                override=Override(query={}, headers={}, cookies={}, path_parameters={}, body={}),
                feedback=NO_FEEDBACK,
            )
        )
        most = min(2, EXAMPLES) if DEAR.search(operation.path) else EXAMPLES
        for case in self.random.sample(cases, min(most, len(cases))):
            if (case.headers or {}).get("If-Match") == "0":
                case.headers["If-Match"] = '"3"'  # schemathesis forgets the pattern here
            self.tried["EDGES"] += 1
            self.ask(case, self.random.choice(CALLERS))

    def ask(self, case: Any, caller: str) -> None:
        """Ask as somebody, and note what is not as the document says."""
        headers = dict(self.callers[caller])
        self.hold(case.call(headers=headers), case, caller)

    def hold(self, response: Response, case: Any, caller: str, **more: Any) -> None:
        """Hold an answer against the document."""
        headers, label = dict(self.callers[caller]), case.operation.label
        left_out = [ignored_auth] if label in self._locked else []  # it asks twice more, and once will do
        if headers and response.status_code < 300:
            self._locked.add(label)
        try:
            case.validate_response(
                response, headers=headers, transport_kwargs={"headers": headers}, excluded_checks=left_out, **more
            )
        except BaseExceptionGroup as failures:
            for each in failures.exceptions:
                if isinstance(each, RejectedPositiveData) and _is_beyond_a_schema(response, case.operation):
                    continue
                sent, what = response.request, str(each).replace("\n", " ")
                shown = {name: value for name, value in sent.headers.items() if name in SHOWN}
                self.complaints.setdefault(
                    f"{sent.method} {label} -> {response.status_code} {type(each).__name__}",
                    f"{caller}: {what[:400]} [{str(sent.url)[:300]} {shown} {sent.body!r:.300}] {response.text[:300]}",
                )

    def _put_what_there_is(self, case: Any, random: Random) -> None:
        """Put ids of what is there into the path, often: a random one leads nowhere."""
        for name in list(case.path_parameters or {}):
            known = self._known(name.lower())
            if known and random.random() < 0.6:
                case.path_parameters[name] = random.choice(known)

    def _put_what_is_right(self, case: Any, *, first: bool) -> None:
        """Let a step succeed, mostly, so that it leads somewhere."""
        random = Random(repr((SEED, case.operation.label, case.path_parameters, case.query, case.body)))
        if first:
            self._put_what_there_is(case, random)
        if random.random() < 0.8:
            case.query = {name: value for name, value in (case.query or {}).items() if name == "dryRun"}
            if isinstance(case.body, dict):
                case.body = {name: RIGHT.get(name, value) for name, value in case.body.items()}

    def _known(self, name: str) -> list[str]:
        if "notice" in name:
            return self._there["notices"]
        if any(part in name for part in ("user", "agent", "manager", "person")):
            return self._there["people"]
        return self._there["tickets"] if name.endswith("id") else []

    def every_link(self, scenarios: int, steps: int) -> None:
        """Follow what one answer leads to: what is made is read, changed, ended and read again."""
        fuzz = self

        class Scenario(self.document().build_state_machine(feedback=NO_FEEDBACK, link_calibration=None)):  # type: ignore[misc]
            """Some steps of one caller."""

            @initialize(caller=st.sampled_from(ACTIVE))
            def somebody_comes(self, caller: str) -> None:
                self.caller = caller

            def setup(self) -> None:
                self.kept = fuzz.ground.undone()
                fuzz.app.in_loop(_now(self.kept.__enter__))
                fuzz.app.around = nothing

            def teardown(self) -> None:
                fuzz.app.around = fuzz._undone
                fuzz.app.in_loop(_now(lambda: self.kept.__exit__(None, None, None)))

            def get_call_kwargs(self, case: Any) -> dict[str, Any]:
                return {"headers": dict(fuzz.callers[self.caller])}

            def before_call(self, case: Any) -> None:
                fuzz._put_what_is_right(case, first=self.recorder.find_parent(case_id=case.id) is None)

            def validate_response(self, response: Response, case: Any, *_: Any, **__: Any) -> None:
                parent = self.recorder.find_parent(case_id=case.id)
                fuzz.tried["FOLLOWED" if parent and response.status_code < 300 else "STEPS"] += 1
                fuzz.hold(response, case, self.caller, recorder=self.recorder)

        @seed(SEED)
        class Seeded(Scenario):
            pass

        Seeded.run(
            settings=settings(
                max_examples=scenarios,
                stateful_step_count=steps,
                database=None,
                deadline=None,
                phases=(Phase.generate,),
                suppress_health_check=list(HealthCheck),
            )
        )


async def _now(work: Callable[[], Any]) -> None:
    work()


def _can_be_wrong(operation: Any) -> bool:
    """Tell whether there is anything wrong to send: a text is right whatever it is."""
    parts = [*operation.query, *operation.headers]
    return bool(operation.body) or any(
        set(part.definition.get("schema", {})) - PLAIN or part.definition["schema"].get("type") != "string"
        for part in parts
    )


def _is_beyond_a_schema(response: Response, operation: Any) -> bool:
    if response.status_code != 400:
        return False
    if operation.path.startswith(LANGUAGE) and operation.method != "get":
        return True
    problem = msgspec.json.decode(response.content)
    lines = problem.get("errors") or [problem["detail"]]
    return all(any(rule.match(line) for rule in BEYOND_A_SCHEMA) for line in lines)
