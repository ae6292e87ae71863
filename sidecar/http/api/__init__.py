"""The JSON routes under ``/api/v1``, and health. Bodies are ``shapes``; figures come from ``insight``."""
