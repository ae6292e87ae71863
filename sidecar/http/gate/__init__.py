"""What every request passes before its handler: connections, origins, who is calling, what they see, errors.

Decides whether a request goes on, never what its answer says.
"""
