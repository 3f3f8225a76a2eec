"""What an OpenID Connect provider may say, and what follows from it (OpenID Connect Core 1.0, section 3.1). Pure."""

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from answerable.kernel.errors import Invalid
from answerable.kernel.times import MINUTE, SECOND
from answerable.kernel.words import N_
from answerable.users.rules import NAME_LENGTH, ROLES, check_email

ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "EdDSA")  # none with a shared secret, and not "none"
LEEWAY = MINUTE  # that the provider's clock may be off
ATTEMPT_LIFE = 10 * MINUTE
LONGEST_SUBJECT = 255
FAILED = N_("The sign-in with the provider did not succeed. Please try again.")
TOO_LATE = N_("That sign-in took too long, or began in another browser. Please try again.")
NOT_ADMITTED = N_("There is no account for you here. Ask an administrator.")
NOT_LINKED = N_("There is an account with your address already. Sign in with its password.")
UNVERIFIED = N_("The provider does not say that your address is yours.")


class Untrusted(Exception):
    """What the provider says cannot be believed; ``str()`` says why, for the log."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Where the provider is asked."""

    authorize: str
    token: str
    keys: str
    basic: bool
    tells_issuer: bool


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody as the provider knows them. ``roles`` is ``None`` where the desk does not take them from there."""

    issuer: str
    subject: str
    email: str
    verified: bool
    name: str
    roles: tuple[str, ...] | None


def read_discovery(document: object, issuer: str) -> Endpoints:
    """Read a discovery document; raises ``Untrusted`` for one of another issuer or without what is needed."""
    if not isinstance(document, Mapping):
        raise Untrusted("the discovery document is not an object")
    if document.get("issuer") != issuer:
        raise Untrusted("the discovery document is of another issuer")
    found = dict[str, str]()
    for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
        address = document.get(name)
        if not isinstance(address, str) or not address.startswith(("https://", "http://")):
            raise Untrusted(f"the discovery document has no {name}")
        if issuer.startswith("https://") and not address.startswith("https://"):
            raise Untrusted(f"{name} is not https")
        found[name] = address
    methods = document.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    basic = not isinstance(methods, list) or "client_secret_basic" in methods
    tells = document.get("authorization_response_iss_parameter_supported") is True
    authorize, token, keys = found.values()
    return Endpoints(authorize, token, keys, basic, tells)


def code_challenge(verifier: str) -> str:
    """Return what goes ahead of a verifier (RFC 7636, S256)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def check_claims(claims: Mapping[str, Any], *, issuer: str, client: str, nonce: str, now: int) -> None:
    """Raise ``Untrusted`` for claims of an ID token that is not for this desk, this attempt or this time."""
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    party = claims.get("azp")
    if claims.get("iss") != issuer:
        raise Untrusted("the token is of another issuer")
    if client not in audiences:
        raise Untrusted("the token is for somebody else")
    if (len(audiences) > 1 or party is not None) and party != client:
        raise Untrusted("the token was given to somebody else")
    said = claims.get("nonce")
    if not isinstance(said, str) or not hmac.compare_digest(said.encode("utf-8", "replace"), nonce.encode()):
        raise Untrusted("the token is not of this attempt")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= LONGEST_SUBJECT:
        raise Untrusted("the token is about nobody")
    expires, issued = _instant(claims, "exp"), _instant(claims, "iat")
    if expires <= now - LEEWAY:
        raise Untrusted("the token has expired")
    if not now - ATTEMPT_LIFE - LEEWAY <= issued <= now + LEEWAY:
        raise Untrusted("the token was not made just now")
    if "nbf" in claims and _instant(claims, "nbf") > now + LEEWAY:
        raise Untrusted("the token is not good yet")


def identity_of(claims: Mapping[str, Any], issuer: str, claim: str, mapping: Sequence[str]) -> Identity:
    """Return who the claims of a checked ID token are about; raises ``Untrusted`` where nobody can come of them."""
    try:
        email = check_email(str(claims.get("email") or ""))
    except Invalid as error:
        raise Untrusted("the token has no email address") from error
    name = " ".join(str(claims.get("name") or claims.get("preferred_username") or email.partition("@")[0]).split())
    name = "".join(letter for letter in name if letter.isprintable())[: NAME_LENGTH[1]]
    return Identity(
        issuer=issuer,
        subject=str(claims["sub"]),
        email=email,
        verified=claims.get("email_verified") is True,
        name=name if len(name) >= NAME_LENGTH[0] else email[: NAME_LENGTH[1]],
        roles=roles_of(claims, claim, mapping) if claim and mapping else None,
    )


def roles_of(claims: Mapping[str, Any], claim: str, mapping: Sequence[str]) -> tuple[str, ...]:
    """Return the roles that a claim stands for: ``mapping`` has a ``value=ROLE`` each. Nobody is less than USER."""
    found: object = claims
    for part in claim.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    values = (
        {str(value) for value in found} if isinstance(found, list) else {str(found)} if found is not None else set()
    )
    held = {role for value, _, role in (pair.rpartition("=") for pair in mapping) if value in values}
    return tuple(role for role in ROLES if role in held) or ("USER",)


def _instant(claims: Mapping[str, Any], name: str) -> int:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        raise Untrusted(f"the token has no {name}")
    return int(value * SECOND)
