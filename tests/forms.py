"""Forms as the desk's pages send them: with the token that a page carries, and the cookie of a browser."""

import re
from collections.abc import Mapping
from html import unescape

import httpx

from answerable.infra.web.cookies import FORM, form_key, form_token
from tests.people import PASSWORD, TestPerson
from tests.world import World

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
COOKIE = "a-browser-in-which-nobody-is-signed-in"
HEADERS = {"content-type": "application/x-www-form-urlencoded", "cookie": f"{FORM}={COOKIE}"}


def with_token(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a form of a stranger, with the token that goes with ``HEADERS``."""
    return {"_form": form_token(form_key(COOKIE)), **fields}


class Browser:
    """A browser without JavaScript: it keeps cookies, reads pages and sends their forms."""

    def __init__(self, world: World, **headers: str) -> None:
        self.world = world
        self.http = httpx.AsyncClient(
            transport=world.http._transport, base_url="http://desk.test", headers={**BROWSER, **headers}
        )
        self.page: httpx.Response | None = None

    async def open(self, path: str) -> httpx.Response:
        """Open a page and follow where it leads."""
        self.page = await self.http.get(path, follow_redirects=True)
        return self.page

    async def send(
        self, path: str, fields: Mapping[str, str] | None = None, *, token: str | None = None
    ) -> httpx.Response:
        """Send a form of the page that is open, and follow where that leads."""
        sent = {"_form": self.token if token is None else token, **(fields or {})}
        self.page = await self.http.post(path, data=sent, follow_redirects=True)
        await self.world.settle()
        return self.page

    @property
    def token(self) -> str:
        """Return the form token of the page that is open."""
        return self.hidden("_form")

    def hidden(self, name: str) -> str:
        """Return the first value that a form of the page that is open holds under a name."""
        assert self.page is not None
        found = re.search(rf'name="{name}" value="([^"]*)"', self.page.text)
        assert found, f"the page has no form with {name}"
        return unescape(found[1])

    async def sign_in(self, person: TestPerson, password: str = PASSWORD, **fields: str) -> httpx.Response:
        """Sign in, and come to where the desk leads."""
        await self.open("/login")
        page = await self.send("/login", {"email": person.email, "password": password, **fields})
        assert page.status_code == 200, page.text
        return page
