"""The running process: its tasks, turns on its event loop, HTTP sessions. Knows nothing of what runs."""
