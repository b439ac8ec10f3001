//! How an SLO came where it stands: one row a step.

use std::ops::Range;

use super::counts::{Events, GroupKey};
use super::definition::Definition;
use super::status::Tally;
use super::store::Counted;
use crate::error::{Error, ErrorKind, Result};

/// Most steps of a history.
const STEPS_MAX: i64 = 100_000;

/// One step of one group.
#[derive(Debug)]
pub(crate) struct Step {
    /// Its first minute since 1970.
    pub(crate) start: i64,
    pub(crate) events: Events,
    /// What is left of the budget of the period that ends with the step.
    pub(crate) remaining: Option<f64>,
}

/// The steps of the period that ends at a minute, and the minutes that they are made of.
pub(crate) fn steps_of(
    definition: &Definition,
    end: i64,
    step: i64,
) -> Result<(Vec<Range<i64>>, Range<i64>)> {
    if step % definition.step_minutes() != 0 {
        return Err(Error::invalid("the step of slo_history must be a multiple of the SLO's time slices"));
    }
    let start = definition.period.at(end)?.start.div_euclid(step) * step;
    if (end - start).div_euclid(step) > STEPS_MAX {
        return Err(Error::new(
            ErrorKind::ResourceExhausted,
            format!("slo_history would have more than {STEPS_MAX} steps: take longer ones"),
        ));
    }
    let steps: Vec<Range<i64>> = (start..end)
        .step_by(usize::try_from(step).unwrap_or(usize::MAX))
        .map(|first| first..(first + step).min(end))
        .collect();
    let earliest =
        steps.first().map_or(Ok(start), |first| Ok::<_, Error>(definition.period.at(first.end)?.start))?;
    Ok((steps, earliest.min(start)..end))
}

/// The steps of one group.
pub(crate) fn history(
    definition: &Definition,
    counted: &Counted,
    group: &GroupKey,
    steps: &[Range<i64>],
    minutes: &Range<i64>,
) -> Result<Vec<Step>> {
    let tally = Tally::new(definition.timeslices, counted, group, minutes);
    let budget = definition.budget();
    let of_step = |step: &Range<i64>| {
        let period = definition.period.at(step.end)?;
        let remaining = tally.sum(period.start..step.end).burn_rate(budget).map(|consumed| 1.0 - consumed);
        Ok(Step { start: step.start, events: tally.sum(step.clone()), remaining })
    };
    steps.iter().map(of_step).collect()
}
