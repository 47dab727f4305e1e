"""Where counting and sampling run. Each engine counts where the data live; Python only sees the counts."""
