"""What it runs on: real PostgreSQL and real Redis, brought by the user, by containers or by wheels."""
