"""HTTP: routes, who may use them, and how answers and errors look. Decides no figure by itself."""
