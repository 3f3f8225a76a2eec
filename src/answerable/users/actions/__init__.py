"""Verbs by what they are about, and ``door``, which holds what a desk needs for them."""
