"""How we talk to a database: SQLite or PostgreSQL on one code path, pools, migrations, failures in our words.

Knows no table but those of the migrations.
"""
