"""A stand-in for hnmref.refine: leaves a run's files, in the time of an import.

    python stand_in.py MODEL DATA PHIL...

The files come from PREPARED/ROW (an environment variable, and output of
small_tasks.prepare); the row is that of the directory it is started in. While a file
PREPARED/ROW/stuck is there, it leaves halves of files, adds its process and its
parent's to PREPARED/ROW/stuck and waits to be killed.
"""

import os
import shutil
import sys
import time
from pathlib import Path

prepared = Path(os.environ["PREPARED"]) / Path.cwd().name
others = sorted(path.name for path in Path.cwd().iterdir())
if others != ["output.txt"]:
    sys.exit(f"Sorry: another attempt has left {others}")
stuck = prepared / "stuck"
if stuck.is_file():
    for name in ("run_001.json", "run_001.mtz"):
        content = (prepared / name).read_bytes()
        Path(name).write_bytes(content[: len(content) // 2])
    partial = prepared / "stuck.partial"
    partial.write_text(f"{os.getpid()} {os.getppid()}")
    partial.rename(stuck)
    time.sleep(120)
    sys.exit("nobody has killed it")
for name in ("run_001.json", "run_001.mtz", "run_001.cif"):
    shutil.copy(prepared / name, name)
Path("run_001.log").write_text("not kept")
