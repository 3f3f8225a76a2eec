"""Signing in to a broker over TLS, and what is told where that fails: never the password."""

import datetime
import ipaddress
import re
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from answerable.infra.bus.kafka import KafkaBus
from answerable.kernel.errors import Invalid
from answerable.settings import load_settings
from tests.infra.test_kafka import USERS, open_desk
from tests.kafka import Broker, own_broker
from tests.processes import eventually, quickly

PASSWORD = "quite-a-secret-9"
SECURE = f"""
listeners=PLAINTEXT://127.0.0.1:@PORT@,CONTROLLER://127.0.0.1:@CONTROLLER@,SASL_SSL://127.0.0.1:@SECURE@
advertised.listeners=PLAINTEXT://127.0.0.1:@PORT@,SASL_SSL://127.0.0.1:@SECURE@
sasl.enabled.mechanisms=SCRAM-SHA-512,SCRAM-SHA-256,PLAIN
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl_ssl.plain.sasl.jaas.config=\
org.apache.kafka.common.security.plain.PlainLoginModule required user_desk="{PASSWORD}";
ssl.keystore.type=PEM
"""
FORMATTING = [
    part
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
    for part in ("--add-scram", f"{mechanism}=[name=desk,password={PASSWORD}]")
]


def certificate(folder: Path) -> Path:
    """Make a certificate for 127.0.0.1 that vouches for itself; the key with it is for the broker."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    folder.mkdir(parents=True)
    (folder / "ca.pem").write_bytes(public)
    (folder / "both.pem").write_bytes(private + public)
    return folder / "ca.pem"


def secured(broker: Broker) -> str:
    found = re.search(r"SASL_SSL://(127\.0\.0\.1:\d+)$", (broker.folder / "broker.properties").read_text(), re.M)
    assert found
    return f"kafka://{found.group(1)}"


@pytest.mark.slow
async def test_signing_in_over_tls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ca = certificate(tmp_path / "keys")
    properties = SECURE + f"ssl.keystore.location={tmp_path / 'keys' / 'both.pem'}\n"
    with own_broker(tmp_path / "kafka", properties, FORMATTING) as broker:
        given = {
            "bus__security": "tls",
            "bus__ca_file": str(ca),
            "bus__username": "desk",
            "bus__password": PASSWORD,
            "bus__url": secured(broker),
        }
        for mechanism in ("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"):
            async with open_desk(tmp_path / mechanism, broker, **given, bus__mechanism=mechanism) as desk:
                await desk.bus()
                await desk.say(*USERS)
                await eventually(desk.everything_came_once_and_in_order)
        assert "kafka is away" not in capsys.readouterr().out
        for wrong in ({"bus__password": "not-" + PASSWORD}, {"bus__ca_file": ""}):
            async with open_desk(
                tmp_path / "-".join(wrong), broker, **given | wrong, bus__mechanism="SCRAM-SHA-512"
            ) as desk:
                bus = await desk.bus()
                await desk.say(*USERS)
                await eventually(lambda: _is_away(bus))  # noqa: B023
                output = capsys.readouterr().out
                assert "kafka is away" in output
                assert PASSWORD not in output


async def _is_away(bus: KafkaBus) -> bool:
    return bus._link.away and not bus.running


def test_no_command_shows_the_password(tmp_path: Path) -> None:
    shown = quickly(
        "config",
        "show",
        "--json",
        "--data-dir",
        str(tmp_path),
        "--bus",
        "kafka://k1:9092",
        ANSWERABLE_BUS_PASSWORD="s3cr",
    )
    assert "s3cr" not in shown.stdout + shown.stderr
    assert '"value": "kafka://k1:9092"' in shown.stdout


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("URL", "kafka://", "bus.url"),
        ("URL", "redis://host:1", "bus.url"),
        ("URL", "kafka://me:hush@host:9092", "bus.url"),
        ("URL", "kafka://host", "bus.url"),
        ("PREFIX", "a b", "bus.prefix"),
        ("PARTITIONS", "0", "bus.partitions"),
        ("SECURITY", "ssl", "bus.security"),
        ("MECHANISM", "GSSAPI", "bus.mechanism"),
        ("MECHANISM", "PLAIN", "bus.mechanism: needs a username"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(name: str, value: str, complaint: str) -> None:
    with pytest.raises(Invalid) as refused:
        load_settings(environment={f"ANSWERABLE_BUS_{name}": value})
    assert complaint in refused.value.message
    assert "hush" not in str(refused.value)


def test_a_file_of_authorities_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = quickly(
        "migrate", "--data-dir", str(tmp_path), "--bus", "kafka://k1:9092",
        ANSWERABLE_BUS_SECURITY="tls", ANSWERABLE_BUS_CA_FILE=str(tmp_path / "none.pem"), check=False,
    )  # fmt: skip
    assert done.returncode == 0, "migrating does not need the bus"
    done = quickly(
        "events", "tail", "--data-dir", str(tmp_path), "--bus", "kafka://k1:9092",
        ANSWERABLE_BUS_SECURITY="tls", ANSWERABLE_BUS_CA_FILE=str(tmp_path / "none.pem"), check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "bus.ca_file" in done.stderr
    assert "Traceback" not in done.stderr


def test_several_brokers_may_be_named() -> None:
    settings = load_settings(environment={"ANSWERABLE_BUS_URL": "kafka://k1:9092,k2:9093/"})
    assert settings.bus.servers == ["k1:9092", "k2:9093"]
    assert load_settings(environment={}).bus.servers == []
