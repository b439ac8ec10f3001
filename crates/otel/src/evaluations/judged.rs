//! What an evaluation that came with a span is about: the span itself, or the one that it is linked to.

use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};

use super::{key::Subject, text};
use crate::meaning::{Place, canonical_names};

const OPERATION: &str = "gen_ai.operation.name";
/// What a span says of its work that only judges others.
const EVALUATOR: &str = "evaluator";

/// The ids of what was judged; empty where it has none.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Judged<'a> {
    pub(super) trace_id: &'a [u8],
    pub(super) span_id: &'a [u8],
}

impl<'a> Judged<'a> {
    pub(super) fn itself(span: &'a Span) -> Self {
        Self { trace_id: &span.trace_id, span_id: &span.span_id }
    }

    /// What evaluations in the attributes of a span are about: the only span that a carrier is linked to, otherwise the span itself.
    pub(super) fn of_attributes(span: &'a Span, subject: Subject) -> Self {
        let judged = match span.links.as_slice() {
            [link] if is_carrier(span) => Self { trace_id: &link.trace_id, span_id: &link.span_id },
            _ => Self::itself(span),
        };
        match subject {
            Subject::Span => judged,
            Subject::Trace => Self { span_id: &[], ..judged },
            Subject::Session => Self::default(),
        }
    }
}

/// Whether a span does no work of its own: it says that it evaluates, or nothing of its work. One that takes part in a call or a message works, and
/// is linked to its sender.
fn is_carrier(span: &Span) -> bool {
    let says_work = span.attributes.iter().filter(|attribute| {
        attribute.key == OPERATION || canonical_names(Place::Record, &attribute.key).contains(&OPERATION)
    });
    let (evaluates, works): (Vec<_>, Vec<_>) = says_work
        .partition(|attribute| text(attribute).is_some_and(|work| work.eq_ignore_ascii_case(EVALUATOR)));
    let is_local = span.kind == SpanKind::Internal as i32 || span.kind == SpanKind::Unspecified as i32;
    works.is_empty() && (is_local || !evaluates.is_empty())
}
