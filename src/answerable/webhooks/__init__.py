"""Webhooks out: what happens at the desk is told to other programs, signed, again and again until they have it.

It owns endpoints and deliveries. It will never change a ticket, follow a redirect, or go to a place that is not public,
unless the operator allows that network.
"""
