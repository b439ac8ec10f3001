//! Sums of DOUBLEs without any rounding on the way.
//!
//! A sum is one long integer in units of 2^-1074, the least DOUBLE, kept as limbs of 32 bits with room for carries. Adding and
//! taking away are exact, so neither order nor partial sums change a bit; only the answer is rounded, once, to the nearest
//! DOUBLE. Only the limbs that the values touch are kept: five or six for telemetry of one unit. After Neal, Fast exact
//! summation using small and large superaccumulators (2015).

const LIMB_BITS: u32 = 32;
const LIMB_MASK: i64 = (1 << LIMB_BITS) - 1;
/// A DOUBLE's mantissa touches this many limbs.
const SPREAD: usize = 3;
/// Carries are spread out before this many additions could overflow a limb.
const PENDING_MAX: u32 = 1 << 29;
/// More limbs than the largest DOUBLE, added 2^63 times, needs.
pub const LIMBS_MAX: usize = 72;

const MANTISSA_BITS: u32 = 52;
const EXPONENT_MASK: u64 = 0x7ff;

/// An exact sum. Two are equal as they stand; compare their [`ExactSum::canonical`] forms.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExactSum {
    /// Which limb of the long integer `limbs[0]` is.
    first: usize,
    limbs: Vec<i64>,
    pending: u32,
}

impl ExactSum {
    /// Adds a finite number.
    #[inline]
    pub fn add(&mut self, value: f64) {
        let bits = value.to_bits();
        let sign = (bits as i64) >> 63;
        let exponent = (bits >> MANTISSA_BITS) & EXPONENT_MASK;
        let fraction = bits & ((1 << MANTISSA_BITS) - 1);
        let mantissa = fraction | u64::from(exponent > 0) << MANTISSA_BITS;
        let position = exponent.max(1) as u32 - 1;
        let at = (position / LIMB_BITS) as usize;
        // a limb below the kept ones wraps to a large offset
        let mut offset = at.wrapping_sub(self.first);
        if offset >= self.limbs.len() || self.limbs.len() - offset < SPREAD {
            offset = self.cover(at, SPREAD);
        }
        let wide = u128::from(mantissa) << (position % LIMB_BITS);
        let limbs = &mut self.limbs[offset..offset + SPREAD];
        for (limb, part) in limbs.iter_mut().zip([wide, wide >> LIMB_BITS, wide >> (2 * LIMB_BITS)]) {
            *limb += ((part as i64 & LIMB_MASK) ^ sign) - sign;
        }
        self.pending += 1;
        if self.pending >= PENDING_MAX {
            self.carry();
        }
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        self.combine(other, |limb, more| limb + more);
    }

    /// Takes another sum away.
    pub fn subtract(&mut self, other: &Self) {
        self.combine(other, |limb, less| limb - less);
    }

    /// The sum, rounded to the nearest DOUBLE, ties to even; `None` when it is beyond the largest one.
    pub fn value(&self) -> Option<f64> {
        let mut sum = self.clone();
        sum.carry();
        let negative = sum.limbs.last().is_some_and(|&limb| limb < 0);
        if negative {
            sum.limbs.iter_mut().for_each(|limb| *limb = -*limb);
            sum.carry();
        }
        let Some(top) = sum.limbs.iter().rposition(|&limb| limb != 0) else {
            return Some(0.0);
        };
        // the three highest limbs hold at least 65 bits; of what lies below only whether it is there matters
        let lowest = (top + 1).saturating_sub(SPREAD);
        let leading =
            sum.limbs[lowest..=top].iter().rev().fold(0u128, |all, &limb| all << LIMB_BITS | limb as u128);
        let rest = sum.limbs[..lowest].iter().any(|&limb| limb != 0);
        let place = (sum.first + lowest) as u32 * LIMB_BITS;
        let magnitude = round(leading, rest, place)?;
        Some(if negative { -magnitude } else { magnitude })
    }

    /// The one form that equal sums have in common: limbs below 2^32, all of the sum's sign, without zeros at either end.
    pub fn canonical(&self) -> Self {
        let mut sum = self.clone();
        sum.carry();
        let negative = sum.limbs.last().is_some_and(|&limb| limb < 0);
        if negative {
            sum.limbs.iter_mut().for_each(|limb| *limb = -*limb);
            sum.carry();
        }
        let Some(top) = sum.limbs.iter().rposition(|&limb| limb != 0) else {
            return Self::default();
        };
        sum.limbs.truncate(top + 1);
        let zeros = sum.limbs.iter().take_while(|&&limb| limb == 0).count();
        sum.limbs.drain(..zeros);
        sum.first += zeros;
        if negative {
            sum.limbs.iter_mut().for_each(|limb| *limb = -*limb);
        }
        sum
    }

