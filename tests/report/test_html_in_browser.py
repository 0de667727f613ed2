"""Opens the page in headless Chromium: nothing on the console, nothing fetched.

What the browser does on its own account (looking for updates) has no initiator in the network log;
what a page asks for has one.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sample_report import hostile, sample, with_everything_missing, with_layers

from secateur.report import files
from secateur.report.schema import Report

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
NO_INITIATOR = (None, "not an origin")

pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"none of {', '.join(BROWSERS)} is installed")


@dataclass(frozen=True)
class Visit:
    dom: str
    console: list[str]
    requests: list[str]


def visit(page: Path, profile: Path) -> Visit:
    profile.mkdir()
    log = profile / "network.json"
    done = subprocess.run(
        [
            str(BROWSER),
            *("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--enable-logging=stderr", "--virtual-time-budget=2000"),
            *(f"--user-data-dir={profile}", f"--log-net-log={log}", "--dump-dom", page.as_uri()),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    console = [line for line in done.stderr.splitlines() if re.search(r"CONSOLE[:(]\d", line)]
    events = (event.get("params", {}) for event in json.loads(log.read_text())["events"])
    requests = {event["url"] for event in events if event.get("initiator") not in NO_INITIATOR}
    return Visit(done.stdout, console, sorted(requests))


@pytest.mark.parametrize(
    "make",
    [sample, with_everything_missing, hostile, lambda: with_layers(120)],
    ids=["complete", "missing", "hostile", "many layers"],
)
def test_the_page_is_silent_and_fetches_nothing(make: Callable[[], Report], tmp_path: Path) -> None:
    page = files.write_html(make(), tmp_path)
    seen = visit(page, tmp_path / "profile")
    assert "The networks, side by side" in seen.dom
    assert seen.console == []
    assert seen.requests == []


def test_a_page_that_fetches_and_fails_would_be_caught(tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text('<img src="http://secateur.invalid/x.png"><script>undefinedFunction()</script>')
    seen = visit(page, tmp_path / "profile")
    assert seen.requests == ["http://secateur.invalid/x.png"]
    assert "undefinedFunction is not defined" in "".join(seen.console)


def test_the_page_s_policy_blocks_both(tmp_path: Path) -> None:
    page = files.write_html(sample(), tmp_path)
    bad = '<img src="http://secateur.invalid/x.png"><script>undefinedFunction()</script></body>'
    page.write_text(page.read_text().replace("</body>", bad))
    seen = visit(page, tmp_path / "profile")
    assert seen.requests == []
    assert len(seen.console) == 2
    assert all("Content Security Policy" in line for line in seen.console)
