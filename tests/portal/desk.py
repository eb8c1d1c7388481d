"""A desk full of cases, for pages and pictures."""

from datetime import datetime, timedelta

from contracts.events import Finding, Flag, ReviewRequested
from tests.portal.tickets import review_requested

# Subject, first words, intent, queue, priority, minutes until due, kind, reason, confidence.
WAITING = (
    (
        "Someone else is logged in to our account!!",
        "I see an API token that none of us made.",
        "account_takeover",
        "security",
        "urgent",
        -12,
        "specialist",
        "Possible security incident: always for a specialist.",
        0.41,
    ),
    (
        "refund for march",
        "we cancelled in feb but you charged [CARD_1] again",
        "refund_request",
        "billing",
        "high",
        -3,
        "specialist",
        "Refunds are always decided by a person.",
        0.77,
    ),
    (
        "502 after deploy",
        "Since the deploy at 9:40 every request to [URL_1] returns 502.",
        "deploy_failed",
        "platform",
        "high",
        18,
        "review",
        "Two articles disagree about the health-check time-out.",
        0.63,
    ),
    (
        "Sicherung vom Sonntag wiederherstellen",
        "Wie stelle ich die Datenbank von Sonntag 3 Uhr wieder her?",
        "backup_restore",
        "databases",
        "high",
        26,
        "review",
        "The answer is in German, its evidence in English.",
        0.71,
    ),
    (
        "What counts as bandwidth?",
        "Is traffic between two of my apps billed?",
        "billing_usage",
        "billing",
        "normal",
        75,
        "review",
        "One of two questions is left unanswered.",
        0.68,
    ),
    (
        "API returns 429 at night",
        "Our nightly job gets 429 after about 600 calls.",
        "rate_limits",
        "platform",
        "normal",
        140,
        "review",
        "68 % sure, below the 90 % at which answers are sent by themselves.",
        0.68,
    ),
    (
        "Cancel and delete everything",
        "Please delete our account and all personal data, see GDPR article 17.",
        "account_closure",
        "legal",
        "normal",
        205,
        "specialist",
        "Legal request: always for a specialist.",
        0.35,
    ),
    (
        "Move two domains to another team",
        "We split the company; example-two goes to [EMAIL_1].",
        "domain_transfer",
        "domains",
        "normal",
        260,
        "review",
        "Account ownership: a person has to check it.",
        0.58,
    ),
    (
        "how do i add redis",
        "tiny shop app, need sessions",
        "addons",
        "databases",
        "low",
        1300,
        "review",
        "Chosen at random for checking.",
        0.96,
    ),
)


def desk_of(now: datetime) -> list[ReviewRequested]:
    """A believable queue at the instant `now`."""
    requests = [review_requested(received_at=now - timedelta(hours=1, minutes=23), due_at=now + timedelta(minutes=37))]
    for subject, body, intent, queue, priority, minutes, kind, reason, confidence in WAITING:
        requests.append(
            review_requested(
                subject=subject,
                body=body,
                thread=(),
                intent=intent,
                queue=queue,
                priority=priority,
                kind=kind,
                confidence=confidence,
                received_at=now - timedelta(hours=2),
                due_at=now + timedelta(minutes=minutes),
                reasons=(Finding(code="why", severity="warning", message=reason),),
                flags=(Flag(flag="security_incident", probability=0.93),) if queue == "security" else (),
            )
        )
    return requests
