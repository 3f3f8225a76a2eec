"""The HTTP interface of assignment."""

from typing import Annotated

import msgspec
from litestar import Response, get, post, put

from answerable.assignment import actions, queries
from answerable.assignment.queries import AgentView, AssignmentView, WorkloadView
from answerable.assignment.rules import MAX_CAPACITY, Availability
from answerable.infra.web.described import says
from answerable.infra.web.grants import SIGNED_IN, needs
from answerable.infra.web.paging import list_response
from answerable.infra.web.request import DeskRequest, Reply
from answerable.kernel.paging import MAX_SIZE, page_request


class Choice(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The agent to give the ticket to; without one the desk chooses."""

    agent_id: str | None = None


class NewAvailability(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """What is to be different about an agent; what is left out or null stays."""

    available: bool | None = None
    capacity: Annotated[int, says(minimum=0, maximum=MAX_CAPACITY)] | None = None
    skills: list[str] | None = None


@post("/api/assign/{ticket_id:str}", status_code=200, opt=needs("assignment.manage"), tags=["Assignment"])
async def assign(request: DeskRequest, ticket_id: str, data: Choice | None = None) -> Response[AssignmentView]:
    """Give a ticket to an agent, or let the desk choose one; 409 where nobody is free and the ticket waits on."""
    if data is not None and data.agent_id is not None:
        answer = await request.post(Reply, actions.assign_to, ticket_id, data.agent_id)
    else:
        answer = await request.post(Reply, actions.assign_automatically, ticket_id)
    # The ticket itself changes a moment later, when the tickets feature has answered: wait for it, so that whoever
    # reads the ticket next sees what they were told here.
    await request.wait_until(queries.is_answered, ticket_id)
    return answer


@get(["/api/agents/workload", "/api/sla/workload"], opt=needs("assignment.read"), tags=["Assignment"])
async def list_workload(
    request: DeskRequest, page: int = 0, size: int = MAX_SIZE, cursor: str | None = None, count: str | None = None
) -> Response[list[WorkloadView]]:
    """List the agents by name, each with the tickets that are open with them now."""
    wanted = page_request(page=page, size=size, cursor=cursor, count=count, sort=queries.WORKLOAD)
    found = await request.ask(queries.list_workload, wanted)
    return list_response(request, found, found.rows)


@get("/api/agent/{agent_id:str}", opt=needs(SIGNED_IN), tags=["Assignment"])
async def get_agent(request: DeskRequest, agent_id: str) -> AgentView:
    """Read how much an agent has to do and takes: oneself, or anybody for managers."""
    return await request.ask(queries.get_agent, agent_id)


@put("/api/agent/{agent_id:str}/availability", opt=needs(SIGNED_IN), tags=["Assignment"])
async def set_availability(request: DeskRequest, agent_id: str, data: NewAvailability) -> AgentView:
    """Say whether one takes new tickets; managers also set capacity and skills, for anybody."""
    wanted = Availability(available=data.available, capacity=data.capacity, skills=data.skills)
    return await request.act(actions.set_availability, agent_id, wanted)


ROUTES = (assign, list_workload, get_agent, set_availability)
