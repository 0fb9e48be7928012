"""Every mistake that was made in manifests before, and its like, is caught by the closure check and named."""

import pytest

from tests.unit.deploy.mistakes import FIRST, POD, Mistake, added, drop, put, twice, without
from tools.manifests.closure import closure_defects
from tools.manifests.edges import Edges
from tools.manifests.manifests import Manifests

HASHED = "mdm-??????????"
CRON = "spec/jobTemplate/spec/template/spec"
OTHER_IMAGE = "registry.example.org/concord/concord:0.2.0"

REFERENCES = [
    Mistake(
        "a ConfigMap's name", "config-map", put("Deployment", "mdm", f"{FIRST}/envFrom/1/configMapRef/name", "mdn")
    ),
    Mistake(
        "a Secret's name",
        "secret",
        put("Deployment", "mdm", f"{POD}/volumes/@database/secret/secretName", "mdm-databse"),
    ),
    Mistake(
        "a Secret's key", "secret-key", put("Deployment", "mdm", f"{POD}/volumes/@database/secret/items/0/key", "pass")
    ),
    Mistake("a ServiceAccount's name", "service-account", put("Deployment", "mdm", f"{POD}/serviceAccountName", "hub")),
    Mistake("no ServiceAccount named", "service-account", drop("Deployment", "mdm", f"{POD}/serviceAccountName")),
    Mistake(
        "a claim's name",
        "claim",
        put("Deployment", "mdm", f"{POD}/volumes/@tmp", {"name": "tmp", "persistentVolumeClaim": {"claimName": "tmp"}}),
    ),
    Mistake(
        "a volume's name in a mount", "mount", put("Deployment", "mdm", f"{FIRST}/volumeMounts/@database/name", "db")
    ),
    Mistake(
        "two mounts in one place",
        "mount",
        put("Deployment", "mdm", f"{FIRST}/volumeMounts/@database/mountPath", "/tmp"),  # noqa: S108 - in the pod
    ),
    Mistake(
        "a volume for nothing", "volume", put("Deployment", "mdm", f"{POD}/volumes/-", {"name": "x", "emptyDir": {}})
    ),
    Mistake("an object twice", "doubled", twice("Service", "mdm")),
    Mistake("another namespace", "namespace", put("Service", "mdm", "metadata/namespace", "default")),
    Mistake("a Role's name", "role", put("RoleBinding", "bootstrap", "roleRef/name", "bootstrp"), "local"),
    Mistake(
        "a Role for another namespace",
        "role",
        put("RoleBinding", "bootstrap", "subjects/0/namespace", "default"),
        "local",
    ),
    Mistake("an Issuer's name", "issuer", put("Certificate", "mdm", "spec/issuerRef/name", "concrd")),
    Mistake("a certificate for another name", "dns-name", put("Certificate", "mdm", "spec/dnsNames", ["hub"])),
    Mistake("a certificate's Secret", "secret", put("Certificate", "mdm", "spec/secretName", "mdm-cert")),
    Mistake(
        "a managed role's Secret",
        "secret",
        put("Cluster", "postgres", "spec/managed/roles/0/passwordSecret/name", "mdm-owner"),
    ),
    Mistake("a database's owner", "database-role", put("Database", "mdm", "spec/owner", "mdm_ownr")),
    Mistake("a database's cluster", "cluster", put("Database", "mdm", "spec/cluster/name", "postgresql")),
]

