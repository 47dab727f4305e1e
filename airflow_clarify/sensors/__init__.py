"""Sensors: tasks that wait for what something else has started."""
