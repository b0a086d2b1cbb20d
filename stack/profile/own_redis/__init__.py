"""Reads a Redis of the user, and never writes to it."""
