"""Steps from one schema to the next; run by ``migration`` at start.

Within a minor version a step only adds, so that the release before it goes on
working during a rolling upgrade.
"""
