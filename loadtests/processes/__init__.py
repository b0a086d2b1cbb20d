"""The Locust processes of a run."""
