"""The rows of the table: what each run is asked for."""

from __future__ import annotations

#: What all runs have in common beside the defaults.
COMMON = ("strategy=adp", "start.b_iso=20", "main.number_of_macro_cycles=3")

#: The rows of the table and what each asks for.
ROWS = {
    "none": ("group_adp=none",),
    "tls1": ("group_adp=tls", "tls.groups_per_chain=1"),
    "tls3": ("group_adp=tls", "tls.groups_per_chain=3"),
    "tls6": ("group_adp=tls", "tls.groups_per_chain=6"),
    "hnm": ("group_adp=hnm",),
    "hnm6": ("group_adp=hnm", "hnm.n_whole=6", "hnm.n_substructure=6"),
}

#: The row that is judged and those it is judged by.
OURS = "hnm"
BASELINES = ("tls1", "tls3", "tls6")
