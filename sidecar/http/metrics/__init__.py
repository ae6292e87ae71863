"""What Prometheus scrapes: our own metrics and those of the domain. Figures come from ``insight``."""
