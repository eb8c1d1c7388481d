"""`handrail vertical`: check a pack, and train its classifier."""

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from contracts.pack import Pack
from services.classification.app import model_folder
from services.classification.training import ModelCard
from services.classification.training import train as train_model
from services.classification.training.examples import FeedbackUnreadable, read_feedback
from shared.bert import MiniLM
from shared.embedding import MultilingualUSE
from shared.packs import PackInvalid, load_pack
from shared.settings import Settings

app = typer.Typer(help="Vertical packs: what specialises Handrail for one domain.", no_args_is_help=True)
console = Console(stderr=True)

_Folder = Annotated[Path, typer.Argument(help="The pack's folder.")]
_Feedback = Annotated[Path | None, typer.Option(help="Records from `handrail export feedback --format jsonl`.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@app.command()
def check(folder: _Folder, as_json: _Json = False) -> None:
    """Say whether a pack can be used, and what is odd about it."""
    pack = _load(folder)
    oddities = [*_twice(pack), *_thin(pack)]
    if as_json:
        counts = {"intents": len(pack.intents), "flags": len(pack.flags), "policies": len(pack.policies)}
        typer.echo(json.dumps({"pack": pack.name, "version": pack.version, **counts, "oddities": oddities}))
        return
    for oddity in oddities:
        console.print(oddity, style="yellow", markup=False)
    console.print(
        f"{pack.name} {pack.version}: {len(pack.intents)} intents, {len(pack.flags)} flags, "
        f"{len(pack.policies)} policies. The pack can be used."
    )


@app.command()
def train(folder: _Folder, feedback: _Feedback = None, as_json: _Json = False) -> None:
    """Train the classifier of a pack now, rather than when the service starts, and show how good it is.

    With --feedback it also learns from what people decided. The service takes the new model when it is started again.
    """
    pack = _load(folder)
    out = model_folder(pack, Settings().home)
    try:
        records = read_feedback(feedback) if feedback else []
    except FeedbackUnreadable as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from error
    card = train_model(pack, MiniLM(), MultilingualUSE(), out, records)
    if as_json:
        typer.echo(json.dumps({"folder": str(out), **asdict(card)}))
    else:
        _show(card, out)


def _load(folder: Path) -> Pack:
    try:
        return load_pack(folder)
    except PackInvalid as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from error


def _twice(pack: Pack) -> list[str]:
    """Texts that stand under two intents, or twice under one, teach the model nothing or the wrong thing."""
    texts = Counter(" ".join(e.text.lower().split()) for intent in pack.intents for e in intent.examples)
    return [f"the example {text[:60]!r} stands {count} times" for text, count in texts.items() if count > 1]


def _thin(pack: Pack) -> list[str]:
    return [
        f"intent {intent.id} has {len(intent.examples)} examples; twenty varied ones are a good start"
        for intent in pack.intents
        if len(intent.examples) < 20
    ]


def _show(card: ModelCard, out: Path) -> None:
    console.print(f"{card.version}, trained on {card.examples} texts ({card.from_feedback} by feedback), in {out}")
    console.print(f"Chosen: {card.intent_head or 'no head on intents'}. On texts held out in turn:", markup=False)
    for name, value in asdict(card).items():
        if isinstance(value, float):
            console.print(f"  {name.replace('_', ' ')}: {value:.3f}")
    for flag, recall in card.flag_recall.items():
        console.print(f"  recall of {flag}: {recall:.3f}", markup=False)
    console.print(f"More in {out / 'MODEL_CARD.md'}", markup=False)
