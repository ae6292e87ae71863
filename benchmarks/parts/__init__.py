"""The parts of ``python -m benchmarks.bench``: each measures one thing and returns rows for one table."""
