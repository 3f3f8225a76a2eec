"""The four collections in MongoDB, by PyMongo. Only operations that every server speaking the protocol has."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

from bson import ObjectId
from pymongo import AsyncMongoClient, UpdateOne
from pymongo.errors import BulkWriteError, NetworkTimeout, OperationFailure, PyMongoError

from answerable.kernel.errors import Conflict, Invalid, Unavailable
from answerable.mirror.rules import COLLECTIONS, VERSIONS, Change, Document, Key, newer_groups

DEFAULT_DATABASE = "answerable"
# A fifth collection with one document, which says which filling of the others this is, and by ``desk`` whose.
MARKER = "answerable_mirror"
_ID = {"_id": "mirror"}
FOREIGN = (
    "{where} holds documents that no mirror has written. Name a database of its own, "
    "or let 'answerable mirror rebuild --replace' take this one over."
)
OF_ANOTHER = (
    "{where} is the mirror of another desk, or of this one when it had another storage.secret. Name a database of its "
    "own, or let 'answerable mirror rebuild --replace' take this one over."
)
SAME_KEY = 11000  # error codes: https://www.mongodb.com/docs/manual/reference/error-codes/
PART = 500
MOST_UPDATES = 50  # in one command; fewer where the server does not get done with them in time
_UNUSABLE = (
    "mirror.url: is not an address that can be used. It looks like mongodb://user:password@host:27017/database, "
    "with special characters of the password escaped (%40 for @)."
)


class MongoDB:
    """The database that holds the mirror. Every method raises ``Unavailable`` where the server cannot be reached."""

    def __init__(self, url: str, seconds: float, desk: str) -> None:
        """Prepare to connect; an operation waits for ``seconds`` at most. Raises ``Invalid``, never naming ``url``.

        ``desk`` is by what the mirror knows its desk, empty where that is not known.
        """
        milliseconds = max(1, int(seconds * 1000))
        if not url.startswith(("mongodb://", "mongodb+srv://")):  # the driver takes any word for a host
            raise Invalid(_UNUSABLE)
        try:
            self._client: AsyncMongoClient[Document] = AsyncMongoClient(
                url,
                appname="answerable mirror",
                tz_aware=True,
                serverSelectionTimeoutMS=milliseconds,
                connectTimeoutMS=milliseconds,
                socketTimeoutMS=milliseconds,
            )
            self._database = self._client.get_default_database(DEFAULT_DATABASE)
        except (PyMongoError, ValueError):
            raise Invalid(_UNUSABLE) from None  # what PyMongo says may hold parts of the address
        self._desk = desk
        self._updates = MOST_UPDATES
        hosts = url.partition("://")[2].partition("/")[0].partition("?")[0].rpartition("@")[2]
        self.where = f"{hosts}/{self._database.name}"

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    # --- which filling this is -----------------------------------------------------------------------------------

    async def find_generation(self) -> str | None:
        """Return the name of this filling of the collections, ``None`` where no mirror has begun here.

        Raises ``Conflict`` where it is the mirror of another desk.
        """
        marker = await self._find_marker()
        if marker is None:
            return None
        if marker.get("desk", self._desk) != self._desk:
            raise Conflict(OF_ANOTHER.format(where=self.where))
        return str(marker["generation"])

    async def generation(self) -> str:
        """Return the name of this filling of the collections; an empty database begins a new one.

        Nobody's mirror, one of an earlier version, is this desk's from now on. Raises ``Conflict`` where there are
        documents, but none of a mirror, and where it is the mirror of another desk.
        """
        if await self.find_generation() is None:
            for collection in COLLECTIONS:
                with self._telling():
                    stranger = await self._database[collection].find_one({}, {"_id": 1})
                if stranger is not None:
                    raise Conflict(FOREIGN.format(where=self.where))
        return await self._begin()

    async def take_over(self) -> str:
        """Make the database this desk's mirror, whatever it holds; return the name of the filling."""
        marker = await self._find_marker()
        if marker is not None and marker.get("desk", self._desk) != self._desk:
            # Under a new name: whoever still writes here as the former desk sees that it is no longer its own.
            with self._telling():
                former = _ID | {"desk": marker["desk"]}
                await self._database[MARKER].replace_one(former, {"generation": str(ObjectId())} | self._mine)
        return await self._begin()

    @property
    def _mine(self) -> Document:
        return {"desk": self._desk} if self._desk else {}

    async def _begin(self) -> str:
        """Write the marker, or what it lacks. Two processes may come here at once: the first one wins."""
        with self._telling():
            marker = self._database[MARKER]
            await marker.update_one(_ID, {"$setOnInsert": {"generation": str(ObjectId())} | self._mine}, upsert=True)
            if self._mine:
                await marker.update_one(_ID | {"desk": {"$exists": False}}, {"$set": self._mine})
        found = await self.find_generation()
        if found is None:
            raise Unavailable(f"{self.where} does not keep what is written to it.")
        return found

    async def _find_marker(self) -> Document | None:
        with self._telling():
            return await self._database[MARKER].find_one(_ID)

    # --- keeping current -----------------------------------------------------------------------------------------

    async def apply(self, documents: Mapping[Key, Document]) -> None:
        """Write what some events say of documents: those that are not there whole, of others only what is newer.

        Raises ``Conflict`` where the server refuses a document.
        """
        for collection in COLLECTIONS:
            mine = [document for (name, _), document in documents.items() if name == collection]
            for start in range(0, len(mine), PART):
                await self._apply(collection, mine[start : start + PART])

    async def _apply(self, collection: str, documents: Sequence[Document]) -> None:
        stored = await self._versions(collection, [document["_id"] for document in documents])
        taken = await self.insert(collection, [each for each in documents if each["_id"] not in stored])
        stored |= await self._versions(collection, taken)
        if missing := [each for each in taken if each not in stored]:
            raise Conflict(f"An index of {self.where} keeps {collection} {missing[0]} out.")
        changes = [
            newer
            for document in documents
            # A document without versions is somebody else's: verify names it, rebuild replaces it.
            if isinstance(versions := stored.get(document["_id"]), Mapping)
            if (newer := newer_groups(collection, document, versions))
        ]
        while changes:
            part = changes[: self._updates]
            await self._update(collection, part)
            changes = changes[len(part) :]

    async def _update(self, collection: str, changes: Sequence[Sequence[Change]]) -> None:
        """Change documents, each by groups that were newer a moment ago."""
        target = self._database[collection]
        with self._telling(collection):
            try:
                done = await target.bulk_write([guarded(*each) for each in changes], ordered=False)
                if done.matched_count < len(changes):  # somebody was quicker with a group: the others one by one
                    await target.bulk_write([guarded(each) for every in changes for each in every], ordered=False)
            except NetworkTimeout:
                # A slow server must not be given the same heap again, for ever.
                self._updates = max(1, len(changes) // 2)
                raise
        self._updates = min(MOST_UPDATES, self._updates + 1)

    async def _versions(self, collection: str, ids: Sequence[Any]) -> dict[Any, Any]:
        if not ids:
            return {}
        with self._telling():
            found = self._database[collection].find({"_id": {"$in": list(ids)}}, {VERSIONS: 1})
            return {document["_id"]: document.get(VERSIONS) async for document in found}

    # --- comparing and mending -----------------------------------------------------------------------------------

    async def read_all(self, collection: str) -> AsyncIterator[Document]:
        """Read every document of a collection, in no order."""
        with self._telling():
            async for document in self._database[collection].find({}):
                yield document

    async def read_some(self, collection: str, ids: Sequence[Any]) -> dict[Any, Document]:
        """Read the documents with some ids."""
        found: dict[Any, Document] = {}
        with self._telling():
            for start in range(0, len(ids), PART):
                part = list(ids[start : start + PART])
                async for document in self._database[collection].find({"_id": {"$in": part}}):
                    found[document["_id"]] = document
        return found

    async def insert(self, collection: str, documents: Sequence[Document]) -> list[Any]:
        """Write documents that are not there yet; return the ids of those that somebody else wrote meanwhile."""
        taken: list[Any] = []
        for start in range(0, len(documents), PART):
            part = documents[start : start + PART]
            with self._telling(collection):
                try:
                    await self._database[collection].insert_many(part, ordered=False)
                except BulkWriteError as error:
                    told = cast(dict[str, Any], error.details)
                    errors = told["writeErrors"]
                    if told["writeConcernErrors"] or any(each["code"] != SAME_KEY for each in errors):
                        raise
                    taken += [part[each["index"]]["_id"] for each in errors]
        return taken

    async def replace(self, collection: str, found: Document, expected: Document) -> None:
        """Write ``expected`` in place of ``found``, if that is still what it was."""
        with self._telling(collection):
            await self._database[collection].replace_one(_unchanged(found), expected)

    async def delete(self, collection: str, found: Document) -> None:
        """Remove ``found``, if it is still what it was."""
        with self._telling(collection):
            await self._database[collection].delete_one(_unchanged(found))

    @contextmanager
    def _telling(self, collection: str = "") -> Iterator[None]:
        """Turn what PyMongo raises into words. Its own may be long, but hold no password; still they are not told."""
        try:
            yield
        except BulkWriteError as error:
            told = cast(dict[str, Any], error.details)
            refused = [each["code"] for each in told["writeErrors"] if each["code"] != SAME_KEY]
            if unsafe := [each["code"] for each in told["writeConcernErrors"] if not refused]:
                raise Unavailable(f"{self.where} cannot say that what it wrote is safe (error {unsafe[0]}).") from error
            code = refused[0] if refused else "no code"
            raise Conflict(f"{self.where} refuses to write in {collection} (error {code}).") from error
        except PyMongoError as error:
            raise Unavailable(f"{self.where} cannot be used ({_reason(error)}).") from error


def guarded(*changes: Change) -> UpdateOne:
    """Return the update of one document by some of its groups, if all of them are newer than what is there."""
    wanted: dict[str, Any] = {"_id": changes[0].id}
    values: dict[str, Any] = {}
    for change in changes:
        version = f"{VERSIONS}.{change.group}"
        wanted[version] = {"$lt": change.version}
        values |= {**change.fields, version: change.version}
    return UpdateOne(wanted, {"$set": values})


def _unchanged(found: Document) -> dict[str, Any]:
    return {"_id": found["_id"], VERSIONS: found.get(VERSIONS, {"$exists": False})}


def _reason(error: PyMongoError) -> str:
    name = type(error).__name__
    if isinstance(error, OperationFailure):
        return f"{name} {(error.details or {}).get('codeName') or error.code}"
    return name
