//! The bot and its users: what they ask, how the bot answers, and whether the answer was right.
//!
//! The bot reports what real bots can: the intent its own classifier chose (a new question is forced into an old intent), the
//! prompt's length, a prompt embedding, its confidence. Whether it was right, only people know, later and for a sample.

use super::calendar::{Calendar, DAY_NS, HOUR_WEIGHTS, SECOND_NS};
use super::draw::Draw;

pub(super) const EMBEDDING_DIMENSIONS: usize = 16;

/// Answers that people label, a day.
pub(super) const LABELS_PER_DAY: usize = 200;

/// Share of the answers that a second model judges.
const JUDGED_SHARE: f64 = 0.05;

/// Distance of an intent's centre from the origin, and the spread of its prompts in each dimension.
const INTENT_RADIUS: f64 = 1.0;
const EMBEDDING_SPREAD: f64 = 0.12;
/// How far the new product's prompts lie off the line between the two intents they resemble most.
const NEW_PRODUCT_OFFSET: f64 = 0.55;
/// Accuracy on questions that the training never saw.
const NEW_PRODUCT_ACCURACY: f64 = 0.40;

/// The classifier's ordinary error.
const INTENT_ERROR: f64 = 0.03;
const SAME_INTENT_NEXT_TURN: f64 = 0.6;
const TURNS_MAX: usize = 5;
const TURN_WEIGHTS: [f64; TURNS_MAX] = [0.30, 0.28, 0.20, 0.13, 0.09];

/// In the campaign week, nearly half of the conversations carry a pasted coupon text.
const CAMPAIGN_SHARE: f64 = 0.45;
const CAMPAIGN_LENGTH: f64 = 2.2;
const WEEKEND_LENGTH: f64 = 1.12;
const LENGTH_SIGMA: f64 = 0.5;

const FAILURE_SHARE: f64 = 0.0035;
const USERS: f64 = 30_000.0;

pub(super) struct Intent {
    pub(super) name: &'static str,
    weekday_share: f64,
    weekend_share: f64,
    length_median: f64,
    /// Confidence is 1 - doubt * u^3 with u uniform, and in known territory the bot is as often right as it is confident.
    doubt: f64,
}

/// The mean of the doubts, weighted by the shares, is 0.32: 1 - 0.32 / 4 = 92 % accuracy.
pub(super) const INTENTS: [Intent; 8] = [
    intent("order_status", 0.22, 0.25, 90.0, 0.26),
    intent("delivery", 0.14, 0.19, 110.0, 0.30),
    intent("returns", 0.14, 0.17, 140.0, 0.32),
    intent("billing", 0.15, 0.09, 160.0, 0.36),
    intent("account", 0.12, 0.10, 120.0, 0.32),
    intent("product_info", 0.10, 0.11, 130.0, 0.34),
    intent("warranty", 0.07, 0.05, 180.0, 0.38),
    intent("complaint", 0.06, 0.04, 260.0, 0.42),
];

const fn intent(
    name: &'static str,
    weekday_share: f64,
    weekend_share: f64,
    length_median: f64,
    doubt: f64,
) -> Intent {
    Intent { name, weekday_share, weekend_share, length_median, doubt }
}

/// The two intents that the new product's questions resemble.
const NEW_PRODUCT_BETWEEN: (usize, usize) = (4, 5);

pub(super) struct Model {
    pub(super) provider: &'static str,
    pub(super) name: &'static str,
    share: f64,
    first_chunk_median_s: f64,
    seconds_per_token: f64,
    usd_per_input_token: f64,
    usd_per_output_token: f64,
}

/// The second one takes over a part of the load; prices are the bot's own accounting.
pub(super) const MODELS: [Model; 2] = [
    Model {
        provider: "openai",
        name: "gpt-4o",
        share: 0.8,
        first_chunk_median_s: 0.42,
        seconds_per_token: 0.009,
        usd_per_input_token: 2.5e-6,
        usd_per_output_token: 10e-6,
    },
    Model {
        provider: "anthropic",
        name: "claude-sonnet-4",
        share: 0.2,
        first_chunk_median_s: 0.55,
        seconds_per_token: 0.010,
        usd_per_input_token: 3e-6,
        usd_per_output_token: 15e-6,
    },
];

const FAILURES: [(&str, f64); 3] = [("timeout", 0.35), ("rate_limit_exceeded", 0.45), ("server_error", 0.20)];

pub(super) struct Verdict {
    pub(super) score: f64,
    pub(super) pass: bool,
}

