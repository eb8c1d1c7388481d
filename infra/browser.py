"""Finds or installs the Chromium that the browser tests drive."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

DEBIAN_CHROMIUM = "/usr/bin/chromium"
INSTALL_TIMEOUT_SECONDS = 900
LAUNCH_ARGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class BrowserMissing(Exception):
    """No Chromium was found, and none could be installed."""


def launch_args() -> list[str]:
    """Chromium's arguments: no traffic of its own and, as root, no sandbox, since Chromium refuses one there."""
    return [*LAUNCH_ARGS, *(["--no-sandbox"] if _is_root() else [])]


def ensure_chromium() -> str:
    """The path of a Chromium to launch.

    Looks at HANDRAIL_CHROMIUM, then at Debian's, then at Playwright's own; else installs Debian's as root,
    Playwright's otherwise. Raises BrowserMissing with what to do about it.
    """
    if named := os.environ.get("HANDRAIL_CHROMIUM"):
        if not os.access(named, os.X_OK):
            raise BrowserMissing(f"HANDRAIL_CHROMIUM names {named}, which is not an executable file.")
        return named
    if found := _debian() or _playwright():
        return found
    if _is_root() and shutil.which("apt-get"):
        _run(["apt-get", "update", "-q"])
        _run(["apt-get", "install", "-y", "-q", "--no-install-recommends", "chromium", "fonts-dejavu-core"])
        found = _debian()
    else:
        _run([sys.executable, "-m", "playwright", "install", "chromium"])
        found = _playwright()
    if not found:
        raise BrowserMissing("Chromium was installed but is not where it should be: set HANDRAIL_CHROMIUM to it.")
    return found


def _is_root() -> bool:
    return os.geteuid() == 0


def _debian() -> str | None:
    return DEBIAN_CHROMIUM if os.access(DEBIAN_CHROMIUM, os.X_OK) else None


def _playwright() -> str | None:
    # Only developers have Playwright, and those whose Chromium was found above need not load it.
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def _run(command: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        subprocess.run(
            command,
            check=True,
            env=environment,
            timeout=INSTALL_TIMEOUT_SECONDS,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
    except (subprocess.SubprocessError, OSError) as error:
        detail = str(getattr(error, "stderr", "") or error).strip()[-500:]
        raise BrowserMissing(
            f"The browser tests need Chromium, and `{' '.join(command)}` failed: {detail} "
            "Install Chromium yourself and set HANDRAIL_CHROMIUM to its path."
        ) from error
