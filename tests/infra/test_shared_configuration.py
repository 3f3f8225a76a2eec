"""A configuration at an https address: checked, copied for the time when its source is away, never trusted blindly."""

import hashlib
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from answerable.commands.sources import settings_from
from answerable.infra.fetching import LARGEST
from answerable.infra.shared_configuration import COPY, Found, SharedConfiguration
from answerable.kernel.errors import Invalid, Unavailable
from tests.https import Exchange, HttpsSource, https_source, make_certificate
from tests.patience import PATIENCE
from tests.processes import quickly

TEXT = "[sla]\nwarn_share = 0.5\n"
LATER = "[sla]\nwarn_share = 0.6\n"


@pytest.fixture
def source(tmp_path: Path) -> Iterator[HttpsSource]:
    with https_source(tmp_path) as running:
        running.serve(TEXT, ETag='"one"')
        yield running


def reader(
    source: HttpsSource, tmp_path: Path, url: str = "", pin: str = "", seconds: float = 5
) -> SharedConfiguration:
    return SharedConfiguration(url or source.url, tmp_path / "data", str(source.authority), pin, seconds)


def find_and_keep(shared: SharedConfiguration) -> Found:
    found = shared.find()
    shared.keep(found)
    return found


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_document_is_read_and_a_copy_is_kept_for_its_owner(source: HttpsSource, tmp_path: Path) -> None:
    found = find_and_keep(reader(source, tmp_path))
    assert (found.document.text, found.document.origin, found.away) == (TEXT, source.url, "")
    [copy] = (tmp_path / "data").iterdir()
    assert copy.name == COPY
    assert copy.stat().st_mode & 0o777 == 0o600
    assert copy.parent.stat().st_mode & 0o777 == 0o700


def test_away_means_the_copy_and_its_age_are_told(source: HttpsSource, tmp_path: Path) -> None:
    shared = reader(source, tmp_path)
    find_and_keep(shared)
    path = tmp_path / "data" / COPY
    path.write_text(json.dumps(json.loads(path.read_text()) | {"confirmed": int(time.time()) - 11_000}))
    for status in (500, 502, 503, 504, 429, 408):
        source.answer(status)
        found = shared.find()
        assert (found.document.text, found.away) == (TEXT, f"it answers {status}")
        assert found.age == "3 h 3 min"
        assert found.document.origin.startswith(f"{source.url} (copy of 20")
    before = path.read_bytes()
    shared.keep(found)
    assert path.read_bytes() == before


def test_a_source_that_nobody_serves_is_away(source: HttpsSource, tmp_path: Path) -> None:
    shared = reader(source, tmp_path)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"https://127.0.0.1:{closed.getsockname()[1]}/desk.toml"
        with pytest.raises(
            Unavailable, match=r"cannot be read \(nobody listens there\), and .*config.copy has no copy"
        ):
            reader(source, tmp_path, nowhere).find()
        find_and_keep(shared)
        # The copy is of one address: another one has none.
        with pytest.raises(Unavailable, match="has no copy of it"):
            reader(source, tmp_path, nowhere).find()
    with pytest.raises(Unavailable, match=r"the name nowhere\.invalid is not known here"):
        reader(source, tmp_path, "https://nowhere.invalid/desk.toml").find()


def test_what_has_not_changed_is_not_sent_again(source: HttpsSource, tmp_path: Path) -> None:
    shared = reader(source, tmp_path)
    first = find_and_keep(shared)
    source.answer(304)
    again = find_and_keep(shared)
    assert [asked.get("If-None-Match") for asked in source.asked] == [None, '"one"']
    assert (again.document, again.away) == (first.document, "")
    source.serve(LATER)
    assert find_and_keep(shared).document.text == LATER
    assert shared.find().document.text == LATER
    assert "If-None-Match" not in source.asked[-1]


def test_a_source_that_says_no_is_not_away(source: HttpsSource, tmp_path: Path) -> None:
    shared = reader(source, tmp_path)
    find_and_keep(shared)
    for status in (400, 401, 403, 404, 410, 204):
        source.answer(status)
        with pytest.raises(Invalid, match=f"answers {status}"):
            shared.find()


