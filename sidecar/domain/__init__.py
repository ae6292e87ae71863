"""What we know, as immutable values, the doors to the world, and every expected failure.

No I/O, no clock, no framework. ``ports`` first: the Protocols that the other rooms
implement and meet by.
"""
