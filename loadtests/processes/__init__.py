"""Starts, watches and ends the Locust processes of a run."""
