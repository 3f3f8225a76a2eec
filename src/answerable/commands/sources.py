"""Where the settings of a command come from: a file or a shared source, then the environment, then the command line."""

import os
from collections.abc import Mapping
from pathlib import Path

import structlog

from answerable.infra.logging import set_up_logging
from answerable.infra.shared_configuration import SharedConfiguration, check_pin
from answerable.kernel.errors import Invalid
from answerable.services import SERVICES
from answerable.settings import Settings, Storage, load_settings, read_file

_log = structlog.get_logger(__name__)


def settings_from(
    where: str, data_dir: str | None, service: str = "", environment: Mapping[str, str] | None = None
) -> Settings:
    """Read the settings at ``where`` (a file, an address, or nothing) for ``service`` (empty: for the whole desk).

    The copy of what an address says is kept in ``data_dir``, or where the environment says that the data are. Raises
    ``Invalid`` for settings that cannot be used, ``Unavailable`` for a source that is away and left no copy.
    """
    environment = os.environ if environment is None else environment
    if service and service not in SERVICES:
        raise Invalid(f"Unknown service {service}. Known: {', '.join(SERVICES)}.")
    pin = environment.get("ANSWERABLE_CONFIG_SHA256", "").lower()
    if "://" in where:
        return _from_address(where, data_dir, service, environment, pin)
    if where:
        document = read_file(Path(where))
        check_pin(document.origin, document.text, pin)
        return load_settings(document, environment, service, SERVICES)
    if pin:
        raise Invalid("ANSWERABLE_CONFIG_SHA256: there is no --config to compare with it.")
    return load_settings(None, environment)


def _from_address(url: str, data_dir: str | None, service: str, environment: Mapping[str, str], pin: str) -> Settings:
    folder = data_dir or environment.get("ANSWERABLE_STORAGE_DATA_DIR") or Storage().data_dir
    shared = SharedConfiguration(url, Path(folder), environment.get("ANSWERABLE_CONFIG_CA", ""), pin)
    found = shared.find()
    settings = load_settings(found.document, environment, service, SERVICES)
    if settings.origins.get("storage.data_dir", "").startswith(found.document.origin):
        raise Invalid(
            f"{found.document.origin}: storage.data_dir cannot come from an address, because the copy of it "
            "is kept there. Use --data-dir or ANSWERABLE_STORAGE_DATA_DIR."
        )
    if found.away:
        set_up_logging(settings.server.log_format)
        _log.warning(
            "configuration source is away: its copy is used",
            source=str(shared.address),
            reason=found.away,
            age=found.age,
            sha256=found.copy.sha256,
        )
    shared.keep(found)
    return settings