def test_a_wrong_hash_is_refused_from_source_and_copy(source: HttpsSource, tmp_path: Path) -> None:
    assert reader(source, tmp_path, pin=sha256(TEXT)).find().document.text == TEXT
    with pytest.raises(Invalid, match=f"is not the document that .* its SHA-256 is {sha256(TEXT)}"):
        reader(source, tmp_path, pin=sha256(LATER)).find()
    find_and_keep(reader(source, tmp_path))
    source.answer(503)
    assert reader(source, tmp_path, pin=sha256(TEXT)).find().away
    with pytest.raises(Unavailable, match=r"the copy in .* is not the document that ANSWERABLE_CONFIG_SHA256 names"):
        reader(source, tmp_path, pin=sha256(LATER)).find()
    source.answer(304)
    with pytest.raises(Invalid, match="is not the document"):
        reader(source, tmp_path, pin=sha256(LATER)).find()


def test_a_damaged_copy_is_no_copy(source: HttpsSource, tmp_path: Path) -> None:
    shared = reader(source, tmp_path)
    find_and_keep(shared)
    path = tmp_path / "data" / COPY
    whole = path.read_text()
    source.answer(503)
    for damage in ("", "{", "[]", whole[:-9], whole.replace("0.5", "0.9"), '{"text": 1}'):
        path.write_text(damage)
        with pytest.raises(Unavailable, match="has no copy of it"):
            shared.find()


def test_redirects_stay_at_home(source: HttpsSource, tmp_path: Path) -> None:
    def lead_home(exchange: Exchange) -> None:
        if exchange.path == "/v2/desk.toml?x=1":
            exchange.say(TEXT.encode())
        else:
            exchange.say(b"", 302, Location="/v2/desk.toml?x=1")

    source.respond = lead_home
    assert reader(source, tmp_path).find().document.text == TEXT
    port = source.url.split(":")[2].split("/")[0]
    for elsewhere in (
        "https://elsewhere.test/desk.toml",
        f"https://localhost:{port}/desk.toml",
        f"http://127.0.0.1:{port}/desk.toml",
        "https://127.0.0.1:1/desk.toml",
        "//elsewhere.test/desk.toml",
        "file:///etc/hostname",
        "https://[broken/",
    ):
        source.answer(302, Location=elsewhere)
        with pytest.raises(Invalid, match="redirects to another place"):
            reader(source, tmp_path).find()
    source.answer(302, Location="/desk.toml")
    with pytest.raises(Invalid, match="redirects more than 3 times"):
        reader(source, tmp_path).find()


def test_too_much_is_refused(source: HttpsSource, tmp_path: Path) -> None:
    source.serve("#" * LARGEST)
    assert len(reader(source, tmp_path).find().document.text) == LARGEST
    source.serve("#" * (LARGEST + 1))
    with pytest.raises(Invalid, match="is larger than 64 KiB"):
        reader(source, tmp_path).find()

    def without_end(exchange: Exchange) -> None:
        exchange.send_response(200)
        exchange.send_header("Transfer-Encoding", "chunked")
        exchange.end_headers()
        while True:  # until the client has had enough
            exchange.wfile.write(b"1000\r\n" + b"#" * 4096 + b"\r\n")

    source.respond = without_end
    with pytest.raises(Invalid, match="is larger than 64 KiB"):
        reader(source, tmp_path).find()


def test_half_an_answer_is_no_answer(source: HttpsSource, tmp_path: Path) -> None:
    def half(exchange: Exchange) -> None:
        exchange.send_response(200)
        exchange.send_header("Content-Length", "1000")
        exchange.end_headers()
        exchange.wfile.write(TEXT.encode())

    source.respond = half
    with pytest.raises(Unavailable, match="its answer ended too early"):
        reader(source, tmp_path).find()

    def of_unknown_length(exchange: Exchange) -> None:
        exchange.send_response(200)
        exchange.end_headers()
        exchange.wfile.write(TEXT.encode())

    source.respond = of_unknown_length
    with pytest.raises(Unavailable, match="it does not say how long its answer is"):
        reader(source, tmp_path).find()


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX-A: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 900\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 900\r\n\r\n",
    ],
)
def test_slow_is_away(source: HttpsSource, tmp_path: Path, start: bytes) -> None:
    def drip(exchange: Exchange) -> None:
        exchange.wfile.write(start)
        while not source.ending.wait(0.02):
            exchange.wfile.write(b"#")

    find_and_keep(reader(source, tmp_path))
    source.respond = drip
    started = time.monotonic()  # it drips for as long as anybody listens
    assert reader(source, tmp_path, seconds=0.3).find().away == "it takes too long"
    assert time.monotonic() - started < PATIENCE


