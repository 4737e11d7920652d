"""A first look in twenty minutes on two cores: four entries, sites fixed.

    python -m regression.quick --jobs 2

:mod:`regression.experiment` with the quick protocol and grid; its options can be given.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from regression import experiment

ENTRIES = ("4drw", "2jee", "2pro", "1il5")


def main(args: Sequence[str]) -> None:
    """The command."""
    experiment.main(
        ["--protocol", "quick", "--grid", "quick", "--entries", *ENTRIES, *args]
    )


if __name__ == "__main__":
    main(sys.argv[1:])
