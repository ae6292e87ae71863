"""What the process tells its operators: log, metrics, traces. Decides nothing and holds no secret."""
