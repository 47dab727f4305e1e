"""Balanced samples of files and DataFrames: strata, random keys, and writers that preserve every record."""
