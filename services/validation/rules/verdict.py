"""The verdict on a draft, and the version of the policy that it was reached under."""

import hashlib
from collections.abc import Sequence
from typing import Literal

from contracts.events import Finding
from contracts.pack import Pack

_JUDGED_BY = {"name", "version", "languages", "knowledge_languages", "tone", "policies", "thresholds"}


def verdict_of(findings: Sequence[Finding]) -> Literal["pass", "warn", "block"]:
    """`block` where one finding forbids release, `warn` where one needs a person's eye, else `pass`."""
    severities = {finding.severity for finding in findings}
    return "block" if "blocking" in severities else "warn" if "warning" in severities else "pass"


def policy_version(pack: Pack) -> str:
    """`name@version+hash`; the hash changes with whatever answers are judged or released by."""
    judged_by = pack.model_dump_json(include=_JUDGED_BY | {"unknown_intent_autonomy"})
    autonomy = ",".join(f"{intent.id}={intent.autonomy}" for intent in pack.intents)
    digest = hashlib.sha256(f"{judged_by}|{autonomy}|{','.join(sorted(pack.flags))}".encode()).hexdigest()
    return f"{pack.name}@{pack.version}+{digest[:12]}"
