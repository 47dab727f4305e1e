"""Alarms over many nights: evidence, a confidence sequence and change detection, from counts."""
