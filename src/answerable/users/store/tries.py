"""SQL for what failed: sign-ins and other guesses, for all processes of the desk."""

from collections.abc import Sequence

from answerable.kernel.tx import Tx
from answerable.users.rules.tries import Count, Limit


async def load_counts(tx: Tx, keys: Sequence[str]) -> dict[str, Count]:
    """Return what is counted under some names."""
    names = {f"key{number}": key for number, key in enumerate(keys)}
    rows = await tx.run(
        f"""SELECT key, failures, last_at, until_at FROM users_try
        WHERE key IN ({", ".join(f":{name}" for name in names)}) AND expires_at > :now""",
        now=tx.now,
        **names,
    )
    return {row["key"]: Count(row["failures"], row["last_at"], row["until_at"]) for row in rows}


async def save_count(tx: Tx, limit: Limit, count: Count) -> None:
    """Store a count."""
    await tx.run(
        """INSERT INTO users_try (key, account, failures, last_at, until_at, expires_at)
        VALUES (:key, :account, :failures, :last_at, :until_at, :expires_at)
        ON CONFLICT (key) DO UPDATE SET failures = :failures, last_at = :last_at, until_at = :until_at,
            expires_at = :expires_at""",
        key=limit.key,
        account=limit.account,
        failures=count.failures,
        last_at=count.last_at,
        until_at=count.until,
        expires_at=count.forget_at,
    )


async def save_known(tx: Tx, key: str, account: str, until: int) -> None:
    """Note that an account signed in from an address."""
    await tx.run(
        """INSERT INTO users_try (key, account, failures, last_at, until_at, expires_at)
        VALUES (:key, :account, 0, :now, 0, :until)
        ON CONFLICT (key) DO UPDATE SET last_at = :now, expires_at = :until""",
        key=key,
        account=account,
        now=tx.now,
        until=until,
    )


async def delete_count(tx: Tx, key: str) -> None:
    """Forget a count."""
    await tx.run("DELETE FROM users_try WHERE key = :key", key=key)


async def delete_account(tx: Tx, account: str) -> None:
    """Forget what failed for an account, from wherever; where it signed in stays known."""
    await tx.run("DELETE FROM users_try WHERE account = :account AND failures > 0", account=account)
