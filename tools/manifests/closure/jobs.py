"""Jobs can be applied again, services wait for their schema, scheduled runs do not overlap."""

import re
from collections.abc import Iterator

from tools.image.building import JOB_NAME
from tools.manifests.closure.selectors import SERVICE
from tools.manifests.manifests import Defect, Manifests, Pod, element, matches

_HASHED = re.compile(r".+-[bcdfghkmt25-9]{10}")  # kustomize's ending of a generated name
_LONGEST_NAME = 63
_LONGEST_SCHEDULED_NAME = 52  # a CronJob's Jobs have eleven characters more
_MIGRATION = {"app.kubernetes.io/name": "migration"}


def job_defects(manifests: Manifests) -> Iterator[Defect]:
    """Find Jobs that can't be applied twice, services that wait for no migration, schedules that overlap."""
    yield from _names(manifests)
    for job in manifests.of("Job"):
        if "ttlSecondsAfterFinished" not in job["spec"]:
            yield Defect(element(job), "job-ttl", "stays for ever, and so does its template")
    for pod in (pod for pod in manifests.pods if pod.owner.startswith("Job/")):
        yield from _repeatable(pod)
    yield from _migrations(manifests)
    for cron_job in manifests.of("CronJob"):
        if cron_job["spec"].get("concurrencyPolicy") != "Forbid":
            yield Defect(element(cron_job), "overlap", "may run twice at the same time")
        if "timeZone" not in cron_job["spec"]:
            yield Defect(element(cron_job), "time-zone", "runs by the clock of whichever machine")


def _names(manifests: Manifests) -> Iterator[Defect]:
    """Find names that the API server refuses: an image's tag may hold what they may not."""
    for kind, longest in (("Job", _LONGEST_NAME), ("CronJob", _LONGEST_SCHEDULED_NAME)):
        for job in manifests.of(kind):
            name = job["metadata"]["name"]
            if not JOB_NAME.fullmatch(name) or len(name) > longest:
                told = f"Kubernetes refuses the name: small letters, digits, - and . between them, {longest} at most"
                yield Defect(element(job), "job-refused", told)


def _repeatable(pod: Pod) -> Iterator[Defect]:
    """Find what changes in a Job's template, which can't be changed, and does not change its name."""
    names = [source["configMapRef"]["name"] for each in pod.containers for source in each.content.get("envFrom", [])]
    names += [volume["configMap"]["name"] for volume in pod.volumes.values() if "configMap" in volume]
    for name in filter(_HASHED.fullmatch, names):
        yield Defect(pod.owner, "job-template", f"can't be applied again once ConfigMap {name} changes")
    for container in pod.containers:
        tag = container.content.get("image", "").rpartition(":")[2]
        if not pod.owner.endswith(f"-{tag}"):
            yield Defect(pod.owner, "job-name", f"is not named by its image's tag {tag}")


def _migrations(manifests: Manifests) -> Iterator[Defect]:
    migrated = {container.module for pod in manifests.selected(_MIGRATION) for container in pod.containers}
    for pod in manifests.selected(SERVICE):
        served = {each.module for each in pod.containers if not each.is_initial}
        awaited = {each.module for each in pod.containers if each.is_initial and each.task == "await-schema"}
        if awaited != served:
            yield Defect(pod.owner, "await-schema", "does not wait for its own schema")
        for module in sorted(filter(None, served - migrated)):
            yield Defect(pod.owner, "migration", f"no Job migrates the database of {module}")
    for pod in manifests.pods:
        migrates = any(each.task == "migrate" for each in pod.containers)
        if migrates and not matches(_MIGRATION, pod.labels):
            yield Defect(pod.owner, "migration", "migrates, and has not the labels of a migration")
