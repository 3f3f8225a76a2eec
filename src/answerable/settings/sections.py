"""What can be set, with its default. Every field has a ``doc``; ``docs/settings.md`` is generated from them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from ipaddress import ip_network
from typing import Any

from answerable.kernel.errors import Invalid

PREFIX = "ANSWERABLE"
_PEER = re.compile(r"https?://[^/?#@\s]+/?")
_BUS_URL = re.compile(r"|kafka://[^\s,/@:]+:\d{1,5}(,[^\s,/@:]+:\d{1,5})*/?")
_ROLE_PAIR = re.compile(r".+=(USER|AGENT|MANAGER|ADMIN)")
_MECHANISMS = ("", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
DEFAULT_CATEGORIES = ("HARDWARE", "SOFTWARE", "NETWORK", "ACCESS", "OTHER")


MASK = "********"
SHORT_NAMES = {
    "ANSWERABLE_DATABASE": "ANSWERABLE_STORAGE_DATABASE",
    "ANSWERABLE_DATABASE_FILE": "ANSWERABLE_STORAGE_DATABASE_FILE",
}


def setting(default: Any, doc: str, *, secret: bool = False, shown: Callable[[Any], str] | None = None) -> Any:
    """Declare a setting with its default and its one-line ``doc``.

    A ``secret`` one is masked when it is shown; ``shown`` masks the secret part of another.
    """
    return field(default=default, metadata={"doc": doc, "secret": secret, "shown": shown})


def may_hold_secret(known: Any) -> bool:
    """Tell whether the value of a field is a secret or has one in it."""
    return bool(known.metadata["secret"] or known.metadata["shown"])


def holds_secret(known: Any, value: Any) -> bool:
    """Tell whether ``value`` would be a secret of the field ``known``, or has one in it."""
    masked = known.metadata["shown"]
    return bool(value) and bool(known.metadata["secret"] or (masked and masked(value) != value))


def without_password(address: str) -> str:
    """Return a database's address with its passwords masked; rather too much of it than too little."""
    masked = re.sub(r"^(\w+://[^:@/?]*):.*@", rf"\1:{MASK}@", address, flags=re.DOTALL)
    return re.sub(r"(password=)[^&]*", rf"\1{MASK}", masked, flags=re.IGNORECASE)


@dataclass(frozen=True)
class Server:
    """Where the desk answers."""

    host: str = setting("127.0.0.1", "Address to listen on.")
    port: int = setting(8765, "Port to listen on; 0 takes a free one.")
    workers: int = setting(1, "Processes that answer; more than 1 on PostgreSQL only.")
    public_url: str = setting(
        "", "The desk's address as people see it, for links in mail; empty: made from host and port."
    )
    log_format: str = setting("text", "text for people, json for machines.")
    max_body_bytes: int = setting(1_048_576, "Largest request body in bytes.")
    cors_origins: tuple[str, ...] = setting(
        ("http://localhost:4200", "http://127.0.0.1:4200"), "Web origins whose scripts may call the API."
    )
    metrics_networks: tuple[str, ...] = setting(
        ("127.0.0.0/8", "::1/128"), "Networks that may read /metrics; others get 404."
    )
    trusted_proxies: tuple[str, ...] = setting(
        (), "Networks of proxies whose X-Forwarded-For is believed; from elsewhere it is not."
    )
    head_seconds: float = setting(
        20.0, "Longest time for the head of a request, from the first byte or the connection."
    )
    body_seconds: float = setting(60.0, "Longest time for the body of a request.")
    read_seconds: float = setting(60.0, "How long a client may take none of what is sent to it.")
    live_heartbeat_seconds: float = setting(15.0, "Seconds between heartbeats on a live stream.")
    live_ring: int = setting(4096, "How many live signals are kept for clients that come back.")


