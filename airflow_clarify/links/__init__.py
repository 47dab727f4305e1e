"""Links from a task to what it has started elsewhere."""
