"""What travels: GraphQL texts, shapes of answers, tokens, and how each is read. Pure."""
