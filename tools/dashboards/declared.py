"""The four dashboards: operations, service levels, synchronisation, stewardship."""

from tools.dashboards.panel import Dashboard, Panel

_CALLS = "rpc_server_call_duration_seconds"
_JOB = "{{job}}"
_SYSTEM = "{{system}}"
_BY_SYSTEM = "max by (job, system)"
_POOLS = "concord_database_connections_used / concord_database_connections_limit"
# What Kubernetes' CronJobs found is told by how their Jobs ended: the rules of the alerts keep when that was.
_RECONCILIATION_FAILED = (
    'clamp_max(concord:job_failed:start_time_seconds{work=~".+-reconcile"}'
    " unless (concord:job_completed:start_time_seconds > concord:job_failed:start_time_seconds), 1)"
)
_FIRST = "sum by (rpc, le) (rate(rpc_server_stream_first_message_seconds_bucket[5m]))"


def _quantile(share: float, by: str) -> str:
    return f"histogram_quantile({share}, sum by ({by}, le) (rate({_CALLS}_bucket[5m])))"


OPERATIONS = Dashboard(
    "operations",
    "Concord · operations",
    "Whether the services run, what they answer, what waits.",
    (
        (
            "Calls",
            (
                Panel("Calls a second", [(f"sum by (job) (rate({_CALLS}_count[5m]))", _JOB)], "reqps"),
                Panel(
                    "Calls that did not end well, a second",
                    [(f'sum by (job, code) (rate({_CALLS}_count{{code!="OK"}}[5m]))', "{{job}} {{code}}")],
                    "reqps",
                ),
                Panel("99 of 100 calls take at most", [(_quantile(0.99, "job"), _JOB)], "s"),
                Panel(
                    "Calls a second, by caller",
                    [(f"topk(10, sum by (client) (rate({_CALLS}_count[5m])))", "{{client}}")],
                    "reqps",
                    "The first 50 clients of a process by name, all others as `other`.",
                ),
                Panel("Open streams", [("sum by (job, rpc) (rpc_server_streams_open)", "{{job}} {{rpc}}")]),
                Panel(
                    "Streams that ended, a second",
                    [("sum by (job, code) (rate(rpc_server_streams_ended_total[5m]))", "{{job}} {{code}}")],
                    "reqps",
                ),
            ),
        ),
        (
            "Evidence",
            (
                Panel(
                    "Spool",
                    [("max by (job) (concord_spool_changes / concord_spool_limit)", _JOB)],
                    "percentunit",
                    "Changes that wait for the audit, as a part of those that may. At 100 % mutations are refused.",
                ),
                Panel("Lag of the relay", [("max by (job) (concord_spool_age_seconds)", _JOB)], "s"),
                Panel(
                    "Leaves a second",
                    [
                        ("sum(rate(concord_audit_leaves_appended_total[5m]))", "appended"),
                        ("sum(rate(concord_audit_leaves_repeated_total[5m]))", "repeated"),
                        ("sum(rate(concord_audit_appends_refused_total[5m]))", "requests refused"),
                    ],
                ),
                Panel(
                    "Leaves in the log",
                    [
                        ("max(concord_audit_checkpoint_leaves)", "signed"),
                        ("max(concord_audit_cosigned_leaves)", "cosigned"),
                    ],
                ),
                Panel(
                    "Checkpoints",
                    [
                        ("max(concord_audit_cosigned_lag_seconds)", "wait for the witness"),
                        ("max(concord_audit_checkpoint_age_seconds)", "age of the newest"),
                    ],
                    "s",
                ),
                Panel(
                    "Alarms",
                    [
                        ("max by (source_service) (concord_evidence_differences)", "{{source_service}} differs"),
                        (_RECONCILIATION_FAILED, "{{work}} failed"),
                        (
                            "sum by (source_service) (concord_audit_leaves_conflicting_total)",
                            "{{source_service}} conflicts",
                        ),
                        ("sum(concord_audit_witness_contradictions_total)", "contradicts the witness"),
                    ],
                    told="Every line has to lie at zero.",
                ),
            ),
        ),
        (
            "Processes",
            (
                Panel(
                    "Replicas that are ready",
                    [("max by (deployment) (kube_deployment_status_replicas_available)", "{{deployment}}")],
                ),
                Panel(
                    "Elected",
                    [("sum by (job, worker) (concord_worker_elected)", "{{job}} {{worker}}")],
                    told="Each work is done by one replica: the line lies at one, and for a moment elsewhere.",
                ),
                Panel(
                    "Database connections in use",
                    [(f"max by (job, pool) ({_POOLS})", "{{job}} {{pool}}")],
                    "percentunit",
                ),
                Panel("Processor", [("sum by (job) (rate(process_cpu_seconds_total[5m]))", _JOB)], told="In cores."),
                Panel("Memory", [("max by (job) (process_resident_memory_bytes)", _JOB)], "bytes"),
                Panel("Open files", [("max by (job) (process_open_fds / process_max_fds)", _JOB)], "percentunit"),
                Panel(
                    "What runs",
                    [("sum by (service, version) (concord_build_info)", "{{service}} {{version}}")],
                    told="Two versions of one service are a release that is on its way.",
                ),
                Panel(
                    "Readings that failed",
                    [("sum by (job, reading) (increase(concord_readings_failed_total[15m]))", _JOB)],
                ),
            ),
        ),
    ),
)

