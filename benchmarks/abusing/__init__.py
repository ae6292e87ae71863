"""The parts of ``python -m benchmarks.abuse``: a service of its own, its neighbour, probes and attacks."""
