"""Talks to ChaosCenter: ``wire`` what travels, ``transport`` how; then ``reading``, ``tokens``, ``acting``.

Nothing here stores anything, serves anything or decides when to ask. No text of
Litmus and no token ever leaves this room in an error.
"""
