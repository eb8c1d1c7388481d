"""The queues of a tenant, by the words of its pack."""

from functools import cache

import structlog
from django.conf import settings

from admin_portal.review.models import Case, Status
from shared.packs import PackInvalid, load_pack
from shared.tenants import TenantsInvalid, load_tenants

log = structlog.get_logger(__name__)


def queue_titles(tenant: str) -> dict[str, str]:
    """Titles by id: the queues of the tenant's pack, and those in which its cases wait."""
    waiting = Case.objects.filter(tenant=tenant, status=Status.PENDING).values_list("queue", flat=True).distinct()
    try:
        titles = _pack_queues(tenant)
    except (TenantsInvalid, PackInvalid, KeyError) as error:
        log.warning("queues of the pack are unknown", tenant=tenant, error=str(error))
        titles = {}
    return {**{queue: titles.get(queue, queue) for queue in sorted(waiting)}, **titles}


@cache
def _pack_queues(tenant: str) -> dict[str, str]:
    """Read once per process: packs change with a deployment."""
    pack = load_pack(load_tenants(settings.TENANTS_FILE)[tenant].pack)
    return {queue.id: queue.title for queue in pack.queues}
