//! What is printed of messages beyond their number: compression, answers, ages, missing numbers.
//!
//! Computes nothing. Invariant: a warning stands wherever two clocks differ so much that it shows.

use super::super::texts::summary::Summary;
use super::super::{MessagesResult, RunResult};
use super::{SERVERS_SHOWN_MAX, Text, counted};
use crate::foreign;
use crate::numbers::{figure, grouped};

/// Two readings of this machine's clock are this far apart at most, where it has time enough.
const CLOCK_PRECISION_MS: f64 = 1.0;

impl Text {
    /// What came compressed, where the scenario offers that.
    pub(super) fn compressed(&mut self, result: &RunResult) {
        let Some(compressed) = result.messages.compressed else { return };
        for (text, is_warning) in compressed.said(result.sessions.established, self.lang) {
            if is_warning { self.warn(&text) } else { self.more(&text) }
        }
    }

    /// What kinds of messages say beyond their number.
    pub(super) fn kinds(&mut self, messages: &MessagesResult) {
        let lang = self.lang;
        let answers: Vec<(&str, u64)> = messages.answers.iter().map(|(kind, count)| (kind, *count)).collect();
        if !answers.is_empty() {
            self.more(&lang.say(Summary::Answers, &[&counted(answers.into_iter())]));
        }
        for (kind, age) in messages.ages.iter().filter(|(_, age)| age.count > 0) {
            let millis = |ms: Option<f64>| ms.map_or("–".to_owned(), |ms| format!("{} ms", figure(ms)));
            let least = age.least_ms.iter().take(SERVERS_SHOWN_MAX);
            let least: Vec<String> =
                least.map(|(url, ms)| format!("{} {} ms", foreign::line(url, 60), figure(*ms))).collect();
            let of = &age.latency;
            let figures = [millis(of.p50_ms), millis(of.p95_ms), millis(of.max_ms)];
            self.more(
                &lang.say(Summary::Age, &[&kind, &figures[0], &figures[1], &figures[2], &least.join(", ")]),
            );
            // Less is within the precision of this machine's own clock readings.
            let are_apart = age.least_ms.iter().any(|(_, least)| *least < -CLOCK_PRECISION_MS);
            if age.negative > 0 && are_apart {
                let (negative, all) = (grouped(age.negative), grouped(age.count));
                self.warn(&lang.say(Summary::AgeNegative, &[&negative, &all, &kind]));
            }
        }
        for kind in messages.declared_in_vain() {
            self.warn(&lang.say(Summary::NoneCame, &[&kind]));
        }
        for (kind, age) in messages.ages.iter().filter(|(_, age)| age.unread > 0) {
            self.warn(&lang.say(Summary::AgeUnread, &[&grouped(age.unread), &kind]));
        }
        for (kind, sequence) in messages.sequences.iter() {
            if messages.by_type.get(kind).is_some_and(|came| *came > sequence.unread) {
                let (missing, duplicate) = (grouped(sequence.missing), grouped(sequence.duplicate));
                self.more(&lang.say(Summary::Sequence, &[&kind, &missing, &duplicate]));
            }
            if sequence.unread > 0 {
                self.warn(&lang.say(Summary::SequenceUnread, &[&grouped(sequence.unread), &kind]));
            }
        }
    }
}
