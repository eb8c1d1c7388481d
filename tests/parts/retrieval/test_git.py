"""Knowledge in a git repository: what is fetched, and what a repository cannot make git do."""

import os
import subprocess
from pathlib import Path

import pytest

from services.retrieval.adapters.sources.articles import KnowledgeUnreadable
from services.retrieval.adapters.sources.git import Repository, parse_repository, read_repository
from services.retrieval.rules.passages import Document, Skipped
from shared.web import Bounds


def git(folder: Path, *arguments: str) -> None:
    identity = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org"}
    identity |= {name.replace("AUTHOR", "COMMITTER"): value for name, value in identity.items()}
    nothing = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
    subprocess.run(
        ["git", "-c", "protocol.file.allow=always", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        env=identity | nothing,
    )


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    """A bare repository with two branches."""
    work, bare = tmp_path / "work", tmp_path / "handbook.git"
    (work / "docs").mkdir(parents=True)
    git(work, "init", "-q", "-b", "main")
    (work / "README.md").write_text("# Handbook\n\nRead docs.")
    (work / "docs" / "returns.md").write_text("# Returns\n\nWithin 30 days.")
    (work / "docs" / "page.html").write_text("<h1>Page</h1><p>Text.</p>")
    (work / "docs" / "broken.md").write_bytes(b"\xff\xff")
    (work / "code.py").write_text("print()")
    (work / ".github").mkdir()
    (work / ".github" / "x.md").write_text("no")
    (work / "link.md").symlink_to("/etc/passwd")
    git(work, "add", ".")
    git(work, "commit", "-qm", "one")
    git(work, "checkout", "-qb", "next")
    (work / "docs" / "returns.md").write_text("# Returns\n\nWithin 60 days.")
    git(work, "commit", "-qam", "two")
    git(work, "checkout", "-q", "main")
    git(tmp_path, "clone", "-q", "--bare", str(work), str(bare))
    return bare


def texts(repository: Repository) -> dict[str, str]:
    return {item.document_id: item.text for item in read_repository(repository) if isinstance(item, Document)}


def test_the_newest_commit_s_articles_are_read(handbook: Path) -> None:
    repository = parse_repository(str(handbook))
    assert repository is not None
    counts: list[int] = []
    items = list(read_repository(repository, on_count=counts.append))

    assert {item.document_id for item in items if isinstance(item, Document)} == {
        "handbook/README",
        "handbook/docs/returns",
        "handbook/docs/page.html",
    }
    [skipped] = [item for item in items if isinstance(item, Skipped)]
    assert skipped.document_id == "handbook/docs/broken"
    assert counts == [4]


def test_a_branch_and_a_folder_can_be_chosen(handbook: Path) -> None:
    found = texts(Repository(str(handbook), reference="next", folder="docs"))

    assert found == {"handbook/returns": "# Returns\n\nWithin 60 days.", "handbook/page.html": "# Page\n\nText.\n"}


def test_nothing_of_a_repository_is_run_or_followed(tmp_path: Path, handbook: Path) -> None:
    """Hooks of the repository, its submodules and filters: none of them leaves a trace."""
    marker = tmp_path / "was-run"
    for hook in ("post-checkout", "post-merge", "reference-transaction", "pre-receive"):
        (handbook / "hooks").mkdir(exist_ok=True)
        (handbook / "hooks" / hook).write_text(f"#!/bin/sh\ntouch {marker}\n")
        (handbook / "hooks" / hook).chmod(0o755)
    work = tmp_path / "work"
    (work / ".gitattributes").write_text("*.md filter=evil\n")
    (work / ".gitmodules").write_text(f'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c "touch% {marker}"\n')
    git(work, "add", "-A")
    git(work, "commit", "-qm", "evil")
    git(work, "push", "-q", str(handbook), "main")
    marker.unlink(missing_ok=True)

    assert "handbook/docs/returns" in texts(Repository(str(handbook)))
    assert not marker.exists()


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("git+http://example.org/a.git", "https only"),
        ("git+ssh://git@example.org/a.git", "https only"),
        ("git+file:///etc/a.git", "https only"),
        ("git+ext::sh -c touch% /tmp/x", "https only"),
        ("git+https://example.org/a.git@--upload-pack=touch", "no name of a branch"),
        ("git+https://example.org/a.git@a/../../b", "no name of a branch"),
        ("git+https://example.org/a.git#../..", "within the repository"),
    ],
)
def test_what_is_no_safe_address_of_a_repository_is_refused(argument: str, told: str) -> None:
    with pytest.raises(KnowledgeUnreadable, match=told):
        parse_repository(argument)


def test_an_address_has_its_parts() -> None:
    assert parse_repository("git+https://git.example/team/handbook.git@v1.2#docs/en") == Repository(
        "https://git.example/team/handbook.git", "v1.2", "docs/en"
    )
    assert Repository("https://git.example/team/handbook.git").name == "handbook"
    assert parse_repository("https://example.org/a.git") is None
    assert parse_repository("no/such/folder.git") is None


@pytest.mark.parametrize(
    "address", ["https://127.0.0.1/a.git", "https://localhost/a.git", "https://user:pw@example.org/a.git"]
)
def test_a_repository_inside_is_not_fetched(address: str) -> None:
    with pytest.raises(KnowledgeUnreadable, match=r"no public host|password"):
        list(read_repository(Repository(address), bounds=Bounds(resolve=lambda host, port: ["127.0.0.1"])))


def test_what_cannot_be_fetched_is_told(tmp_path: Path, handbook: Path) -> None:
    with pytest.raises(KnowledgeUnreadable, match="cannot be fetched"):
        list(read_repository(Repository(str(tmp_path / "none.git"))))
    with pytest.raises(KnowledgeUnreadable, match="cannot be fetched"):
        list(read_repository(Repository(str(handbook), reference="nowhere")))
    with pytest.raises(KnowledgeUnreadable, match="cannot be listed"):
        list(read_repository(Repository(str(handbook), folder="nowhere")))
    with pytest.raises(KnowledgeUnreadable, match="in the time given"):
        list(read_repository(Repository(str(handbook)), timeout_seconds=-1.0))
