"""What a name, an address, a password and roles must be, and what may change."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from answerable.kernel.errors import Conflict, Invalid
from answerable.kernel.places import place_of
from answerable.kernel.times import MINUTE, SECOND
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
from answerable.users.rules.tries import Count, Counters, Limit, one_less, one_more, wait_of


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


LIMIT = Limit("k", 3)


def test_the_first_tries_cost_nothing_and_then_each_waits_twice_as_long() -> None:
    count, now, waits = None, 0, []
    for _ in range(14):
        count = one_more(count, LIMIT, now)
        waits.append(wait_of(count, now) // SECOND)
        now = max(now, count.until)
    assert waits[:8] == [0, 0, 30, 60, 120, 240, 480, 960]
    assert waits[-1] == 3600  # nobody waits for longer than an hour
    assert count is not None
    assert one_more(count, LIMIT, count.forget_at).failures == 1  # a quiet while, and all is forgotten
    assert one_more(count, Limit("k", 3, MINUTE), now).until == now + MINUTE


@given(st.lists(st.booleans(), max_size=60))
def test_a_success_takes_back_its_own_try(tries: list[bool]) -> None:
    """Whatever the order, what is left counts the failures since the last quiet while, and no success."""
    count: Count | None = None
    for number, right in enumerate(tries):
        count = one_more(count, LIMIT, number)
        if right:
            count = one_less(count, LIMIT)
    assert (count.failures if count else 0) == tries.count(False)
    assert wait_of(count, len(tries)) == 0 if tries.count(False) < 3 else True


def test_what_is_counted_is_named_so_that_nothing_can_be_read_from_it() -> None:
    names = Counters("a secret" * 5, 3, 100)
    (both, account, place, all_), known = names.sign_in("Una@desk.test", "10.0.0.1")
    assert (both.allowed, account.allowed, place.allowed, all_.allowed) == (3, 15, 15, 100)
    assert names.sign_in(" UNA@DESK.test", "10.0.0.1") == ([both, account, place, all_], known)
    (other, same, elsewhere, _), unknown = names.sign_in("una@desk.test", "10.0.0.2")
    assert (other.key != both.key, same.key == account.key, elsewhere.key != place.key) == (True, True, True)
    assert unknown != known
    assert Counters("another" * 5, 3, 100).sign_in("Una@desk.test", "10.0.0.1")[0][1].key != account.key
    assert not any("una" in limit.key or "10." in limit.key for limit in (both, account, place, all_))


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::1%eth0", "2001:db8:1:2::"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("unknown", "unknown"),
    ],
)
def test_one_house_is_one_address(address: str, place: str) -> None:
    assert place_of(address) == place
