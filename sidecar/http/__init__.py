"""HTTP: routes, who may use them, and how answers and errors look. Decides no figure by itself.

``gate`` is passed by every request, ``reading`` says what it asks, ``answers`` how the
answer is made and sent; ``shapes`` are what clients get. The kinds of answers beside
each other: ``api``, ``graphql``, ``pages``, ``pictures``, ``metrics``, ``openapi``.
"""
