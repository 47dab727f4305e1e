"""Links from a task to its report, and to its job in the AWS console."""
