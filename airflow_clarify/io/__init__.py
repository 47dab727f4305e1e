"""Files in any store: where they lie, how they are written whole or not at all, and how they are named in messages."""
