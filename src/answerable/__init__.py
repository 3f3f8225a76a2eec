"""Answerable: an event-driven support desk that is answerable for every promise it makes."""

__version__ = "0.1.0"
