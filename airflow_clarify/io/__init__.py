"""Input and output of files in any store: filesystems, atomic writes, staging folders and redaction of URLs."""
