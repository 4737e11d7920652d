"""Runs on real entries that set or judge what the package does."""
