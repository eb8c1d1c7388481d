"""`handrail demo` and `handrail send`: tickets through the real webhook, and what became of each."""

import asyncio
import contextlib
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table

from infra.cli.stack import Json, plain_problems
from infra.demo.model_endpoint import tiers_file
from infra.demo.outcomes import Outcome, Summary
from infra.demo.run import Run
from infra.demo.tenants import DEMO_TENANT, SHIPPED_PACK
from infra.demo.tickets import SampleTicket, Sent, TicketsUnreadable, read_qrels, read_tickets
from infra.stack.home import Home
from infra.stack.problems import StackProblem
from infra.stack.programs import FAKE_HELPDESK, MODEL_ENDPOINT, MODEL_TIERS, PREPARATIONS, PROGRAMS
from infra.stack.stack import Stack
from shared.database import sync_engine
from shared.settings import Settings
from shared.tenants import TenantsInvalid, load_tenants

SHOWN_ROWS = 12
console = Console(stderr=True, highlight=False)

Rate = Annotated[float, typer.Option(help="Tickets a second.", min=0.1, max=200.0)]
WAYS = {
    "released": "[green]answered",
    "in_review": "[yellow]asks a person",
    "with_specialist": "[magenta]to a specialist",
    "superseded": "[dim]superseded",
    "": "[dim]on its way",
}