def test_what_speaks_no_tls_is_away(tmp_path: Path) -> None:
    with https_source(tmp_path, "http") as source, pytest.raises(Unavailable, match="does not speak TLS as it should"):
        reader(source, tmp_path, source.url.replace("http:", "https:")).find()


def test_an_unknown_certificate_is_refused_and_not_taken_for_absence(source: HttpsSource, tmp_path: Path) -> None:
    find_and_keep(reader(source, tmp_path))
    other, _ = make_certificate(tmp_path, "other")
    for authorities in ("", str(other)):
        shared = SharedConfiguration(source.url, tmp_path / "data", authorities)
        with pytest.raises(Invalid, match=r"its certificate is not trusted \(self.signed certificate"):
            shared.find()
    with pytest.raises(Invalid, match=r"ANSWERABLE_CONFIG_CA: .*nothing\.pem cannot be used"):
        SharedConfiguration(source.url, tmp_path / "data", str(tmp_path / "nothing.pem")).find()


def test_a_certificate_for_another_name_is_refused(
    source: HttpsSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = socket.getaddrinfo("127.0.0.1", int(source.url.split(":")[2].split("/")[0]), type=socket.SOCK_STREAM)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: known)  # the name server is not ours to ask
    with pytest.raises(Invalid, match=r"its certificate is not trusted .*conf\.test"):
        reader(source, tmp_path, source.url.replace("127.0.0.1", "conf.test")).find()


def test_http_is_for_this_machine_alone(tmp_path: Path) -> None:
    with https_source(tmp_path, "http") as source:
        source.serve(TEXT)
        assert SharedConfiguration(source.url, tmp_path / "data").find().document.text == TEXT
    with pytest.raises(Invalid, match=r"http://192\.0\.2\.1/desk\.toml: must be https; http is for this machine alone"):
        SharedConfiguration("http://192.0.2.1/desk.toml", tmp_path / "data").find()


@pytest.mark.parametrize(
    "url",
    ["ftp://conf.test/x", "file:///etc/hostname", "https://", "https:///x", "https://conf.test:x/", "https://[::1/x",
     "https://conf.test/\r\nX: y", "https://conf.test/a b", "https://cönf.test/"],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="--config: must be a file, or an address like https://"):
        SharedConfiguration(url, tmp_path)


def test_password_and_query_are_sent_but_never_shown(source: HttpsSource, tmp_path: Path) -> None:
    url = source.url.replace("https://", "https://ann:won%40der@") + "?token=abcdef"
    found = find_and_keep(reader(source, tmp_path, url))
    assert source.asked[-1]["Authorization"] == "Basic YW5uOndvbkBkZXI="
    assert source.asked[-1]["path"] == "/desk.toml?token=abcdef"
    source.answer(404)
    with pytest.raises(Invalid) as caught:
        reader(source, tmp_path, url).find()
    shown = caught.value.message + found.document.origin + (tmp_path / "data" / COPY).read_text()
    for hidden in ("ann", "won", "abcdef"):
        assert hidden not in shown