    /// First limb and limbs: in the canonical form, what a partial state holds.
    pub fn parts(&self) -> (usize, &[i64]) {
        (self.first, &self.limbs)
    }

    /// A sum from the parts of a canonical one; `None` when they are none.
    pub fn from_parts(first: usize, limbs: &[i64]) -> Option<Self> {
        let fits = first <= LIMBS_MAX && limbs.len() <= LIMBS_MAX - first;
        let small = limbs.iter().all(|limb| (-LIMB_MASK..=LIMB_MASK).contains(limb));
        (fits && small).then(|| Self { first, limbs: limbs.to_vec(), pending: 0 })
    }

    /// Heap memory.
    pub fn heap_bytes(&self) -> usize {
        self.limbs.capacity() * size_of::<i64>()
    }

    fn combine(&mut self, other: &Self, join: impl Fn(i64, i64) -> i64) {
        if other.limbs.is_empty() {
            return;
        }
        if self.pending.saturating_add(other.pending) >= PENDING_MAX {
            self.carry();
        }
        let offset = self.cover(other.first, other.limbs.len());
        for (limb, &more) in self.limbs[offset..].iter_mut().zip(&other.limbs) {
            *limb = join(*limb, more);
        }
        self.pending += other.pending + 1;
        if self.pending >= PENDING_MAX {
            self.carry();
        }
    }

    /// Makes room for `count` limbs from `at` on; returns the offset of `at`.
    #[cold]
    fn cover(&mut self, at: usize, count: usize) -> usize {
        if self.limbs.is_empty() {
            self.first = at;
        }
        if at < self.first {
            self.limbs.splice(0..0, std::iter::repeat_n(0, self.first - at));
            self.first = at;
        }
        let offset = at - self.first;
        if self.limbs.len() < offset + count {
            self.limbs.resize(offset + count, 0);
        }
        offset
    }

    /// Brings every limb but the highest into [0, 2^32); the highest keeps the sign.
    fn carry(&mut self) {
        let mut carried = 0;
        for limb in &mut self.limbs {
            *limb += carried;
            carried = *limb >> LIMB_BITS;
            *limb &= LIMB_MASK;
        }
        match (carried, self.limbs.last_mut()) {
            (0, _) | (_, None) => {}
            // a borrow: the highest limb becomes the negative number that it is
            (-1, Some(last)) if *last > 0 => *last -= 1 << LIMB_BITS,
            _ => self.limbs.push(carried),
        }
        self.pending = 0;
    }
}

/// `(leading + a fraction if rest) * 2^(place - 1074)` as the nearest DOUBLE. `leading` is not zero.
fn round(leading: u128, rest: bool, place: u32) -> Option<f64> {
    let width = u128::BITS - leading.leading_zeros();
    let top = place + width - 1;
    let kept = MANTISSA_BITS + 1;
    if width <= kept {
        // nothing to round: a rest would lie below three limbs, which are wider
        let mantissa = (leading as u64) << if top < kept { place } else { kept - width };
        return finish(mantissa, top);
    }
    let dropped = width - kept;
    let mantissa = (leading >> dropped) as u64;
    let half = 1u128 << dropped >> 1;
    let below = leading & ((1u128 << dropped) - 1);
    let up = below > half || (below == half && half > 0 && (rest || mantissa & 1 == 1));
    finish(mantissa + u64::from(up), top)
}

/// A mantissa whose highest bit stands for 2^(top - 1074), as a DOUBLE. A mantissa rounded up to 2^53 carries by itself.
fn finish(mantissa: u64, top: u32) -> Option<f64> {
    const TOP_END: u32 = 1024 + 1074;
    if top >= TOP_END {
        return None;
    }
    // the highest bit of a normal number adds the 1 that its exponent lacks; a subnormal number has none
    let value = f64::from_bits((u64::from(top.saturating_sub(MANTISSA_BITS)) << MANTISSA_BITS) + mantissa);
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests;