@dataclass(frozen=True)
class Storage:
    """Where the desk keeps what it knows."""

    data_dir: str = setting("data", "Folder of the SQLite database and the secret.")
    database: str = setting(
        "",
        "PostgreSQL to use instead, postgresql://user:password@host:5432/name (several hosts with commas between); "
        "empty: SQLite in the data folder. Also ANSWERABLE_DATABASE.",
        shown=without_password,
    )
    schema: str = setting("", "PostgreSQL schema; empty: answerable, or the names of the services where only some run.")
    connections: int = setting(8, "PostgreSQL connections for reading, of each process; writing takes one more.")
    wait_seconds: float = setting(
        5.0, "How long a request waits for a PostgreSQL that cannot be reached, before it is told 503."
    )
    secret: str = setting(
        "", "At least 32 characters; empty: made at first start and kept in the data folder.", secret=True
    )
    keep_messages_days: int = setting(
        7, "Days for which a consumer remembers what it has done, so that a repeat is known."
    )


@dataclass(frozen=True)
class Bus:
    """What messages travel on: this process alone, or Kafka."""

    url: str = setting("", "kafka://host:9092[,host:9092]; empty: messages stay in this process.")
    prefix: str = setting("answerable", "First word of the topics and consumer groups; one for each desk.")
    partitions: int = setting(6, "Partitions of a topic that is made; later changes of the number break the order.")
    replication: int = setting(1, "Copies of a topic that is made; 3 where there are as many brokers.")
    retention_days: int = setting(7, "Days for which a topic that is made keeps its messages.")
    security: str = setting("plain", "plain or tls.")
    ca_file: str = setting("", "PEM file of the authorities that may vouch for the broker; empty: the system's.")
    mechanism: str = setting("", "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty: no sign-in.")
    username: str = setting("", "User for the sign-in.")
    password: str = setting("", "Password for the sign-in.", secret=True)

    @property
    def servers(self) -> list[str]:
        """Return the brokers as ``host:port``, none where messages stay in this process."""
        return [server for server in self.url.removeprefix("kafka://").rstrip("/").split(",") if server]


@dataclass(frozen=True)
class Auth:
    """Who may come in."""

    registration: bool = setting(True, "Whether anybody may register.")
    verify_email: bool = setting(False, "Whether a new address must be confirmed by mail before it can sign in.")
    issuer: str = setting("answerable", "iss of the access tokens.")
    audience: str = setting("answerable", "aud of the access tokens.")
    access_seconds: int = setting(3600, "Life of an access token in seconds.")
    refresh_days: int = setting(30, "Life of a refresh token in days.")
    session_days: int = setting(30, "Days after which a browser must sign in again in any case.")
    session_idle_hours: int = setting(72, "Hours without use after which a browser must sign in again.")
    login_tries: int = setting(10, "Failed sign-ins for an account from one address before 429; then waits grow.")
    login_tries_in_all: int = setting(1000, "Failed sign-ins of all together before strangers wait for a minute.")
    require_second_factor: tuple[str, ...] = setting(
        (), "Roles that need a second factor to sign in, such as AGENT,MANAGER,ADMIN."
    )
    second_factor_grace_days: int = setting(
        7, "Days from their first sign-in on for which people of these roles come in without."
    )


@dataclass(frozen=True)
class Oidc:
    """Sign-in with an OpenID Connect provider, beside passwords."""

    issuer: str = setting("", "The provider's issuer, such as https://login.example.com/realms/desk; empty: none.")
    client_id: str = setting("", "What the provider calls this desk.")
    client_secret: str = setting("", "The secret that the provider gave this desk.", secret=True)
    name: str = setting("", "What the button on the sign-in page calls the provider; empty: the issuer's host.")
    scopes: tuple[str, ...] = setting(("openid", "email", "profile"), "What is asked for.")
    roles_claim: str = setting("", "Claim of the ID token that tells roles, such as groups; dots lead into objects.")
    roles: tuple[str, ...] = setting(
        (), "value=ROLE for each value of that claim that counts, such as desk-admins=ADMIN; whoever has none is USER."
    )
    create_accounts: bool = setting(True, "Whether somebody new gets an account when they first come in.")
    link_by_email: bool = setting(
        False, "Whether somebody whose verified address has an account already comes into that account."
    )
    trust_second_factor: bool = setting(
        False, "Whether the provider asks for second factors, so that the desk does not."
    )
    allow_http: bool = setting(False, "Whether the provider may be reached without TLS, on this machine: for tests.")
    private_networks: tuple[str, ...] = setting(
        (), "Networks that are not public and in which the provider may be, such as 10.1.0.0/16."
    )
    timeout_seconds: float = setting(10.0, "Longest wait for the provider.")


