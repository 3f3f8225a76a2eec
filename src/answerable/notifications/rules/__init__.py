"""Who is told what, where and in which words; when a mail is tried again. Pure."""

from answerable.notifications.rules.delivery import (
    STATES,
    UNKNOWN,
    Delivery,
    Person,
    decide,
    readdress,
    reconsider,
    why_not_mail,
)
from answerable.notifications.rules.matrix import (
    CHANNELS,
    EMAIL,
    EVENTS,
    SCREEN,
    TYPES,
    Addressee,
    Part,
    addressees,
    doers,
)
from answerable.notifications.rules.post import (
    claimed_until,
    give_up,
    log,
    pause_after,
    put_off,
    requeue,
    sent,
    suppress,
)
from answerable.notifications.rules.reading import read_as
from answerable.notifications.rules.words import Words, names_person, words

__all__ = [
    "CHANNELS",
    "EMAIL",
    "EVENTS",
    "SCREEN",
    "STATES",
    "TYPES",
    "UNKNOWN",
    "Addressee",
    "Delivery",
    "Part",
    "Person",
    "Words",
    "addressees",
    "claimed_until",
    "decide",
    "doers",
    "give_up",
    "log",
    "names_person",
    "pause_after",
    "put_off",
    "read_as",
    "readdress",
    "reconsider",
    "requeue",
    "sent",
    "suppress",
    "why_not_mail",
    "words",
]
