"""Requests made from the desk's own OpenAPI document, right ones and wrong ones, and its answers held against it.

schemathesis makes the requests and checks the answers; every check that it has is on.
"""

import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import AbstractContextManager, asynccontextmanager, suppress
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
from schemathesis.generation.stateful.control import TransitionController
from schemathesis.openapi.checks import EnsureResourceAvailability, RejectedPositiveData, UseAfterFree
from schemathesis.specs.openapi.checks import ignored_auth

from answerable.kernel.scopes import SCOPES
from answerable.users.actions import keys
from answerable.users.rules.keys import NewKey
from tests.security.worlds.asking import DEAR, NOWHERE
from tests.security.worlds.ground import Ground
from tests.security.worlds.histories import play_history
from tests.security.wsgi import Wsgi

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "2"))  # of each operation and kind of request
SEED = int(os.environ.get("FUZZ_SEED", "1"))
ONLY = os.environ.get("FUZZ_ONLY", "")  # paths that this is found in
PEOPLE = ("una", "abe", "mia", "ada")
CALLERS = ("nobody", *PEOPLE, "a key of una", "a key of ada")
ACTIVE = ("ada", "mia", "a key of ada", "abe", "una", "a key of una", "ada", "ada", "mia")  # by how much they may
BEGUN = 2  # times that a scenario tries its beginning
# What leads through the life of a ticket, a person, a key, ...; and anything at all.
BEGINNINGS = (
    "GET /api/tickets",
    "GET /api/tickets",
    "GET /api/notifications",
    "GET /api/keys",
    "GET /api/webhooks",
    "GET /api/users/admin",
    "GET /api/sla/calendars",
    "GET /api/sla/policies",
    "",
)
STREAMS = ("/api/live",)  # its answer does not end
SHOWN = ("If-Match", "Idempotency-Key", "Content-Type")
RIGHT = {
    "title": "Printer on fire",
    "description": "It burns, help.",
    "category": "HARDWARE",
    "priority": "HIGH",
    "requesterId": None,
    "comment": "Still burning.",
    "name": "Fuzz-and-friends",
    "email": "fuzz@desk.test",
    "roles": ["USER"],
    "role": None,
    "personId": None,
    "scopes": ["tickets:read"],
    "url": "https://example.com/hook",
    "days": 30,
    "targets": {"RESOLUTION": {"times": {"HIGH": "8h"}, "calendars": ["always"]}},
    "when": {"priority": ["HIGH"]},
    "events": ["TICKET_CREATED"],
    "country": "DE",
    "firstYear": 2026,
    "categories": ["HARDWARE", "SOFTWARE"],
    "week": {"mon": ["09:00-17:00"]},
    "special": {},
    "zone": "Europe/Berlin",
    "levels": [],
    "skills": ["HARDWARE"],
    "available": True,
    "capacity": 5,
}
WHOLE = {
    "/api/tickets": ("title", "description", "category", "priority"),
    "/api/keys": ("name", "scopes"),
    "/api/webhooks": ("name", "url", "events"),
    "/api/users/admin": ("name", "email", "roles"),
    "/api/sla/calendars": ("name", "zone", "week"),
    "/api/sla/calendars/{name}": ("name", "zone", "week"),
    "/api/sla/calendars/{name}/holidays": ("country", "firstYear"),
    "/api/sla/policies": ("name", "when", "targets"),
    "/api/sla/policies/{name}": ("name", "targets"),
}
NEXT = {"ASSIGNED": "IN_PROGRESS", "IN_PROGRESS": "RESOLVED", "WAITING": "IN_PROGRESS"}
ADDRESSES = {"agent", "user", "status", "admin", "mail"}  # words of addresses beside which others have an id
PLAIN = {"type", "description", "default", "examples"}
CONFIG = {
    "generation": {"with-security-parameters": False},  # who asks is the callers' affair
    "checks": {
        "positive_data_acceptance": {
            # 412: the ticket has changed since; no schema knows its version
            "expected-statuses": ["2xx", "3xx", "401", "403", "404", "409", "412", "429", "503"]
        },
        "negative_data_rejection": {
            # 412 as well: what was changed by others is refused before it is looked at
            "expected-statuses": ["400", "401", "403", "404", "405", "406", "409", "412", "415", "422", "429", "5xx"]
        },
    },
}
# Rules that refuse what a schema allows, by what the desk says, because no schema could tell them.
BEYOND_A_SCHEMA = tuple(
    re.compile(rule, re.DOTALL)
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
        r"\w+: must be a whole number( or null)?, not a number",  # 7.0 is one to a schema
        r"agentId: is missing",  # in the query or in the body
        r"url: must be an address like",
        r"skills: (each must be a code|must be at most)",  # counted without the blanks around, and each once
        # Calendars and policies: what several parts say together, and words that are the name of nothing.
        r"zone: (['\"]).*\1 is not a time zone",  # quoted as Python does
        r"has no open time",
        r"(week|special)\.\S+\[\d+\]: ('.*' closes when it opens|\S+ overlaps)",
        r"week\.\w+: \S+ overlaps",
        r"(holidays|special)\.\S+: (['\"]).*\2 is not a date",  # 30 February
        r"targets\.\w+\.calendars(: needs at least one|\[\d+\]: there is no calendar)",
        r"(targets\.\w+\.times\.\w+|levels\[\d+\]\.at): must (be more than nothing|not be more than ten years)",
        r"levels\[\d+\]\.target: '\w+' is not among the policy's targets",
        r"levels\[\d+\]\.do\[\d+\]: does nothing",
        r"when: never applies: policies",
        r"name: must be '.*', as in the address",
        r"position: must be 1 to",
        r"policies: at least one is needed",
        r"country: (must be a code|or ics is needed)",
        r"region: (must be one of|is not known for this country)",
        r"(firstYear|years): ",
        r"ics: ",
        r"This is not TOML: ",
        r"(line \d+: )?.*Object contains unknown field",  # of a text that is TOML
    )
)


