"""What the gate of a request is made of: connections, origins, who is calling, what they see.

Decides whether a request goes on, never what its answer says.
"""
