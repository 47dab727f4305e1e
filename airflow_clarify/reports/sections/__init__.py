"""The sections of a report, as data that every renderer shows."""
