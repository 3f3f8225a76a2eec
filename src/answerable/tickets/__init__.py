"""Tickets: what customers ask for, and the one place where a ticket's state changes.

It owns tickets, their words (comments), their history and their categories. It will never choose an agent, run a
clock or tell anybody anything: it says what happened, and others do.
"""
