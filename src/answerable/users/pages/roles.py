"""What people call the roles, and what each may."""

from answerable.kernel.words import N_

ROLE_NAMES = {
    "USER": (N_("Requester"), N_("raises tickets and follows their own")),
    "AGENT": (N_("Agent"), N_("works on tickets")),
    "MANAGER": (N_("Manager"), N_("sees every ticket, assigns, reads reports")),
    "ADMIN": (N_("Administrator"), N_("all of that, and people, categories and operation")),
}