def demo(
    tickets: Annotated[int, typer.Option(help="How many of the pack's tickets to send.", min=1)] = 300,
    rate: Rate = 10.0,
    once: Annotated[bool, typer.Option("--once", help="Stop the stack at the end.")] = False,
    cascade: Annotated[
        bool,
        typer.Option("--cascade", help="Ask two tiers of models at a local test endpoint, and say what they cost."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Start everything, send the shipped pack's tickets as signed webhooks, and show what became of them."""
    samples = read_tickets(SHIPPED_PACK / "tickets.jsonl", tickets)
    stack = _stack(cascade)
    with plain_problems(as_json):
        if not stack.status().running:
            stack.up(attached=once)
        elif cascade:
            raise StackProblem("The stack runs already, without the models: 'handrail down' first.")
        try:
            summary = run_tickets(stack, DEMO_TENANT, samples, rate)
        except KeyboardInterrupt:
            if once:
                stack.down()
            raise typer.Exit(130) from None
        finish(stack, summary, as_json=as_json, once=once)


def _stack(cascade: bool) -> Stack:
    def report(sentence: str) -> None:
        console.print(sentence, markup=False)

    if not cascade:
        return Stack(programs=(*PROGRAMS, FAKE_HELPDESK), report=report)
    file = tiers_file(Home.of(os.environ).path)
    models = {"HANDRAIL_DRAFTING_DRAFTER": "cascade", "HANDRAIL_DRAFTING_TIERS_FILE": str(file)}
    return Stack(
        programs=(MODEL_ENDPOINT, *PROGRAMS, FAKE_HELPDESK),
        preparations=(*PREPARATIONS, MODEL_TIERS),
        environ={**os.environ, **models},
        report=report,
    )


def finish(stack: Stack, summary: Summary, *, as_json: bool, once: bool) -> None:
    """This function will show the summary and what to open next, or stop the stack."""
    show_summary(summary)
    if once:
        stack.down()
    else:
        _show_next(stack)
    if as_json:
        typer.echo(json.dumps(summary.as_dict()))


def send(
    file: Annotated[Path, typer.Argument(help="Tickets as JSON lines: {id, subject, body} or {_id, text}.")],
    rate: Rate = 10.0,
    tenant: Annotated[str, typer.Option(help="Whose tickets they are.")] = DEMO_TENANT,
    gold: Annotated[
        Path | None, typer.Option(help="A qrels.tsv: which documents answer which ticket, to count right answers.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Send tickets from a file through the real webhook of the running stack, and report what became of them."""
    stack = Stack()
    with plain_problems(as_json):
        try:
            samples = read_tickets(file)
        except TicketsUnreadable as error:
            raise StackProblem(str(error)) from error
        if gold is not None:
            samples = _with_gold(samples, gold)
        summary = run_tickets(stack, tenant, samples, rate)
        show_summary(summary)
        if as_json:
            typer.echo(json.dumps(summary.as_dict()))


def _with_gold(samples: Sequence[SampleTicket], qrels: Path) -> list[SampleTicket]:
    """Each relevant document answers the question by itself; a question without any has no right answer."""
    relevant = read_qrels(qrels)
    golds: list[dict[str, Any]] = [
        {"must": "answer", "answers": [sorted(relevant[one.id])] if one.id in relevant else []} for one in samples
    ]
    return [
        SampleTicket(id=one.id, subject=one.subject, body=one.body, email=one.email, gold=known)
        for one, known in zip(samples, golds, strict=True)
    ]


def run_tickets(stack: Stack, tenant: str, samples: Sequence[SampleTicket], rate: float) -> Summary:
    """This function will send the tickets to the running stack and watch them to their end.

    Raises:
        StackProblem: there is no running stack, or no such tenant.
    """
    os.environ.update(stack.environment())
    settings = Settings()
    try:
        tenants = load_tenants(settings.tenants_file)
    except TenantsInvalid as error:
        raise StackProblem(str(error)) from error
    if tenant not in tenants:
        raise StackProblem(f"There is no tenant {tenant}: there are {', '.join(sorted(tenants))}.")
    urls = stack.urls
    engine = sync_engine(settings, "demo", pool_size=1)
    with _live(len(samples)) as live:
        run = Run(
            home=settings.home,
            engine=engine,
            intake_url=urls["intake"],
            helpdesk_url=urls.get("fake-helpdesk", ""),
            tenant=tenants[tenant],
            rate=rate,
            seen=live,
        )
        summary = asyncio.run(run.go(samples))
    engine.dispose()
    return summary


class _Progress:
    def __init__(self, live: Live, total: int) -> None:
        self._live = live
        self._total = total

    def __call__(self, sent: Sequence[Sent], outcomes: Mapping[str, Outcome]) -> None:
        counts = Counter(outcome.status for outcome in outcomes.values())
        settled = sum(outcome.settled for outcome in outcomes.values())
        line = "   ".join(f"{words}[/] {counts[status]}" for status, words in WAYS.items() if status)
        table = Table("ticket", "subject", "intent", "confidence", "way", "seconds", expand=True)
        decided = [one for one in sent if one.case_id in outcomes][-SHOWN_ROWS:]
        for one in decided:
            outcome = outcomes[one.case_id]
            table.add_row(
                escape(one.ticket.id),
                escape((one.ticket.subject or one.ticket.body)[:46]),
                escape(outcome.intent),
                f"{outcome.confidence:.2f}",
                WAYS.get(outcome.status, escape(outcome.status)),
                f"{outcome.seconds:.1f}",
            )
        bar = ProgressBar(total=self._total, completed=settled)
        self._live.update(Group(table, bar, f"sent {len(sent)} of {self._total}   {line}"))


@contextlib.contextmanager
def _live(total: int) -> Iterator[_Progress]:
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        yield _Progress(live, total)


def show_summary(summary: Summary) -> None:
    """This function will print the figures for people."""
    table = Table(title="What became of the tickets", show_header=False)
    rows = {
        "received": summary.received,
        "answered without a person": summary.released,
        "of these right, by gold": f"{summary.released_correct} of {summary.released_with_gold}",
        "wait for a reviewer": summary.in_review,
        "with a specialist": summary.escalated,
        "failed": summary.failed,
        "needed a person and got none": summary.people_missed,
        "delivered twice": summary.delivered_twice,
        "complete traces": summary.traces_complete,
        "US dollars for models": f"{summary.cost_usd:.4f}",
        "drafts by tier": ", ".join(f"{name} {count}" for name, count in summary.drafts_by_tier.items()),
        "seconds to the decision, half / 95 %": f"{summary.p50_seconds} / {summary.p95_seconds}",
    }
    for name, value in rows.items():
        table.add_row(name, str(value))
    console.print(table)


def _show_next(stack: Stack) -> None:
    urls = stack.urls
    users = stack.home.path / "portal-users.txt"
    console.print(f"\nThe portal: [bold]{urls['portal']}[/] (who may log in stands in {users})")
    console.print("One ticket's whole way: [bold]handrail trace CASE_ID[/] (or the link on the case's page)")
    console.print("What people and the policy decided, as data: [bold]handrail export feedback --out DIR[/]")
    console.print("The stack keeps running: [bold]handrail status[/], and [bold]handrail down[/] ends it.")
