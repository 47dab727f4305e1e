"""Sensors: tasks that wait for jobs that another task or program has started."""