/// One question and its answer: one call of a model.
pub(super) struct Turn {
    pub(super) start_ns: i64,
    pub(super) duration_ns: i64,
    pub(super) first_chunk_s: f64,
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    pub(super) conversation: u64,
    pub(super) user: u64,
    pub(super) model: usize,
    /// As the bot's own classifier saw it.
    pub(super) intent: usize,
    pub(super) prompt_length: i64,
    pub(super) input_tokens: i64,
    pub(super) output_tokens: i64,
    pub(super) embedding: [f64; EMBEDDING_DIMENSIONS],
    pub(super) confidence: f64,
    pub(super) cost_usd: f64,
    pub(super) failure: Option<&'static str>,
    pub(super) is_correct: bool,
    pub(super) verdict: Option<Verdict>,
    pub(super) labelled: bool,
}

/// The world behind the telemetry.
pub(super) struct Bot {
    seed: u64,
    calendar: Calendar,
    centres: Vec<[f64; EMBEDDING_DIMENSIONS]>,
    new_product: [f64; EMBEDDING_DIMENSIONS],
}

struct Conversation {
    id: u64,
    user: u64,
    model: usize,
    about_new_product: bool,
    campaign: bool,
    intent: usize,
}

impl Bot {
    pub(super) fn new(seed: u64, calendar: Calendar) -> Self {
        // days use the streams 0, 1, 2, ...
        let mut draw = Draw::new(seed, u64::MAX);
        let centres: Vec<_> = INTENTS.iter().map(|_| direction(&mut draw, INTENT_RADIUS)).collect();
        let offset = direction(&mut draw, NEW_PRODUCT_OFFSET);
        let (a, b) = NEW_PRODUCT_BETWEEN;
        let new_product = std::array::from_fn(|d| 0.5 * (centres[a][d] + centres[b][d]) + offset[d]);
        Self { seed, calendar, centres, new_product }
    }

    /// All calls of a day, in the order in which they started.
    pub(super) fn day(&self, day: u32) -> Vec<Turn> {
        let mut draw = Draw::new(self.seed, u64::from(day));
        let noise = (0.03 * draw.normal()).clamp(-0.08, 0.08);
        let calls = libm::round(self.calendar.volume(day) * (1.0 + noise)) as usize;
        let mut turns = Vec::with_capacity(calls + TURNS_MAX);
        while turns.len() < calls {
            self.conversation(day, &mut draw, &mut turns);
        }
        turns.truncate(calls);
        turns.sort_by_key(|turn| (turn.start_ns, turn.span_id));
        choose_labelled(&mut draw, &mut turns);
        turns
    }

    fn conversation(&self, day: u32, draw: &mut Draw, turns: &mut Vec<Turn>) {
        let mut conversation = Conversation {
            id: draw.bits(),
            user: (draw.uniform() * draw.uniform() * USERS) as u64,
            model: draw.pick(&MODELS.map(|model| model.share)),
            about_new_product: draw.chance(self.calendar.new_product_share(day)),
            campaign: self.calendar.is_campaign(day) && draw.chance(CAMPAIGN_SHARE),
            intent: self.asked_intent(day, draw),
        };
        let count = 1 + draw.pick(&TURN_WEIGHTS);
        // conversations end before midnight, so a day's calls are the day's rows
        let latest = DAY_NS - TURNS_MAX as i64 * 130 * SECOND_NS;
        let hour = draw.pick(&HOUR_WEIGHTS) as i64;
        let within_hour = (draw.uniform() * 3_600.0 * SECOND_NS as f64) as i64;
        let mut offset = (hour * 3_600 * SECOND_NS + within_hour).min(latest);
        for turn in 0..count {
            if turn > 0 {
                offset += (draw.between(20.0, 110.0) * SECOND_NS as f64) as i64;
                if !draw.chance(SAME_INTENT_NEXT_TURN) {
                    conversation.intent = self.asked_intent(day, draw);
                }
            }
            turns.push(self.turn(day, draw, &conversation, turn, offset));
        }
    }

