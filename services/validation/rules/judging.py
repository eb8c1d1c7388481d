"""Judges the claims of a draft, each beside the evidence that it cites."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contracts.events import Citation, ClaimVerdict, Evidence
from services.validation.rules.claims import Claim, cited_by, judge
from services.validation.rules.grounding import SupportModel
from services.validation.rules.source import Source, read_source


@dataclass(frozen=True)
class Judgement:
    """The verdict on each claim, and whether the answer as a whole is doubtful though no single claim is."""

    claims: tuple[ClaimVerdict, ...]
    doubtful: bool


def judge_draft(
    claims: Sequence[Claim],
    citations: Mapping[int, Citation],
    evidence: Mapping[str, Evidence],
    question: str,
    model: SupportModel | None,
) -> Judgement:
    """The judgement on a draft. Without a model, shared words alone count, and nothing is doubtful as a whole."""
    passages = [cited_by(claim, citations, evidence) for claim in claims]
    resting = [index for index, cited in enumerate(passages) if cited]
    likely: dict[int, float] = {}
    answer = 1.0
    if model is not None and resting:
        sources: dict[tuple[str, ...], Source] = {}
        pairs = [(claims[index].text, _source(passages[index], sources)) for index in resting]
        every = {one.evidence_id: one for index in resting for one in passages[index]}
        whole = _source(list(every.values()), sources)
        found = model.ground(question, pairs, " ".join(text for text, _ in pairs), whole)
        likely = {index: model.scaled(chance) for index, chance in zip(resting, found.claims, strict=True)}
        answer = found.answer
    verdicts = tuple(
        judge(claim, cited, likely.get(index))
        for index, (claim, cited) in enumerate(zip(claims, passages, strict=True))
    )
    quoted = all(verdict.support == 1.0 for verdict in verdicts)
    return Judgement(verdicts, doubtful=model is not None and not quoted and answer < model.doubtful_below)


def _source(passages: Sequence[Evidence], read: dict[tuple[str, ...], Source]) -> Source:
    key = tuple(one.evidence_id for one in passages)
    if key not in read:
        read[key] = read_source("\n\n".join(f"{one.title}\n{one.heading}\n\n{one.text}" for one in passages))
    return read[key]
