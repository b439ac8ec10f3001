//! ADWIN: a window that grows while its mean holds, and is cut where two parts of it differ.

use std::collections::VecDeque;

use super::Detector;

/// The settings of [`Adwin`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdwinSettings {
    /// The significance of a cut, in (0, 1).
    pub delta: f64,
    /// Cuts are looked for at every `clock`-th value, at least 1.
    pub clock: u64,
    /// How many summaries of one size are kept before two are merged, at least 2.
    pub max_buckets: usize,
    /// The shortest part that is compared, at least 1.
    pub min_window_length: u64,
    /// Nothing is compared before the window is longer than this.
    pub grace_period: u64,
}

/// Adaptive windowing (Bifet and Gavaldà 2007) over a window of exponentially growing summaries.
///
/// Level `i` of the window holds summaries of `2^i` values each, so `n` values need about `max_buckets log2(n)` summaries.
#[derive(Debug)]
pub struct Adwin {
    settings: AdwinSettings,
    /// By size; in a level the oldest summary comes first.
    levels: Vec<VecDeque<Summary>>,
    seen: u64,
    width: f64,
    total: f64,
    /// The sum of squared deviations of the window.
    squares: f64,
}

#[derive(Debug, Clone, Copy)]
struct Summary {
    total: f64,
    squares: f64,
}

impl Adwin {
    /// Starts with an empty window.
    pub fn new(settings: AdwinSettings) -> Self {
        let mut adwin = Self { settings, levels: Vec::new(), seen: 0, width: 0.0, total: 0.0, squares: 0.0 };
        adwin.start_over();
        adwin
    }

    fn start_over(&mut self) {
        self.levels.truncate(1);
        match self.levels.first_mut() {
            Some(level) => level.clear(),
            None => self.levels.push(self.empty_level()),
        }
        (self.seen, self.width, self.total, self.squares) = (0, 0.0, 0.0, 0.0);
    }

    fn empty_level(&self) -> VecDeque<Summary> {
        VecDeque::with_capacity(self.settings.max_buckets + 1)
    }

    fn insert(&mut self, value: f64) {
        self.levels[0].push_back(Summary { total: value, squares: 0.0 });
        self.width += 1.0;
        if self.width > 1.0 {
            let others = self.width - 1.0;
            let deviation = value - self.total / others;
            self.squares += others * deviation * deviation / self.width;
        }
        self.total += value;
        self.merge_full_levels();
    }

    /// Merges the two oldest summaries of each level that holds one too many.
    fn merge_full_levels(&mut self) {
        let mut at = 0;
        while self.levels[at].len() > self.settings.max_buckets {
            let (Some(first), Some(second)) = (self.levels[at].pop_front(), self.levels[at].pop_front())
            else {
                return;
            };
            let size = size_of_level(at);
            let apart = first.total / size - second.total / size;
            let merged = Summary {
                total: first.total + second.total,
                squares: first.squares + second.squares + size * 0.5 * apart * apart,
            };
            at += 1;
            if at == self.levels.len() {
                self.levels.push(self.empty_level());
            }
            self.levels[at].push_back(merged);
        }
    }

    /// Whether the window, cut somewhere, has two parts of different means.
    fn has_cut(&self) -> bool {
        let shortest = self.settings.min_window_length as f64;
        let confidence = (2.0 * self.width.ln() / self.settings.delta).ln();
        let variance = self.squares / self.width;
        let (mut old, mut new) = (0.0, self.width);
        let (mut old_total, mut new_total) = (0.0, self.total);
        for (at, level) in self.levels.iter().enumerate().rev() {
            let size = size_of_level(at);
            // the newest value alone is never cut off
            let cuts = if at == 0 { level.len() - 1 } else { level.len() };
            for summary in level.iter().take(cuts) {
                old += size;
                new -= size;
                old_total += summary.total;
                new_total -= summary.total;
                if old < shortest || new < shortest {
                    continue;
                }
                let apart = old_total / old - new_total / new;
                let scale = 1.0 / (old - shortest + 1.0) + 1.0 / (new - shortest + 1.0);
                let allowed = (2.0 * scale * variance * confidence).sqrt() + 2.0 / 3.0 * confidence * scale;
                if apart.abs() > allowed {
                    return true;
                }
            }
        }
        false
    }
}

impl Detector for Adwin {
    fn update(&mut self, value: f64) -> bool {
        self.insert(value);
        self.seen += 1;
        if !self.seen.is_multiple_of(self.settings.clock) || self.width <= self.settings.grace_period as f64 {
            return false;
        }
        // river drops what is old as long as parts differ, and forgets the rest with the next value: one cut tells all
        let changed = self.has_cut();
        if changed {
            self.start_over();
        }
        changed
    }
}

fn size_of_level(level: usize) -> f64 {
    (1u64 << level) as f64
}
