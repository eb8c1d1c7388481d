"""Drafts by quotation: the sentences of the evidence that answer the ticket, with no external model."""

import asyncio

import numpy as np

from contracts.events import Draft
from contracts.pack import Pack
from services.drafting.rules.asking import parts_of, whole_of
from services.drafting.rules.choice import (
    DOCUMENTS_MAX,
    asked_bonus,
    choose,
    quotable_units,
    rank_documents,
    score_units,
    statements_of,
    titles_of,
    word_overlap,
)
from services.drafting.rules.ladder import Request
from services.drafting.rules.layout import lay_out
from shared.embedding import Embedder
from shared.injection.spotting import OrderSpotter

VERSION = "extractive-1"
_ENGLISH = frozenset({"en", "und"})


class ExtractiveDrafter:
    """Chooses sentences by likeness (cosine), shared words, standing of the document and structure of the text."""

    def __init__(self, *, english: Embedder, multilingual: Embedder) -> None:
        """`english` compares where the ticket is in English, `multilingual` where it is not."""
        self._english = english
        self._multilingual = multilingual
        self._orders = OrderSpotter()

    async def draft(self, event: Request, pack: Pack) -> Draft:
        """See `Drafter.draft`. The work is CPU-bound, hence a thread: the event loop stays free."""
        return await asyncio.to_thread(self.draft_now, event, pack)

    def draft_now(self, event: Request, pack: Pack) -> Draft:
        """The same, on the caller's thread."""
        ticket, classification = event.ticket, event.classification
        embedder = self._english if classification.language in _ENGLISH else self._multilingual
        parts = parts_of(ticket)
        titles = titles_of(event.context)
        heads = embedder.embed([whole_of(ticket), *titles.values()])
        near = dict(zip(titles, (heads[1:] @ heads[0]).tolist(), strict=True))
        documents = rank_documents(event.context, classification, pack, near)[:DOCUMENTS_MAX]
        units = quotable_units(event.context, [document for document, _ in documents], self._is_order)
        if units:
            # One call for parts and units; the whole ticket lends short parts their subject.
            groups = ([whole_of(ticket)], [part.text for part in parts], [part.read for part in parts])
            vectors = embedder.embed([text for group in groups for text in group] + [one.in_context for one in units])
            whole, asked, read, offered = np.split(vectors.astype(np.float64), np.cumsum([len(one) for one in groups]))
            near_part, near_read, near_whole = asked @ offered.T, read @ offered.T, whole @ offered.T
            cosines = 0.6 * near_part + 0.4 * near_whole
            overlaps = np.stack([0.6 * word_overlap(part.text, units) for part in parts])
            overlaps += 0.4 * word_overlap(whole_of(ticket), units)
            scores = score_units(cosines, overlaps, units, [score for _, score in documents])
            scores += asked_bonus([part.text for part in parts], event, pack, units)
            # A part alone often does not name its subject ("What's the command?"), so what stands before it counts, and
            # the whole a little; where it is the only part, the whole counts as much.
            understood = np.maximum(near_part, near_read)
            nearest = 0.8 * understood + 0.2 * near_whole if len(parts) > 1 else np.maximum(cosines, near_whole)
            choice = choose(units, scores, nearest)
            statements, missing = statements_of(choice.units), choice.unanswered
        else:
            statements, missing = [], tuple(range(len(parts)))
        spoken = statements[0].supports[0].evidence.language if statements else ""
        unanswered = tuple(parts[index].text for index in missing)
        layout = lay_out(statements, unanswered, pack.tone, classification.language)
        return Draft(
            text=layout.text,
            citations=layout.citations,
            unanswered=unanswered,
            drafter="extractive",
            model=f"{VERSION}/{embedder.name}"[:500],
            language=spoken or (pack.knowledge_languages[0] if pack.knowledge_languages else "en"),
        )

    def _is_order(self, sentence: str) -> bool:
        return bool(self._orders.order_in(sentence))
