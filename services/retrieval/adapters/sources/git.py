"""Knowledge in a git repository: fetched shallow, read from git's own store, never checked out.

Without a working tree there are no hooks, filters, symbolic links or submodules that could do or reach anything.
"""

import os
import re
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from services.retrieval.adapters.sources.articles import KnowledgeUnreadable
from services.retrieval.adapters.sources.converter import Converter
from services.retrieval.adapters.sources.formats import BYTES_MAX, format_of_name, read_content
from services.retrieval.rules.passages import Document, Skipped
from shared.web import Bounds, FetchFailed, FetchRefused, checked_address

TIMEOUT_SECONDS = 300.0
REPOSITORY_BYTES_MAX = 1_000_000_000
_FILES_MAX = 50_000
# Knows `http.curloptResolve`.
_VERSION_MIN = (2, 37)
_LIST_BYTES_MAX = 50_000_000
_REFERENCE = re.compile(r"[A-Za-z0-9_][\w./-]{0,200}")
_SETTINGS = {
    "protocol.allow": "never",
    "http.followRedirects": "false",
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.symlinks": "false",
    "submodule.recurse": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "30",
}


@dataclass(frozen=True)
class Repository:
    """Where the knowledge is: `address` is a URL or a folder, `reference` a branch or tag, `folder` within it."""

    address: str
    reference: str = ""
    folder: str = ""

    @property
    def name(self) -> str:
        """What it is called for short."""
        path = urlsplit(self.address).path if "://" in self.address else self.address
        return path.rstrip("/").rpartition("/")[2].removesuffix(".git") or "repository"


def parse_repository(argument: str) -> Repository | None:
    """The repository that `git+https://host/path.git[@reference][#folder]` or `path/to/repo.git` names, or None.

    Raises:
        KnowledgeUnreadable: it is meant to be one, but its protocol, reference or folder is not allowed.
    """
    if argument.startswith("git+"):
        address, _, folder = argument.removeprefix("git+").partition("#")
        scheme, _, rest = address.partition("://")
        path, _, reference = rest.partition("@") if "@" in rest.partition("/")[2] else (rest, "", "")
        if scheme != "https":
            raise KnowledgeUnreadable(f"git repositories are fetched by https only, not by {scheme[:20]!r}")
        return _safe(Repository(f"https://{path}", reference, folder.strip("/")))
    if argument.rstrip("/").endswith(".git") and Path(argument).is_dir():
        return Repository(str(Path(argument).resolve()))
    return None


def _safe(repository: Repository) -> Repository:
    reference = repository.reference
    if reference and (not _REFERENCE.fullmatch(reference) or ".." in reference):
        raise KnowledgeUnreadable(f"{reference[:80]!r} is no name of a branch or tag")
    if ".." in repository.folder.split("/"):
        raise KnowledgeUnreadable("the folder must lie within the repository")
    return repository


def read_repository(
    repository: Repository,
    *,
    bounds: Bounds | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
    on_count: Callable[[int], None] = lambda _: None,
) -> Iterator[Document | Skipped]:
    """The articles in the newest commit of the repository; ids are `name/path` with `.md` left out.

    Raises:
        KnowledgeUnreadable: git is missing, or the repository cannot be fetched within the bounds, or has no article.
    """
    with tempfile.TemporaryDirectory(prefix="handrail-git-") as folder:
        git = _Git(Path(folder), time.monotonic() + timeout_seconds)
        git.fetch(repository, bounds or Bounds())
        files = git.files(repository.folder)
        if not files:
            raise KnowledgeUnreadable(f"{repository.address} holds no file of Markdown, HTML, PDF or text")
        on_count(len(files))
        with Converter() as converter:
            for path, (blob, size) in files.items():
                yield _read(git, repository, path, blob, size, converter)


def _read(
    git: "_Git", repository: Repository, path: str, blob: str, size: int, converter: Converter
) -> Document | Skipped:
    format_ = format_of_name(path)
    assert format_ is not None
    document_id = f"{repository.name}/{path.removesuffix('.md')}"
    place = f"{path} of {repository.name}"
    try:
        if size > BYTES_MAX[format_]:
            raise KnowledgeUnreadable(f"{place} is larger than {BYTES_MAX[format_]} bytes")
        return read_content(document_id, git.content(blob), format_, place=place, converter=converter)
    except KnowledgeUnreadable as error:
        return Skipped(document_id, str(error))


