"""The thesis's table: what is printed there, and where it contradicts itself."""

import numpy as np
import pytest

from regression.thesis import thesis_rows


def test_means_are_the_printed_ones():
    """The last row of the table, and the mean of the rows without a misprint."""
    rows = thesis_rows()
    assert len({row.id for row in rows}) == 20
    for name, printed in (("r_free", 0.86), ("gap", 0.59), ("favoured", 0.64)):
        mean = np.mean([getattr(row, f"{name}_improvement") for row in rows])
        assert mean == pytest.approx(printed, abs=0.006)
    sound = [x.r_free_improvement for x in rows if "r_free" not in x.misprints]
    assert len(sound) == 16 and np.mean(sound) == pytest.approx(0.66, abs=0.005)
    assert all(2 < row.resolution < 7 for row in rows)


def test_misprints_are_the_contradictions():
    for row in thesis_rows():
        # R_free and gap get better by falling, favoured residues by rising.
        found = {
            name
            for name, sign in (("r_free", -1), ("gap", -1), ("favoured", 1))
            if abs(
                sign * (getattr(row, f"hnm_{name}") - getattr(row, f"tls_{name}"))
                - getattr(row, f"{name}_improvement")
            )
            > 0.006
        }
        assert set(row.misprints) == found, row.id


def test_a_row_as_printed():
    (row,) = [row for row in thesis_rows() if row.id == "3e3j"]
    assert (row.resolution, row.hnm_r_free, row.tls_r_free) == (6.70, 38.79, 30.23)
    assert row.misprints == ("r_free",)
