"""A page opened in headless Chromium, where there is one."""

import re
import shutil
import subprocess
from dataclasses import dataclass

import pytest

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
#: Lines of the console about speed, not about the page.
_HARMLESS = ("GPU stall due to ReadPixels", "willReadFrequently")
#: Software rendering, so that WebGL works without a screen; and no network.
_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--enable-unsafe-swiftshader",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--enable-logging=stderr",
    "--v=0",
    "--window-size=1366,768",
    "--virtual-time-budget=5000",
)


@dataclass
class Opened:
    """What the page is once its scripts have run.

    :ivar dom: its elements, the scripts themselves left out.
    :ivar console: lines that it or the browser wrote to the console.
    """

    dom: str
    console: list[str]

    def count(self, name: str) -> int:
        """Elements of a class."""
        classes = re.findall(r'class="([^"]*)"', self.dom)
        return sum(name in text.split() for text in classes)


def opened(path) -> Opened:
    """The page as Chromium has it; skips the test where there is no Chromium."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        pytest.skip("no Chromium to open the page with")
    run = subprocess.run(
        [program, *_OPTIONS, "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    lines = [line for line in run.stderr.splitlines() if "CONSOLE" in line]
    lines = [line for line in lines if not any(text in line for text in _HARMLESS)]
    dom = re.sub(r"<script.*?</script>", "", run.stdout, flags=re.DOTALL)
    return Opened(dom, lines)
