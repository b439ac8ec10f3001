//! LiteLLM's `model_prices_and_context_window.json`: an object of models, each with its costs for one token.
//!
//! A name with a prefix, as `azure/gpt-4o`, is the price of that provider; one without is that of the name, whoever serves it, which is how
//! LiteLLM looks it up. Costs with `_above_200k_tokens` in their names are a tier; what a tier leaves out is as without it.

use std::collections::BTreeMap;

use driftline_functions::prices::Rates;
use driftline_otel::{Transform, aliases};
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// The entry that describes the others.
const SAMPLE: &str = "sample_spec";
/// Costs are for one token, prices for a million.
const TOKENS_PRICED: f64 = 1e6;
/// Prices keep so many steps a dollar: what the product of a cost and a million adds behind them is no part of the price.
const STEPS: f64 = 1e6;

/// The names of a cost: input, cache read, cache write, output, reasoning.
const COSTS: [&str; 5] = [
    "input_cost_per_token",
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
    "output_cost_per_token",
    "output_cost_per_reasoning_token",
];

/// The prices of a file, and how many models it prices otherwise than by token.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Listed {
    pub(super) prices: Vec<Listing>,
    pub(super) not_by_token: u64,
}

/// The prices of one name.
#[derive(Debug, PartialEq)]
pub(super) struct Listing {
    pub(super) provider: Option<String>,
    pub(super) model: String,
    pub(super) tiers: Tiers,
}

/// By the number of input tokens above which they hold.
pub(super) type Tiers = BTreeMap<i64, Rates>;

/// Reads a file.
///
/// # Errors
/// `Invalid` where it is no JSON object of objects, or a cost is no number of 0 or more.
pub(super) fn read(json: &[u8]) -> Result<Listed> {
    let json = json.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(json);
    let models: BTreeMap<String, Value> = serde_json::from_slice(json)
        .map_err(|error| Error::invalid(format!("the prices are no JSON object of models: {error}")))?;
    let mut listed = Listed::default();
    for (name, entry) in &models {
        let Value::Object(entry) = entry else {
            return Err(Error::invalid(format!("model \"{name}\" must be an object, got {entry}")));
        };
        if name == SAMPLE {
            continue;
        }
        let tiers = tiers(name, entry)?;
        if !tiers.contains_key(&0) {
            listed.not_by_token += 1;
            continue;
        }
        let (provider, model) = whose(name, entry);
        if model.is_empty() {
            return Err(Error::invalid(format!("\"{name}\" is no name of a model")));
        }
        let rates = |[input, cache_read, cache_write, output, reasoning]: [Option<f64>; 5]| Rates {
            input,
            cache_read,
            cache_write,
            output,
            reasoning,
        };
        let tiers = tiers.into_iter().map(|(above, costs)| (above, rates(costs))).collect();
        listed.prices.push(Listing { provider, model: model.to_owned(), tiers });
    }
    Ok(listed)
}

/// The costs of a model by the number of input tokens above which they count. Without a tier 0 it has no cost for all its tokens.
fn tiers(model: &str, entry: &Map<String, Value>) -> Result<BTreeMap<i64, [Option<f64>; 5]>> {
    let mut tiers: BTreeMap<i64, [Option<f64>; 5]> = BTreeMap::new();
    for (key, value) in entry {
        let Some((place, above)) = cost(key) else { continue };
        let amount = match value {
            Value::Null => continue,
            value => {
                value.as_f64().filter(|amount| *amount >= 0.0 && (amount * TOKENS_PRICED * STEPS).is_finite())
            }
        };
        let amount = amount.ok_or_else(|| {
            Error::invalid(format!("{key} of model \"{model}\" must be a number of 0 or more, got {value}"))
        })?;
        let price = (amount * TOKENS_PRICED * STEPS).round() / STEPS;
        tiers.entry(above).or_default()[place] = Some(price);
    }
    if tiers.get(&0).is_none_or(|all| all[0].is_none() && all[3].is_none()) {
        return Ok(BTreeMap::new());
    }
    let all = tiers[&0];
    for costs in tiers.values_mut() {
        for (cost, of_all) in costs.iter_mut().zip(all) {
            *cost = cost.or(of_all);
        }
    }
    Ok(tiers)
}

/// Which cost a key names, and above how many input tokens it counts.
fn cost(key: &str) -> Option<(usize, i64)> {
    let (name, above) = match key.split_once("_above_") {
        None => (key, 0),
        Some((name, tier)) => {
            let thousands: i64 = tier.strip_suffix("k_tokens")?.parse().ok()?;
            (name, thousands.checked_mul(1_000).filter(|above| *above > 0)?)
        }
    };
    Some((COSTS.iter().position(|cost| *cost == name)?, above))
}

