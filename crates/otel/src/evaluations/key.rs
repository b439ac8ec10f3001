//! Which attribute keys carry an evaluation, and what of it.

/// What was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Subject {
    Span,
    Trace,
    Session,
}

/// The two words for the same; a result may come in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    Annotation,
    Evaluation,
}

/// What a key says about an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EvaluationKey {
    pub(super) subject: Subject,
    pub(super) index: u32,
    pub(super) form: Form,
    /// The attribute that the field becomes.
    pub(super) attribute: &'static str,
}

pub(super) const NAME: &str = "gen_ai.evaluation.name";
pub(super) const SCORE: &str = "gen_ai.evaluation.score.value";
pub(super) const LABEL: &str = "gen_ai.evaluation.score.label";
/// The attribute with the reasons of a judgement, which may be long.
pub(crate) const EXPLANATION: &str = "gen_ai.evaluation.explanation";
pub(super) const ANNOTATOR: &str = "annotation.annotator_kind";
pub(super) const IDENTIFIER: &str = "annotation.identifier";

/// The fields of OpenInference, and the attributes that they become.
const FIELDS: [(&str, &str); 7] = [
    ("name", NAME),
    ("score", SCORE),
    ("label", LABEL),
    ("explanation", EXPLANATION),
    ("annotator_kind", ANNOTATOR),
    ("identifier", IDENTIFIER),
    ("metadata", "annotation.metadata"),
];

impl EvaluationKey {
    /// Reads a key; `None` for all others.
    pub(super) fn parse(key: &str) -> Option<Self> {
        let (subject, rest) = match key.split_once('.')? {
            ("trace", rest) => (Subject::Trace, rest),
            ("session", rest) => (Subject::Session, rest),
            _ => (Subject::Span, key),
        };
        let (form, rest, singular) = if let Some(rest) = rest.strip_prefix("annotations.") {
            (Form::Annotation, rest, "annotation.")
        } else {
            (Form::Evaluation, rest.strip_prefix("evaluations.")?, "evaluation.")
        };
        let (index, rest) = rest.split_once('.')?;
        let given = rest.strip_prefix(singular)?;
        let (_, attribute) = FIELDS.iter().find(|(name, _)| *name == given)?;
        Some(Self { subject, index: index.parse().ok()?, form, attribute })
    }
}
