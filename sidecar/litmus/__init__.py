"""Talks to ChaosCenter: one HTTP primitive, our own documents, the mapping to the model, the pace.

Nothing here stores anything, serves anything or decides when to ask; the
GraphQL texts and wire shapes stay inside. No text of Litmus and no token ever
leaves this package in an error.
"""
