use super::{Price, PriceBook, Rates, Usage, matches};

const FLAT: Rates =
    Rates { input: Some(2.5), cache_read: None, cache_write: None, output: Some(10.0), reasoning: None };

fn price(from: i64, provider: Option<&str>, model: &str, input: f64) -> Price {
    Price {
        from,
        provider: provider.map(str::to_owned),
        model: model.to_owned(),
        input_tokens_above: 0,
        rates: Rates { input: Some(input), output: Some(0.0), ..Rates::default() },
    }
}

/// The price of input, for a call at a time.
fn input_of(book: &PriceBook, provider: Option<&str>, model: &str, time: i64) -> Option<f64> {
    let usage = Usage { input: Some(10), ..Usage::default() };
    book.rates(&book.candidates(provider, &[model]), time, &usage).and_then(|rates| rates.input)
}

// breaks when a part is charged twice, at the price of another, or not at all
#[test]
fn parts_are_charged_once() {
    let usage = Usage { input: Some(1_000), output: Some(200), ..Usage::default() };
    assert_eq!(FLAT.cost(&usage), Some((1_000.0 * 2.5 + 200.0 * 10.0) / 1e6));
    let usage = Usage { cache_read: Some(600), cache_write: Some(300), reasoning: Some(150), ..usage };
    assert_eq!(FLAT.cost(&usage), Some((1_000.0 * 2.5 + 200.0 * 10.0) / 1e6), "a part costs as its whole");
    let all = Rates { cache_read: Some(1.25), cache_write: Some(3.0), reasoning: Some(20.0), ..FLAT };
    let expected = (100.0 * 2.5 + 600.0 * 1.25 + 300.0 * 3.0 + 50.0 * 10.0 + 150.0 * 20.0) / 1e6;
    assert_eq!(all.cost(&usage), Some(expected));
}

// breaks when tokens that a provider counts beside the input are taken for a part of it, or have no price
#[test]
fn parts_beside_their_whole_are_added() {
    let usage = Usage { input: Some(100), cache_read: Some(5_000), output: Some(50), ..Usage::default() };
    let rates = Rates { cache_read: Some(0.25), ..FLAT };
    assert_eq!(rates.cost(&usage), Some((100.0 * 2.5 + 5_000.0 * 0.25 + 50.0 * 10.0) / 1e6));
    let thinking = Usage { reasoning: Some(80), ..usage };
    assert_eq!(rates.cost(&thinking), Some((100.0 * 2.5 + 5_000.0 * 0.25 + 130.0 * 10.0) / 1e6));
    assert_eq!(usage.of_wholes().unwrap().input, Some(5_100));
    let parts = Usage { input: Some(5_000), ..usage };
    assert_eq!(parts.of_wholes(), Some(parts), "all of the input came from the cache");
}

// breaks when a pattern that fits one name of a model hides the price of its other name
#[test]
fn a_whole_name_counts_before_a_pattern() {
    let book =
        PriceBook::new([price(0, None, "%", 999.0), price(0, None, "m", 1.0), price(0, None, "n", 2.0)]);
    let of = |models: &[&str]| {
        let usage = Usage::default();
        book.rates(&book.candidates(None, models), 0, &usage).and_then(|rates| rates.input)
    };
    assert_eq!(of(&["m-2026", "m"]), Some(1.0));
    assert_eq!(of(&["n", "m"]), Some(2.0));
    assert_eq!(of(&["x", "y"]), Some(999.0));
}

// breaks when a number is made up for a count or a price that nobody gave
#[test]
fn what_is_not_known_costs_nothing_known() {
    let usage = Usage { input: Some(1_000), output: Some(200), ..Usage::default() };
    let unknown = [
        (FLAT, Usage { input: None, ..usage }),
        (FLAT, Usage { output: None, ..usage }),
        (FLAT, Usage { cache_read: Some(-1), ..usage }),
        (FLAT, Usage { cache_read: Some(i64::MAX), cache_write: Some(1), ..usage }),
        (FLAT, Usage { input: Some(-5), ..usage }),
        (Rates { output: None, ..FLAT }, usage),
        (Rates::default(), usage),
    ];
    for (rates, usage) in unknown {
        assert_eq!(rates.cost(&usage), None, "{rates:?} {usage:?}");
    }
    // an embedding has no output, and costs none
    let embedding = Rates { output: Some(0.0), ..FLAT };
    let usage = Usage { output: None, ..usage };
    assert_eq!(embedding.cost(&usage), Some(0.0025));
    assert_eq!(Rates { output: None, ..FLAT }.cost(&usage), Some(0.0025));
}

