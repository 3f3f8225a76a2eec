"""``python -m answerable.infra.ready [FOLDER]``: is the desk that serves this data folder ready?

For the health check of a container, which has no curl. It reads the address that ``serve`` notes in the data folder,
and so needs neither settings nor their source; and it imports next to nothing, because it runs every few seconds.
"""

import http.client
import os
import sys
from pathlib import Path

LOCK = "serving.lock"
SECONDS = 3.0
_HERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - what it listens on is not where it is asked


def reachable(host: str) -> str:
    """Return where to ask whoever listens on ``host``."""
    return _HERE.get(host, host)


def trouble(folder: Path) -> str:
    """Return why the desk of ``folder`` is not ready; nothing where it is."""
    try:
        host, _, port = (folder / LOCK).read_text().rpartition(":")
    except OSError:
        host, port = "", ""
    if not port:
        return f"Nobody serves {folder}."
    connection = http.client.HTTPConnection(reachable(host), int(port), timeout=SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        said = answer.read(4096).decode(errors="replace")
        return "" if answer.status == 200 else f"/readyz answers {answer.status}: {said}"
    except (OSError, http.client.HTTPException) as error:
        return f"/readyz does not answer ({error})."
    finally:
        connection.close()


if __name__ == "__main__":
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("ANSWERABLE_STORAGE_DATA_DIR", "data")
    sys.exit(trouble(Path(given)) or 0)
