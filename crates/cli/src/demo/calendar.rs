//! Which day is what: training, campaign, ordinary, or a day of the new product. Times are nanoseconds since 1970 in UTC.

pub(crate) const SECOND_NS: i64 = 1_000_000_000;
pub(crate) const DAY_NS: i64 = 86_400 * SECOND_NS;

/// The history ends at midnight after Sunday, 30 August 2026: the last week runs from a Monday to a Sunday.
const END_NS: i64 = 20_696 * DAY_NS;

/// The model was trained on the first four weeks, so every weekday is there four times.
const TRAINING_DAYS: u32 = 28;
const CAMPAIGN_DAYS: u32 = 7;
const NEW_PRODUCT_DAYS: u32 = 7;

/// Labels of a day arrive on the second day after it.
pub(crate) const LABEL_DELAY_DAYS: u32 = 2;

/// Calls of an average day.
const CALLS_PER_DAY: f64 = 4_450.0;

/// Monday to Sunday.
const WEEKDAY_VOLUME: [f64; 7] = [1.17, 1.12, 1.08, 1.06, 1.02, 0.80, 0.75];
const CAMPAIGN_VOLUME: f64 = 1.15;

/// Share of conversations about the new product on each day of the last week: it is announced on Monday morning.
const NEW_PRODUCT_SHARE: [f64; NEW_PRODUCT_DAYS as usize] = [0.24, 0.27, 0.28, 0.28, 0.28, 0.27, 0.27];

/// Share of calls by hour of the day, UTC.
pub(super) const HOUR_WEIGHTS: [f64; 24] = [
    0.8, 0.5, 0.4, 0.3, 0.3, 0.6, 1.4, 2.8, 4.8, 6.4, 7.2, 7.0, 6.2, 6.4, 6.8, 6.6, 6.2, 6.0, 6.2, 6.4, 5.8,
    4.2, 2.6, 1.4,
];

/// The days of the history, numbered from 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Calendar {
    days: u32,
}

impl Calendar {
    pub(crate) fn new(days: u32) -> Self {
        assert!(
            days >= TRAINING_DAYS + CAMPAIGN_DAYS + NEW_PRODUCT_DAYS,
            "the command line allows no shorter history"
        );
        Self { days }
    }

    /// Midnight at which the day begins. Labels arrive after the last day too.
    pub(crate) fn start_ns(self, day: u32) -> i64 {
        END_NS - (i64::from(self.days) - i64::from(day)) * DAY_NS
    }

    /// Midnight at which the history ends.
    pub(crate) fn end_ns(self) -> i64 {
        self.start_ns(self.days)
    }

    /// End of the training period.
    pub(crate) fn training_end_ns(self) -> i64 {
        self.start_ns(TRAINING_DAYS)
    }

    /// Days before the new product: nothing was wrong with the answers.
    pub(crate) fn quiet_days(self) -> u32 {
        self.days - NEW_PRODUCT_DAYS
    }

    pub(crate) fn is_campaign(self, day: u32) -> bool {
        (TRAINING_DAYS..TRAINING_DAYS + CAMPAIGN_DAYS).contains(&day)
    }

    /// 0 is Monday.
    pub(super) fn weekday(self, day: u32) -> usize {
        // 1 January 1970 was a Thursday
        ((self.start_ns(day) / DAY_NS + 3) % 7) as usize
    }

    pub(super) fn is_weekend(self, day: u32) -> bool {
        self.weekday(day) >= 5
    }

    /// Expected number of calls.
    pub(super) fn volume(self, day: u32) -> f64 {
        let campaign = if self.is_campaign(day) { CAMPAIGN_VOLUME } else { 1.0 };
        CALLS_PER_DAY * WEEKDAY_VOLUME[self.weekday(day)] * campaign
    }

    /// Share of conversations about the new product.
    pub(super) fn new_product_share(self, day: u32) -> f64 {
        day.checked_sub(self.quiet_days()).map_or(0.0, |day| NEW_PRODUCT_SHARE[day as usize])
    }
}
