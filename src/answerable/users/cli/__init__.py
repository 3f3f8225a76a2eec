"""At a prompt: the first administrator, or one more; the audit log."""

import sys
from typing import Any

import click
import msgspec

from answerable.kernel.actor import service
from answerable.kernel.paging import MAX_SIZE, PageRequest, decode_cursor
from answerable.kernel.tx import Tx
from answerable.users.actions import audit as audits
from answerable.users.actions import mails, people
from answerable.users.actions.passwords import HASHER
from answerable.users.queries import audit as queries
from answerable.users.queries.audit import Verdict
from answerable.users.rules import NewPerson, Person, check_all, check_email, check_name, check_password, password_form
from answerable.users.store.acts import NEWEST

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


@click.group()
def audit() -> None:
    """Look after the audit log: what administrators did."""


@audit.command()
@click.option("--hash", "noted", help="A hash that was noted earlier: it must still be part of the log.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def verify(context: click.Context, noted: str | None, as_json: bool) -> None:
    """Prove that the audit log is whole and unchanged. Exit 1 where it is not.

    Note the hash it prints somewhere else: with --hash it shows later that nothing up to it was taken away.
    """

    async def work(desk: Any) -> Verdict:
        verdict: Verdict = await desk.database.scan(_OPERATOR, queries.verify)
        if noted and await desk.database.read(_OPERATOR, queries.find_hash, noted) is None:
            verdict.complaints.append("the hash that was noted is not part of this log")
        return verdict

    verdict = context.obj.run(work, existing=True)
    if as_json:
        click.echo(msgspec.json.encode(verdict).decode())
    else:
        for line in verdict.complaints:
            click.echo(line)
        if verdict.acts:
            click.echo(f"Up to act {verdict.acts}: {verdict.last_hash}")
        found = "whole" if not verdict.complaints else f"{len(verdict.complaints)} complaints"
        click.echo(f"{verdict.acts} acts checked: {found}.")
    if verdict.complaints:
        raise click.exceptions.Exit(1)


@audit.command()
@click.option("--format", "shape", type=click.Choice(["jsonl", "csv"]), default="jsonl", help="How to write it.")
@click.pass_context
def export(context: click.Context, shape: str) -> None:
    """Write the audit log to standard output, newest first. That is an act itself, and the first line."""

    async def work(desk: Any) -> None:
        await desk.database.write(_OPERATOR, audits.record_export, shape)
        part, first = PageRequest(MAX_SIZE), True
        while True:
            found = await desk.database.scan(_OPERATOR, queries.list_acts, part)
            click.echo(queries.written(found.rows, shape, header=first), nl=False)
            if found.next_cursor is None:
                return
            part, first = PageRequest(MAX_SIZE, cursor=decode_cursor(found.next_cursor, NEWEST)), False

    context.obj.run(work, existing=True)


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
