//! What a call of a model costs, by a book of dated prices.
//!
//! A price names a model, or a pattern of models, and the time from which it holds. A call takes, of all prices that hold at its time,
//! the most specific: one of its provider before one of any, a whole name before a pattern, a longer pattern before a shorter.

#[cfg(test)]
mod tests;

use hashbrown::HashMap;

/// Prices are written for so many tokens.
const TOKENS_PRICED: f64 = 1_000_000.0;
/// Stands for any text in the name of a model.
const ANY: char = '%';

/// Which price: everything but the amounts.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    /// From when on it holds, nanoseconds since 1970.
    pub from: i64,
    /// Whose calls; `None` for everyone's.
    pub provider: Option<String>,
    /// The model's name; `%` stands for any text.
    pub model: String,
    /// Only for calls with more input tokens than this; 0 for all.
    pub input_tokens_above: i64,
    /// The amounts.
    pub rates: Rates,
}

/// US dollars for a million tokens of each kind. Without one of its own, a part costs as the whole that it is a part of.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// Input tokens that no cache served.
    pub input: Option<f64>,
    /// Input tokens read from a cache.
    pub cache_read: Option<f64>,
    /// Input tokens written to a cache.
    pub cache_write: Option<f64>,
    /// Output tokens.
    pub output: Option<f64>,
    /// Output tokens of reasoning.
    pub reasoning: Option<f64>,
}

/// The tokens of a call. `input` holds those of the caches, `output` those of reasoning, see [`Usage::of_wholes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All input tokens.
    pub input: Option<i64>,
    /// Of these, read from a cache; none where not told.
    pub cache_read: Option<i64>,
    /// Of these, written to a cache; none where not told.
    pub cache_write: Option<i64>,
    /// All output tokens.
    pub output: Option<i64>,
    /// Of these, reasoning; none where not told.
    pub reasoning: Option<i64>,
}

impl Usage {
    /// The same where parts were told apart from their wholes: parts that are more than a whole are no part of it, as some providers count.
    /// `None` where a sum is beyond all numbers.
    #[must_use]
    pub fn of_wholes(self) -> Option<Self> {
        let cached = self.cache_read.unwrap_or(0).checked_add(self.cache_write.unwrap_or(0))?;
        let input = whole(self.input, cached)?;
        let output = whole(self.output, self.reasoning.unwrap_or(0))?;
        Some(Self { input, output, ..self })
    }
}

/// A whole, with its parts in it.
fn whole(told: Option<i64>, parts: i64) -> Option<Option<i64>> {
    match told {
        Some(told) if parts > told => Some(Some(told.checked_add(parts)?)),
        told => Some(told),
    }
}

impl Rates {
    /// US dollars, or `None` where a count or a price that matters is not known.
    ///
    /// `(in - read - write) p_in + read p_read + write p_write + (out - reasoning) p_out + reasoning p_reasoning`, divided by 1e6.
    pub fn cost(&self, usage: &Usage) -> Option<f64> {
        let usage = usage.of_wholes()?;
        let (read, write) = (usage.cache_read.unwrap_or(0), usage.cache_write.unwrap_or(0));
        let reasoning = usage.reasoning.unwrap_or(0);
        let fresh = rest(usage.input, self.input, read.checked_add(write)?)?;
        let answer = rest(usage.output, self.output, reasoning)?;
        let parts = [
            (fresh, self.input),
            (read, self.cache_read.or(self.input)),
            (write, self.cache_write.or(self.input)),
            (answer, self.output),
            (reasoning, self.reasoning.or(self.output)),
        ];
        let mut sum = 0.0;
        for (tokens, rate) in parts {
            match (tokens, rate) {
                (0, _) => {}
                (1.., Some(rate)) => sum += tokens as f64 * rate,
                _ => return None,
            }
        }
        Some(sum / TOKENS_PRICED)
    }
}

/// What is left of a whole. A count that is not known is no obstacle where it costs nothing.
fn rest(whole: Option<i64>, rate: Option<f64>, part: i64) -> Option<i64> {
    match (whole, rate) {
        (Some(whole), _) => whole.checked_sub(part).filter(|rest| *rest >= 0),
        (None, None | Some(0.0)) if part == 0 => Some(0),
        _ => None,
    }
}

/// All prices.
#[derive(Debug, Default)]
pub struct PriceBook {
    lists: Vec<PriceList>,
    /// The lists of a whole name, by it.
    names: HashMap<String, Vec<usize>>,
    /// The lists of a pattern, the longest first.
    patterns: Vec<usize>,
}