@dataclass(frozen=True)
class Mail:
    """How mail leaves the desk. Without a host, mails are logged and kept readable by ADMIN."""

    host: str = setting("", "SMTP server; empty: no mail is sent.")
    port: int = setting(587, "SMTP port.")
    username: str = setting("", "SMTP user; empty: no sign-in.")
    password: str = setting("", "SMTP password.", secret=True)
    security: str = setting("starttls", "starttls, tls or none.")
    sender: str = setting("Answerable <desk@localhost>", "From address.")
    timeout_seconds: float = setting(20.0, "Longest wait for the SMTP server.")
    give_up_hours: int = setting(24, "After how many hours of failed tries a mail is marked failed.")


@dataclass(frozen=True)
class Tickets:
    """Tickets and their life."""

    auto_close_days: float = setting(7.0, "Days after which a resolved ticket closes by itself; 0: never.")
    categories: tuple[str, ...] = setting(DEFAULT_CATEGORIES, "Categories of a new desk; ADMIN edits them later.")


@dataclass(frozen=True)
class Assignment:
    """Who gets a ticket."""

    capacity: int = setting(20, "Open tickets at once for an agent whose capacity nobody has set.")


@dataclass(frozen=True)
class Sla:
    """Promises of the default policy (24x7)."""

    warn_share: float = setting(0.75, "Share of the time used at which a promise is at risk.")


@dataclass(frozen=True)
class Peers:
    """The other services, where they run apart: what the gateway needs to reach them, and how they know it."""

    users: str = setting("", "Address of the users service, such as http://users:8081.")
    tickets: str = setting("", "Address of the tickets service.")
    assignment: str = setting("", "Address of the assignment service (with SLA).")
    notifications: str = setting("", "Address of the notifications service.")
    reporting: str = setting("", "Address of the reporting service.")
    mirror: str = setting("", "Address of the mirror's process, for 'answerable top'; it serves nobody else.")
    secret: str = setting(
        "",
        "Shared by gateway and services, at least 32 characters: signs who asks, and services take nothing else.",
        secret=True,
    )
    timeout_seconds: float = setting(30.0, "Longest silence of a service within one answer.")

    @property
    def urls(self) -> dict[str, str]:
        """Return the address of each service that has one."""
        names = ("users", "tickets", "assignment", "notifications", "reporting", "mirror")
        return {name: getattr(self, name) for name in names if getattr(self, name)}


@dataclass(frozen=True)
class Mirror:
    """A copy for readers of MongoDB; needs the extra ``answerable[mongodb]``."""

    url: str = setting("", "mongodb://user:password@host/database that is kept current; empty: no mirror.", secret=True)
    timeout_seconds: float = setting(10.0, "Longest wait for the MongoDB server.")


@dataclass(frozen=True)
class Limits:
    """How much each caller may ask for, in each process; 0 is no limit."""

    account: float = setting(100.0, "Requests a second of a person or an API key; ten seconds' worth may come at once.")
    address: float = setting(50.0, "Requests a second from an address where nobody is signed in.")
    costly: float = setting(10.0, "Of those, requests a second for figures, back-tests and lists of everybody.")
    at_once: int = setting(16, "Requests of one caller that run side by side; further ones wait for their turn.")


