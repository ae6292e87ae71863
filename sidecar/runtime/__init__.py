"""The running process: tasks that must not end, and turns on its event loop. Knows nothing of what runs."""
