"""What a name, an address, a password and roles must be, and what may change."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from answerable.kernel.errors import Conflict, Invalid, Throttled
from answerable.kernel.times import MINUTE, SECOND
from answerable.users.actions.tries import Tries
from answerable.users.rules import (
    GRANTS,
    ROLES,
    Changes,
    Person,
    change_person,
    check_email,
    check_name,
    check_password,
    check_roles,
    fold,
    grants_of,
    link_token,
    next_mail_try,
)


@pytest.mark.parametrize("name", ["Bo", "x" * 51, " a ", "", "Una\x00User", "Una\u202eUser", "\ud800abc"])
def test_names_that_cannot_be(name: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_name(name)
    assert refusal.value.errors[0].startswith("name: ")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        (" Una \t User\n", "Una User"),
        ("Zoë", "Zoë"),
        ("Zoe\u0308", "Zoë"),
        ("李小龍", "李小龍"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("x" * 50, "x" * 50),
    ],
)
def test_names_are_tidied(name: str, kept: str) -> None:
    assert check_name(name) == kept


@pytest.mark.parametrize(
    "email",
    [
        "",
        "a",
        "ab@",
        "@ab",
        "a@b@c",
        "a b@c.de",
        "a@b..de",
        "a@.de",
        "a@-b.de",
        ".a@b.de",
        "a..b@c.de",
        "a@b.de\r\nBcc: all@desk.test",
        "a\x00@b.de",
        "Una <una@desk.test>",
        "una@desk.test,bob@desk.test",
        f"{'x' * 65}@desk.test",
        f"a@{'x' * 64}.de",
        f"a@{'x.' * 130}de",
        "a\ud800@b.de",
    ],
)
def test_addresses_that_cannot_be(email: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_email(email)
    assert refusal.value.errors[0].startswith("email: ")


@pytest.mark.parametrize("email", ["a@b", "una.user+desk@sub.desk.test", "zoë@bücher.example", "o'neil@desk.test"])
def test_addresses_that_can_be(email: str) -> None:
    assert check_email(f" {email}\n") == email


def test_addresses_are_the_same_however_they_are_written() -> None:
    assert fold("STRASSE@Desk.Test ") == fold("straße@desk.test")
    assert fold("K@desk.test") == fold("K@desk.test")  # the Kelvin sign


@pytest.mark.parametrize("password", ["", "1234567", "x" * 129, "12345678\ud800"])
def test_passwords_that_cannot_be(password: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_password(password, "newPassword")
    assert refusal.value.errors[0].startswith("newPassword: ")


@pytest.mark.parametrize("password", ["12345678", "x" * 128, "пароль длинный", " spaces "])
def test_passwords_that_can_be(password: str) -> None:
    check_password(password)


def test_roles_keep_their_order_and_repeat_nothing() -> None:
    assert check_roles(["ADMIN", "USER", "ADMIN"]) == ("USER", "ADMIN")
    for wrong in ([], ["KING"], ["admin"]):
        with pytest.raises(Invalid):
            check_roles(wrong)


def test_an_administrator_may_all_that_a_manager_may() -> None:
    assert GRANTS["MANAGER"] < GRANTS["ADMIN"]
    assert grants_of(["USER", "AGENT"]) == GRANTS["USER"] | GRANTS["AGENT"]
    assert grants_of(["KING"]) == frozenset()


def person(roles: tuple[str, ...], active: bool) -> Person:
    return Person("p", "Some Body", "p@desk.test", "", roles, active, 1, None, 0, 0)


ROLE_SETS = st.sets(st.sampled_from(ROLES), min_size=1).map(check_roles)


@settings(derandomize=True, max_examples=200)
@given(
    before=st.builds(person, ROLE_SETS, st.booleans()),
    roles=st.none() | ROLE_SETS,
    active=st.none() | st.booleans(),
    by=st.sampled_from(["p", "somebody else"]),
    others=st.integers(0, 2),
)
def test_the_desk_never_loses_its_last_administrator(
    before: Person, roles: tuple[str, ...] | None, active: bool | None, by: str, others: int
) -> None:
    ruled = before.active and "ADMIN" in before.roles
    try:
        after, names = change_person(before, Changes(roles=roles, active=active), by=by, other_admins=others, now=7)
    except Conflict:
        assert ruled
        assert by == "p" or others == 0
        return
    rules = after.active and "ADMIN" in after.roles
    assert rules or not ruled or (others > 0 and by != "p")
    assert (after.session_version > before.session_version) == ("sessions" in names)
    assert ("sessions" in names) == ((after.roles, after.active) != (before.roles, before.active))
    assert (after == before) == (names == [])


def test_links_differ_by_secret_id_and_purpose() -> None:
    made = {link_token(s, i, p) for s in ("s1", "s2") for i in ("1", "2") for p in ("SETUP", "RESET")}
    assert len(made) == 8
    assert all(len(token) == 43 for token in made)


def test_mails_are_tried_less_and_less_often() -> None:
    waits = [next_mail_try(n, 0, 10**12) for n in range(1, 10)]
    assert waits[:3] == [20 * SECOND, 40 * SECOND, 80 * SECOND]
    assert waits[-1] == 10 * MINUTE
    assert next_mail_try(1, 0, 20 * SECOND) is None


def test_tries_are_counted_per_account_and_address() -> None:
    tries = Tries()
    for second in range(3):
        tries.take("una@desk.test", "10.0.0.1", 3, second * SECOND)
    with pytest.raises(Throttled) as refusal:
        tries.take("UNA@desk.test", "10.0.0.1", 3, 3 * SECOND)
    assert refusal.value.retry_after == 15 * 60 - 3
    tries.take("una@desk.test", "10.0.0.2", 3, 4 * SECOND)  # the owner, from home
    tries.take("bob@desk.test", "10.0.0.1", 3, 4 * SECOND)  # a colleague in the same office
    tries.take("una@desk.test", "10.0.0.1", 3, 15 * MINUTE)  # the first one is old by now
    with pytest.raises(Throttled):
        tries.take("una@desk.test", "10.0.0.1", 3, 15 * MINUTE)


def test_many_addresses_cannot_try_one_account_for_long() -> None:
    tries = Tries()
    for number in range(15):
        tries.take("una@desk.test", f"10.0.0.{number}", 3, number)
    with pytest.raises(Throttled):
        tries.take("una@desk.test", "10.0.1.1", 3, 20)
    tries.forget("una@desk.test")
    tries.take("una@desk.test", "10.0.1.1", 3, 20)


def test_a_success_takes_back_its_own_try() -> None:
    tries = Tries()
    for second in range(100):
        tries.take("una@desk.test", "10.0.0.1", 3, second)
        tries.succeeded("una@desk.test", "10.0.0.1", second)


def test_tries_keep_a_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("answerable.users.actions.tries.KNOWN", 50)
    tries = Tries()
    for number in range(1000):
        tries.take(f"p{number}@desk.test", f"10.0.{number // 256}.{number % 256}", 3, number)
    assert len(tries._at) <= 50