@dataclass(frozen=True)
class Webhooks:
    """How other programs are told of events."""

    private_networks: tuple[str, ...] = setting(
        (), "Networks that are not public and may be told all the same, such as 10.1.0.0/16; also allows http there."
    )
    timeout_seconds: float = setting(15.0, "Longest time for one delivery.")
    give_up_hours: int = setting(72, "After how many hours of failed tries a delivery is given up.")
    disable_days: int = setting(5, "Days without a success after which an endpoint is disabled.")
    keep_days: int = setting(14, "Days for which deliveries that are done are kept.")


@dataclass(frozen=True)
class Settings:
    """All settings of one process. ``origins`` tells where each value that is not a default came from."""

    server: Server = Server()
    storage: Storage = Storage()
    bus: Bus = Bus()
    auth: Auth = Auth()
    oidc: Oidc = Oidc()
    mail: Mail = Mail()
    tickets: Tickets = Tickets()
    assignment: Assignment = Assignment()
    sla: Sla = Sla()
    limits: Limits = Limits()
    webhooks: Webhooks = Webhooks()
    peers: Peers = Peers()
    mirror: Mirror = Mirror()
    origins: Mapping[str, str] = field(default_factory=dict)

    @property
    def public_url(self) -> str:
        """Return the desk's address without a slash at its end."""
        host = f"[{self.server.host}]" if ":" in self.server.host else self.server.host
        return (self.server.public_url or f"http://{host}:{self.server.port}").rstrip("/")

    def with_values(self, origin: str, **values: Any) -> "Settings":
        """Return these settings with ``section__name=value`` changed and ``origin`` noted; ``None`` changes nothing."""
        result, origins = self, dict(self.origins)
        for dotted, value in values.items():
            if value is None:
                continue
            section, _, name = dotted.partition("__")
            result = replace(result, **{section: replace(getattr(result, section), **{name: value})})
            origins[f"{section}.{name}"] = origin
        return replace(result, origins=origins)


def sections() -> dict[str, type]:
    """Return the name and class of each section of settings."""
    return {f.name: type(f.default) for f in fields(Settings) if f.name != "origins"}


def checked(settings: Settings) -> Settings:
    """Return the settings where they can work; raise ``Invalid`` naming the setting where not."""
    wrong = [
        *_unless(settings.server.log_format in ("text", "json"), "server.log_format: must be text or json."),
        *_unless(0 <= settings.server.port <= 65535, "server.port: must be 0 to 65535."),
        *_unless(1 <= settings.server.workers <= 64, "server.workers: must be 1 to 64."),
        *_unless(settings.server.max_body_bytes >= 1024, "server.max_body_bytes: must be at least 1024."),
        *_unless(all(map(_is_network, settings.server.metrics_networks)), "server.metrics_networks: must be networks."),
        *_unless(all(map(_is_network, settings.server.trusted_proxies)), "server.trusted_proxies: must be networks."),
        *[
            f"server.{name}: must be more than 0."
            for name in ("head_seconds", "body_seconds", "read_seconds")
            if getattr(settings.server, name) <= 0
        ],
        *[
            f"limits.{name}: must be 0 or more."
            for name in ("account", "address", "costly", "at_once")
            if getattr(settings.limits, name) < 0
        ],
        *_wrong_about_the_bus(settings.bus),
        *_wrong_about_the_provider(settings.oidc),
        *_unless(1 <= settings.storage.connections <= 100, "storage.connections: must be 1 to 100."),
        *_unless(0 < settings.storage.wait_seconds <= 60, "storage.wait_seconds: must be more than 0, at most 60."),
        *_unless(settings.auth.access_seconds > 0, "auth.access_seconds: must be more than 0."),
        *_unless(settings.auth.refresh_days > 0, "auth.refresh_days: must be more than 0."),
        *_unless(settings.auth.session_days > 0, "auth.session_days: must be more than 0."),
        *_unless(settings.auth.session_idle_hours > 0, "auth.session_idle_hours: must be more than 0."),
        *_unless(settings.auth.login_tries > 0, "auth.login_tries: must be more than 0."),
        *_unless(settings.auth.login_tries_in_all > 0, "auth.login_tries_in_all: must be more than 0."),
        *_unless(settings.auth.second_factor_grace_days >= 0, "auth.second_factor_grace_days: must be 0 or more."),
        *_unless(settings.tickets.auto_close_days >= 0, "tickets.auto_close_days: must be 0 or more."),
        *_unless(settings.assignment.capacity >= 0, "assignment.capacity: must be 0 or more."),
        *_unless(all(map(_is_network, settings.oidc.private_networks)), "oidc.private_networks: must be networks."),
        *_unless(
            all(map(_is_network, settings.webhooks.private_networks)), "webhooks.private_networks: must be networks."
        ),
        *_unless(
            0 < settings.webhooks.timeout_seconds <= 60, "webhooks.timeout_seconds: must be more than 0, at most 60."
        ),
        *_unless(settings.webhooks.give_up_hours > 0, "webhooks.give_up_hours: must be more than 0."),
        *_unless(settings.webhooks.disable_days > 0, "webhooks.disable_days: must be more than 0."),
        *_unless(settings.webhooks.keep_days > 0, "webhooks.keep_days: must be more than 0."),
        *_unless(settings.peers.timeout_seconds > 0, "peers.timeout_seconds: must be more than 0."),
        *[
            f"peers.{name}: must be an address such as http://{name}:8081."
            for name, url in settings.peers.urls.items()
            if not _PEER.fullmatch(url)
        ],
        *_unless(0 < settings.sla.warn_share < 1, "sla.warn_share: must be between 0 and 1."),
        *_unless(settings.mirror.timeout_seconds > 0, "mirror.timeout_seconds: must be more than 0."),
    ]
    if wrong:
        raise Invalid(wrong[0], errors=tuple(wrong[1:]))
    return settings


