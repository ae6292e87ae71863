"""Who is calling: verifies credentials, knows nothing of requests and routes."""