SELECTORS = [
    Mistake("a Service's selector", "selector", put("Service", "mdm", "spec/selector", {"app": "mdm"})),
    Mistake(
        "a Service's selector too wide",
        "selector",
        put("Service", "mdm", "spec/selector", {"app.kubernetes.io/component": "service"}),
    ),
    Mistake("a target port", "target-port", put("Service", "mdm", "spec/ports/0/targetPort", "grcp")),
    Mistake("a Service that is not headless", "headless", drop("Service", "mdm", "spec/clusterIP")),
    Mistake("no Service", "service", without("Service", "mdm")),
    Mistake(
        "a Deployment's selector", "selector", put("Deployment", "mdm", "spec/selector/matchLabels", {"app": "mdm"})
    ),
    Mistake(
        "a budget's selector", "selector", put("PodDisruptionBudget", "mdm", "spec/selector/matchLabels", {"a": "b"})
    ),
    Mistake("no budget", "disruption-budget", without("PodDisruptionBudget", "audit")),
    Mistake("two budgets", "disruption-budget", twice("PodDisruptionBudget", "audit", "audit-too")),
    Mistake(
        "a scaler's target", "scale-target", put("HorizontalPodAutoscaler", "mdm", "spec/scaleTargetRef/name", "hub")
    ),
    Mistake("replicas beside a scaler", "replicas", put("Deployment", "mdm", "spec/replicas", 3)),
    Mistake("one replica", "replicas", put("HorizontalPodAutoscaler", "mdm", "spec/minReplicas", 1)),
    Mistake("nothing to scale by", "scale-metric", drop("Deployment", "mdm", f"{FIRST}/resources/requests/cpu")),
    Mistake(
        "a monitor's port", "target-port", put("PodMonitor", "services", "spec/podMetricsEndpoints/0/port", "metrcs")
    ),
    Mistake("a monitor's selector", "selector", put("PodMonitor", "services", "spec/selector/matchLabels", {"a": "b"})),
    Mistake(
        "a service that is not scraped",
        "monitor",
        put("PodMonitor", "services", "spec/selector/matchLabels/app.kubernetes.io~name", "mdm"),
    ),
    Mistake(
        "a spread of others",
        "spread",
        put("Deployment", "mdm", f"{POD}/topologySpreadConstraints/0/labelSelector/matchLabels", {"a": "b"}),
    ),
    Mistake("no spread", "spread", drop("Deployment", "mdm", f"{POD}/topologySpreadConstraints")),
]

CONTAINERS = [
    Mistake("the image latest", "image", put("Deployment", "mdm", f"{FIRST}/image", "concord:latest")),
    Mistake("an image without tag", "image", put("Deployment", "mdm", f"{FIRST}/image", "registry.example.org:5000/x")),
    Mistake("an image never set", "image", put("Deployment", "mdm", f"{FIRST}/image", "concord:unset")),
    *(
        Mistake(
            f"an image of others that floats: {tag}",
            "image",
            put("Deployment", "collector", f"{FIRST}/image", f"x:{tag}"),
        )
        for tag in ("0", "v1", "latest-amd64", "stable", "bookworm-slim")
    ),
    Mistake("a database's image that floats", "image", put("Cluster", "postgres", "spec/imageName", "x:17")),
    Mistake("another release", "release", put("Deployment", "mdm", f"{FIRST}/image", OTHER_IMAGE)),
    Mistake("root", "security-context", put("Deployment", "mdm", f"{POD}/securityContext/runAsUser", 0)),
    Mistake("no seccomp", "security-context", drop("Deployment", "mdm", f"{POD}/securityContext/seccompProfile")),
    Mistake(
        "a writable root",
        "security-context",
        put("Deployment", "mdm", f"{FIRST}/securityContext/readOnlyRootFilesystem", value=False),
    ),
    Mistake(
        "a capability left",
        "security-context",
        put("CronJob", "mdm-retain", f"{CRON}/containers/0/securityContext/capabilities", {"drop": ["NET_RAW"]}),
    ),
    Mistake("the node's network", "host", put("Deployment", "mdm", f"{POD}/hostNetwork", value=True)),
    Mistake(
        "the node's files",
        "host",
        put("Deployment", "mdm", f"{POD}/volumes/@tmp", {"name": "tmp", "hostPath": {"path": "/"}}),
    ),
    Mistake("no memory limit", "resources", drop("Deployment", "mdm", f"{FIRST}/resources/limits")),
    Mistake("a token", "token", put("Deployment", "mdm", f"{POD}/automountServiceAccountToken", value=True)),
    Mistake("an account's token", "token", put("ServiceAccount", "mdm", "automountServiceAccountToken", value=True)),
    Mistake(
        "no token where it is needed",
        "token",
        put("Job", "bootstrap-*", f"{POD}/automountServiceAccountToken", value=False),
        "local",
    ),
    Mistake("service links", "service-links", drop("Deployment", "mdm", f"{POD}/enableServiceLinks")),
    Mistake(
        "no room for temporary files",
        "tmp",
        put("Deployment", "mdm", f"{FIRST}/volumeMounts/@tmp/mountPath", "/var/tmp"),  # noqa: S108 - in the pod
    ),
    Mistake(
        "a privileged namespace",
        "pod-security",
        put("Namespace", "concord", "metadata/labels", {"pod-security.kubernetes.io/enforce": "baseline"}),
    ),
]

