"""Every selector selects what it is meant to, and every target is there."""

from collections import Counter
from collections.abc import Iterator, Mapping

from tools.manifests.manifests import Defect, Manifests, Object, Pod, element, matches
from tools.manifests.operators import made_pods

SELECTED = ("Deployment", "StatefulSet")
_FEWEST_REPLICAS = 2
SERVICE = {"app.kubernetes.io/component": "service"}


def selector_defects(manifests: Manifests) -> Iterator[Defect]:
    """Find selectors, target ports and scaling targets that meet nothing, or more than one workload."""
    yield from _workloads(manifests)
    yield from _services(manifests)
    yield from _disruption_budgets(manifests)
    yield from _autoscalers(manifests)
    yield from _monitors(manifests)
    for pod in manifests.pods:
        yield from _spread(pod)


def _workloads(manifests: Manifests) -> Iterator[Defect]:
    for kind in SELECTED:
        for workload in manifests.of(kind):
            selector = workload["spec"]["selector"]["matchLabels"]
            yield from _only(element(workload), selector, manifests, element(workload))


def _only(owner: str, selector: Mapping[str, str], manifests: Manifests, wanted: str | None = None) -> Iterator[Defect]:
    """Find out whether a selector meets the pods of exactly one workload, the wanted one where it is named."""
    met = sorted({pod.owner for pod in manifests.selected(selector)})
    if len(met) != 1 or (wanted and met != [wanted]):
        yield Defect(owner, "selector", f"selects the pods of {', '.join(met) or 'nothing'}")


def _services(manifests: Manifests) -> Iterator[Defect]:
    for service in manifests.of("Service"):
        selector = service["spec"].get("selector", {})
        yield from _only(element(service), selector, manifests)
        for port in service["spec"]["ports"]:
            target = port.get("targetPort", port["port"])
            if not any(pod.port(target) for pod in manifests.selected(selector)):
                yield Defect(element(service), "target-port", f"no selected pod has the port {target}")
        if matches(SERVICE, selector) and service["spec"].get("clusterIP") != "None":
            yield Defect(element(service), "headless", "clients see one address, and balance over nothing")
    named = {service["metadata"]["name"] for service in manifests.of("Service")}
    for pod in manifests.selected(SERVICE):
        if pod.name not in named:
            yield Defect(pod.owner, "service", f"there is no Service {pod.name}")


def _disruption_budgets(manifests: Manifests) -> Iterator[Defect]:
    guarded: Counter[str] = Counter()
    for budget in manifests.of("PodDisruptionBudget"):
        selector = budget["spec"]["selector"]["matchLabels"]
        yield from _only(element(budget), selector, manifests)
        guarded.update({pod.owner for pod in manifests.selected(selector)})
    for pod in manifests.selected(SERVICE):
        if guarded[pod.owner] != 1:
            yield Defect(pod.owner, "disruption-budget", f"has {guarded[pod.owner]} PodDisruptionBudgets, not one")


def _autoscalers(manifests: Manifests) -> Iterator[Defect]:
    for scaler in manifests.of("HorizontalPodAutoscaler"):
        target = scaler["spec"]["scaleTargetRef"]
        workload = manifests.find(target["kind"], target["name"])
        if workload is None:
            yield Defect(element(scaler), "scale-target", f"there is no {target['kind']} {target['name']}")
            continue
        if "replicas" in workload["spec"]:
            yield Defect(element(workload), "replicas", "an autoscaler says how many; this would undo it")
        if scaler["spec"]["minReplicas"] < _FEWEST_REPLICAS:
            yield Defect(element(scaler), "replicas", "fewer than two replicas do not outlive a node")
        yield from _requests(scaler, workload)


def _requests(scaler: Object, workload: Object) -> Iterator[Defect]:
    resources = [metric["resource"]["name"] for metric in scaler["spec"]["metrics"] if metric["type"] == "Resource"]
    for container in workload["spec"]["template"]["spec"]["containers"]:
        requests = container.get("resources", {}).get("requests", {})
        for resource in (resource for resource in resources if resource not in requests):
            yield Defect(element(scaler), "scale-metric", f"{container['name']} requests no {resource}")


def _monitors(manifests: Manifests) -> Iterator[Defect]:
    every = [*manifests.pods, *made_pods(manifests)]
    scraped: set[str] = set()
    monitors = manifests.of("PodMonitor")
    for monitor in monitors:
        labels = monitor["spec"]["selector"].get("matchLabels", {})
        pods = [pod for pod in every if matches(labels, pod.labels)]
        if not pods:
            yield Defect(element(monitor), "selector", "selects the pods of nothing")
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
            for pod in pods:
                scraped.add(pod.owner)
                if pod.port(endpoint["port"]) is None:
                    yield Defect(element(monitor), "target-port", f"{pod.owner} has no port {endpoint['port']}")
    for pod in every:
        if monitors and pod.port("metrics") and pod.owner not in scraped:
            yield Defect(pod.owner, "monitor", "has metrics that no PodMonitor scrapes")


def _spread(pod: Pod) -> Iterator[Defect]:
    constraints = pod.spec.get("topologySpreadConstraints", [])
    for constraint in constraints:
        if not matches(constraint.get("labelSelector", {}).get("matchLabels", {}), pod.labels):
            yield Defect(pod.owner, "spread", "a topology spread constraint does not select the pods that it is for")
    topologies = {constraint["topologyKey"] for constraint in constraints}
    if matches(SERVICE, pod.labels) and "kubernetes.io/hostname" not in topologies:
        yield Defect(pod.owner, "spread", "its replicas may all be on one node")
