//! OpenSLO's durations: a whole number and one of m, h, d, w, M, Q, Y. `m` is minutes, `M` months.

use crate::slo::Unit;

/// A length of time, or units of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duration {
    Minutes(i64),
    Units(i64, Unit),
}

impl Duration {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let unit = text.chars().next_back()?;
        let number: i64 = text[..text.len() - unit.len_utf8()].parse().ok().filter(|number| *number > 0)?;
        match unit {
            'm' => Some(Self::Minutes(number)),
            'h' => number.checked_mul(60).map(Self::Minutes),
            'd' => number.checked_mul(1_440).map(Self::Minutes),
            'w' => number.checked_mul(10_080).map(Self::Minutes),
            'M' => Some(Self::Units(number, Unit::Month)),
            'Q' => Some(Self::Units(number, Unit::Quarter)),
            'Y' => Some(Self::Units(number, Unit::Year)),
            _ => None,
        }
    }

    /// Minutes as OpenSLO writes them.
    pub(super) fn shown(minutes: i64) -> String {
        let (number, unit) = match minutes {
            minutes if minutes % 10_080 == 0 => (minutes / 10_080, 'w'),
            minutes if minutes % 1_440 == 0 => (minutes / 1_440, 'd'),
            minutes if minutes % 60 == 0 => (minutes / 60, 'h'),
            minutes => (minutes, 'm'),
        };
        format!("{number}{unit}")
    }
}