def _wrong_about_the_bus(bus: Bus) -> list[str]:
    # What was given for bus.url is not repeated: people put passwords into addresses.
    signs_in = bus.mechanism != ""
    return [
        *_unless(_BUS_URL.fullmatch(bus.url), "bus.url: must be kafka://host:port[,host:port], without a password."),
        *_unless(re.fullmatch(r"[A-Za-z0-9._-]{1,100}", bus.prefix), "bus.prefix: must be letters, digits, . _ or -."),
        *_unless(1 <= bus.partitions <= 1000, "bus.partitions: must be 1 to 1000."),
        *_unless(1 <= bus.replication <= 9, "bus.replication: must be 1 to 9."),
        *_unless(bus.retention_days >= 1, "bus.retention_days: must be 1 or more."),
        *_unless(bus.security in ("plain", "tls"), "bus.security: must be plain or tls."),
        *_unless(bus.mechanism in _MECHANISMS, "bus.mechanism: must be PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512."),
        *_unless(not signs_in or (bus.username and bus.password), "bus.mechanism: needs a username and a password."),
    ]


def _wrong_about_the_provider(oidc: Oidc) -> list[str]:
    if not oidc.issuer:
        return []
    schemes = r"https?" if oidc.allow_http else "https"
    return [
        *_unless(re.fullmatch(rf"{schemes}://[^\s?#@]+", oidc.issuer), "oidc.issuer: must be an address with https."),
        *_unless(oidc.client_id and oidc.client_secret, "oidc.client_id, oidc.client_secret: are needed."),
        *_unless("openid" in oidc.scopes, "oidc.scopes: must have openid."),
        *_unless(all(map(_ROLE_PAIR.fullmatch, oidc.roles)), "oidc.roles: must be value=ROLE."),
        *_unless(0 < oidc.timeout_seconds <= 60, "oidc.timeout_seconds: must be more than 0, at most 60."),
    ]


def _unless(fits: object, complaint: str) -> list[str]:
    return [] if fits else [complaint]


def _is_network(text: str) -> object:
    try:
        return ip_network(text)
    except ValueError:
        return None
