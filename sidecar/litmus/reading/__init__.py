"""From documents to sections and runs: what is asked of a project, page by page, and remembered of it."""
