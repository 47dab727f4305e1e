"""History: the counts of every run, in files of any store or in a database table."""
