"""The commands, one file each. A command opens what it needs from ``app`` and prints; it holds no rule."""
