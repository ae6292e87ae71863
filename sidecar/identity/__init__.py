"""Principals: who is calling, with which credential, how often. Knows nothing of requests and routes.

Keys, people behind an authenticating proxy, sessions, signatures, origins, rates. What
only Backstage can verify is ``backstage``'s.
"""