/// The prices of one provider and name.
#[derive(Debug)]
struct PriceList {
    provider: Option<String>,
    model: String,
    /// By time.
    dated: Vec<Dated>,
}

/// What holds from a time on: the tiers, by their threshold.
#[derive(Debug)]
struct Dated {
    from: i64,
    tiers: Vec<(i64, Rates)>,
}

/// The lists that have prices for a model, the most specific first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates(Vec<usize>);

impl PriceBook {
    /// Sorts prices into a book. Of two that agree in all but the amounts, the later one counts.
    pub fn new(prices: impl IntoIterator<Item = Price>) -> Self {
        let mut lists: Vec<PriceList> = vec![];
        let mut places: HashMap<(Option<String>, String), usize> = HashMap::new();
        for price in prices {
            let place = *places.entry((price.provider.clone(), price.model.clone())).or_insert_with(|| {
                lists.push(PriceList {
                    provider: price.provider.clone(),
                    model: price.model.clone(),
                    dated: vec![],
                });
                lists.len() - 1
            });
            lists[place].add(&price);
        }
        let mut book = Self { lists, ..Self::default() };
        for (place, list) in book.lists.iter().enumerate() {
            if list.model.contains(ANY) {
                book.patterns.push(place);
            } else {
                book.names.entry_ref(list.model.as_str()).or_default().push(place);
            }
        }
        let lists = &book.lists;
        book.patterns.sort_by(|&a, &b| {
            let length = |at: usize| lists[at].model.chars().filter(|c| *c != ANY).count();
            length(b).cmp(&length(a)).then_with(|| lists[a].model.cmp(&lists[b].model))
        });
        book
    }

    /// Whether nothing has a price.
    pub fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// Where to look for the price of a call, whatever the time. Of several names of its model the first counts, but the whole name of any
    /// counts before a pattern.
    pub fn candidates(&self, provider: Option<&str>, models: &[&str]) -> Candidates {
        let whole = models.iter().flat_map(|model| self.names.get(*model).into_iter().flatten().copied());
        let patterns = models.iter().flat_map(|model| {
            self.patterns.iter().copied().filter(move |&at| matches(&self.lists[at].model, model))
        });
        let (mut own, mut of_any) = (vec![], vec![]);
        for at in whole.chain(patterns) {
            match self.lists[at].provider.as_deref() {
                None => of_any.push(at),
                whose if whose == provider => own.push(at),
                Some(_) => {}
            }
        }
        own.append(&mut of_any);
        Candidates(own)
    }

    /// The prices of a provider and a name at a time: since when they hold, and the tiers by their thresholds.
    pub fn at(&self, provider: Option<&str>, model: &str, time: i64) -> Option<(i64, &[(i64, Rates)])> {
        let places = self.names.get(model).into_iter().flatten().chain(&self.patterns);
        let mut lists = places.map(|&at| &self.lists[at]);
        let list = lists.find(|list| list.provider.as_deref() == provider && list.model == model)?;
        list.at(time).map(|dated| (dated.from, dated.tiers.as_slice()))
    }

    /// The price of a call at a time; `None` where none holds.
    pub fn rates(&self, candidates: &Candidates, time: i64, usage: &Usage) -> Option<&Rates> {
        let dated = candidates.0.iter().find_map(|&at| self.lists[at].at(time))?;
        let input = usage.of_wholes()?.input.unwrap_or(0);
        dated.tiers.iter().rev().find(|(above, _)| *above == 0 || input > *above).map(|(_, rates)| rates)
    }
}

impl PriceList {
    fn add(&mut self, price: &Price) {
        let dated = match self.dated.binary_search_by_key(&price.from, |dated| dated.from) {
            Ok(at) => &mut self.dated[at],
            Err(at) => {
                self.dated.insert(at, Dated { from: price.from, tiers: vec![] });
                &mut self.dated[at]
            }
        };
        let tier = (price.input_tokens_above, price.rates);
        match dated.tiers.binary_search_by_key(&tier.0, |tier| tier.0) {
            Ok(at) => dated.tiers[at] = tier,
            Err(at) => dated.tiers.insert(at, tier),
        }
    }

    /// What holds at a time.
    fn at(&self, time: i64) -> Option<&Dated> {
        let after = self.dated.partition_point(|dated| dated.from <= time);
        self.dated[..after].last()
    }
}

/// Whether a name fits a pattern: its pieces stand in the name one after the other, the first at the start and the last at the end.
fn matches(pattern: &str, name: &str) -> bool {
    let mut pieces = pattern.split(ANY);
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}
