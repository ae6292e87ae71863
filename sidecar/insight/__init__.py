"""Meaning: pure functions from snapshot, history and the time given in to figures.

No I/O, no clock; the only thing read from outside is the time zone database.
``digest`` packs a project's runs once per version of its history, everything
else works on that. What is served, and how it is spelled, is ``http``'s.
"""
