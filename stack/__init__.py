"""The servers and the data of a run: real PostgreSQL and Redis, from the user, from containers or from wheels."""
