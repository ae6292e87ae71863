"""What clients get, as structs, and the pure functions that make them from figures.

JSON and pages use the same ones. Times are absolute; "3 min ago" is made where
it is read. Nothing here knows HTTP.
"""
