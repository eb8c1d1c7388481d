"""Chooses the sentences of the evidence that answer a ticket."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from contracts.events import Classification, Context, Evidence
from contracts.pack import Pack, article_of
from services.drafting.rules.asking import PART_CHARACTERS_MAX, QUESTIONS_CHARACTERS_MAX
from services.drafting.rules.ladder import Request
from services.drafting.rules.layout import Statement, Support
from shared.sentences import Sentence, questions, split_sentences, terms

Scores = NDArray[np.float64]

DOCUMENTS_MAX = 4
EVIDENCE_MAX = 8
UNITS_MAX = 160
STATEMENTS_MAX = 6
STATEMENTS_WITH_STEPS_MAX = 8
# A part of the question with no sentence at least this near (cosine) is not answered. With MiniLM three of four
# questions about something else fall below, and one of fifty that the article answers.
NEAR = 0.27
# Another document must be this much better for a part of the question before the answer leaves the main document.
BETTER_ELSEWHERE = 0.08


@dataclass(frozen=True)
class Unit:
    """A sentence of the evidence that may be quoted, with where it stands."""

    evidence: Evidence
    sentence: Sentence
    document: int

    @property
    def article(self) -> str:
        """The name that the pack's taxonomy knows its article by."""
        return article_of(self.evidence.document_id, self.evidence.language)

    @property
    def in_context(self) -> str:
        """The sentence under its heading, since a sentence alone often does not name its subject."""
        head = self.evidence.heading or self.evidence.title
        return f"{head}: {self.sentence.text}"


# Chosen by cross-validation: how often the first document is one that the labelled examples of a pack name.
STANDING_WEIGHT, SIMILARITY_WEIGHT, LEXICAL_WEIGHT, BELIEF_WEIGHT, TITLE_WEIGHT = 0.2, 2.0, 0.4, 0.3, 0.5
# Of log odds: what is all but sure to answer counts for half a point.
LEARNED_WEIGHT = 0.06
# Translations of one article stand within .2 of each other; the one in the customer's language is to win.
LANGUAGE_WEIGHT = 0.5
# Twice BETTER_ELSEWHERE: a sure intent of one question decides between documents that are near to it alike.
ASKED_WEIGHT = 0.16


def rank_documents(
    context: Context, classification: Classification, pack: Pack, title_cosines: Mapping[str, float]
) -> list[tuple[str, float]]:
    """The documents of the evidence with a score, best first.

    Adds up the standing in the search (rank score, cosine, words), the cosine of ticket and title, the probability of
    the intents that the pack says this document answers, how probable it is by what answered tickets like this one, and
    whether it is in the customer's language.
    """
    best_score = max((one.score for one in context.evidence if one.score > 0), default=1.0)
    best_lexical = max((one.lexical for one in context.evidence if one.lexical > 0), default=1.0)
    scores: dict[str, float] = {}
    for document in dict.fromkeys(one.document_id for one in context.evidence):
        own = [one for one in context.evidence if one.document_id == document]
        scores[document] = (
            STANDING_WEIGHT * max(one.score for one in own) / best_score
            + SIMILARITY_WEIGHT * max(one.similarity for one in own)
            + LEXICAL_WEIGHT * max(one.lexical for one in own) / best_lexical
            + TITLE_WEIGHT * title_cosines.get(document, 0.0)
            + LANGUAGE_WEIGHT * (primary(own[0].language) == primary(classification.language))
        )
    believed = intent_probability_of_articles(classification, pack)
    article = {one.document_id: article_of(one.document_id, one.language) for one in context.evidence}
    total = {
        document: score
        + BELIEF_WEIGHT * believed.get(article[document], 0.0)
        + LEARNED_WEIGHT * classification.article_log_odds(article[document])
        for document, score in scores.items()
    }
    return sorted(total.items(), key=lambda pair: -pair[1])


def primary(language: str) -> str:
    """The language without region or script: `pt` of `pt-BR`."""
    return language.partition("-")[0].lower()


def titles_of(context: Context) -> dict[str, str]:
    """The title of each document of the evidence."""
    return {one.document_id: one.title for one in context.evidence}


