"""Knowledge that changes, on a real PostgreSQL: only what changed is touched, and nothing is ever half there."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner

from infra.cli.main import app
from infra.cli.watching import watch
from services.retrieval.adapters.embedding import PassageEmbedder
from services.retrieval.adapters.sources.files import Stamps, read_path
from services.retrieval.ingest import IngestReport
from services.retrieval.rules.passages import Document, Skipped
from shared.embedding import Vectors
from tests.real.library import Library

pytestmark = pytest.mark.real

OLD = "The old word is xylophone."
NEW = "The new word is zanzibar."
MANY = [
    Document(document_id=f"article-{number}", title=f"Article {number}", text=f"What article {number} says, in short.")
    for number in range(40)
]


# ── Articles ─────────────────────────────────────────────────────────────────────────────────────


async def test_one_changed_article_of_many_is_the_only_one_touched(library: Library) -> None:
    await library.ingest([*MANY, Document(document_id="it", title="It", text=OLD)])
    before = await library.rows()

    report = await library.ingest([*MANY, Document(document_id="it", title="It", text=NEW)])
    after = await library.rows()

    assert (report.added, report.changed, report.unchanged, report.removed) == (0, 1, len(MANY), 0)
    assert {name for name in before if before[name] != after[name]} == {"it"}
    assert (await library.find("zanzibar"))[0].text == NEW
    assert all("xylophone" not in found.text for found in await library.find("xylophone"))


async def test_what_could_not_be_read_this_time_stays_as_it_was(library: Library) -> None:
    await library.ingest([*MANY[:3], Document(document_id="it", title="It", text=OLD)])

    told: list[Skipped] = []
    report = await library.ingest([*MANY[:3], Skipped("it", "the server is down")], on_skipped=told.append)

    assert (report.unchanged, report.skipped, report.removed) == (3, 1, 0)
    assert [item.reason for item in told] == ["the server is down"]
    assert (await library.find("xylophone"))[0].text == OLD


class Failing:
    """An embedder that breaks at the article it is told to: before anything is written, or in the midst of writing."""

    def __init__(self, embedder: PassageEmbedder, at: str, *, in_the_midst: bool) -> None:
        self.name = embedder.name
        self._embedder = embedder
        self._at = at
        self._in_the_midst = in_the_midst

    def embed(self, texts: Sequence[str]) -> Vectors:
        vectors = self._embedder.embed(texts)
        if not any(self._at in text for text in texts):
            return vectors
        if not self._in_the_midst:
            raise RuntimeError("the process ends here")
        # PostgreSQL refuses a vector that is none, when the rows before it are written already.
        vectors[[self._at in text for text in texts]] = np.nan
        return vectors


@pytest.mark.parametrize("in_the_midst", [False, True])
async def test_an_ingest_that_breaks_off_leaves_old_or_new_and_never_both(library: Library, in_the_midst: bool) -> None:
    old = [replace(document, text=f"old {document.text}") for document in MANY]
    new = [replace(document, text=f"new {document.text}") for document in MANY]
    await library.ingest(old)
    failing = Failing(library.embedder, "Article 30\n", in_the_midst=in_the_midst)

    with pytest.raises((RuntimeError, DBAPIError)):
        await library.ingest(new, embedder=failing)
    stored = await library.texts()

    kinds = {name: {body.split()[0] for body in bodies} for name, bodies in stored.items()}
    assert all(len(kind) == 1 for kind in kinds.values()), "an article is wholly old or wholly new"
    assert set(stored) == {document.document_id for document in MANY}
    assert kinds["article-0"] == {"new"}
    assert kinds["article-30"] == kinds["article-39"] == {"old"}

    await library.ingest(new)
    assert all(body.startswith("new") for bodies in (await library.texts()).values() for body in bodies)


async def test_two_ingests_at_once_leave_one_version_of_each_article(library: Library) -> None:
    one = [replace(document, text=f"one {document.text}") for document in MANY[:20]]
    two = [replace(document, text=f"two {document.text}") for document in MANY[:20]]

    await asyncio.gather(library.ingest(one), library.ingest(two))

    kinds = {name: {body.split()[0] for body in bodies} for name, bodies in (await library.texts()).items()}
    assert len(kinds) == 20
    assert all(len(kind) == 1 for kind in kinds.values())


async def test_a_watched_folder_is_followed(library: Library, tmp_path: Path) -> None:
    changes: list[Callable[[], object]] = [
        lambda: (tmp_path / "it.md").write_text(NEW),
        (tmp_path / "it.md").unlink,
        lambda: (tmp_path / "more.md").write_text("The last word is quokka."),
    ]
    (tmp_path / "it.md").write_text(OLD)
    (tmp_path / "other.md").write_text("Something else.")
    reports: list[IngestReport] = []
    words: list[list[str]] = []

    async def once(unchanged_since: Stamps) -> None:
        reports.append(await library.ingest(read_path(tmp_path, unchanged_since)))
        words.append(sorted(body for bodies in (await library.texts()).values() for body in bodies))
        if changes:
            changes.pop(0)()

    await watch(tmp_path, once, poll_seconds=0.0, rounds=10)

    assert words == [
        ["Something else.", OLD],
        ["Something else.", NEW],
        ["Something else."],
        ["Something else.", "The last word is quokka."],
    ]
    assert [report.changed for report in reports] == [0, 1, 0, 0]


def test_the_command_takes_several_sources_and_says_what_it_did(
    migrated_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenants = tmp_path / "tenants.yaml"
    tenants.write_text("tenants: {acme: {pack: none, sources: {}}}\n")
    monkeypatch.setenv("HANDRAIL_DATABASE_URL", migrated_database)
    monkeypatch.setenv("HANDRAIL_TENANTS_FILE", str(tenants))
    for folder in ("guides", "faq"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{folder}.md").write_text(f"# {folder}\n\nText.")
    (tmp_path / "faq" / "broken.md").write_bytes(b"\xff\xff")
    arguments = ["ingest", str(tmp_path / "guides"), str(tmp_path / "faq"), "--tenant", "acme", "--json"]

    result = CliRunner().invoke(app, arguments)

    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
    assert [(line["collection"], line["added"], line["skipped"]) for line in lines] == [("guides", 1, 0), ("faq", 1, 1)]
    assert "not UTF-8" in result.stderr
