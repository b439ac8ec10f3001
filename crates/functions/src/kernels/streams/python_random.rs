//! The random numbers of Python's `random.Random(seed)`, so that a seed draws the same sample here as there.
//!
//! The generator is the Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), seeded from an array.

const WORDS: usize = 624;
const SHIFT: usize = 397;
const UPPER: u32 = 0x8000_0000;
const MATRIX: u32 = 0x9908_B0DF;

/// A seeded generator.
#[derive(Debug, Clone)]
pub struct PythonRandom {
    words: [u32; WORDS],
    at: usize,
    /// What of a population is left to draw, or which members are drawn; kept to be allocated once.
    scratch: Vec<u32>,
}

impl PythonRandom {
    /// Seeds as `random.Random(seed)` does.
    pub fn new(seed: u64) -> Self {
        let low = seed as u32;
        let high = (seed >> 32) as u32;
        let key: &[u32] = if high == 0 { &[low] } else { &[low, high] };
        Self { words: seeded_words(key), at: WORDS, scratch: Vec::new() }
    }

    /// Draws `count` different numbers below `population`, as `random.sample(range(population), count)` does.
    pub fn sample(&mut self, population: u32, count: usize, drawn: &mut Vec<u32>) {
        assert!(count <= population as usize, "a sample is not larger than what it is drawn from");
        drawn.clear();
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        if population as usize <= pool_max(count) {
            scratch.extend(0..population);
            for left in (1..=population).rev().take(count) {
                let at = self.below(left) as usize;
                drawn.push(scratch[at]);
                scratch[at] = scratch[left as usize - 1];
            }
        } else {
            // one bit a member
            scratch.resize(population.div_ceil(u32::BITS) as usize, 0);
            while drawn.len() < count {
                let member = self.below(population);
                let (word, bit) = ((member / u32::BITS) as usize, 1 << (member % u32::BITS));
                if scratch[word] & bit == 0 {
                    scratch[word] |= bit;
                    drawn.push(member);
                }
            }
        }
        self.scratch = scratch;
    }

    /// A number below `end`, by drawing as many bits as `end` has until they are below it.
    fn below(&mut self, end: u32) -> u32 {
        let unused = end.leading_zeros();
        loop {
            let drawn = self.next() >> unused;
            if drawn < end {
                return drawn;
            }
        }
    }

    fn next(&mut self) -> u32 {
        if self.at == WORDS {
            self.refill();
        }
        let mut word = self.words[self.at];
        self.at += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9D2C_5680;
        word ^= (word << 15) & 0xEFC6_0000;
        word ^ (word >> 18)
    }

    fn refill(&mut self) {
        for i in 0..WORDS {
            let joined = (self.words[i] & UPPER) | (self.words[(i + 1) % WORDS] & !UPPER);
            let twisted = (joined >> 1) ^ if joined & 1 == 1 { MATRIX } else { 0 };
            self.words[i] = self.words[(i + SHIFT) % WORDS] ^ twisted;
        }
        self.at = 0;
    }
}

/// Up to this population the members left are kept in a list; beyond, those drawn are remembered.
fn pool_max(count: usize) -> usize {
    if count <= 5 {
        return 21;
    }
    // the smallest power of 4 that is not below three times the sample
    let mut table = 1;
    while table < count * 3 {
        table *= 4;
    }
    21 + table
}

fn seeded_words(key: &[u32]) -> [u32; WORDS] {
    let mut words = [0; WORDS];
    words[0] = 19_650_218;
    for i in 1..WORDS {
        words[i] = mixed(words[i - 1]).wrapping_mul(1_812_433_253).wrapping_add(i as u32);
    }
    let (mut i, mut j) = (1, 0);
    for _ in 0..WORDS.max(key.len()) {
        let word = words[i] ^ mixed(words[i - 1]).wrapping_mul(1_664_525);
        words[i] = word.wrapping_add(key[j]).wrapping_add(j as u32);
        i = following(&mut words, i);
        j = (j + 1) % key.len();
    }
    for _ in 1..WORDS {
        let word = words[i] ^ mixed(words[i - 1]).wrapping_mul(1_566_083_941);
        words[i] = word.wrapping_sub(i as u32);
        i = following(&mut words, i);
    }
    words[0] = UPPER;
    words
}

fn mixed(word: u32) -> u32 {
    word ^ (word >> 30)
}

/// The next word to seed; past the end the first takes the last one's place.
fn following(words: &mut [u32; WORDS], i: usize) -> usize {
    if i + 1 < WORDS {
        return i + 1;
    }
    words[0] = words[WORDS - 1];
    1
}
