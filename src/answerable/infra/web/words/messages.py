"""What each message of the desk says, in words: for pages that would otherwise show its type."""

from collections.abc import Mapping

from answerable.kernel.words import N_

MESSAGES: Mapping[str, str] = {
    "TICKET_CREATED": N_("A ticket is raised"),
    "TICKET_ASSIGNED": N_("A ticket has a (new) agent"),
    "TICKET_UNASSIGNED": N_("A ticket is back in the queue"),
    "STATUS_CHANGED": N_("A ticket has another status"),
    "TICKET_UPDATED": N_("Title, words, category or priority changed"),
    "COMMENT_ADDED": N_("Somebody wrote on a ticket"),
    "TICKET_RESOLVED": N_("A ticket is solved"),
    "TICKET_CLOSED": N_("A ticket is closed"),
    "TICKET_REOPENED": N_("A ticket is open again"),
    "TICKET_CANCELLED": N_("A ticket is taken back"),
    "TICKET_ERASED": N_("What a ticket said is gone"),
    "ASSIGN_TICKET": N_("A ticket is to have an agent"),
    "RAISE_PRIORITY": N_("A ticket is to be more urgent"),
    "FIND_AGENT": N_("An agent is to be found for a ticket"),
    "REPLACE_AGENT": N_("Another agent is to be found for a ticket"),
    "AGENT_AVAILABILITY_CHANGED": N_("An agent takes more, less or other tickets"),
    "SLA_STARTED": N_("A promise is made"),
    "SLA_PAUSED": N_("A promise stands still"),
    "SLA_RESUMED": N_("A promise goes on"),
    "SLA_RECOMPUTED": N_("A promise has another deadline"),
    "SLA_FULFILLED": N_("A promise is kept or over"),
    "SLA_AT_RISK": N_("A promise is at risk"),
    "SLA_BREACHED": N_("A promise is broken"),
    "SLA_LEVEL_REACHED": N_("A promise has come to a level"),
    "SLA_TERMS_CHANGED": N_("Calendars or policies changed"),
    "TICKET_ESCALATED": N_("A ticket is escalated"),
    "USER_REGISTERED": N_("Somebody is new"),
    "USER_CHANGED": N_("Somebody changed"),
    "LANGUAGE_CHOSEN": N_("Somebody chose a language"),
    "PERSON_ERASED": N_("Somebody is to be forgotten"),
    "SESSION_ENDED": N_("A session has ended"),
    "SIGNING_KEY_MADE": N_("Sessions are signed with a new key"),
    "API_KEY_CHANGED": N_("An API key was made or revoked"),
    "API_KEY_USED": N_("An API key was used"),
    "NOTIFICATION_CREATED": N_("Somebody has a notification"),
    "NOTIFICATION_ERASED": N_("A notification has lost its words"),
    "NOTIFICATIONS_READ": N_("Somebody has read notifications"),
    "WEBHOOK_DISABLED": N_("A webhook is disabled"),
    "RECORD_ACT": N_("An act is to be kept in the audit log"),
}


def in_words(type_: str) -> str:
    """Return what a message of a type says, in English; a type that is not known here as it is."""
    return MESSAGES.get(type_, type_)
