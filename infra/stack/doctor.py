"""Examines this machine and says in plain words what is missing for the stack, and how to get it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import psutil

from infra.kafka import jars
from infra.stack import health, leftovers
from infra.stack.broker import find_java, java_version, obstacle_to_java
from infra.stack.home import FREE_BYTES_MIN
from infra.stack.launch import without_credentials
from infra.stack.ports import is_free
from infra.stack.problems import StackProblem
from infra.stack.servers import GIVEN_BY, POSTGRES_BIN, PREFERRED_PORTS, REDIS_BIN
from infra.stack.stack import Stack

MEMORY_BYTES_WANTED = 3 * 1024**3
JAVA_ADVICE = "install a Java runtime, for example 'apt-get install openjdk-17-jre-headless maven'"
GIB = 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing looked at. A "problem" keeps the stack from starting; a "warning" costs something."""

    name: str
    level: Literal["ok", "warning", "problem"]
    sentence: str


def examine_java(environ: Mapping[str, str]) -> Finding:
    """Whether Apache Kafka's Java is here."""
    obstacle = obstacle_to_java(environ)
    if obstacle is None:
        java = find_java(environ) or ""
        return Finding("java", "ok", f"Java {java_version(java)} is at {java}.")
    level: Literal["warning", "problem"] = "problem" if environ.get("HANDRAIL_BROKER") == "apache" else "warning"
    return Finding("java", level, f"Without Kafka only the stand-in broker can run: {obstacle}; {JAVA_ADVICE}.")


def examine_jars(environ: Mapping[str, str]) -> Finding:
    """Whether Kafka's jars are here and right, or Maven to fetch them."""
    folder = jars.cache_folder(environ)
    if folder.is_dir():
        try:
            jars.verify(folder)
        except jars.ChecksumMismatch as error:
            return Finding("jars", "problem", str(error))
        return Finding("jars", "ok", f"The jars of Apache Kafka {jars.kafka_version()} are in {folder}.")
    if shutil.which("mvn", path=environ.get("PATH")):
        return Finding(
            "jars", "ok", f"Maven will fetch Apache Kafka {jars.kafka_version()} at the first start (43 MB)."
        )
    level: Literal["warning", "problem"] = "problem" if environ.get("HANDRAIL_BROKER") == "apache" else "warning"
    return Finding("jars", level, f"Maven is missing, so Apache Kafka cannot be fetched; {JAVA_ADVICE}.")


def examine_program(name: str, program: Path) -> Finding:
    """Whether a server's program of a Python package runs here."""
    try:
        told = subprocess.run([str(program), "--version"], check=True, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or str(error)
        return Finding(
            name,
            "problem",
            f"{program} does not run ({said.strip().splitlines()[0]}): run 'make setup' again, or name a server of "
            f"yours by {GIVEN_BY[name]}.",
        )
    return Finding(name, "ok", f"{told.stdout.strip()}.")


def examine_given(name: str, url: str) -> Finding:
    """Whether a server that is given by URL answers."""
    shown = without_credentials(url)
    try:
        if health.SERVER_CHECKS[name](url):
            return Finding(name, "ok", f"{GIVEN_BY[name]} answers at {shown}.")
    except StackProblem as problem:
        return Finding(name, "problem", str(problem))
    return Finding(
        name,
        "problem",
        f"{GIVEN_BY[name]} is set, but nothing fitting answers at {shown}: correct or unset it.",
    )


def examine_home(path: Path) -> Finding:
    """Whether the stack's folder can be written and has room."""
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        advice = "set HANDRAIL_HOME to a folder of yours, or change its owner"
        return Finding("home", "problem", f"{existing} cannot be written: {advice}.")
    free = shutil.disk_usage(existing).free
    if free < FREE_BYTES_MIN:
        advice = "make room, or set HANDRAIL_HOME to another disk"
        return Finding("home", "problem", f"The disk of {path} has only {free // 2**20} MB left: {advice}.")
    return Finding("home", "ok", f"Data goes to {path}, with {free / GIB:.0f} GB free.")


def examine_memory(available_bytes: int) -> Finding:
    """Whether the whole stack fits into memory."""
    if available_bytes < MEMORY_BYTES_WANTED:
        return Finding(
            "memory",
            "warning",
            f"Only {available_bytes / GIB:.1f} GB of memory are free and the whole stack likes "
            f"{MEMORY_BYTES_WANTED // GIB} GB: close something, or expect it to be slow.",
        )
    return Finding("memory", "ok", f"{available_bytes / GIB:.1f} GB of memory are free.")


def examine_ports(taken: list[int]) -> Finding:
    """What taken ports mean."""
    if taken:
        listed = ", ".join(map(str, taken))
        return Finding("ports", "ok", f"Taken by others: {listed}; free ones will be used, see 'handrail status'.")
    return Finding("ports", "ok", "The usual ports are free.")


def examine_platform(platform: str) -> Finding:
    """Whether the system ends the stack with its parent."""
    if platform != "linux":
        advice = "run 'handrail down' after a crash"
        return Finding("system", "warning", f"On {platform} the stack outlives a killed 'handrail up': {advice}.")
    return Finding("system", "ok", "Linux.")


def examine_stack(stack: Stack) -> Finding:
    """Whether the stack runs, or left something behind."""
    if stack.is_running():
        return Finding("stack", "ok", f"The stack in {stack.home.path} is running; see 'handrail status'.")
    left = len(leftovers.leftovers(stack.home.path))
    if left:
        advice = "'handrail down' ends them"
        return Finding("stack", "warning", f"{left} processes of a stack that crashed still run: {advice}.")
    return Finding("stack", "ok", "The stack is not running; 'handrail up' starts it.")


def examine(stack: Stack) -> list[Finding]:
    """Looks at everything; changes nothing."""
    environ = stack.environ
    taken = [] if stack.is_running() else [port for port in PREFERRED_PORTS.values() if not is_free(port)]
    checks: list[Callable[[], Finding]] = [partial(examine_platform, sys.platform)]
    given = {name: environ[variable] for name, variable in GIVEN_BY.items() if environ.get(variable)}
    if "kafka" not in given and environ.get("HANDRAIL_BROKER") != "standin":
        checks += [partial(examine_java, environ), partial(examine_jars, environ)]
    for name, program in {"postgres": POSTGRES_BIN / "postgres", "redis": REDIS_BIN}.items():
        if name not in given:
            checks.append(partial(examine_program, name, program))
    checks += [partial(examine_given, name, url) for name, url in given.items()]
    checks += [
        partial(examine_home, stack.home.path),
        partial(examine_memory, psutil.virtual_memory().available),
        partial(examine_ports, taken),
        partial(examine_stack, stack),
    ]
    with ThreadPoolExecutor(len(checks)) as pool:
        return list(pool.map(lambda check: check(), checks))
