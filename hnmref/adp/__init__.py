"""Displacement parameters in a basis of normal modes; numpy only."""
