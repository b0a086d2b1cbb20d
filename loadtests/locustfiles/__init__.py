"""The files that Locust runs, and the modules that only its processes import."""
