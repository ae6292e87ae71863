"""The composition root: opens every part, ties them together, serves, and ends them in order.

The one room that names concrete classes of all others. ``compose`` makes the
whole, ``tokens``, ``catalog`` and ``people`` one neighbour each, ``gauges`` what a
scrape reads of them, ``lifecycle`` the process around it. No rule of the domain is here.
"""
