"""What a task queue adds between a trigger and its refresh."""
