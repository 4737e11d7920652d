"""Measurements of speed, memory and accuracy on real entries."""
