//! When an SLO alerts: several windows, several burn rates.
//!
//! A rule fires when its share of the budget burns within its long window, and the short one, a twelfth of it, says that it still does: both burn
//! rates exceed `share * period / long`. Source: Google SRE Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts".

use super::span::Span;

/// How a person is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Severity {
    Page,
    Ticket,
}

impl Severity {
    /// The word in SQL.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Page => "PAGE",
            Self::Ticket => "TICKET",
        }
    }
}

/// One rule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) severity: Severity,
    /// The share of the period's budget.
    pub(crate) budget_share: f64,
    pub(crate) long: Span,
}

impl Rule {
    /// A twelfth of the long window, in whole minutes.
    pub(crate) fn short(&self) -> Span {
        Span::of_minutes((self.long.minutes() / 12).max(1))
    }

    /// The burn rate above which it fires.
    pub(crate) fn threshold(&self, period: Span) -> f64 {
        self.budget_share * period.minutes() as f64 / self.long.minutes() as f64
    }
}

/// The rules of an SLO, pages first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rules(Vec<Rule>);

/// Shares of the budget and long windows for a period of 30 days, table 5-8 of the workbook with the 24 hours of its rules. In other periods the
/// shares stay: thresholds scale with the period.
const USUAL: [(Severity, f64, i64); 4] = [
    (Severity::Page, 0.02, 60),
    (Severity::Page, 0.05, 6 * 60),
    (Severity::Ticket, 0.1, 24 * 60),
    (Severity::Ticket, 0.1, 3 * 24 * 60),
];

impl Rules {
    pub(crate) fn new(mut rules: Vec<Rule>) -> Self {
        rules.sort_by_key(|rule| (rule.severity, rule.long));
        Self(rules)
    }

    /// The usual rules, those whose window is shorter than the period.
    pub(crate) fn usual(period: Span) -> Self {
        let rules = USUAL.into_iter().map(|(severity, budget_share, minutes)| Rule {
            severity,
            budget_share,
            long: Span::of_minutes(minutes),
        });
        Self::new(rules.filter(|rule| rule.long < period).collect())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    /// What is wrong with rules that can never fire, or always do.
    pub(crate) fn lint(&self, period: Span, objective: f64) -> Vec<String> {
        let most = 1.0 / (1.0 - objective);
        let never = self.0.iter().filter(|rule| rule.threshold(period) >= most);
        let mut found: Vec<String> = never
            .map(|rule| {
                format!(
                    "{} over {} can never fire: it asks for a burn rate above {}, and at an objective of {objective} nothing burns faster than {}",
                    rule.severity.word(),
                    rule.long,
                    shown(rule.threshold(period)),
                    shown(most)
                )
            })
            .collect();
        let always =
            self.0.iter().filter(|rule| rule.severity == Severity::Page && rule.threshold(period) < 1.0);
        found.extend(always.map(|rule| {
            format!(
                "PAGE over {} pages above a burn rate of {}: slower than the objective allows",
                rule.long,
                shown(rule.threshold(period))
            )
        }));
        let pages = || self.0.iter().filter(|rule| rule.severity == Severity::Page);
        if pages().next().is_some() && pages().all(|rule| rule.threshold(period) >= most) {
            found.push("no page can fire: tickets are all that this objective can raise".to_owned());
        }
        found
    }
}

/// A number as people write it.
pub(crate) fn shown(number: f64) -> String {
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
