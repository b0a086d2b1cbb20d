"""Reads a PostgreSQL of the user, and never writes to it."""
