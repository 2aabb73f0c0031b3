"""What the dashboard shows. Metrics of the whole fleet are told by every replica: joined by max, never by sum."""


def quantiles(metric, by="", shares=(0.5, 0.9, 0.99), matchers=""):
    """Queries for quantiles of a histogram."""
    labels = f"le, {by}" if by else "le"
    legend = f"{{{{{by}}}}} " if by else ""
    return [
        (
            f"histogram_quantile({share}, sum by ({labels}) (rate({metric}_bucket{{{matchers}}}[$__rate_interval])))",
            f"{legend}p{int(share * 100)}",
        )
        for share in shares
    ]


# Rows of (title, description, unit, [(query, legend)], look).
ROWS = [
    (
        "Wakes",
        [
            (
                "Wakes by outcome",
                "What became of the wakes that ended.",
                "short",
                [("sum by (outcome) (increase(reveille_wakes_total[$__rate_interval]))", "{{outcome}}")],
                {"stack": True},
            ),
            (
                "Why nobody came",
                "Reasons of the wakes that ended without an answer.",
                "short",
                [
                    (
                        'sum by (reason) (increase(reveille_wakes_total{reason!="none"}[$__rate_interval]))',
                        "{{reason}}",
                    )
                ],
                {"stack": True},
            ),
            (
                "Time to session",
                "From the wake to the session that answered it, of devices that a push brought.",
                "s",
                quantiles("reveille_wake_time_to_session_seconds", matchers='attribution=~"confirmed|likely"'),
                {"log": True},
            ),
            (
                "Answers by attribution",
                "How sure it is that the push brought the session. Nearly all of them coincidence: pushes do not arrive.",
                "short",
                [
                    (
                        "sum by (attribution) (increase(reveille_wake_time_to_session_seconds_count[$__rate_interval]))",
                        "{{attribution}}",
                    )
                ],
                {"stack": True},
            ),
            (
                "Asked and live",
                "Wakes asked for in a second, and those that are waited for.",
                "short",
                [
                    ("sum by (priority) (rate(reveille_wakes_asked_total[$__rate_interval]))", "{{priority}} per second"),
                    ("max(reveille_wakes_live)", "live"),
                ],
                {},
            ),
            (
                "Due and not begun",
                "Devices whose push waits for a gate, for pacing or for room.",
                "short",
                [
                    (
                        'max by (push_app, priority) (reveille_summonses_due{push_app=~"$push_app"})',
                        "{{push_app}} {{priority}}",
                    )
                ],
                {},
            ),
            (
                "Age of what is due",
                "For how long the oldest of them has waited.",
                "s",
                [
                    (
                        'max by (push_app, priority) (reveille_summonses_due_age_seconds{push_app=~"$push_app"})',
                        "{{push_app}} {{priority}}",
                    )
                ],
                {},
            ),
        ],
    ),
    (
        "Canaries",
        [
            (
                "Canaries by outcome",
                "What became of the wakes that the service itself asks for, to see whether waking works.",
                "short",
                [
                    (
                        "sum by (canary, outcome) (increase(reveille_canary_wakes_total[$__rate_interval]))",
                        "{{canary}} {{outcome}}",
                    )
                ],
                {"stack": True},
            ),
            (
                "Turns since a push brought the canary",
                "More than two: pushes do not bring it.",
                "short",
                [
                    (
                        "(time() - max by (canary) (reveille_canary_answered_timestamp_seconds))"
                        " / max by (canary) (reveille_canary_interval_seconds)",
                        "{{canary}}",
                    )
                ],
                {},
            ),
            (
                "Canaries' time to session",
                "Nine in ten came within.",
                "s",
                quantiles("reveille_canary_time_to_session_seconds", by="canary", shares=(0.9,)),
                {},
            ),
        ],
    ),
    (
        "Pushes and push apps",
        [
            (
                "WNS verdicts",
                "What WNS's answers meant.",
                "ops",
                [
                    (
                        'sum by (verdict) (rate(reveille_pushes_total{push_app=~"$push_app"}[$__rate_interval]))',
                        "{{verdict}}",
                    )
                ],
                {"stack": True},
            ),
            (
                "What holds push apps back",
                "1 while a push app is in the state.",
                "short",
                [
                    (
                        'max by (push_app, state) (reveille_push_app_state{push_app=~"$push_app",state!="open"}) > 0',
                        "{{push_app}} {{state}}",
                    )
                ],
                {"stack": True},
            ),
            (
                "Gates",
                "Time until each push app's gate opens.",
                "s",
                [('max by (push_app) (reveille_push_app_gate_seconds{push_app=~"$push_app"})', "{{push_app}}")],
                {},
            ),
            (
                "Pacing",
                "Pushes under way at a time and begun in a second, and their limits, of all replicas together.",
                "short",
                [
                    ('sum by (push_app) (reveille_pushes_under_way{push_app=~"$push_app"})', "{{push_app}} under way"),
                    ('sum by (push_app) (reveille_push_limit{push_app=~"$push_app"})', "{{push_app}} limit"),
                    ('sum by (push_app) (reveille_push_rate_limit{push_app=~"$push_app"})', "{{push_app}} per second"),
                    ("sum(reveille_woken_sessions_rate_limit)", "bulk sessions per second; 0: no bound"),
                ],
                {},
            ),
            (
                "Push duration",
                "From the claim to the verdict.",
                "s",
                quantiles("reveille_push_duration_seconds", matchers='push_app=~"$push_app"'),
                {},
            ),
            (
                "Tokens",
                "For how long the access token that is held is used, and replicas whose credentials are refused.",
                "s",
                [
                    (
                        'min by (push_app) (reveille_wns_token_expires_in_seconds{push_app=~"$push_app"})',
                        "{{push_app}} expires in",
                    ),
                    (
                        'sum by (push_app) (reveille_wns_token_state{push_app=~"$push_app",state="refused"})',
                        "{{push_app}} refused",
                    ),
                ],
                {},
            ),
        ],
    ),
    (
        "Devices",
        [
            (
                "Channels by state",
                "Devices by what is known of their channel.",
                "short",
                [('sum by (state) (max by (push_app, state) (reveille_channels{push_app=~"$push_app"}))', "{{state}}")],
                {"stack": True},
            ),
            (
                "Sessions",
                "Sessions that ended in a second, by how.",
                "ops",
                [("sum by (ending) (rate(reveille_sessions_total[$__rate_interval]))", "{{ending}}")],
                {"stack": True},
            ),
            (
                "Messages",
                "Messages of devices in a second, by what came of them.",
                "ops",
                [
                    (
                        "sum by (result) (rate(reveille_gateway_message_duration_seconds_count[$__rate_interval]))",
                        "{{result}}",
                    ),
                    ("sum(rate(reveille_gateway_wrong_credentials_total[$__rate_interval]))", "wrong credentials"),
                ],
                {},
            ),
            (
                "Message duration",
                "Of the messages that were answered.",
                "s",
                quantiles("reveille_gateway_message_duration_seconds", matchers='result="answered"'),
                {},
            ),
            (
                "Message length",
                "The mean, by direction.",
                "bytes",
                [
                    (
                        "sum by (direction) (rate(reveille_gateway_message_bytes_sum[$__rate_interval]))"
                        " / sum by (direction) (rate(reveille_gateway_message_bytes_count[$__rate_interval]))",
                        "{{direction}}",
                    )
                ],
                {},
            ),
        ],
    ),
    (
        "The service",
        [
            (
                "gRPC calls",
                "Calls in a second that were no success, and all.",
                "ops",
                [
                    (
                        'sum by (method, code) (rate(reveille_grpc_calls_total{code!="OK"}[$__rate_interval]))',
                        "{{method}} {{code}}",
                    ),
                    ("sum(rate(reveille_grpc_calls_total[$__rate_interval]))", "all"),
                ],
                {},
            ),
            (
                "gRPC latency",
                "Of single calls: streams last as long as they are watched.",
                "s",
                quantiles(
                    "reveille_grpc_call_duration_seconds",
                    by="method",
                    shares=(0.99,),
                    matchers='method!~".*/(Watch|WakeMany|WatchWakes|ImportDevices)|other"',
                ),
                {},
            ),
            (
                "Transactions",
                "How long the database takes, and how long work waits for its turn.",
                "s",
                quantiles("reveille_store_batch_duration_seconds", by="result", shares=(0.5, 0.99))
                + [(query, f"wait {legend}") for query, legend in quantiles("reveille_store_queue_wait_seconds", shares=(0.99,))],
                {"log": True},
            ),
            (
                "Units of work",
                "How many go together in one transaction, and how many wait.",
                "short",
                [
                    (
                        "sum(rate(reveille_store_batch_units_sum[$__rate_interval]))"
                        " / sum(rate(reveille_store_batch_units_count[$__rate_interval]))",
                        "together",
                    ),
                    ("max(reveille_store_queue_units)", "waiting"),
                ],
                {},
            ),
            (
                "Checks that fail, and lag",
                "Readiness by check, and for how long a loop of the dispatcher has stood still.",
                "short",
                [
                    ("sum by (check) (reveille_health_check_ok == bool 0)", "{{check}} fails"),
                    ("max by (loop) (reveille_dispatcher_lag_seconds)", "{{loop}} lag in seconds"),
                ],
                {},
            ),
            (
                "Memory and processor",
                "Of each replica.",
                "bytes",
                [
                    ('process_resident_memory_bytes{job="reveille"}', "{{instance}} memory"),
                    ('rate(process_cpu_seconds_total{job="reveille"}[$__rate_interval])', "{{instance}} cores"),
                ],
                {"right": "/cores/"},
            ),
            (
                "Spans that were dropped",
                "The collector is away, or there are too many.",
                "short",
                [("sum by (instance) (increase(reveille_telemetry_spans_dropped_total[$__rate_interval]))", "{{instance}}")],
                {},
            ),
            (
                "Versions",
                "Replicas by version.",
                "short",
                [("count by (version) (reveille_build_info)", "{{version}}")],
                {"stack": True},
            ),
        ],
    ),
]
