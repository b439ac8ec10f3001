use std::collections::HashSet;

use super::*;

// breaks when a line of the alias table is not of its form (reading it panics), says nothing of its origin, or is there twice
#[test]
fn every_line_is_complete_and_unique() {
    let mut seen = HashSet::new();
    for alias in aliases() {
        assert!(!alias.generation.is_empty() && !alias.source.is_empty(), "{alias:?}");
        assert!(
            seen.insert(format!("{:?} {} {:?}", alias.from, alias.canonical, alias.transform)),
            "{alias:?}"
        );
    }
    assert!(seen.len() > 100);
}

// breaks when an alias points at a name that is itself an alias: values would stop half-way
#[test]
fn canonical_names_are_no_aliases() {
    let table = table();
    for alias in aliases() {
        let lines = table.record.get(alias.canonical).into_iter().flatten();
        for line in lines {
            assert_eq!(table.aliases[*line].canonical, alias.canonical, "{alias:?}");
        }
    }
}

// breaks when two canonical names would fill one column
#[test]
fn canonical_names_have_columns_of_their_own() {
    let names: HashSet<_> = aliases().iter().map(|alias| alias.canonical).collect();
    let columns: HashSet<_> = names.iter().map(|name| column_name(name)).collect();
    assert_eq!(names.len(), columns.len());
}

// breaks when renamed values go wrong
#[test]
fn provider_values_are_renamed_and_unknown_ones_stay() {
    let set = aliases().iter().find_map(|alias| match (&alias.transform, alias.canonical) {
        (Transform::Values(set), "gen_ai.provider.name") => Some(*set),
        _ => None,
    });
    let set = set.expect("providers have a value set");
    let cases = [
        ("az.ai.openai", "azure.ai.openai"),
        ("AWS", "aws.bedrock"),
        ("openai", "openai"),
        ("my_own", "my_own"),
    ];
    for (value, canonical) in cases {
        assert_eq!(set.canonical(value), Some(canonical));
    }
}

// breaks when a call of the Vercel AI SDK is none, or the span around calls counts as one and so the tokens twice
#[test]
fn only_the_inner_spans_of_vercel_are_calls() {
    let set = aliases().iter().find_map(|alias| match (&alias.transform, alias.from) {
        (Transform::Values(set), AliasSource::Record("ai.operationId")) => Some(*set),
        _ => None,
    });
    let set = set.expect("operations have a value set");
    let cases = [
        ("ai.generateText.doGenerate", Some("chat")),
        ("ai.streamObject.doStream", Some("chat")),
        ("ai.embedMany.doEmbed", Some("embeddings")),
        ("ai.generateText", None),
        ("ai.streamText", None),
        ("ai.embed", None),
        ("ai.toolCall", None),
    ];
    for (value, operation) in cases {
        assert_eq!(set.canonical(value), operation, "{value}");
    }
}
