"""Reporting: how the desk is doing, in figures that are each defined once.

It owns a small row for each ticket and the counters made of them, fed by events alone. It will never ask another
feature, change a ticket or tell anybody anything.
"""