    fn turn(
        &self,
        day: u32,
        draw: &mut Draw,
        conversation: &Conversation,
        turn: usize,
        offset_ns: i64,
    ) -> Turn {
        let centre = if conversation.about_new_product {
            &self.new_product
        } else {
            &self.centres[conversation.intent]
        };
        let embedding: [f64; EMBEDDING_DIMENSIONS] =
            std::array::from_fn(|d| quantised(centre[d] + EMBEDDING_SPREAD * draw.normal()));
        let intent = self.classified(&embedding, draw);

        let mut length = draw.log_normal(INTENTS[conversation.intent].length_median, LENGTH_SIGMA);
        if self.calendar.is_weekend(day) {
            length *= WEEKEND_LENGTH;
        }
        if conversation.campaign {
            length *= CAMPAIGN_LENGTH;
        }
        let prompt_length = libm::ceil(length).max(3.0) as i64;

        let u = draw.uniform();
        let confidence = libm::round((1.0 - INTENTS[intent].doubt * u * u * u) * 1e4) / 1e4;
        let accuracy = if conversation.about_new_product { NEW_PRODUCT_ACCURACY } else { confidence };
        let is_correct = draw.chance(accuracy);
        let verdict = draw.chance(JUDGED_SHARE).then(|| judge(draw, is_correct));

        let model = &MODELS[conversation.model];
        let input_tokens = 380 + prompt_length / 4 + 140 * turn as i64;
        let mut output_tokens = libm::ceil(draw.log_normal(140.0, 0.45)).min(1_500.0) as i64;
        let first_chunk_s = draw.log_normal(model.first_chunk_median_s, 0.35);
        let mut duration_s =
            first_chunk_s + output_tokens as f64 * model.seconds_per_token * draw.between(0.85, 1.25);
        let failure =
            draw.chance(FAILURE_SHARE).then(|| FAILURES[draw.pick(&FAILURES.map(|(_, share)| share))].0);
        if let Some(failure) = failure {
            output_tokens = 0;
            duration_s = if failure == "timeout" { 30.0 } else { draw.between(0.05, 0.4) };
        }
        Turn {
            start_ns: self.calendar.start_ns(day) + offset_ns,
            duration_ns: (duration_s * SECOND_NS as f64) as i64,
            first_chunk_s: libm::round(first_chunk_s * 1e6) / 1e6,
            trace_id: ((u128::from(draw.bits()) << 64) | u128::from(draw.bits()) | 1).to_be_bytes(),
            span_id: (draw.bits() | 1).to_be_bytes(),
            conversation: conversation.id,
            user: conversation.user,
            model: conversation.model,
            intent,
            prompt_length,
            input_tokens,
            output_tokens,
            embedding,
            confidence,
            cost_usd: input_tokens as f64 * model.usd_per_input_token
                + output_tokens as f64 * model.usd_per_output_token,
            failure,
            is_correct,
            verdict: verdict.filter(|_| failure.is_none()),
            labelled: false,
        }
    }

    fn asked_intent(&self, day: u32, draw: &mut Draw) -> usize {
        let weekend = self.calendar.is_weekend(day);
        draw.pick(&INTENTS.map(|intent| if weekend { intent.weekend_share } else { intent.weekday_share }))
    }

    /// The classifier knows only the old intents: it takes the nearest one, and errs a little.
    fn classified(&self, embedding: &[f64; EMBEDDING_DIMENSIONS], draw: &mut Draw) -> usize {
        if draw.chance(INTENT_ERROR) {
            return draw.below(INTENTS.len());
        }
        nearest(&self.centres, embedding).0
    }
}

/// The nearest centre and the squared distance to it.
pub(super) fn nearest(
    centres: &[[f64; EMBEDDING_DIMENSIONS]],
    point: &[f64; EMBEDDING_DIMENSIONS],
) -> (usize, f64) {
    let mut best = (0, f64::INFINITY);
    for (index, centre) in centres.iter().enumerate() {
        let mut distance = 0.0;
        for (a, b) in centre.iter().zip(point) {
            distance += (a - b) * (a - b);
        }
        if distance < best.1 {
            best = (index, distance);
        }
    }
    best
}

/// The judge reads fluent, confident text and does not know the facts: it finds a wrong answer a little worse, not more.
fn judge(draw: &mut Draw, is_correct: bool) -> Verdict {
    let pass = draw.chance(if is_correct { 0.96 } else { 0.82 });
    let score = if pass { draw.between(0.7, 1.0) } else { draw.between(0.1, 0.6) };
    Verdict { score: libm::round(score * 100.0) / 100.0, pass }
}

/// People label a simple random sample of the day's answers.
fn choose_labelled(draw: &mut Draw, turns: &mut [Turn]) {
    let mut answered: Vec<usize> = (0..turns.len()).filter(|&i| turns[i].failure.is_none()).collect();
    for chosen in 0..LABELS_PER_DAY.min(answered.len()) {
        let other = chosen + draw.below(answered.len() - chosen);
        answered.swap(chosen, other);
        turns[answered[chosen]].labelled = true;
    }
}

/// A random direction of this length.
fn direction(draw: &mut Draw, length: f64) -> [f64; EMBEDDING_DIMENSIONS] {
    let vector: [f64; EMBEDDING_DIMENSIONS] = std::array::from_fn(|_| draw.normal());
    let norm = libm::sqrt(vector.iter().map(|x| x * x).sum());
    vector.map(|x| x * length / norm)
}

/// Embeddings come in single precision at best; a multiple of 2^-12 is exact on every machine.
fn quantised(x: f64) -> f64 {
    libm::round(x * 4_096.0) / 4_096.0
}
