"""Measurements, as ratios of one run. ``make bench``; the table is kept in ``docs/speed.md``."""
