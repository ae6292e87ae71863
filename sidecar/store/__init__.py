"""Where snapshots and leases live; implementations of the doors in ``ports``."""
