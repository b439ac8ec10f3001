use super::*;

/// A change of the findings, what the closing then says, and what it must not say.
type Case = (fn(&mut Findings), &'static str, &'static str);

const MONDAY_NS: i64 = 20_689 * DAY_NS;

fn findings() -> Findings {
    Findings {
        failure_ns: MONDAY_NS,
        accuracy: Accuracy { quiet: 0.92, failure: 0.78, failure_labels: 1_000 },
        drift: Record { fired_ns: Some(MONDAY_NS), quiet_days: 83, false_alarms: 0, in_campaign: 0 },
        false_alarm_rate_max: 0.0442,
        labels_ns: Some(MONDAY_NS + 2 * DAY_NS),
        unaware_rules: 8,
        unaware_that_fired: vec![],
        campaign_only: vec!["Prompt length, PSI".to_owned()],
    }
}

// breaks when the closing claims what was not found: a lead that is none, silence where a rule fired, no false alarm where one was
#[test]
fn the_closing_follows_what_was_found() {
    let text = findings().paragraphs().join("\n");
    for expected in [
        "from Monday, 24 August 2026",
        "78.0 % were right (1,000 labels so far), before it 92.0 %. None of the 8 rules",
        "on Wednesday, 26 August 2026: the drift alert came 2 days earlier",
        "no false alarm; so few days can only show that less than 4.4 % of all quiet days give one. Prompt length, PSI fired in the campaign week only",
        "lost 14 points of accuracy while latency, cost",
        "told us 2 days before the labels",
    ] {
        assert!(text.contains(expected), "{expected}\n{text}");
    }
    let cases: [Case; 6] = [
        (|f| f.labels_ns = Some(MONDAY_NS), "on the same day", "earlier"),
        (|f| f.drift.fired_ns = Some(MONDAY_NS + 3 * DAY_NS), "1 day after the labels", "before the labels"),
        (|f| f.drift.fired_ns = None, "the drift rule did not fire at all", "earlier"),
        (|f| f.labels_ns = None, "do not show the loss of accuracy yet", "earlier"),
        (|f| f.drift.false_alarms = 3, "3 false alarms in 83 ordinary days", "no false alarm"),
        (
            |f| f.unaware_that_fired = vec!["Latency, p95".to_owned()],
            "these fired: Latency, p95",
            "stayed within",
        ),
    ];
    for (change, expected, absent) in cases {
        let mut findings = findings();
        change(&mut findings);
        let text = findings.paragraphs().join("\n");
        assert!(text.contains(expected), "{expected}\n{text}");
        assert!(!text.contains(absent), "{absent}\n{text}");
    }
}
