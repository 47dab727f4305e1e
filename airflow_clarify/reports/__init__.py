"""What people look at: an analysis and its verdict as a page."""
