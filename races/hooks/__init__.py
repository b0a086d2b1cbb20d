"""The hooks into redis-py, psycopg and the process: every round trip of a client waits for the scheduler."""
