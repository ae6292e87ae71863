"""What is kept in this process alone, while the database is away or where it need not outlive it."""