PROBES = [
    Mistake("no startup probe", "probe", drop("Deployment", "mdm", f"{FIRST}/startupProbe")),
    Mistake("no readiness probe", "probe", drop("Deployment", "collector", f"{FIRST}/readinessProbe")),
    Mistake("no liveness probe", "probe", drop("StatefulSet", "postgres", f"{FIRST}/livenessProbe"), "local"),
    Mistake(
        "the default timeout", "probe-patience", drop("Deployment", "mdm", f"{FIRST}/livenessProbe/timeoutSeconds")
    ),
    Mistake("one failure", "probe-patience", put("Deployment", "mdm", f"{FIRST}/livenessProbe/failureThreshold", 1)),
    Mistake("a probe's port", "probe-port", put("Deployment", "mdm", f"{FIRST}/readinessProbe/grpc/port", 8080)),
    Mistake(
        "a probe with credentials", "probe-port", put("Deployment", "mdm", f"{FIRST}/readinessProbe/grpc/port", 8443)
    ),
    Mistake(
        "liveness by readiness",
        "probe-service",
        put("Deployment", "mdm", f"{FIRST}/livenessProbe/grpc/service", "readiness"),
    ),
    Mistake("no pause before the end", "pre-stop", drop("Deployment", "mdm", f"{FIRST}/lifecycle")),
    Mistake("no time to drain", "grace", put("Deployment", "mdm", f"{POD}/terminationGracePeriodSeconds", 10)),
]

JOBS = [
    Mistake("a Job for ever", "job-ttl", drop("Job", "mdm-migration-*", "spec/ttlSecondsAfterFinished")),
    Mistake(
        "a Job of a ConfigMap that changes its name",
        "job-template",
        put("Job", "mdm-migration-*", f"{FIRST}/envFrom/0/configMapRef/name", "mdm-2m5dfcd9k6"),
    ),
    *(
        Mistake(
            f"a release that no Job can be named by: {tag[:9]}",
            "job-refused",
            put("Job", "mdm-migration-*", "metadata/name", f"mdm-migration-{tag}"),
        )
        for tag in ("0.1.0_rc1", "0.1.0-RC1", "0.1.0+local", "0.1.0-", "0..1", "1" * 50)
    ),
    Mistake(
        "a schedule whose name leaves no room",
        "job-refused",
        put("CronJob", "mdm-retain", "metadata/name", "mdm-retain-" + "x" * 42),
    ),
    Mistake("a Job of every release", "job-name", put("Job", "mdm-migration-*", "metadata/name", "mdm-migration")),
    Mistake("a service that does not wait", "await-schema", drop("Deployment", "mdm", f"{POD}/initContainers")),
    Mistake(
        "a service that waits for another",
        "await-schema",
        put("Deployment", "mdm", f"{POD}/initContainers/@await-schema/command/2", "services.audit"),
    ),
    Mistake("no migration", "migration", without("Job", "audit-migration-*")),
    Mistake("runs that overlap", "overlap", put("CronJob", "mdm-retain", "spec/concurrencyPolicy", "Allow")),
    Mistake("runs by any clock", "time-zone", drop("CronJob", "mdm-retain", "spec/timeZone")),
]

