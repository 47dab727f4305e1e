"""The engines: each counts and samples where the data are stored, and returns only counts to Python."""
