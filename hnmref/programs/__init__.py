"""Command-line programs: thin."""
