"""Settings from a document with parts, from the environment, and secrets from files."""

from pathlib import Path

import pytest

from answerable.kernel.errors import Invalid
from answerable.settings import Document, Settings, load_settings, read_file

SERVICES = ("gateway", "users", "tickets")
SECRET = "it's nobody's business but ours"
SHARED = """
[server]
host = "0.0.0.0"
port = 8765

[peers]
tickets = "http://tickets:8782"

[service.tickets.server]
port = 8782

[service.users.server]
port = 8781
log_format = "json"
"""


def read(text: str, service: str = "", **environment: str) -> Settings:
    variables = {f"ANSWERABLE_{name}": value for name, value in environment.items()}
    return load_settings(Document("desk.toml", text), variables, service, SERVICES)


def test_one_document_configures_every_service() -> None:
    gateway, users, tickets = (read(SHARED, name) for name in SERVICES)
    assert (gateway.server.port, users.server.port, tickets.server.port) == (8765, 8781, 8782)
    assert {each.server.host for each in (gateway, users, tickets)} == {"0.0.0.0"}
    assert (users.server.log_format, tickets.server.log_format) == ("json", "text")
    assert {each.peers.tickets for each in (gateway, users, tickets)} == {"http://tickets:8782"}
    assert read(SHARED).server.port == 8765


def test_what_was_said_where_is_remembered() -> None:
    tickets = read(SHARED, "tickets")
    assert tickets.origins["server.host"] == "desk.toml"
    assert tickets.origins["server.port"] == "desk.toml [service.tickets]"


