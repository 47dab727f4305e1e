"""Balanced samples of files and DataFrames: strata, random keys, and writers that keep every record as it is."""
