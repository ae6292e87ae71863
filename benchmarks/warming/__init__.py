"""Parts of ``benchmarks.warm``: the bare handler that it compares with, and the load."""
