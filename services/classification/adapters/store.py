"""Models on disk: numbers in `weights.npz`, everything else in `card.json`."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from services.classification.adapters.model import Head, Model, Scope

FORMAT = 2


class ModelUnreadable(Exception):
    """The folder holds no model of this version; it has to be trained again."""


def save_model(model: Model, card: dict[str, Any], folder: Path) -> None:
    """Writes the model; the card comes last, so that a folder with a card is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {"part_weights": model.part_weights}
    temperatures: dict[str, tuple[float, float]] = {}
    scope = model.scope
    scope_head = None if scope is None else scope.head
    for name, head in (("intent", model.intent_head), ("scope", scope_head), ("risk", model.risk_head)):
        if head is not None:
            arrays |= {f"{name}_english": head.english, f"{name}_multilingual": head.multilingual}
            temperatures[name] = head.temperatures
    if scope is not None:
        arrays |= {"near_english": scope.english, "near_multilingual": scope.multilingual, "stacking": scope.stacking}
    half = {name: array.astype(np.float16 if name.startswith("near") else np.float32) for name, array in arrays.items()}
    if scope is not None:
        half |= {"near_speaks": scope.speaks_english, "near_outside": scope.outside}
    np.savez(folder / "weights.npz", **half)
    described = {
        "format": FORMAT,
        "version": model.version,
        "intents": model.intents,
        "risks": model.risks,
        "temperatures": temperatures,
        "whole_threshold": model.whole_threshold,
        "part_threshold": model.part_threshold,
        "card": card,
    }
    draft = folder / "card.json.part"
    draft.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    draft.replace(folder / "card.json")


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


def _model(described: dict[str, Any], arrays: dict[str, Any]) -> Model:
    heads = {
        name: Head(
            arrays[f"{name}_english"].astype(np.float64),
            arrays[f"{name}_multilingual"].astype(np.float64),
            (float(pair[0]), float(pair[1])),
        )
        for name, pair in described["temperatures"].items()
    }
    scope = None
    if "scope" in heads:
        scope = Scope(
            heads["scope"],
            arrays["near_english"].astype(np.float32),
            arrays["near_multilingual"].astype(np.float32),
            arrays["near_speaks"],
            arrays["near_outside"],
            arrays["stacking"].astype(np.float64),
        )
    return Model(
        intents=tuple(described["intents"]),
        intent_head=heads.get("intent"),
        scope=scope,
        risks=tuple(described["risks"]),
        risk_head=heads.get("risk"),
        part_weights=arrays["part_weights"].astype(np.float64),
        whole_threshold=float(described["whole_threshold"]),
        part_threshold=float(described["part_threshold"]),
        version=str(described["version"]),
    )