def test_no_proxy_of_the_environment_is_asked(
    source: HttpsSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    assert reader(source, tmp_path).find().document.text == TEXT


def test_where_no_copy_can_be_kept_the_document_counts_all_the_same(source: HttpsSource, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, not a folder")
    assert find_and_keep(reader(source, tmp_path)).document.text == TEXT


def show(source: HttpsSource, folder: Path, **values: str) -> "tuple[int, str, str]":
    variables = {"ANSWERABLE_CONFIG": source.url, "ANSWERABLE_CONFIG_CA": str(source.authority)} | values
    arguments = ("config", "show", "--json", "--data-dir", str(folder))
    ran = quickly(*arguments, check=False, **variables)
    return ran.returncode, ran.stdout, ran.stderr


@pytest.mark.slow
def test_a_start_with_the_source_here_and_away(source: HttpsSource, tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    source.serve(TEXT + "[service.tickets.server]\nport = 8782\n")
    code, shown, _ = show(source, folder, ANSWERABLE_SERVICE="tickets")
    rows = {row["setting"]: row for row in msgspec.json.decode(shown)}
    assert (code, rows["server.port"]["value"], rows["sla.warn_share"]["value"]) == (0, "8782", "0.5")
    assert rows["sla.warn_share"]["from"] == source.url
    assert rows["server.port"]["from"] == f"{source.url} [service.tickets]"
    source.answer(503)
    code, shown, told = show(source, folder)
    rows = {row["setting"]: row for row in msgspec.json.decode(shown)}
    assert (code, rows["sla.warn_share"]["value"]) == (0, "0.5")
    assert rows["sla.warn_share"]["from"].startswith(f"{source.url} (copy of ")
    assert "configuration source is away" in told
    assert "it answers 503" in told
    assert "0 h 0 min" in told
    source.serve("warn_share 0.5\n")
    code, shown, told = show(source, folder)
    assert (code, shown) == (1, "")
    assert f"{source.url}: Expected '='" in told
    assert "Traceback" not in told


def given(source: HttpsSource, **values: str) -> dict[str, str]:
    return {"ANSWERABLE_CONFIG_CA": str(source.authority)} | values


def test_a_source_that_answers_with_something_unusable_is_refused(source: HttpsSource, tmp_path: Path) -> None:
    folder = str(tmp_path / "desk")
    assert settings_from(source.url, folder, environment=given(source)).sla.warn_share == 0.5
    kept = (tmp_path / "desk" / COPY).read_bytes()
    for text, complaint in (
        ("\n" * 6 + "warn_share 0.5\n", f"{source.url}: Expected '=' after a key in a key/value pair (at line 7,"),
        ("[sla]\nwarn_shar = 0.5\n", f"{source.url}: no such setting: sla.warn_shar."),
        ("[sla]\nwarn_share = 7.5\n", "sla.warn_share: must be between 0 and 1."),
        (
            '[mail]\npassword = "hush-hush"\n',
            "mail.password is a secret, and secrets come only from the environment or",
        ),
        ('[storage]\ndata_dir = "elsewhere"\n', "storage.data_dir cannot come from an address"),
        ("[service.nobody.sla]\n", "unknown service [service.nobody]. Known: gateway,"),
    ):
        source.serve(text)
        with pytest.raises(Invalid) as caught:
            settings_from(source.url, folder, environment=given(source))
        assert complaint in caught.value.message
        assert "hush-hush" not in caught.value.message
        assert (tmp_path / "desk" / COPY).read_bytes() == kept


def test_the_copy_is_kept_where_the_environment_says(source: HttpsSource, tmp_path: Path) -> None:
    settings_from(source.url, None, environment=given(source, ANSWERABLE_STORAGE_DATA_DIR=str(tmp_path / "env")))
    assert (tmp_path / "env" / COPY).exists()


def test_a_hash_may_be_asked_of_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "desk.toml"
    path.write_text(TEXT)
    right, wrong = sha256(TEXT), sha256(LATER)
    assert settings_from(str(path), None, environment={"ANSWERABLE_CONFIG_SHA256": right.upper()}).sla.warn_share == 0.5
    for where, pin, complaint in (
        (str(path), wrong, "is not the document that ANSWERABLE_CONFIG_SHA256 names"),
        (str(path), "abc", "must be 64 hexadecimal digits"),
        ("", right, "there is no --config to compare with it"),
    ):
        with pytest.raises(Invalid, match=complaint):
            settings_from(where, None, environment={"ANSWERABLE_CONFIG_SHA256": pin})


def test_only_a_service_that_exists_can_be_named() -> None:
    with pytest.raises(Invalid, match=r"Unknown service nobody\. Known: gateway, users,"):
        settings_from("", None, "nobody", {})
