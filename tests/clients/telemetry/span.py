"""One span, and nothing else."""

import sdk

with sdk.providers() as (tracers, _, _):
    tracers.get_tracer("application").start_span("once").end()