SECRETS = [
    Mistake(
        "a Secret with its content",
        "literal-secret",
        added(apiVersion="v1", kind="Secret", metadata={"name": "x"}, stringData={"password": "hunter2"}),
    ),
    Mistake(
        "a password in a variable",
        "literal-secret",
        put("Deployment", "mdm", f"{FIRST}/env", [{"name": "PGPASSWORD", "value": "x"}]),
    ),
    Mistake(
        "a password in an address",
        "literal-secret",
        put("ConfigMap", HASHED, "data/CONCORD_MDM_DATABASE_URL", "postgresql://mdm_service:hunter2@/mdm"),
    ),
    Mistake(
        "a private key in a ConfigMap",
        "literal-secret",
        put("ConfigMap", HASHED, "data/x", "-----BEGIN EC PRIVATE KEY-----\n"),
    ),
    Mistake(
        "a Secret as a variable",
        "secret-in-environment",
        put("Deployment", "mdm", f"{FIRST}/envFrom/-", {"secretRef": {"name": "mdm-database"}}),
    ),
]

ENVIRONMENT = [
    Mistake("a variable's name", "variable", put("ConfigMap", HASHED, "data/CONCORD_MDM_SEVRER_PORT", "8443")),
    Mistake("a variable of another service", "variable", put("ConfigMap", HASHED, "data/CONCORD_AUDIT_KEY", "x")),
    Mistake("a variable that is missing", "variable", drop("ConfigMap", HASHED, "data/CONCORD_MDM_KEY_FILE")),
    Mistake(
        "a setting never filled in", "variable", put("ConfigMap", HASHED, "data/CONCORD_MDM_AUTHENTICATION_ISSUER", "")
    ),
    Mistake("a value of another kind", "variable", put("ConfigMap", HASHED, "data/CONCORD_MDM_SPOOL_LIMIT", "many")),
    Mistake("a migration's variable", "variable", drop("Job", "mdm-migration-*", f"{FIRST}/env/2")),
    Mistake(
        "a file that is not mounted", "file", put("ConfigMap", HASHED, "data/CONCORD_MDM_KEY_FILE", "/etc/keys/keys")
    ),
    Mistake("a file's name", "file", put("ConfigMap", HASHED, "data/CONCORD_MDM_KEY_FILE", "/etc/concord/keys/key")),
    Mistake("a peer's name", "address", put("ConfigMap", HASHED, "data/CONCORD_MDM_AUDIT_TARGET", "dns:///audt:8443")),
    Mistake("a peer's port", "address", put("ConfigMap", HASHED, "data/CONCORD_MDM_AUDIT_TARGET", "dns:///audit:443")),
    Mistake(
        "a peer that is not balanced",
        "address",
        put("ConfigMap", HASHED, "data/CONCORD_MDM_AUDIT_TARGET", "audit:8443"),
    ),
    Mistake("a database's host", "address", put("ConfigMap", "migration-database", "data/PGHOST", "postgres")),
    Mistake("a server's port", "port", put("ConfigMap", HASHED, "data/CONCORD_MDM_SERVER_PORT", "8444")),
    Mistake("a metrics port", "port", put("ConfigMap", HASHED, "data/CONCORD_MDM_TELEMETRY_METRICS_PORT", "9465")),
    Mistake("a command", "command", put("CronJob", "audit-retain", f"{CRON}/containers/0/args/0", "retian")),
    Mistake(
        "a command that the service has not",
        "command",
        put("CronJob", "audit-retain", f"{CRON}/containers/0/args/0", "reconcile"),
    ),
    Mistake("an option", "command", put("Job", "mdm-migration-*", f"{FIRST}/args/1", "--timout=600")),
    Mistake("a module", "command", put("Deployment", "mdm", f"{FIRST}/command/2", "services.hub")),
]

