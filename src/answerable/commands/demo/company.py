"""The people of the demo and what they ask for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Role:
    """Somebody in the company. ``skills`` are categories, for agents."""

    key: str
    name: str
    roles: tuple[str, ...]
    skills: tuple[str, ...] = ()

    @property
    def email(self) -> str:
        """Return the person's address, in a domain that never gets mail."""
        return f"{self.key}@demo.example"


PEOPLE = (
    Role("ada", "Ada Admin", ("ADMIN",)),
    Role("max", "Max Manager", ("MANAGER",)),
    Role("mia", "Mia Manager", ("MANAGER", "AGENT")),
    Role("abe", "Abe Agnew", ("AGENT",), ("HARDWARE", "NETWORK")),
    Role("bea", "Bea Bright", ("AGENT",), ("SOFTWARE",)),
    Role("cem", "Cem Cakir", ("AGENT",), ("ACCESS",)),
    Role("dora", "Dora Dunn", ("AGENT",)),
    Role("una", "Una Ulrich", ("USER",)),
    Role("otto", "Otto Olsen", ("USER",)),
    Role("pia", "Pia Petit", ("USER",)),
    Role("raj", "Raj Rao", ("USER",)),
    Role("sue", "Sue Smith", ("USER",)),
    Role("tom", "Tom Thorne", ("USER",)),
)
AGENTS = tuple(who for who in PEOPLE if "AGENT" in who.roles)
REQUESTERS = tuple(who for who in PEOPLE if who.roles == ("USER",))
# What the desk promises at first for an answer, in minutes: its agents keep it nine times in ten.
ANSWERED_WITHIN = {"CRITICAL": 15, "HIGH": 60, "MEDIUM": 120, "LOW": 480}


@dataclass(frozen=True)
class Wish:
    """Something to ask for, and what is said about it: an agent's ``answer``, the ``reply`` to it, the last words."""

    title: str
    description: str
    category: str
    priority: str
    answer: str
    reply: str
    closing: str


WISHES = (
    Wish(
        "Printer on the third floor is jammed",
        "The big printer next to the kitchen shows E-52 and takes no paper. We have a mailing to send today.",
        "HARDWARE",
        "MEDIUM",
        "Could you open the rear door and tell me whether the green lever is up?",
        "It was down. I put it up and it prints again, thank you.",
        "Good. I have asked the technician to fix that lever for good. I am closing this for now.",
    ),
    Wish(
        "No access to the shared invoices folder",
        "Since I moved to accounting on Monday I get 'permission denied' on the invoices share.",
        "ACCESS",
        "HIGH",
        "I have asked your team lead to approve it. Are you in the group ACC-READ already?",
        "My lead just approved it.",
        "You are in the group now. Please sign out and in again, then the folder opens.",
    ),
    Wish(
        "Laptop does not wake up after lunch",
        "Every day after the break the screen stays black and I have to hold the power button.",
        "HARDWARE",
        "LOW",
        "Please install the firmware update from the company portal tonight, then tell me how it wakes up.",
        "It woke up fine this morning.",
        "Glad to hear it. If the screen stays black once more, just answer here.",
    ),
    Wish(
        "VPN drops every ten minutes",
        "At home the VPN connects, then drops after about ten minutes. Video calls are not possible.",
        "NETWORK",
        "HIGH",
        "Which client version do you see under Help, About?",
        "It says 5.1.2. A colleague has 5.3.",
        "That is the cause: 5.1.2 drops long connections. I have sent 5.3 to your laptop, it comes at the next start.",
    ),
    Wish(
        "Spreadsheet add-in vanished after the update",
        "The reporting add-in is gone since last night. Month-end closing starts tomorrow.",
        "SOFTWARE",
        "HIGH",
        "The update switched it off. File, Options, Add-ins: is it listed as disabled?",
        "Yes, it was disabled there. All good now.",
        "Good. I have made sure that the next update leaves it on.",
    ),
    Wish(
        "Web shop answers with an error page",
        "Customers report an error page when they pay. It began about twenty minutes ago.",
        "SOFTWARE",
        "CRITICAL",
        "We see it too. The payment provider has an outage; I switched to the second one.",
        "Orders come in again.",
        "We watched it for a while: payments are back to normal. We stay on the second provider until tomorrow.",
    ),
    Wish(
        "New colleague needs a phone and an account",
        "Nora starts on the first of next month in sales and needs a laptop, a phone and the usual accounts.",
        "ACCESS",
        "MEDIUM",
        "Ordered. Which phone number should she get: a new one, or Peter's old one?",
        "Peter's old number, please.",
        "Done: laptop, phone with Peter's number and the accounts are ready for the first of the month.",
    ),
    Wish(
        "Meeting room screen shows no signal",
        "In room Oslo the screen says 'no signal' with every laptop we tried.",
        "HARDWARE",
        "MEDIUM",
        "I replaced the cable behind the table. Please try once more.",
        "Works now.",
        "Thank you for looking. There is a spare cable in the cupboard now.",
    ),
    Wish(
        "Wi-Fi is slow in the warehouse",
        "The scanners in hall 2 take half a minute to book a pallet. In hall 1 it is fine.",
        "NETWORK",
        "MEDIUM",
        "We see an access point that is down in hall 2. A replacement is on its way.",
        "Thank you. Hall 2 is still slow today.",
        "The new access point has been running in hall 2 for ten minutes now. The scanners book at once.",
    ),
    Wish(
        "Cannot reset my password",
        "The page says that the link has expired, although I clicked it right away.",
        "ACCESS",
        "MEDIUM",
        "Did you use the newest of the mails? Older links stop working when a new one is sent.",
        "Ah, I took the first one. It worked with the newest.",
        "Good. We will say in the mail that only the newest link works.",
    ),
    Wish(
        "Suspicious mail asks for my bank details",
        "I got a mail that looks like it is from our payroll department. I did not click anything.",
        "OTHER",
        "HIGH",
        "Well spotted. We have blocked the sender for everybody.",
        "Good to know.",
        "Thank you for telling us. Nobody else opened it.",
    ),
    Wish(
        "Request for a second monitor",
        "I work with two spreadsheets side by side all day and would like a second monitor.",
        "HARDWARE",
        "LOW",
        "We have a 27 inch one in stock. Shall I bring it on Thursday?",
        "Thursday is perfect.",
        "It stands on your desk. The cable is in the box, in case you want it on the other side.",
    ),
)
