"""The Cache tab of Locust's page: its counts, the servers' metrics, the form and the routes."""