def intent_probability_of_articles(classification: Classification, pack: Pack) -> Mapping[str, float]:
    """For each article of the pack's taxonomy the probability that the ticket has an intent it answers."""
    believed: dict[str, float] = {}
    for ranked in classification.intents:
        intent = pack.intent(ranked.intent)
        for article in set(intent.articles) if intent else ():
            believed[article] = believed.get(article, 0.0) + ranked.probability
    for ranked in classification.asked:
        intent = pack.intent(ranked.intent)
        for article in set(intent.articles) if intent else ():
            believed[article] = max(believed.get(article, 0.0), ranked.probability)
    return believed


def quotable_units(context: Context, documents: Sequence[str], is_order: Callable[[str], bool]) -> list[Unit]:
    """The sentences of these documents' evidence, in the order of documents and of the text, none of them twice.

    What `is_order` takes for an order to a model was planted, and is left out.
    """
    units: list[Unit] = []
    for number, document in enumerate(documents):
        passages = [one for one in context.evidence if one.document_id == document][:EVIDENCE_MAX]
        seen: set[str] = set()
        for passage in sorted(passages, key=lambda one: one.start):
            for sentence in split_sentences(passage.text):
                # Passages of one document may overlap.
                if sentence.kind in {"heading", "table"} or sentence.text in seen or len(sentence.text) > 1_500:
                    continue
                seen.add(sentence.text)
                units.append(Unit(passage, sentence, number))
    return [unit for unit in units[:UNITS_MAX] if not is_order(unit.sentence.text)]


def word_overlap(asked: str, units: Sequence[Unit]) -> Scores:
    """For each unit the share of the asked words that it has, rare words counting more (inverse unit frequency)."""
    bags = [set(terms(f"{unit.evidence.title} {unit.in_context}")) for unit in units]
    frequency = Counter(term for bag in bags for term in bag)
    weights = {term: math.log(1 + len(bags) / (1 + frequency[term])) for term in set(terms(asked))}
    total = sum(weights.values()) or 1.0
    return np.array([sum(weight for term, weight in weights.items() if term in bag) / total for bag in bags])


def score_units(cosines: Scores, overlaps: Scores, units: Sequence[Unit], document_scores: Sequence[float]) -> Scores:
    """One score for each asked part (row) and unit (column) from likeness, shared words and document standing."""
    standing = np.array([document_scores[unit.document] for unit in units])
    standing = standing / max(float(standing.max(initial=0.0)), 1e-9)
    scores: Scores = 0.60 * cosines + 0.25 * overlaps + 0.15 * standing[None, :]
    return scores


def asked_bonus(parts: Sequence[str], event: Request, pack: Pack, units: Sequence[Unit]) -> Scores:
    """For each part (row) what speaks for the units (columns) of documents that its own intent names.

    Classification judges each of several questions by itself; where it was sure, that leads to the right document.
    """
    bonus = np.zeros((len(parts), len(units)))
    asked = questions(event.ticket.text[:QUESTIONS_CHARACTERS_MAX])
    if len(asked) != len(event.classification.asked):
        return bonus
    intent_of = {
        question[:PART_CHARACTERS_MAX]: ranked
        for question, ranked in zip(asked, event.classification.asked, strict=True)
    }
    for row, part in enumerate(parts):
        ranked = intent_of.get(part)
        intent = pack.intent(ranked.intent) if ranked else None
        if ranked and intent:
            bonus[row] = [ASKED_WEIGHT * ranked.probability * (unit.article in intent.articles) for unit in units]
    return bonus


@dataclass(frozen=True)
class Choice:
    """The units to quote, in readable order, and the numbers of the parts that nothing answers."""

    units: tuple[Unit, ...]
    unanswered: tuple[int, ...]


