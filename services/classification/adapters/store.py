"""Models on disk: numbers in `weights.npz`, what they mean in `card.json`, and a page for people, MODEL_CARD.md."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from services.classification.adapters.features import STANDARDISED, WIDTHS, Space
from services.classification.adapters.heads import Answers, Expert, Head
from services.classification.adapters.model import Model, Pair, Risks

FORMAT = 6
_HALF = frozenset({"basis", "references", "rarity"})


class ModelUnreadable(Exception):
    """The folder holds no model of this version; it has to be trained again."""


def save_model(model: Model, card: Mapping[str, Any], page: str, folder: Path) -> None:
    """Writes the model; the card comes last, so that a folder with a card is complete. Equal models, equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {}
    pairs: dict[str, Any] = {}
    if model.pair is not None:
        pairs["intents"] = _put_pair(model.pair, "intents", arrays)
    if model.risks is not None:
        pairs["risks"] = _put_pair(model.risks.pair, "risks", arrays)
        arrays["part_weights"] = model.risks.part_weights.astype(np.float32)
    np.savez(folder / "weights.npz", **arrays)
    described = {
        "format": FORMAT,
        "version": model.version,
        "intents": model.intents,
        "articles": model.articles,
        "pairs": pairs,
        "risks": None
        if model.risks is None
        else {
            "names": model.risks.names,
            "whole_threshold": model.risks.whole_threshold,
            "part_threshold": model.risks.part_threshold,
        },
        "card": card,
    }
    (folder / "MODEL_CARD.md").write_text(page, encoding="utf-8")
    draft = folder / "card.json.part"
    draft.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    draft.replace(folder / "card.json")


def _put_pair(pair: Pair, name: str, arrays: dict[str, Any]) -> dict[str, Any]:
    return {side: _put(getattr(pair, side), f"{name}.{side}", arrays) for side in ("english", "other")}


def _put(expert: Expert, name: str, arrays: dict[str, Any]) -> dict[str, Any]:
    """What of the expert is no array; the arrays go into `arrays` under names that begin with `name`."""
    space = expert.space
    parts = {
        "basis": space.basis,
        "references": expert.references,
        "outside": expert.outside,
        "matrix": expert.head.matrix,
        "bias": expert.head.bias,
        "warmth": expert.warmth,
        "scope": expert.scope,
        **{f"rarity.{block}": values for block, values in space.rarity.items()},
        **{f"center.{block}": values for block, values in space.center.items()},
        **{f"scale.{block}": values for block, values in space.scale.items()},
    }
    if expert.answers is not None:
        parts |= {
            "answers.matrix": expert.answers.matrix,
            "answers.bias": expert.answers.bias,
            "answers.curve": expert.answers.curve,
        }
    for key, values in parts.items():
        arrays[f"{name}.{key}"] = values.astype(np.float16) if key.partition(".")[0] in _HALF else values
    return {"kind": expert.head.kind, "classes": expert.classes, "weights": list(space.weights.items())}


def load_model(folder: Path) -> Model:
    """The model that `save_model` wrote.

    Raises:
        ModelUnreadable: there is none, or another version of this program wrote it.
    """
    try:
        described = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        if described["format"] != FORMAT:
            raise ModelUnreadable(f"{folder} was written by another version")
        with np.load(folder / "weights.npz", allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        return _model(described, arrays)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelUnreadable(f"{folder} holds no complete model") from error


def _model(described: Mapping[str, Any], arrays: Mapping[str, Any]) -> Model:
    pairs = {
        name: Pair(*(_expert(sides[side], f"{name}.{side}", arrays) for side in ("english", "other")))
        for name, sides in described["pairs"].items()
    }
    risks = None
    if (said := described["risks"]) is not None:
        risks = Risks(
            tuple(said["names"]),
            pairs["risks"],
            arrays["part_weights"].astype(np.float64),
            float(said["whole_threshold"]),
            float(said["part_threshold"]),
        )
    return Model(
        tuple(described["intents"]),
        tuple(described["articles"]),
        pairs.get("intents"),
        risks,
        str(described["version"]),
    )


def _expert(said: Mapping[str, Any], name: str, arrays: Mapping[str, Any]) -> Expert:
    weights = {str(block): float(share) for block, share in said["weights"]}
    space = Space(
        weights,
        {block: arrays[f"{name}.rarity.{block}"].astype(np.float32) for block in weights if block in WIDTHS},
        {block: arrays[f"{name}.center.{block}"] for block in weights if block in STANDARDISED},
        {block: arrays[f"{name}.scale.{block}"] for block in weights if block in STANDARDISED},
        arrays[f"{name}.basis"].astype(np.float32),
    )
    answers = None
    if f"{name}.answers.matrix" in arrays:
        answers = Answers(*(arrays[f"{name}.answers.{part}"] for part in ("matrix", "bias", "curve")))
    return Expert(
        space,
        arrays[f"{name}.references"].astype(np.float32),
        arrays[f"{name}.outside"],
        Head(said["kind"], arrays[f"{name}.matrix"], arrays[f"{name}.bias"]),
        int(said["classes"]),
        arrays[f"{name}.warmth"],
        arrays[f"{name}.scope"],
        answers,
    )
