//! Reading the two files of the alias table, which are part of the program: a bad line is a bug, and a test reads them.

use std::collections::HashMap;

use super::{Alias, AliasSource, Requires, Transform, ValueSet};

const ALIASES: &str = include_str!("aliases.tsv");
const VALUES: &str = include_str!("values.tsv");

/// Lines of `N` tab-separated fields, after the comments and the heading.
fn lines<const N: usize>(file: &'static str) -> impl Iterator<Item = [&'static str; N]> {
    let content = file.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).skip(1);
    content.map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        fields.try_into().unwrap_or_else(|_| panic!("a line of the alias table needs {N} fields: {line:?}"))
    })
}

pub(super) fn aliases() -> Vec<Alias> {
    let sets = value_sets();
    lines::<6>(ALIASES)
        .map(|[alias, canonical, transform, requires, generation, source]| Alias {
            from: from(alias),
            canonical,
            transform: parse_transform(transform, &sets),
            requires: parse_requires(requires),
            generation,
            source,
        })
        .collect()
}

fn from(alias: &'static str) -> AliasSource {
    if let Some(key) = alias.strip_prefix("resource:") {
        return AliasSource::Resource(key);
    }
    match alias.strip_prefix("event:") {
        Some(event) => match event.split_once('#') {
            Some((name, attribute)) => AliasSource::Event { name, attribute: Some(attribute) },
            None => AliasSource::Event { name: event, attribute: None },
        },
        None => AliasSource::Record(alias),
    }
}

fn parse_transform(text: &'static str, sets: &HashMap<&'static str, &'static ValueSet>) -> Transform {
    match text.split_once(':') {
        Some(("values", set)) => Transform::Values(sets[set]),
        Some(("json", member)) => Transform::JsonMember(member),
        _ => match text {
            "-" => Transform::AsIs,
            "array" => Transform::Array,
            "number" => Transform::Number,
            "milliseconds" => Transform::Milliseconds,
            "since_start" => Transform::SinceStart,
            other => panic!("no such transform in the alias table: {other:?}"),
        },
    }
}

fn parse_requires(text: &'static str) -> Requires {
    match text {
        "-" => Requires::Nothing,
        "@error" => Requires::Error,
        "@not_error" => Requires::NotError,
        "@client" => Requires::Client,
        "@server" => Requires::Server,
        key => Requires::Key(key),
    }
}

/// The value sets, kept for the life of the program: they are read once.
fn value_sets() -> HashMap<&'static str, &'static ValueSet> {
    let mut sets: HashMap<&str, ValueSet> = HashMap::new();
    for [name, value, canonical, _] in lines::<4>(VALUES) {
        let set = sets.entry(name).or_insert_with(|| ValueSet {
            name,
            renamed: HashMap::new(),
            ends: Vec::new(),
            keeps_others: false,
        });
        match value.strip_prefix('*') {
            Some("") => set.keeps_others = true,
            Some(end) => set.ends.push((end, canonical)),
            None => drop(set.renamed.insert(value, canonical)),
        }
    }
    sets.into_iter().map(|(name, set)| (name, &*Box::leak(Box::new(set)))).collect()
}
