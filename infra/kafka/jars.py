"""Fetches the jars of Apache Kafka with Maven, and lets none pass whose checksum is not the committed one.

`python -m infra.kafka.jars` fetches and checks; `--write-checksums` accepts what was fetched as the new truth (after
a change of version in pom.xml).
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from infra.stack.supervise import leashed

HERE = Path(__file__).parent
POM = HERE / "pom.xml"
CHECKSUMS = HERE / "checksums.txt"
FETCH_SECONDS_MAX = 600


class ChecksumMismatch(Exception):
    """A jar is not the one whose checksum is committed."""


class JarsUnreachable(Exception):
    """Maven is missing or could not fetch the jars."""


def kafka_version(pom: Path = POM) -> str:
    """The pinned version of Apache Kafka, from pom.xml."""
    match = re.search(r"<kafka\.version>([\w.-]+)</kafka\.version>", pom.read_text())
    if match is None:
        raise ValueError(f"{pom} names no kafka.version")
    return match.group(1)


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where the jars are kept: below `HANDRAIL_CACHE`, by default `~/.cache/handrail`."""
    root = environ.get("HANDRAIL_CACHE") or "~/.cache/handrail"
    return Path(root).expanduser().resolve() / f"kafka-{kafka_version()}"


def checksums_of(folder: Path) -> dict[str, str]:
    """The SHA-256 of each jar in a folder, by name."""
    jars = sorted(folder.glob("*.jar"), key=lambda jar: jar.name)
    return {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in jars}


def verify(folder: Path, checksums: Path = CHECKSUMS) -> None:
    """Reads every jar (43 MB, about 0.1 s) and compares it with the committed checksums.

    Raises:
        ChecksumMismatch: a jar differs, is missing, or is one too many.
    """
    expected = {name: digest for digest, name in (line.split() for line in checksums.read_text().splitlines())}
    found = checksums_of(folder)
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        raise ChecksumMismatch(
            f"{len(wrong)} of the Kafka jars in {folder} do not match {checksums} (first: {wrong[0]}), so Kafka is "
            "not started: delete that folder and start again; if they still differ, do not trust what was fetched."
        )


def ensure(environ: Mapping[str, str], log: Path) -> Path:
    """The folder of the checked jars, fetched first if they are not in the cache yet.

    Args:
        environ: environment variables, for the place of the cache and for Maven.
        log: the file that gets Maven's output.

    Raises:
        ChecksumMismatch: see `verify`.
        JarsUnreachable: Maven is missing, failed, or took longer than `FETCH_SECONDS_MAX`.
    """
    folder = cache_folder(environ)
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".kafka-") as draft:
            _fetch(Path(draft), environ, log)
            verify(Path(draft))
            _keep(Path(draft), folder)
    verify(folder)
    return folder


def _keep(draft: Path, folder: Path) -> None:
    """Gives the fetched jars their final place in one step, so that a cut-short fetch never looks complete."""
    ready = draft / "ready"
    ready.mkdir()
    for jar in draft.glob("*.jar"):
        jar.rename(ready / jar.name)
    try:
        ready.rename(folder)
    except OSError:
        # Another start fetched the same jars meanwhile; either set passes the check that follows.
        if not folder.is_dir():
            raise


def _fetch(folder: Path, environ: Mapping[str, str], log: Path) -> None:
    maven = shutil.which("mvn", path=environ.get("PATH"))
    if maven is None:
        raise JarsUnreachable("Maven (mvn) is not installed")
    goal = "dependency:copy-dependencies"
    command = [maven, "-B", "-q", "-f", str(POM), goal, f"-DoutputDirectory={folder}", "-DincludeScope=runtime"]
    with log.open("w") as output:
        try:
            run = subprocess.run(
                leashed(command, "SIGKILL"),
                check=False,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=FETCH_SECONDS_MAX,
            )
        except subprocess.TimeoutExpired as error:
            raise JarsUnreachable(f"Maven took longer than {FETCH_SECONDS_MAX} seconds (see {log})") from error
    if run.returncode != 0 or not any(folder.glob("*.jar")):
        raise JarsUnreachable(f"Maven could not fetch Apache Kafka {kafka_version()} (see {log})")


def main() -> None:
    """Fetches and checks, or writes the checksums of what is fetched now."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--write-checksums", action="store_true")
    if not parser.parse_args().write_checksums:
        sys.stdout.write(f"{ensure(os.environ, Path(os.devnull))}\n")
        return
    with tempfile.TemporaryDirectory() as draft:
        _fetch(Path(draft), os.environ, Path(os.devnull))
        lines = [f"{digest}  {name}\n" for name, digest in checksums_of(Path(draft)).items()]
    CHECKSUMS.write_text("".join(lines))
    sys.stdout.write(f"{CHECKSUMS}: {len(lines)} jars of Apache Kafka {kafka_version()}\n")


if __name__ == "__main__":
    main()
