use super::*;

// breaks when one of the three that make canonical names of keys is not asked, or a key is taken for another
#[test]
fn every_way_to_a_canonical_name_is_known() {
    let input = "gen_ai.input.messages";
    let cases = [
        (Place::Record, "gen_ai.prompt", input),
        (Place::Record, "gen_ai.prompt.12.content", input),
        (Place::Record, "llm.input_messages.0.message.audio", input),
        (Place::Record, "GenAI.Completion.0.role", ""),
        (Place::Record, "Gen_AI.Completion.0.role", "gen_ai.output.messages"),
        (Place::Record, "gen_ai.prompt.name", ""),
        (Place::Record, "content", ""),
        (Place::of_event("gen_ai.user.message"), "content", input),
        (Place::of_event("gen_ai.user.message"), "Gen_AI.Event.Content", input),
        (Place::of_event("gen_ai.choice"), "message", "gen_ai.output.messages"),
        (Place::of_event("other"), "content", ""),
        (Place::Record, "enduser.id", "user.id"),
        (Place::Record, "enduser_id", "user.id"),
        (Place::Resource, "deployment.environment", "deployment.environment.name"),
        (Place::of_event("exception"), "exception.type", "error.type"),
        (Place::Record, "exception.type", ""),
        (Place::Record, "annotations.3.annotation.score", "gen_ai.evaluation.score.value"),
        (Place::Record, "session.evaluations.0.evaluation.explanation", "gen_ai.evaluation.explanation"),
        (Place::Target, "service.namespace", "job"),
        (Place::Resource, "service.namespace", ""),
    ];
    for (place, key, expected) in cases {
        let found = canonical_names(place, key);
        assert_eq!(found.first().copied().unwrap_or_default(), expected, "{key}: {found:?}");
    }
}

// breaks when a line of the alias table feeds a name that nobody tells of
#[test]
fn every_line_of_the_table_is_known() {
    for alias in semconv::aliases() {
        let (place, key) = match alias.from {
            semconv::AliasSource::Record(key) => (Place::Record, key),
            semconv::AliasSource::Resource(key) => (Place::Resource, key),
            semconv::AliasSource::Event { name, attribute: Some(key) } => (Place::of_event(name), key),
            semconv::AliasSource::Event { attribute: None, .. } => continue,
        };
        assert!(canonical_names(place, key).contains(&alias.canonical), "{alias:?}");
    }
}
