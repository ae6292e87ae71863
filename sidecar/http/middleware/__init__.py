"""What happens around every request: it is let through the gate, limited, logged, and errors become answers.

Knows every form that an answer can have; no handler imports it.
"""
