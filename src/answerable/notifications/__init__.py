"""Notifications: who is told what, on screen and by mail, exactly once.

It owns notices, deliveries, the mail queue and each person's preferences. It will never change a ticket or decide
anything about one: it listens, and tells the people that the matrix in ``rules/matrix.py`` names.
"""
