"""What ``check`` finds by looking around: each probe only reads, and is over within seconds."""
