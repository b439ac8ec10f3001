//! A panel: one SQL file under `sql/dashboards/` whose comment says what is measured and when it is an alarm.
//!
//! The header is `-- key: value` lines, a value goes on in lines that begin with `--   `. The query returns `time` (a day),
//! `value` (what the rule looks at), `n` (on how many rows it rests) and perhaps `observed` (what is shown beside `value`).

use anyhow::{Context, Result, bail};

macro_rules! panel {
    ($dashboard:ident, $folder:literal, $name:literal) => {
        (
            Dashboard::$dashboard,
            $name,
            include_str!(concat!("../../../../sql/dashboards/", $folder, "/", $name, ".sql")),
        )
    };
}

/// The panels in the order in which they are shown.
const PANELS: &[(Dashboard, &str, &str)] = &[
    panel!(Operational, "operational", "requests"),
    panel!(Operational, "operational", "latency_p95"),
    panel!(Operational, "operational", "latency_burn_rate"),
    panel!(Operational, "operational", "error_burn_rate"),
    panel!(Operational, "operational", "cost"),
    panel!(Operational, "operational", "output_tokens"),
    panel!(Quality, "quality", "accuracy_one_day"),
    panel!(Quality, "quality", "accuracy_seven_days"),
    panel!(Quality, "quality", "calibration_gap"),
    panel!(Quality, "quality", "judge_pass_rate"),
    panel!(Quality, "quality", "label_delay"),
    panel!(Drift, "drift", "novelty_psi"),
    panel!(Drift, "drift", "novel_prompts"),
    panel!(Drift, "drift", "intent_psi"),
    panel!(Drift, "drift", "prompt_length_psi"),
    panel!(Drift, "drift", "confidence_ks"),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dashboard {
    Operational,
    Quality,
    Drift,
}

/// One metric with its rule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    pub(crate) dashboard: Dashboard,
    /// The file's name.
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) unit: Unit,
    pub(crate) direction: Direction,
    pub(crate) threshold: f64,
    /// What to do when it fires.
    pub(crate) action: String,
    pub(crate) query: String,
}

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// A share, written as per cent.
    Ratio,
    Number,
    Count,
    Seconds,
    Hours,
    Dollars,
}

/// On which side of the threshold the rule fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Above,
    Below,
}

impl Panel {
    /// All shipped panels.
    pub(crate) fn shipped() -> Result<Vec<Self>> {
        PANELS
            .iter()
            .map(|(dashboard, name, file)| {
                Self::parse(*dashboard, name, file).with_context(|| format!("in panel {name}"))
            })
            .collect()
    }

    pub(crate) fn parse(dashboard: Dashboard, name: &str, file: &str) -> Result<Self> {
        let header = Header::read(file);
        let unit = match header.get("unit")? {
            "ratio" => Unit::Ratio,
            "number" => Unit::Number,
            "count" => Unit::Count,
            "s" => Unit::Seconds,
            "h" => Unit::Hours,
            "USD" => Unit::Dollars,
            other => bail!("unit must be ratio, number, count, s, h or USD, got '{other}'"),
        };
        let direction = match header.get("direction")? {
            "above" => Direction::Above,
            "below" => Direction::Below,
            other => bail!("direction must be above or below, got '{other}'"),
        };
        let threshold = header.get("threshold")?;
        Ok(Self {
            dashboard,
            name: name.to_owned(),
            title: header.get("title")?.to_owned(),
            unit,
            direction,
            threshold: threshold
                .parse()
                .with_context(|| format!("threshold must be a number, got '{threshold}'"))?,
            action: header.get("action")?.to_owned(),
            query: header.rest.trim().trim_end_matches(';').to_owned(),
        })
    }

    /// The query with a column that says whether the rule fires.
    pub(crate) fn query_with_state(&self) -> String {
        let operator = match self.direction {
            Direction::Above => ">",
            Direction::Below => "<",
        };
        format!(
            "SELECT panel.*, panel.value {operator} {:?} AS firing FROM (\n{}\n) AS panel ORDER BY panel.time",
            self.threshold, self.query
        )
    }
}

struct Header<'a> {
    entries: Vec<(&'a str, String)>,
    rest: &'a str,
}

impl<'a> Header<'a> {
    fn read(file: &'a str) -> Self {
        let mut entries: Vec<(&str, String)> = Vec::new();
        let mut rest = file;
        while let Some((line, after)) = rest.split_once('\n') {
            let Some(comment) = line.strip_prefix("--") else { break };
            if let (Some(more), Some((_, value))) = (comment.strip_prefix("   "), entries.last_mut()) {
                value.push(' ');
                value.push_str(more.trim());
            } else if let Some((key, value)) = comment.split_once(':') {
                entries.push((key.trim(), value.trim().to_owned()));
            }
            rest = after;
        }
        Self { entries, rest }
    }

    fn get(&self, key: &str) -> Result<&str> {
        let entry = self.entries.iter().find(|(name, _)| *name == key);
        entry.map(|(_, value)| value.as_str()).with_context(|| format!("the header has no '-- {key}: ...'"))
    }
}
