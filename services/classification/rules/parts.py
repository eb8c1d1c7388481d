"""The parts of a text that are looked at one by one, so that one sentence of risk in a long mail is not overlooked."""

from itertools import pairwise

from shared.sentences import split_sentences

_READ_CHARACTERS_MAX = 30_000
_PART_CHARACTERS_MAX = 400
_PART_CHARACTERS_MIN = 12
_SENTENCES_MAX = 40


def parts(text: str) -> list[str]:
    """Sentences and pairs of neighbours, of the beginning and the end of `text`; empty for a single sentence."""
    half = _READ_CHARACTERS_MAX // 2
    read = text if len(text) <= 2 * half else f"{text[:half]}\n\n{text[-half:]}"
    sentences = [sentence.text[:_PART_CHARACTERS_MAX] for sentence in split_sentences(read)]
    if len(sentences) > _SENTENCES_MAX:
        sentences = sentences[: _SENTENCES_MAX // 2] + sentences[-_SENTENCES_MAX // 2 :]
    if len(sentences) < 2:
        return []
    alone = [sentence for sentence in sentences if len(sentence) >= _PART_CHARACTERS_MIN]
    return alone + [f"{first} {second}" for first, second in pairwise(sentences)]