/// Provider and model of a name.
fn whose<'a>(name: &'a str, entry: &Map<String, Value>) -> (Option<String>, &'a str) {
    let provider = entry.get("litellm_provider").and_then(Value::as_str).unwrap_or_default();
    // vertex_ai-language-models and its like are kinds of models of one provider
    let family = provider.split('-').next().unwrap_or_default();
    match name.split_once('/') {
        Some((prefix, model)) if prefix == provider || prefix == family => {
            (Some(current_name(prefix).to_owned()), model)
        }
        _ => (None, name),
    }
}

/// A provider as `gen_ai.provider.name` has it.
fn current_name(provider: &str) -> &str {
    let values = aliases().iter().find_map(|alias| match &alias.transform {
        Transform::Values(values) if alias.canonical == "gen_ai.provider.name" => Some(*values),
        _ => None,
    });
    values.and_then(|values| values.canonical(provider)).unwrap_or(provider)
}

#[cfg(test)]
mod tests {
    use super::{Listing, Rates, read};
    use crate::error::ErrorKind;

    const FILE: &str = r#"{
        "sample_spec": {"input_cost_per_token": "a number", "litellm_provider": "one of ..."},
        "gpt-4o": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2.5e-06, "output_cost_per_token": 1e-05,
                   "cache_read_input_token_cost": 1.25e-06, "max_tokens": 16384},
        "azure/gpt-4o": {"litellm_provider": "azure", "input_cost_per_token": 2.75e-06, "output_cost_per_token": 1.1e-05},
        "vertex_ai/gemini-2.5-pro": {"litellm_provider": "vertex_ai-language-models", "input_cost_per_token": 1.25e-06,
            "input_cost_per_token_above_200k_tokens": 2.5e-06, "output_cost_per_token": 1e-05},
        "openrouter/openai/gpt-4o": {"litellm_provider": "openrouter", "input_cost_per_token": 2.5e-06, "output_cost_per_token": null},
        "dall-e-3": {"litellm_provider": "openai", "input_cost_per_pixel": 1e-08}
    }"#;

    // breaks when a price is lost, belongs to another, or has the dust of a multiplication
    #[test]
    fn a_file_becomes_prices() {
        let listed = read(FILE.as_bytes()).unwrap();
        assert_eq!(listed.not_by_token, 1);
        let tiers = |listing: &'_ Listing| {
            listing.tiers.iter().map(|(above, rates)| (*above, *rates)).collect::<Vec<_>>()
        };
        let found: Vec<_> = listed
            .prices
            .iter()
            .flat_map(|listing| {
                let name = (listing.provider.as_deref(), listing.model.as_str());
                tiers(listing).into_iter().map(move |(above, rates)| (name.0, name.1, above, rates))
            })
            .collect();
        let rates = |input, output| Rates { input: Some(input), output, ..Rates::default() };
        let expected = [
            (Some("azure.ai.openai"), "gpt-4o", 0, rates(2.75, Some(11.0))),
            (None, "gpt-4o", 0, Rates { cache_read: Some(1.25), ..rates(2.5, Some(10.0)) }),
            (Some("openrouter"), "openai/gpt-4o", 0, rates(2.5, None)),
            (Some("gcp.vertex_ai"), "gemini-2.5-pro", 0, rates(1.25, Some(10.0))),
            (Some("gcp.vertex_ai"), "gemini-2.5-pro", 200_000, rates(2.5, Some(10.0))),
        ];
        assert_eq!(found, expected);
        let marked = [b"\xEF\xBB\xBF", FILE.as_bytes()].concat();
        assert_eq!(read(&marked).unwrap(), listed, "a byte order mark is no part of JSON");
    }

    // breaks when a file of another shape is taken for one without prices
    #[test]
    fn what_is_no_price_list_is_refused() {
        let cases = [
            ("[]", "no JSON object of models"),
            (r#"{"m": 1}"#, "model \"m\" must be an object"),
            (r#"{"m": {"input_cost_per_token": "2e-6"}}"#, "must be a number of 0 or more"),
            (r#"{"m": {"output_cost_per_token": -1}}"#, "must be a number of 0 or more"),
            (r#"{"m": {"output_cost_per_token": 1e303}}"#, "must be a number of 0 or more"),
            (r#"{"": {"output_cost_per_token": 1}}"#, "\"\" is no name of a model"),
        ];
        for (json, message) in cases {
            let error = read(json.as_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains(message), "{error}");
        }
    }
}
