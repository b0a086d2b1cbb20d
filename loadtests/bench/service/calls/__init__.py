"""The requests that are sent to a web service."""