LEVELS = Dashboard(
    "sla",
    "Concord · service levels",
    "What the contracts promise, and what was kept. Budgets are of 30 days.",
    (
        (
            "Availability: 999 of 1,000 calls",
            (
                Panel(
                    "Failed, over 6 hours", [("concord:api_failed_calls:ratio6h", "{{api}}")], "percentunit", width=12
                ),
                Panel(
                    "Failed, over 3 days", [("concord:api_failed_calls:ratio3d", "{{api}}")], "percentunit", width=12
                ),
            ),
        ),
        (
            "Latency: 99 of 100 calls below their objective",
            (
                Panel("Slow, over 6 hours", [("concord:api_slow_calls:ratio6h", "{{api}}")], "percentunit", width=12),
                Panel("Slow, over 3 days", [("concord:api_slow_calls:ratio3d", "{{api}}")], "percentunit", width=12),
                Panel("50 of 100 calls take at most", [(f"topk(10, {_quantile(0.5, 'rpc')})", "{{rpc}}")], "s"),
                Panel("99 of 100 calls take at most", [(f"topk(10, {_quantile(0.99, 'rpc')})", "{{rpc}}")], "s"),
                Panel(
                    "Streams: 99 of 100 give their first message within",
                    [(f"histogram_quantile(0.99, {_FIRST})", "{{rpc}}")],
                    "s",
                    "Some of them wait for their caller, or for what others change.",
                ),
            ),
        ),
        (
            "Traffic",
            (Panel("Calls a second", [("concord:api_calls:rate5m", "{{api}}")], "reqps", width=24),),
        ),
    ),
)

SYNCHRONISATION = Dashboard(
    "synchronisation",
    "Concord · synchronisation",
    "What goes to and comes from the connected systems.",
    (
        (
            "Systems",
            (
                Panel("Last good contact", [(f"{_BY_SYSTEM} (concord_system_contact_age_seconds)", _SYSTEM)], "s"),
                Panel("Failures in a row", [(f"{_BY_SYSTEM} (concord_system_failures)", _SYSTEM)]),
                Panel("Paused", [(f"{_BY_SYSTEM} (concord_system_paused)", _SYSTEM)]),
            ),
        ),
        (
            "From the systems",
            (
                Panel(
                    "Documents a minute",
                    [("sum by (system, outcome) (rate(concord_documents_total[5m])) * 60", "{{system}} {{outcome}}")],
                ),
                Panel(
                    "Could not be translated, an hour",
                    [
                        (
                            "sum by (system, kind) (increase(concord_transformations_failed_total[1h]))",
                            "{{system}} {{kind}}",
                        )
                    ],
                ),
                Panel("Quarantine", [(f"{_BY_SYSTEM} (concord_quarantine_open)", "{{job}} {{system}}")]),
            ),
        ),
        (
            "To the systems",
            (
                Panel("Deliveries that wait", [(f"{_BY_SYSTEM} (concord_feed_lag)", _SYSTEM)]),
                Panel("The oldest has waited for", [(f"{_BY_SYSTEM} (concord_feed_lag_age_seconds)", _SYSTEM)], "s"),
                Panel("Wait for the hub's consent", [(f"{_BY_SYSTEM} (concord_feed_blocked)", _SYSTEM)]),
                Panel("Silence of the hub's feed", [(f"{_BY_SYSTEM} (concord_feed_silence_seconds)", _SYSTEM)], "s"),
                Panel(
                    "Subscribers behind the feed",
                    [("max by (client) (concord_feed_subscriber_lag)", "{{client}}")],
                    told="In changes, of those whose streams are open.",
                ),
                Panel("Discrepancies", [(f"{_BY_SYSTEM} (concord_discrepancies_open)", _SYSTEM)]),
                Panel(
                    "Changes compared with the audit",
                    [("max by (source_service) (concord_evidence_compared)", "{{source_service}}")],
                    told="By a service's own runs. What a CronJob's runs compared is in the logs of its Jobs.",
                ),
            ),
        ),
    ),
)

STEWARDSHIP = Dashboard(
    "stewardship",
    "Concord · stewardship",
    "What waits for people, and how well matching does without them.",
    (
        (
            "What waits",
            (
                Panel("Pairs to review", [("max by (record_type) (concord_review_open)", "{{record_type}}")]),
                Panel(
                    "The oldest has waited for",
                    [("max by (record_type) (concord_review_age_seconds)", "{{record_type}}")],
                    "s",
                ),
                Panel("Change requests", [("max(concord_change_requests_open)", "open")]),
                Panel(
                    "Not yet searchable",
                    [("max(concord_search_behind)", "changes")],
                    told="Published changes that the search index follows with.",
                ),
                Panel(
                    "Refused records",
                    [('max by (system) (concord_quarantine_open{job="mdm"})', _SYSTEM)],
                    told="In the hub's quarantine.",
                ),
                Panel("References that do not hold", [("max(concord_references_broken)", "broken")]),
                Panel("Discrepancies with systems", [(f"{_BY_SYSTEM} (concord_discrepancies_open)", _SYSTEM)]),
            ),
        ),
        (
            "Matching",
            (
                Panel(
                    "Precision and recall of automatic links",
                    [
                        (
                            "max by (record_type, what, end) (concord_match_quality)",
                            "{{record_type}} {{what}} {{end}}",
                        )
                    ],
                    "percentunit",
                    "Both ends of the confidence interval, from audits and decisions.",
                    width=16,
                ),
                Panel(
                    "Promises that are broken",
                    [("max by (record_type, what) (concord_match_promise_broken)", "{{record_type}} {{what}}")],
                ),
            ),
        ),
    ),
)

DASHBOARDS = (OPERATIONS, LEVELS, SYNCHRONISATION, STEWARDSHIP)


def expressions() -> set[str]:
    """Return everything that the dashboards ask Prometheus."""
    return {
        expression
        for dashboard in DASHBOARDS
        for _, panels in dashboard.rows
        for panel in panels
        for expression, _ in panel.queries
    }
