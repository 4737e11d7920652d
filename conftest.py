"""cctbx's extensions must load before scipy's: import hnmref first."""

import hnmref  # noqa: F401
