"""One HTTP primitive towards Litmus: pace, breaker, what a refused token means. Sends, decides nothing."""
