//! What the closing says, from what SQL found. No sentence claims anything that is not a field here.

use crate::demo::calendar::{DAY_NS, LABEL_DELAY_DAYS};
use crate::demo::dashboard::{grouped, long_day};

/// How a rule did over the whole history.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record {
    /// First day of the failure on which the rule fired, at the day's end.
    pub(super) fired_ns: Option<i64>,
    /// Quiet days that could be measured, and those of them on which it fired.
    pub(super) quiet_days: usize,
    pub(super) false_alarms: usize,
    /// False alarms within the campaign week.
    pub(super) in_campaign: usize,
}

/// Accuracy of the labelled answers by the day on which they were given.
#[derive(Debug, Clone)]
pub(super) struct Accuracy {
    pub(super) quiet: f64,
    pub(super) failure: f64,
    pub(super) failure_labels: i64,
}

/// Everything that the closing rests on.
#[derive(Debug, Clone)]
pub(super) struct Findings {
    pub(super) failure_ns: i64,
    pub(super) accuracy: Accuracy,
    pub(super) drift: Record,
    /// Upper Wilson 95 % bound of the drift rule's false alarms a quiet day.
    pub(super) false_alarm_rate_max: f64,
    /// First day on which one of the label rules fired.
    pub(super) labels_ns: Option<i64>,
    /// Rules on operations, judge and confidence, and those of them that fired during the failure.
    pub(super) unaware_rules: usize,
    pub(super) unaware_that_fired: Vec<String>,
    /// Drift rules whose false alarms all lie in the campaign week.
    pub(super) campaign_only: Vec<String>,
}

impl Findings {
    pub(super) fn paragraphs(&self) -> Vec<String> {
        vec![self.what_happened(), self.when_seen(), self.what_it_cost(), cannot_see(), self.for_leadership()]
    }

    fn what_happened(&self) -> String {
        let unaware = match self.unaware_that_fired.as_slice() {
            [] => {
                format!("None of the {} rules on operations, judge and confidence fired.", self.unaware_rules)
            }
            fired => format!(
                "Of the {} rules on operations, judge and confidence these fired: {}.",
                self.unaware_rules,
                fired.join("; ")
            ),
        };
        format!(
            "What happened: from {} users asked about a product that the training never saw. Of the labelled answers of that week \
             {:.1} % were right ({} labels so far), before it {:.1} %. {unaware}",
            long_day(self.failure_ns),
            self.accuracy.failure * 100.0,
            grouped(self.accuracy.failure_labels.cast_unsigned()),
            self.accuracy.quiet * 100.0,
        )
    }

    fn when_seen(&self) -> String {
        match (self.drift.fired_ns, self.labels_ns) {
            (Some(fired), Some(labels)) => format!(
                "When it was seen: the drift of the inputs crossed its threshold on {}. The labels, which come {LABEL_DELAY_DAYS} days late, \
                 could show the loss of accuracy on {}: the drift alert came {}.",
                long_day(fired),
                long_day(labels),
                lead(fired, labels)
            ),
            (Some(fired), None) => format!(
                "When it was seen: the drift of the inputs crossed its threshold on {}. The labels that have arrived so far do not \
                 show the loss of accuracy yet.",
                long_day(fired)
            ),
            (None, Some(labels)) => format!(
                "When it was seen: the drift rule did not fire at all. The labels showed the loss of accuracy on {}.",
                long_day(labels)
            ),
            (None, None) => {
                "When it was seen: neither the drift rule nor the labels have shown it yet.".to_owned()
            }
        }
    }

    fn what_it_cost(&self) -> String {
        let campaign = match self.campaign_only.as_slice() {
            [] => String::new(),
            rules => format!(
                " {} fired in the campaign week only: the inputs did change and the answers stayed right, so it counts as a false \
                 alarm; drift of inputs is a reason to look, not a proof of harm.",
                rules.join(" and ")
            ),
        };
        format!(
            "What it cost: on {} quiet days the drift rule gave {}; so few days can only show that less than {:.1} % of all quiet \
             days give one.{campaign}",
            self.drift.quiet_days,
            alarms(self.drift.false_alarms),
            self.false_alarm_rate_max * 100.0
        )
    }

    fn for_leadership(&self) -> String {
        let points = (self.accuracy.quiet - self.accuracy.failure) * 100.0;
        let unnoticed = if self.unaware_that_fired.is_empty() {
            " while latency, cost, the judge and the bot's own confidence stayed within their limits"
        } else {
            ""
        };
        let warned = match (self.drift.fired_ns, self.labels_ns) {
            (Some(fired), Some(labels)) => {
                format!("comparing its inputs with training told us {}", lead_phrase(fired, labels))
            }
            (Some(_), None) => {
                "comparing its inputs with training told us, and the labels have not yet".to_owned()
            }
            (None, _) => "comparing its inputs with training did not tell us".to_owned(),
        };
        format!(
            "In one sentence: the bot lost {points:.0} points of accuracy{unnoticed}; {warned}, with {} in {} ordinary days, and it \
             would not have helped had the model, not the questions, changed.",
            alarms(self.drift.false_alarms),
            self.drift.quiet_days
        )
    }
}

fn cannot_see() -> String {
    format!(
        "What it cannot see: a model that becomes wrong on unchanged inputs (a bad prompt release, a stale price list, a provider's \
         silent update). Then every drift rule stays ok and only labels tell, {LABEL_DELAY_DAYS} days late: keep labelling."
    )
}

fn days_between(from_ns: i64, to_ns: i64) -> i64 {
    (to_ns - from_ns) / DAY_NS
}

/// How much earlier than the labels a rule fired.
pub(super) fn lead(fired_ns: i64, labels_ns: i64) -> String {
    match days_between(fired_ns, labels_ns) {
        0 => "on the same day".to_owned(),
        1 => "1 day earlier".to_owned(),
        -1 => "1 day later".to_owned(),
        days if days > 0 => format!("{days} days earlier"),
        days => format!("{} days later", -days),
    }
}

fn lead_phrase(fired_ns: i64, labels_ns: i64) -> String {
    let days = days_between(fired_ns, labels_ns);
    let unit = if days.abs() == 1 { "day" } else { "days" };
    match days {
        0 => "on the same day as the labels".to_owned(),
        days if days > 0 => format!("{days} {unit} before the labels"),
        days => format!("{} {unit} after the labels", -days),
    }
}

fn alarms(count: usize) -> String {
    match count {
        0 => "no false alarm".to_owned(),
        1 => "1 false alarm".to_owned(),
        n => format!("{n} false alarms"),
    }
}

#[cfg(test)]
mod tests;