class _Git:
    """The git program over a bare repository of its own, bounded in time and size."""

    def __init__(self, folder: Path, deadline: float) -> None:
        self._folder = folder
        self._deadline = deadline

    def fetch(self, repository: Repository, bounds: Bounds) -> None:
        """This function will bring the newest commit into the folder, and nothing older."""
        options, address = ["-c", "protocol.file.allow=always"], repository.address
        if "://" in address:
            self._check_version()
            options = ["-c", "protocol.https.allow=always", *_pinned(address, bounds)]
        else:
            address = f"file://{address}"
        self._run("init", "--quiet", "--bare", "--template=", ".")
        self._run(
            *options, "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head",
            address, f"+{repository.reference or 'HEAD'}:refs/heads/knowledge",
            why=f"{repository.address} cannot be fetched",
        )  # fmt: skip

    def files(self, folder: str) -> dict[str, tuple[str, int]]:
        """The files that can be read: path to the blob's id and its size in bytes. Links and submodules are none."""
        tree = f"refs/heads/knowledge:{folder}" if folder else "refs/heads/knowledge"
        listing = self._run(
            "ls-tree", "-r", "-l", "-z", tree, why=f"the folder {folder or '/'} cannot be listed",
            bytes_max=_LIST_BYTES_MAX,
        )  # fmt: skip
        found: dict[str, tuple[str, int]] = {}
        for entry in listing.decode(errors="replace").split("\0"):
            meta, _, path = entry.partition("\t")
            fields = meta.split()
            if len(fields) == 4 and fields[0] in {"100644", "100755"} and fields[3].isdigit() and _is_shown(path):
                found[path] = (fields[2], int(fields[3]))
            if len(found) > _FILES_MAX:
                raise KnowledgeUnreadable(f"the repository holds more than {_FILES_MAX} files")
        return found

    def content(self, blob: str) -> bytes:
        """The bytes of a file."""
        return self._run("cat-file", "blob", blob)

    def _check_version(self) -> None:
        """An older git would resolve the host again by itself, whatever it is told."""
        found = re.search(rb"(\d+)\.(\d+)", self._run("version"))
        if found is None or (int(found.group(1)), int(found.group(2))) < _VERSION_MIN:
            raise KnowledgeUnreadable("git 2.37 or newer is needed to fetch a repository by https")

    def _run(
        self, *arguments: str, why: str = "the repository cannot be read", bytes_max: int = REPOSITORY_BYTES_MAX
    ) -> bytes:
        """What git prints. No file that it writes, and so neither a pack nor its output, may pass `bytes_max`."""
        settings = [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
        if (seconds := self._deadline - time.monotonic()) <= 0:
            raise KnowledgeUnreadable(f"{why} in the time given")
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            try:
                done = subprocess.run(
                    ["git", *settings, *arguments],
                    cwd=self._folder,
                    env=_environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=errors,
                    timeout=seconds,
                    check=False,
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_max, bytes_max)),
                )
            except FileNotFoundError as error:
                raise KnowledgeUnreadable("the program `git` is not installed") from error
            except subprocess.TimeoutExpired as error:
                raise KnowledgeUnreadable(f"{why} in the time given") from error
            output.seek(0)
            errors.seek(0)
            if done.returncode != 0:
                raise KnowledgeUnreadable(f"{why}: {_last_line(errors.read(10_000))}")
            return output.read()


def _is_shown(path: str) -> bool:
    return format_of_name(path) is not None and not any(part.startswith(".") for part in path.split("/"))


def _pinned(address: str, bounds: Bounds) -> list[str]:
    """Has git connect to the addresses that were checked, whatever the name resolves to by then (CURLOPT_RESOLVE)."""
    try:
        host, port, addresses = checked_address(address, bounds)
    except (FetchRefused, FetchFailed) as error:
        raise KnowledgeUnreadable(str(error)) from error
    shown = ",".join(f"[{found}]" if ":" in found else found for found in addresses)
    return ["-c", f"http.curloptResolve={host}:{port}:{shown}", "-c", "http.proxy="]


def _environment() -> dict[str, str]:
    """Nothing of the operator's own settings, credentials or proxies; and no question is ever asked."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_SSH_COMMAND": "false",
        "GIT_PROTOCOL_FROM_USER": "0",
    }


def _last_line(stderr: bytes) -> str:
    lines = stderr.decode(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "git gave no reason"
