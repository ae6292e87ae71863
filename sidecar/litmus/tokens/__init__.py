"""The life of Litmus API tokens: held, proved, created, rotated, revoked. Never leaves with a value."""
