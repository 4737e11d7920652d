"""python -m phenix_plugin check | enable | disable

check     whether the cctbx of this Python is as the plugin knows it
enable    let processes with HNMREF_PHENIX_PLUGIN=1 install the plugin themselves
disable   undo that
"""

from __future__ import annotations

import sys


def main(args: list[str]) -> str | None:
    """Do what the one argument says; a returned string is an error."""
    if args == ["check"]:
        return _check()
    if args == ["enable"] or args == ["disable"]:
        from phenix_plugin import startup

        path = startup.enable() if args == ["enable"] else startup.disable()
        print(f"{'Wrote' if args == ['enable'] else 'Removed'} {path}")
        return None
    return __doc__


def _check() -> str | None:
    import hnmref

    if hnmref.cctbx_unavailable is not None:
        return hnmref.cctbx_unavailable
    from phenix_plugin.contract import changes

    found = changes()
    if found:
        return "This cctbx is not as phenix_plugin knows it:\n" + "\n".join(found)
    print("This cctbx is as phenix_plugin knows it.")
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
