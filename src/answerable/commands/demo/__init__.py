"""``demo``: a small lively company, played through the desk's own actions over the last two weeks."""

import asyncio
import secrets

import click
import msgspec

from answerable.commands.demo.company import PEOPLE
from answerable.commands.demo.play import play_company
from answerable.commands.opening import desk_options, opener
from answerable.infra.database.open import system_clock
from answerable.infra.logging import only_errors
from answerable.infra.stage import Stage, StageClock
from answerable.kernel.errors import Conflict
from answerable.runtime import Desk
from answerable.settings import Settings
from answerable.users.actions.passwords import HASHER


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def demo(as_json: bool) -> None:
    """Fill an empty desk with a small company.

    It has people, tickets in every state and two weeks of history. Refuses on a desk that is not empty. The demo
    people share one password, made now and printed once.
    """
    password = secrets.token_urlsafe(9)
    counts = asyncio.run(_fill(opener().settings_of_desk(), HASHER.hash(password)))
    people = [{"name": who.name, "email": who.email, "roles": list(who.roles)} for who in PEOPLE]
    if as_json:
        click.echo(msgspec.json.encode({"password": password, "people": people, "tickets": counts}).decode())
        return
    click.echo(f"{sum(counts.values())} tickets: " + ", ".join(f"{n} {status}" for status, n in counts.items()) + ".")
    for shown in people:
        click.echo(f"  {shown['name']:<18} {shown['email']:<24} {', '.join(shown['roles'])}")
    click.echo(f"All of them sign in with the password {password}")


desk_options(demo)


async def _fill(settings: Settings, password_hash: str) -> dict[str, int]:
    only_errors()
    clock = StageClock(system_clock())
    # Nobody of the demo is to get mail; everything is one transaction, so a server beside it never sees a half. What
    # was said in it is done here, and is not sent anywhere.
    desk = Desk(settings.with_values("demo", mail__host="", bus__url=""), clock=clock)
    try:
        if not await desk.is_empty():
            raise Conflict(f"{desk.database.place} is not empty. Name another --data-dir or --database for the demo.")
        async with desk.database.bulk(every=10**9):
            await desk.prepare()
            stage = Stage(desk.database, desk.bus, desk.timers, clock)
            counts = await play_company(stage, password_hash)
            await stage.settle()
        return counts
    finally:
        await desk.stop()