NETWORK = [
    Mistake("no deny-all", "deny-all", without("NetworkPolicy", "deny-all")),
    Mistake("deny-all of one direction", "deny-all", put("NetworkPolicy", "deny-all", "spec/policyTypes", ["Ingress"])),
    Mistake("an edge without its way out", "edge-without-rule", without("NetworkPolicy", "egress-mdm-audit")),
    Mistake("an edge without its way in", "reach", without("NetworkPolicy", "ingress-mdm-audit")),
    Mistake("no names", "reach", without("NetworkPolicy", "egress-any-dns")),
    Mistake("no kubelet probes", "edge-without-rule", without("NetworkPolicy", "ingress-nodes-mdm")),
    Mistake("no identity provider", "reach", without("NetworkPolicy", "egress-audit-identity-provider")),
    Mistake("a rule twice", "edge-without-rule", twice("NetworkPolicy", "ingress-mdm-audit", "again")),
    Mistake("a rule's port", "reach", put("NetworkPolicy", "ingress-mdm-audit", "spec/ingress/0/ports/0/port", 8081)),
    Mistake(
        "a rule's protocol",
        "reach",
        put("NetworkPolicy", "ingress-mdm-audit", "spec/ingress/0/ports/0/protocol", "UDP"),
    ),
    Mistake(
        "a rule for every port", "rule-without-edge", drop("NetworkPolicy", "ingress-mdm-audit", "spec/ingress/0/ports")
    ),
    Mistake("a rule for everybody", "reach", drop("NetworkPolicy", "ingress-mdm-audit", "spec/ingress/0/from")),
    Mistake(
        "a rule for nobody",
        "reach",
        put("NetworkPolicy", "ingress-mdm-audit", "spec/podSelector/matchLabels", {"a": "b"}),
    ),
    Mistake(
        "a rule from nobody",
        "rule-without-edge",
        put("NetworkPolicy", "ingress-mdm-audit", "spec/ingress/0/from/0/podSelector/matchLabels", {"a": "b"}),
    ),
    Mistake(
        "the whole namespace let in",
        "rule-without-edge",
        put("NetworkPolicy", "ingress-mdm-audit", "spec/ingress/0/from/0/podSelector", {}),
    ),
    Mistake(
        "every address let out to",
        "reach",
        put("NetworkPolicy", "egress-audit-witness", "spec/egress/0/to/0/ipBlock/cidr", "0.0.0.0/0"),
    ),
    Mistake(
        "a network that the settings have not",
        "rule-without-edge",
        put("NetworkPolicy", "egress-audit-witness", "spec/egress/0/to/0/ipBlock/cidr", "203.0.113.21/32"),
    ),
    Mistake(
        "every namespace let in",
        "reach",
        put("NetworkPolicy", "ingress-callers-mdm", "spec/ingress/0/from/0/namespaceSelector", {}),
    ),
    Mistake(
        "pods that no edge is for",
        "edge-end",
        put("Deployment", "collector", "spec/template/metadata/labels", {"app.kubernetes.io/name": "colector"}),
    ),
]

MISTAKES = [*REFERENCES, *SELECTORS, *CONTAINERS, *PROBES, *JOBS, *SECRETS, *ENVIRONMENT, *NETWORK]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.told)
def test_a_planted_mistake_is_caught_and_named(mistake: Mistake, overlays: dict[str, Manifests], edges: Edges) -> None:
    policed = edges if mistake.overlay == "production" else None
    found = closure_defects(mistake.planted(overlays[mistake.overlay]), policed)
    assert mistake.rule in {defect.rule for defect in found}, found
