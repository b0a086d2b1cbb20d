"""The Cache tab of Locust's page: what it counts, where its figures come from, how it is served."""
