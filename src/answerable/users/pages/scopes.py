"""What a program may do with a key, in words."""

from answerable.kernel.words import N_

SCOPE_NAMES = {
    "tickets:read": N_("Read tickets, comments and categories"),
    "tickets:write": N_("Raise and change tickets, write comments"),
    "tickets:notes": N_("See and write internal notes"),
    "assignment:read": N_("Read who has how much work"),
    "assignment:write": N_("Assign tickets, set availability"),
    "sla:read": N_("Read promises and calendars"),
    "sla:write": N_("Change promises and calendars"),
    "reports:read": N_("Read reports and escalations"),
    "people:read": N_("Read people"),
    "notifications:read": N_("Read notifications"),
    "notifications:write": N_("Mark notifications as read"),
    "live:read": N_("Follow live changes"),
}
