"""Labelled cases for the confidence of answers: a pack's examples run through the real stages."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from contracts.events import AnswerDrafted, Classification, ContextRetrieved, TicketClassified
from contracts.pack import IntentExample, Pack, article_of
from infra.evaluation.case import Question, ticket_received
from services.classification import handler as classification
from services.classification.adapters.model import TrainedClassifier
from services.classification.adapters.mood import MoodReader
from services.classification.adapters.store import load_model
from services.classification.ports import Domain
from services.classification.training import train as train_classifier
from services.drafting import handler as drafting
from services.drafting.ports import Drafter, Tier
from services.retrieval import handler as retrieval
from services.retrieval.ports import QueryEmbedder, Search
from services.validation.rules.answering import Embed
from services.validation.rules.checks import citations_by_number, evidence_by_id
from services.validation.rules.claims import claims_of
from services.validation.rules.confidence import features_of
from services.validation.rules.judging import judge_draft
from shared.embedding import Embedder
from shared.language import detect_language

CLASSIFIER_FOLDS = 5
AT_ONCE = 4
_TENANT = "training"
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ClassifiedExample:
    """A labelled text as a classified ticket, by a model that was not trained on it. `articles` answer it."""

    event: TicketClassified
    articles: frozenset[str]


@dataclass(frozen=True)
class LabelledCase:
    """What validation would compute for a draft, and whether the draft was right."""

    features: Mapping[str, float]
    correct: bool


async def classified_examples(pack: Pack, english: Embedder, multilingual: Embedder) -> list[ClassifiedExample]:
    """The pack's examples in a language its knowledge is in, each classified by a model that has not seen it.

    Those of intents come with the articles that answer them; those out of scope with none. The classifier is trained
    CLASSIFIER_FOLDS times, each time on the pack without one part of its examples.
    """
    examples = [one for intent in pack.intents for one in intent.examples] + list(pack.out_of_scope)
    part_of = {one.text: index % CLASSIFIER_FOLDS for index, one in enumerate(examples)}
    read_mood = MoodReader(english, multilingual)
    found: list[ClassifiedExample] = []
    for part in range(CLASSIFIER_FOLDS):
        # Risks play no part in the confidence, and take longest to train.
        rest = pack.model_copy(
            update={
                "flags": {},
                "intents": tuple(
                    intent.model_copy(update={"examples": _not_in(part, part_of, intent.examples)})
                    for intent in pack.intents
                ),
                "out_of_scope": _not_in(part, part_of, pack.out_of_scope),
            }
        )
        with TemporaryDirectory() as folder:
            await asyncio.to_thread(train_classifier, rest, english, multilingual, Path(folder))
            classifier = TrainedClassifier(load_model(Path(folder)), english, multilingual)
        held_out = [one for one in examples if part_of[one.text] == part and _judgeable(one, pack)]
        domains = {_TENANT: Domain(pack, classifier, read_mood)}
        found += [await _classified(one, domains) for one in held_out]
    return found


def _not_in(part: int, part_of: Mapping[str, int], examples: tuple[IntentExample, ...]) -> tuple[IntentExample, ...]:
    return tuple(one for one in examples if part_of[one.text] != part)


def _judgeable(example: IntentExample, pack: Pack) -> bool:
    """An example of an intent that names no article cannot be judged; one out of scope is always wrong to answer."""
    return example.language in pack.knowledge_languages and (bool(example.articles) or example in pack.out_of_scope)


async def _classified(example: IntentExample, domains: Mapping[str, Domain]) -> ClassifiedExample:
    received = ticket_received(Question(example.text, example.text), _TENANT)
    [classified] = await classification.handle(received, domains=domains, detect_language=detect_language, now=_EPOCH)
    assert isinstance(classified, TicketClassified)
    return ClassifiedExample(classified, frozenset(example.articles))


async def labelled_cases(
    pack: Pack,
    examples: Sequence[ClassifiedExample],
    *,
    tenant: str,
    search: Search,
    embedder: QueryEmbedder,
    drafter: Drafter,
    embed: Embed,
) -> list[LabelledCase]:
    """Each example as a ticket through retrieval, drafting and validation's own features.

    A draft is right where the document it cites first is among those that answer the example. Only what might be
    released makes a case: where the drafter abstains or a person decides anyway, nothing hangs on the confidence.
    """
    places = asyncio.Semaphore(AT_ONCE)

    async def case(example: ClassifiedExample) -> LabelledCase | None:
        async with places:
            event = example.event.model_copy(update={"tenant": tenant})
            [found] = await retrieval.handle(event, search=search, embedder=embedder, now=_EPOCH)
            assert isinstance(found, ContextRetrieved)
            [drafted] = await drafting.handle(found, tiers=[Tier("extractive", drafter)], pack=pack, now=_EPOCH)
            assert isinstance(drafted, AnswerDrafted)
        return await asyncio.to_thread(_case, drafted, example.articles, pack, embed)

    cases = await asyncio.gather(*(case(example) for example in examples))
    return [one for one in cases if one is not None]


def _case(event: AnswerDrafted, articles: frozenset[str], pack: Pack, embed: Embed) -> LabelledCase | None:
    if not event.draft.citations or event.draft.unanswered or _for_a_person(event.classification, pack):
        return None
    citations, evidence = citations_by_number(event), evidence_by_id(event)
    # These drafts quote, which needs no model of support to be seen.
    claims = judge_draft(claims_of(event, pack.tone), citations, evidence, event.ticket.text, None).claims
    first = evidence[event.draft.citations[0].evidence_id]
    right = article_of(first.document_id, first.language) in articles
    return LabelledCase(features_of(event, claims, pack, embed), right)


def _for_a_person(classification: Classification, pack: Pack) -> bool:
    top = pack.intent(classification.intent or "")
    return classification.out_of_scope >= 0.5 or (top is not None and top.autonomy == "off")
