"""The manifest of the users feature."""

from answerable.kernel.manifest import Feature, Finder, Panel, Place, Timer
from answerable.kernel.words import N_
from answerable.messages.audit import RecordAct
from answerable.messages.gateway import ApiKeyUsed
from answerable.users import api, cli, consumers, pages, timers
from answerable.users.actions.browsers import seen
from answerable.users.actions.door import Door
from answerable.users.actions.keys import note_use
from answerable.users.cli.person import person
from answerable.users.queries.audit import whole_log
from answerable.users.queries.export import export
from answerable.users.queries.visits import visit
from answerable.users.rules import grants_of

ACTS = {
    "PERSON_CREATED": N_("added"),
    "PERSON_CHANGED": N_("changed"),
    "PERSON_ERASED": N_("erased"),
    "PERSON_EXPORTED": N_("took out all that is kept about"),
    "PASSWORD_CHANGED": N_("changed the password of"),
    "ADMIN_CREATED": N_("made an administrator of"),
    "SET_UP": N_("set the desk up as"),
    "KEY_MADE": N_("made the API key"),
    "KEY_REVOKED": N_("revoked the API key"),
    "SECOND_FACTOR_ON": N_("switched on the second factor of"),
    "SECOND_FACTOR_OFF": N_("switched off the second factor of"),
    "SECOND_FACTOR_RESET": N_("took away the second factor of"),
    "RECOVERY_RENEWED": N_("made new recovery codes for"),
    "TOKEN_REUSED": N_("ended a session, for its refresh token was used twice, of"),
    "IDENTITY_LINKED": N_("came in with the provider, and so has one more way into the account of"),
    "IDENTITY_CREATED": N_("made an account, told by the provider, for"),
    "AUDIT_EXPORTED": N_("wrote out the audit log"),
}


def feature() -> Feature:
    """Return what the users feature offers."""
    door = Door()
    return Feature(
        "users",
        routes=[*api.ROUTES, *pages.ROUTES],
        consumers={RecordAct: consumers.record_act, ApiKeyUsed: consumers.note_key_use},
        timers=[
            Timer("users mail", timers.next_mail, timers.send_mail),
            Timer("users pruning", timers.next_pruning, timers.prune),
        ],
        state={"door": door},
        identify=door.identity.identify,
        grants_of=grants_of,
        visit=visit,
        seen=seen,
        key_used=note_use,
        on_start=door.open,
        greeting=cli.greeting,
        commands=[cli.create_admin, cli.audit, person],
        audit=whole_log,
        acts=ACTS,
        export=export,
        navigation=[
            Place(path="/admin", label=N_("Administration"), icon="settings", grant="user.admin", key="s", order=90)
        ],
        finders=[Finder(path="/admin/people/find", title=N_("People"), grant="user.admin", order=20)],
        panels=[
            Panel(slot="admin", path="/admin/people", title=N_("People"), grant="user.admin", order=10),
            Panel(slot="admin", path="/admin/keys", title=N_("API keys"), grant="user.admin", order=15),
            Panel(slot="admin", path="/admin/audit", title=N_("Audit log"), grant="audit.read", order=60),
        ],
    )
