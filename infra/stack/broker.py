"""Decides which Kafka broker to start: Apache Kafka, or the stand-in where Java or Maven is missing."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.kafka import jars
from infra.stack.problems import StackProblem

JAVA_VERSION_MIN = 17

BrokerKind = Literal["apache", "standin"]


@dataclass(frozen=True)
class Broker:
    """The chosen broker; `java` and `jars` are set for Apache Kafka, `notice` for the stand-in."""

    kind: BrokerKind
    java: str = ""
    jars: Path = Path()
    notice: str = ""


def standin(reason: str) -> Broker:
    """The stand-in broker, with the sentence that says so."""
    return Broker(
        "standin",
        notice=f"A small stand-in broker takes Apache Kafka's place because {reason}: it keeps nothing over a "
        "restart, and has no idempotent producer, no transactions and no retention.",
    )


def find_java(environ: Mapping[str, str]) -> str | None:
    """The java of `JAVA_HOME`, else the first one on the path."""
    home = environ.get("JAVA_HOME")
    if home and os.access(Path(home) / "bin" / "java", os.X_OK):
        return str(Path(home) / "bin" / "java")
    return shutil.which("java", path=environ.get("PATH"))


def java_version(java: str) -> int:
    """The major version of a java program; 0 when it does not tell."""
    try:
        told = subprocess.run([java, "-version"], check=False, capture_output=True, text=True, timeout=20).stderr
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r'version "(?:1\.)?(\d+)', told)
    return int(match.group(1)) if match else 0


def obstacle_to_java(environ: Mapping[str, str]) -> str | None:
    """Why Java cannot run Apache Kafka here, as the end of a sentence; None when it can."""
    java = find_java(environ)
    if java is None:
        return f"Java {JAVA_VERSION_MIN} or later is not installed"
    version = java_version(java)
    if version < JAVA_VERSION_MIN:
        return f"{java} is Java {version or 'of an unknown version'}, and Kafka needs {JAVA_VERSION_MIN} or later"
    return None


def choose_broker(environ: Mapping[str, str], log: Path, report: Callable[[str], None]) -> Broker:
    """Obeys `HANDRAIL_BROKER`; without it takes Apache Kafka where it can run, else the stand-in.

    Fetches Kafka's jars if need be.

    Args:
        environ: environment variables.
        log: the file for Maven's output.
        report: is told when jars have to be fetched.

    Raises:
        StackProblem: the broker asked for cannot run, or Kafka's jars are not the ones they should be.
    """
    wanted = environ.get("HANDRAIL_BROKER") or None
    if wanted not in (None, "apache", "standin"):
        raise StackProblem(f"HANDRAIL_BROKER is '{wanted}', but must be 'apache' or 'standin': correct or unset it.")
    if wanted == "standin":
        return standin("HANDRAIL_BROKER asks for it")
    obstacle = obstacle_to_java(environ)
    if obstacle is None:
        if not jars.cache_folder(environ).is_dir():
            report(f"Fetching Apache Kafka {jars.kafka_version()} with Maven (43 MB, only at the first start)")
        try:
            return Broker("apache", find_java(environ) or "", jars.ensure(environ, log))
        except jars.ChecksumMismatch as error:
            raise StackProblem(str(error)) from error
        except jars.JarsUnreachable as error:
            obstacle = str(error)
    if wanted == "apache":
        raise StackProblem(
            f"Apache Kafka cannot start because {obstacle}: install it, or unset HANDRAIL_BROKER to use the stand-in."
        )
    return standin(obstacle)
