"""`python -m infra.training.injection --data DIR`: trains the injection detector that is shipped in `shared/injection`.

DIR is the folder of labelled data (default HANDRAIL_DATA). Writes model.npz and card.json; takes about ten minutes on
one core, most of it cross-validation.
"""

import argparse
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from infra.evaluation.figures import auroc
from infra.training.injection_data import FOLDS, LICENCES, Sample, gather
from infra.training.injection_fitting import FALSE_ALARMS_WANTED, Mask, Prepared, fit, prepare
from shared.embedding import Embedder, MultilingualUSE, Remembering
from shared.injection.cues import NAMES
from shared.injection.detector import InjectionDetector
from shared.injection.model import MODEL_FILE, Model, Numbers, save_model
from shared.injection.spotting import OrderSpotter

PACK = Path(__file__).parents[1] / "verticals/hosting"
TEXTS_REMEMBERED = 60_000


def cross_validate(prepared: Prepared, embedder: Embedder) -> dict[str, dict[str, float | None]]:
    """For each source the figures, by the serving code, on folds that no number and no threshold has seen."""
    samples = [sample for sample in prepared.samples if sample.injection is not None]
    probability, alarm, spotted = (np.zeros(len(samples)) for _ in range(3))
    for held_out in range(FOLDS):
        model = fit(prepared, [fold for fold in range(FOLDS) if fold != held_out])
        detector, spotter = InjectionDetector(embedder, model), OrderSpotter(model)
        for index, sample in enumerate(samples):
            if sample.fold == held_out:
                judgement = detector.judge(sample.text)
                probability[index], alarm[index] = judgement.probability, judgement.alarm
                spotted[index] = bool(spotter.order_in(sample.text))
    y = np.array([bool(sample.injection) for sample in samples])
    names = np.array([_name(sample) for sample in samples])
    return {
        str(name): _figures(*(column[names == name] for column in (y, probability, alarm > 0, spotted > 0)))
        for name in dict.fromkeys(names)
    }


def _name(sample: Sample) -> str:
    return f"mixed_{sample.kind or 'benign'}" if sample.source == "mixed" else sample.source


def _figures(y: Mask, probability: Numbers, alarm: Mask, spotted: Mask) -> dict[str, float | None]:
    hits, wrong = int((alarm & y).sum()), int((alarm & ~y).sum())
    return {
        "rows": len(y),
        "auroc": _rounded(auroc(y, probability)),
        "f1": _rounded(2 * hits / (hits + wrong + int(y.sum()))) if y.any() else None,
        "recall": _rounded(hits / int(y.sum())) if y.any() else None,
        "false_alarm_rate": _rounded(wrong / int((~y).sum())) if not y.all() else None,
        "spotted_of_injections": _rounded(float(spotted[y].mean())) if y.any() else None,
        "spotted_of_benign": _rounded(float(spotted[~y].mean())) if not y.all() else None,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def card(model: Model, prepared: Prepared, figures: Mapping[str, Any]) -> dict[str, Any]:
    """What the model is, in a form that people and programs read."""
    return {
        "name": "injection-1",
        "made_by": "python -m infra.training.injection --data DIR",
        "trained_on": LICENCES,
        "rows": len(prepared.samples),
        "embedding": "use-multilingual-v3",
        "cues": list(NAMES),
        "threshold": round(model.threshold, 4),
        "false_alarms_wanted": FALSE_ALARMS_WANTED,
        "cross_validated": figures,
        "folds": FOLDS,
        "note": (
            "Folds keep near-duplicates and the same mail with and without an injection together. "
            "tensor_trust and piguard: the open licences of their repositories. No text is kept, only weights."
        ),
    }


def main(report: Callable[[str], object] = print) -> None:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("HANDRAIL_DATA"), help="folder of labelled data")
    parser.add_argument("--out", type=Path, default=MODEL_FILE.parent, help="where model and card go")
    parser.add_argument("--quick", action="store_true", help="leave out the cross-validation, and the card")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("--data, or HANDRAIL_DATA, has to name the folder of labelled data")
    embedder = Remembering(MultilingualUSE(), TEXTS_REMEMBERED)
    prepared = prepare(gather(Path(arguments.data), PACK), embedder)
    model = fit(prepared, range(FOLDS))
    save_model(model, arguments.out / MODEL_FILE.name)
    if not arguments.quick:
        described = card(model, prepared, cross_validate(prepared, embedder))
        (arguments.out / "card.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
        report(json.dumps(described, indent=1))


if __name__ == "__main__":
    main()