def test_the_environment_has_the_last_word() -> None:
    assert read(SHARED, "tickets", SERVER_PORT="9").server.port == 9


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[servr]\n", "desk.toml: unknown section [servr]. Known: server, storage, "),
        ("[server]\nprt = 1\n", "desk.toml: no such setting: server.prt."),
        ("server = 1\n", "desk.toml: [server] must be a section."),
        ("[server]\nport = 'x'\n", "desk.toml: server.port: must be a whole number, not 'x'."),
        ("[service.tickts.server]\nport = 1\n", "desk.toml: unknown service [service.tickts]. Known: gateway, users,"),
        ("[service]\ntickets = 1\n", "desk.toml: [service.tickets] must be a section."),
        ("service = 1\n", "desk.toml: [service] must be a section."),
        ("[service.users.server]\nprt = 1\n", "desk.toml [service.users]: no such setting: server.prt."),
        ("[service.users.servr]\n", "desk.toml [service.users]: unknown section [servr]."),
        ("[service.users.server]\nport = true\n", "desk.toml [service.users]: server.port: must be a whole number"),
        ("\n\n\n\n\n[server]\nport 1\n", "at line 7"),
        ("[server]\nport = 70000\n", "server.port: must be 0 to 65535."),
        (
            "[peers]\ntickets = 'http://ann:wonder@tickets'\n",
            "peers.tickets: must be an address such as http://tickets:8081",
        ),
        ("[peers]\ntickets = 'tickets:80'\n", "peers.tickets: must be an address such as http://tickets:8081"),
        (
            "[peers]\ntickets = 'http://tickets:80/api'\n",
            "peers.tickets: must be an address such as http://tickets:8081",
        ),
    ],
)
def test_slips_are_named_whichever_service_starts(text: str, complaint: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(text, "tickets")
    assert complaint in caught.value.message
    assert "wonder" not in caught.value.message


def test_a_secret_that_is_not_a_text_is_not_repeated() -> None:
    with pytest.raises(Invalid) as caught:
        read("[mail]\npassword = 8472619305\n")
    assert caught.value.message == "desk.toml: mail.password: must be a text."


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_comes_from_a_file(tmp_path: Path, end: str) -> None:
    path = tmp_path / "password"
    path.write_bytes((SECRET + end).encode())
    settings = read("", MAIL_PASSWORD_FILE=str(path))
    assert settings.mail.password == SECRET
    assert settings.origins["mail.password"] == f"ANSWERABLE_MAIL_PASSWORD_FILE ({path})"


def test_a_secret_keeps_its_blanks(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("  two  words \n")
    assert read("", MAIL_PASSWORD_FILE=str(tmp_path / "password")).mail.password == "  two  words "


def test_files_without_a_secret_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\xfd")
    (tmp_path / "large").write_text("x" * 70_000)
    for name, reason in {
        "missing": "cannot be read (No such file or directory)",
        "empty": "is empty",
        "bytes": "cannot be read (it is not text)",
        "large": "is too large for a secret",
        "": "cannot be read (Is a directory)",
    }.items():
        path = str(tmp_path / name) if name else str(tmp_path)
        with pytest.raises(Invalid) as caught:
            read("", STORAGE_SECRET_FILE=path)
        assert caught.value.message == f"ANSWERABLE_STORAGE_SECRET_FILE: {path} {reason}."


def test_a_document_that_cannot_be_read_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\xfd")
    for path, reason in ((tmp_path / "missing", "No such file or directory"), (tmp_path / "bytes", "it is not text")):
        with pytest.raises(Invalid) as caught:
            read_file(path)
        assert caught.value.message == f"{path}: cannot be read ({reason})."


def test_a_secret_in_two_places_is_refused(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(SECRET)
    for names in (("MAIL_PASSWORD", "MAIL_PASSWORD_FILE"), ("MAIL_PASSWORD_FILE", "MAIL_PASSWORD")):
        values = {"MAIL_PASSWORD": SECRET, "MAIL_PASSWORD_FILE": str(tmp_path / "password")}
        with pytest.raises(Invalid) as caught:
            read("", **{name: values[name] for name in names})
        assert (
            caught.value.message == f"ANSWERABLE_{names[0]} and ANSWERABLE_{names[1]} are both set. Keep one of them."
        )


def test_only_secrets_are_read_from_files(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"only secrets are read from files\. Set ANSWERABLE_MAIL_HOST"):
        read("", MAIL_HOST_FILE=str(tmp_path / "host"))
    with pytest.raises(Invalid, match="ANSWERABLE_MAIL_NOTHING_FILE: no such setting"):
        read("", MAIL_NOTHING_FILE=str(tmp_path / "host"))
    with pytest.raises(Invalid, match="ANSWERABLE_CONFIG_FILE: no such setting"):
        read("", CONFIG_FILE=str(tmp_path / "host"))


def test_where_settings_come_from_is_no_setting() -> None:
    assert read("", CONFIG="x", CONFIG_CA="x", CONFIG_SHA256="x", SERVICE="x") == read("")


def test_a_shared_document_holds_no_secret() -> None:
    for text in (f'[mail]\npassword = "{SECRET}"\n', f'[service.users.mail]\npassword = "{SECRET}"\n'):
        with pytest.raises(Invalid) as caught:
            load_settings(Document("https://conf.test/desk.toml", text, "that is so"), {}, "tickets", SERVICES)
        assert "mail.password is a secret, and that is so. Set ANSWERABLE_MAIL_PASSWORD or" in caught.value.message
        assert "ANSWERABLE_MAIL_PASSWORD_FILE instead" in caught.value.message
        assert SECRET not in caught.value.message
    empty = load_settings(Document("https://conf.test/desk.toml", '[mail]\npassword = ""\n', "that is so"), {})
    assert empty.mail.password == ""


def test_a_file_that_everybody_reads_holds_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "desk.toml"
    path.write_text(f'[mail]\npassword = "{SECRET}"\n')
    path.chmod(0o644)
    with pytest.raises(Invalid, match="everybody on this machine may read the file") as caught:
        load_settings(read_file(path), {})
    assert SECRET not in caught.value.message
    path.chmod(0o640)
    assert load_settings(read_file(path), {}).mail.password == SECRET
    path.write_text('[mail]\nhost = "mail.test"\n')
    path.chmod(0o644)
    assert load_settings(read_file(path), {}).mail.host == "mail.test"


def test_an_address_of_the_sixth_kind_stands_in_brackets() -> None:
    settings = Settings().with_values("test", server__host="::1", server__port=8765)
    assert settings.public_url == "http://[::1]:8765"
