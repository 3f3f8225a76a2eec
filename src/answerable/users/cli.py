"""At a prompt: the first administrator, or one more."""

import sys
from typing import Any

import click
import msgspec

from answerable.kernel.actor import service
from answerable.kernel.tx import Tx
from answerable.users.actions import mails, people
from answerable.users.actions.passwords import HASHER
from answerable.users.rules import NewPerson, Person, check_all, check_email, check_name, check_password, password_form

_OPERATOR = service("command line")


@click.command("create-admin")
@click.option("--email", required=True, help="Email address to sign in with.")
@click.option("--name", required=True, help="Name as others see it.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking for it.")
@click.option("--json", "as_json", is_flag=True, help="Write the result as JSON.")
@click.pass_context
def create_admin(context: click.Context, email: str, name: str, password_stdin: bool, as_json: bool) -> None:
    """Make an administrator, also beside a running server."""
    check_all(lambda: check_name(name), lambda: check_email(email))
    password = _password(password_stdin)
    check_password(password)
    new = NewPerson(name, email, password_hash=HASHER.hash(password_form(password)))

    async def create(desk: Any) -> Person:
        person: Person = await desk.database.write(_OPERATOR, people.create_admin, new)
        return person

    person = context.obj.run(create)
    if as_json:
        shown = {"id": person.id, "name": person.name, "email": person.email, "roles": list(person.roles)}
        click.echo(msgspec.json.encode(shown).decode())
    else:
        click.echo(f"{person.name} <{person.email}> is an administrator now.")


async def greeting(tx: Tx) -> list[str]:
    """Return what to tell whoever starts the server: where the first administrator signs up, if there is none."""
    token = await mails.make_setup_link(tx)
    if token is None:
        return []
    return [
        "There is no administrator yet. Make the first one within an hour at:",
        f"  {tx.settings.public_url}/setup?token={token}",
    ]


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt="The same again"))
