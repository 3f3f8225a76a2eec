"""The mirror: the four MongoDB collections of the system before this one, kept current for those who still read them.

It owns what is in those collections (``users``, ``tickets``, ``assignments``, ``notifications``) and nothing in the
desk's database. It is built from events alone, so it needs no other feature's tables, and it can be thrown away and
made again. It never writes anything back, never holds passwords, tokens, comments or mail, and the desk never waits
for it: where MongoDB is away, the mirror is late, and catches up.

It is a *follower* (``infra/bus/follower.py``), no ordinary consumer: its effect is in another database, so a message
may come twice. Every document keeps the sequence of the last event that each group of its fields came from
(``_versions``), and a group is only ever replaced by a later one. So repeats and any order of messages lead to the same
documents.
"""