class Leading(TransitionController):
    """Follows links where there are any to follow, so that what was made is not left alone for something new."""

    begins = ""  # what a scenario begins with, empty for anything

    def allow_root_transition(self, source: str, bundles: Any) -> bool:
        """Tell whether to begin something now."""
        made = [self.transitions.producer_labels_for_bundle(name) for name, values in bundles.items() if values]
        leads = any(
            self.allow_transition(each.source.label, each.target.label)
            for labels in made
            for label in labels
            for each in self.transitions.operations[label].outgoing
        )
        if leads or (self.begins and source != self.begins and self._root_calls(self.begins) < BEGUN):
            return False
        return super().allow_root_transition(source, bundles)


class Fuzz:
    """One desk, those who ask, and what was not as the document says."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.app = Wsgi(ground.world, self._undone)
        self.callers: dict[str, dict[str, str]] = {"nobody": {}}
        self.complaints: dict[str, str] = {}
        self.tried: Counter[str] = Counter()
        self.random = Random(SEED)
        self.begins = ""  # what scenarios begin with, empty for anything
        self._there: dict[str, list[str]] = {}
        self._locked: set[str] = set()  # operations that have shown that they ask who it is

    @asynccontextmanager
    async def _undone(self) -> AsyncIterator[None]:
        with self.ground.undone():
            yield

    @asynccontextmanager
    async def _heard_of(self) -> AsyncIterator[None]:
        """Let all features hear of what was done before the next one asks."""
        yield
        await self.ground.world.settle()

    async def _forget(self, scenario: AbstractContextManager[None]) -> None:
        """End a scenario, and let the bus forget what it heard in it."""
        scenario.__exit__(None, None, None)
        bus: Any = self.ground.world.desk.bus
        bus._heard = None
        await bus.prepare()

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
            if operation.path in STREAMS or not re.search(ONLY, operation.path):
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
                if isinstance(each, RejectedPositiveData) and _is_beyond_a_schema(response):
                    continue
                if isinstance(each, EnsureResourceAvailability) and _was_only_said(more["recorder"]):
                    continue
                if isinstance(each, UseAfterFree) and _is_a_shell(response):
                    continue
                sent, what = response.request, str(each).replace("\n", " ")
                if isinstance(each, RejectedPositiveData) and response.status_code == 400:
                    what = f"refused without an explanation: {_unexplained(response)}"
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
            elif case.path_parameters[name] in ADDRESSES:  # then it is another operation, which may not take the method
                case.path_parameters[name] += "x"

    def _put_what_is_right(self, case: Any, tags: Collection[str], before: Any) -> None:
        """Let a step succeed, mostly, so that it leads somewhere; ``before`` is the answer that led here, if any."""
        random = Random(repr((SEED, case.operation.label, case.path_parameters, case.query, case.body)))
        if before is None:
            self._put_what_there_is(case, random)
        if random.random() < 0.9:
            case.query = {name: value for name, value in (case.query or {}).items() if name == "dryRun"}
            case.headers = {
                name: value
                for name, value in (case.headers or {}).items()
                if name not in ("If-Match", "Idempotency-Key") or value in tags
            }
            if isinstance(case.body, dict):
                sent = dict.fromkeys(WHOLE[path]) if (path := case.operation.path) in WHOLE else case.body
                case.body = {name: self._right(name, value, case, before) for name, value in sent.items()}

    def _right(self, name: str, value: Any, case: Any, before: Any) -> Any:
        """Return what is right for a field of a body."""
        if name == "agentId":
            return self.ground.people["abe"].id
        if name == "status":
            return NEXT.get(before.get("status", ""), "RESOLVED") if isinstance(before, dict) else "IN_PROGRESS"
        if name == "name" and "name" in (case.path_parameters or {}):
            return case.path_parameters["name"]
        return RIGHT.get(name, value)

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

            def __init__(self) -> None:
                super().__init__()
                self.control = Leading(self._transitions, self._root_labels)
                self.control.begins = fuzz.begins

            @initialize(caller=st.sampled_from(ACTIVE))
            def somebody_comes(self, caller: str) -> None:
                self.caller = caller

            def setup(self) -> None:
                self.kept = fuzz.ground.undone()
                self.tags: set[str] = set()
                self.said: dict[str, Any] = {}
                fuzz.app.in_loop(_now(self.kept.__enter__))
                fuzz.app.around = fuzz._heard_of

            def teardown(self) -> None:
                fuzz.app.around = fuzz._undone
                fuzz.app.in_loop(fuzz._forget(self.kept))

            def _get_target_for_result(self, result: Any) -> str | None:
                # What says nothing (an empty list) leads to nothing.
                found: str | None = super()._get_target_for_result(result)
                return found if result.response.json() or result.case.operation.label == fuzz.begins else None

            def get_call_kwargs(self, case: Any) -> dict[str, Any]:
                return {"headers": dict(fuzz.callers[self.caller])}

            def before_call(self, case: Any) -> None:
                parent = self.recorder.find_parent(case_id=case.id)
                fuzz._put_what_is_right(case, self.tags, self.said.get(parent.id, {}) if parent else None)

            def validate_response(self, response: Response, case: Any, *_: Any, **__: Any) -> None:
                parent = self.recorder.find_parent(case_id=case.id)
                self.tags |= set(response.headers.get("etag", ()))
                self.said[case.id] = response.json() if response.status_code < 300 else {}
                fuzz.tried["FOLLOWED" if parent and response.status_code < 300 else "STEPS"] += 1
                fuzz.hold(response, case, self.caller, recorder=self.recorder)

        @seed(SEED)
        class Seeded(Scenario):
            pass

        for self.begins in BEGINNINGS:
            Seeded.run(
                settings=settings(
                    max_examples=-(-scenarios // len(BEGINNINGS)),
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


def _is_beyond_a_schema(response: Response) -> bool:
    if response.status_code != 400:
        return False
    return not _unexplained(response)


def _unexplained(response: Response) -> list[str]:
    """Return the lines of a refusal that no rule explains."""
    problem = msgspec.json.decode(response.content)
    lines = problem.get("errors") or [problem["detail"]]
    return [line for line in lines if not any(rule.match(line) for rule in BEYOND_A_SCHEMA)]


def _was_only_said(recorder: Any) -> bool:
    """Tell whether something was made on paper, or for later: schemathesis takes every 2xx for something made."""
    return any({"dryRun", "effectiveFrom"} & set(node.value.query or {}) for node in recorder.cases.values())


def _is_a_shell(response: Response) -> bool:
    """Tell whether an answer is about somebody who was erased: their account stays, with nothing of them in it."""
    return b"@erased.invalid" in response.content