// breaks when a general price hides a special one, or one of another provider or of later is taken
#[test]
fn the_most_specific_price_counts() {
    let book = PriceBook::new([
        price(0, None, "%", 1.0),
        price(0, None, "gpt-4o%", 2.0),
        price(0, None, "gpt-4o", 3.0),
        price(0, Some("azure.ai.openai"), "gpt%", 4.0),
        price(100, Some("openai"), "gpt-4o", 5.0),
        price(200, Some("openai"), "gpt-4o", 6.0),
    ]);
    assert_eq!(input_of(&book, None, "other", 0), Some(1.0));
    assert_eq!(input_of(&book, None, "gpt-4o-mini", 0), Some(2.0));
    assert_eq!(input_of(&book, Some("vllm"), "gpt-4o", 0), Some(3.0));
    assert_eq!(input_of(&book, Some("azure.ai.openai"), "gpt-4o", 0), Some(4.0));
    for (time, expected) in [(99, 3.0), (100, 5.0), (199, 5.0), (200, 6.0), (i64::MAX, 6.0)] {
        assert_eq!(input_of(&book, Some("openai"), "gpt-4o", time), Some(expected), "at {time}");
    }
    assert_eq!(input_of(&book, None, "gpt-4o", -1), None, "no price holds yet");
    assert_eq!(input_of(&PriceBook::default(), None, "gpt-4o", 0), None);
}

// breaks when a correction does not count, or a withdrawn price lives on
#[test]
fn a_later_row_of_the_same_key_replaces() {
    let mut withdrawn = price(100, None, "m", 0.0);
    withdrawn.rates = Rates::default();
    let book = PriceBook::new([price(0, None, "m", 1.0), price(0, None, "m", 2.0), withdrawn]);
    assert_eq!(input_of(&book, None, "m", 50), Some(2.0));
    assert_eq!(input_of(&book, None, "m", 100), None);
}

// breaks when the tier is not chosen by the input tokens of the call
#[test]
fn the_tier_is_that_of_the_input() {
    let tier = |above: i64, input: f64| Price { input_tokens_above: above, ..price(0, None, "m", input) };
    let book = PriceBook::new([tier(200_000, 5.0), tier(0, 2.5)]);
    let usage = |input: Option<i64>| Usage { input, ..Usage::default() };
    let of = |input: Option<i64>| {
        book.rates(&book.candidates(None, &["m"]), 1, &usage(input)).and_then(|rates| rates.input)
    };
    for (input, expected) in [(None, 2.5), (Some(-1), 2.5), (Some(200_000), 2.5), (Some(200_001), 5.0)] {
        assert_eq!(of(input), Some(expected), "{input:?}");
    }
    // where only calls with long input are priced, others have no price
    let long = PriceBook::new([tier(200_000, 5.0)]);
    assert_eq!(long.rates(&long.candidates(None, &["m"]), 1, &usage(Some(10))), None);
}

// breaks when a pattern matches a part, or a piece is used twice
#[test]
fn patterns_match_whole_names() {
    let fit = [("%", ""), ("gpt%", "gpt"), ("%mini", "gpt-4o-mini"), ("a%b%c", "aXbYc"), ("%/%", "openai/x")];
    for (pattern, name) in fit {
        assert!(matches(pattern, name), "{pattern} {name}");
    }
    let differ =
        [("gpt%", "xgpt"), ("%mini", "mini-x"), ("a%a", "a"), ("a%b%c", "acb"), ("a_c%", "abc"), ("%é", "e")];
    for (pattern, name) in differ {
        assert!(!matches(pattern, name), "{pattern} {name}");
    }
}
