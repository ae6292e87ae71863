"""Keeps snapshots fresh: decides what is due, at which pace, and records how it went.

Knows neither Litmus's protocol (``litmus``) nor who reads (``http``).
"""
