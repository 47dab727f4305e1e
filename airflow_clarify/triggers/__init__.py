"""Triggers: wait for jobs without occupying a worker slot."""