def choose(units: Sequence[Unit], scores: Scores, cosines: Scores) -> Choice:
    """The units that answer the parts (rows of `scores`), from the main document and at most one more.

    The main document is number 0. A part is unanswered where no unit is near it.
    """
    if not units:
        return Choice((), tuple(range(len(scores))))
    documents = np.array([unit.document for unit in units])
    picked: dict[int, list[int]] = {}
    unanswered = []
    for part, row in enumerate(scores):
        document = _document_for(row, documents, allowed={0, *picked} if len(picked) > 1 else None)
        inside = np.flatnonzero(documents == document)
        best = int(inside[np.argmax(row[inside])])
        if cosines[part, inside].max() < NEAR:
            unanswered.append(part)
        else:
            chosen = picked.setdefault(document, [])
            chosen += [index for index in _around(units, row, best, inside) if index not in chosen]
    order = sorted(picked, key=lambda document: document != 0)
    limit = STATEMENTS_WITH_STEPS_MAX // max(len(order), 1) if len(order) > 1 else STATEMENTS_WITH_STEPS_MAX
    kept = [index for document in order for index in sorted(picked[document][:limit])]
    return Choice(tuple(units[index] for index in kept), tuple(unanswered))


def _document_for(row: Scores, documents: NDArray[np.int64], allowed: set[int] | None) -> int:
    """The document that answers one part: the main one, unless another is clearly better."""
    bests = {int(d): float(row[documents == d].max()) for d in np.unique(documents) if allowed is None or d in allowed}
    main = 0 if 0 in bests else min(bests)
    best = max(bests, key=lambda document: bests[document])
    return best if bests[best] > bests[main] + BETTER_ELSEWHERE else main


def _around(units: Sequence[Unit], row: Scores, best: int, inside: NDArray[np.int64]) -> list[int]:
    """The best unit with what belongs to it (its list, its lead-in, its code), then the next best of the document."""
    together = _belonging(units, best)
    for index in inside[np.argsort(-row[inside])]:
        if len(together) >= 2 and (row[index] < 0.85 * row[best] or len(together) >= STATEMENTS_MAX - 2):
            break
        if int(index) not in together:
            together += [other for other in _belonging(units, int(index)) if other not in together]
    return together[:STATEMENTS_WITH_STEPS_MAX]


def _belonging(units: Sequence[Unit], index: int) -> list[int]:
    """This unit, and its neighbours without which it cannot be read: a whole list, a lead-in, code after a colon."""
    unit = units[index]
    group = [index]
    if unit.sentence.kind in {"step", "code"}:
        group = [i for i in _neighbours(units, index) if units[i].sentence.block == unit.sentence.block]
        lead = group[0] - 1
        if lead >= 0 and _same_passage(units[lead], unit) and _leads_in(units[lead]):
            group = [lead, *group]
    elif _leads_in(unit):
        following = index + 1
        if following < len(units) and _same_passage(units[following], unit):
            block = units[following].sentence.block
            group += [i for i in _neighbours(units, index) if i > index and units[i].sentence.block == block]
    return group[:STATEMENTS_MAX]


def _neighbours(units: Sequence[Unit], index: int) -> list[int]:
    near = range(max(0, index - STATEMENTS_MAX), min(len(units), index + STATEMENTS_WITH_STEPS_MAX))
    return [i for i in near if _same_passage(units[i], units[index])]


def _same_passage(one: Unit, other: Unit) -> bool:
    return one.evidence.evidence_id == other.evidence.evidence_id


def _leads_in(unit: Unit) -> bool:
    return unit.sentence.text.rstrip("*_ ").endswith(":")


def statements_of(units: Sequence[Unit]) -> list[Statement]:
    """The units as statements; a new paragraph starts with each document, passage, list or gap in the text."""
    statements: list[Statement] = []
    paragraph = 0
    for before, unit in zip((None, *units), units, strict=False):
        if before is not None and not _reads_on(before, unit):
            paragraph += 1
        sentence = unit.sentence
        support = Support(unit.evidence, sentence.text)
        statements.append(Statement(sentence.text, sentence.kind, paragraph, (support,), sentence.marker))
    return statements


def _reads_on(before: Unit, unit: Unit) -> bool:
    if not _same_passage(before, unit):
        return False
    return before.sentence.block == unit.sentence.block or (_leads_in(before) and unit.sentence.kind != "prose")
