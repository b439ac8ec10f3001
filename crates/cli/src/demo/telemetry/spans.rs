//! Calls of the models as client spans with the GenAI attributes, and what the bot itself adds under `app.`.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::{
    ResourceSpans, ScopeSpans, Span, Status, span::SpanKind, status::StatusCode,
};

use super::attributes::{call, double, doubles, integer, resource, scope, text, texts};
use crate::demo::bot::{INTENTS, MODELS, Turn};

pub(super) fn request(turns: &[Turn]) -> ExportTraceServiceRequest {
    let spans = turns.iter().map(span).collect();
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource()),
            scope_spans: vec![ScopeSpans { scope: Some(scope()), spans, ..Default::default() }],
            ..Default::default()
        }],
    }
}

fn span(turn: &Turn) -> Span {
    let mut attributes = Vec::with_capacity(18);
    attributes.extend(call(turn));
    attributes.extend([
        text("gen_ai.conversation.id", format!("conv-{:016x}", turn.conversation)),
        text("user.id", format!("{:016x}", user_hash(turn.user))),
        integer("gen_ai.usage.input_tokens", turn.input_tokens),
        double("gen_ai.usage.cost.amount", turn.cost_usd),
        text("gen_ai.usage.cost.currency", "USD"),
        text("app.intent", INTENTS[turn.intent].name),
        integer("app.prompt_length", turn.prompt_length),
        doubles("app.prompt_embedding", &turn.embedding),
    ]);
    match turn.failure {
        Some(failure) => attributes.push(text("error.type", failure)),
        None => attributes.extend([
            text("gen_ai.response.model", MODELS[turn.model].name),
            texts("gen_ai.response.finish_reasons", &["stop"]),
            double("gen_ai.response.time_to_first_chunk", turn.first_chunk_s),
            integer("gen_ai.usage.output_tokens", turn.output_tokens),
            double("app.confidence", turn.confidence),
        ]),
    }
    let code = if turn.failure.is_some() { StatusCode::Error } else { StatusCode::Unset };
    Span {
        trace_id: turn.trace_id.to_vec(),
        span_id: turn.span_id.to_vec(),
        name: format!("chat {}", MODELS[turn.model].name),
        kind: SpanKind::Client as i32,
        start_time_unix_nano: turn.start_ns.cast_unsigned(),
        end_time_unix_nano: (turn.start_ns + turn.duration_ns).cast_unsigned(),
        attributes,
        status: Some(Status { code: code as i32, message: turn.failure.unwrap_or_default().to_owned() }),
        ..Default::default()
    }
}

/// Users are known by a hash only (the finaliser of splitmix64).
fn user_hash(user: u64) -> u64 {
    let mut hash = user.wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}
