"""What the service costs: each module but this one is a script that prints its findings."""
