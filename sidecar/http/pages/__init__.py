"""The pages under ``/litmus``: HTML for people, made from the same shapes as the JSON.

A page works without a script, refers to nothing outside the sidecar, and shows
when each figure is from. Must not compute figures: those come from ``shapes``.
"""
