"""Who people are and what they may do: accounts, passwords, tokens, sessions, roles.

It owns the tables ``users_*`` and the signing keys. It will never store a password or a token that could be used as it
stands, never tell a stranger whether an address is known, and never know what a ticket is.
"""
