//! The lines of the printed summary on how long announcements took.

use super::Text;
use crate::numbers::{figure, grouped};
use crate::report::texts::summary::{Summary, Title};
use crate::report::{PropagationResult, RunResult};

/// A pair of servers is slower than another if it takes as many times as long.
const APART: f64 = 1.5;

impl Text {
    pub(super) fn propagation(&mut self, result: &RunResult) {
        let mut is_first = true;
        for (name, one) in result.propagation.iter() {
            let delays = self.delays(Summary::Delays, name, one);
            let not_timed = self.not_timed(one);
            match (delays, not_timed) {
                (None, None) => continue,
                (None, Some(not_timed)) => self.titled(is_first, &format!("{name}: {not_timed}")),
                (Some(delays), not_timed) => {
                    self.titled(is_first, &delays);
                    self.slowest(one);
                    not_timed.iter().for_each(|text| self.more(text));
                }
            }
            is_first = false;
        }
        let left = result.ramp_down.as_ref().and_then(|after| after.propagation.get(crate::measure::LEFT));
        if let Some(text) =
            left.and_then(|left| self.delays(Summary::DelaysAfter, crate::measure::LEFT, left))
        {
            self.titled(is_first, &text);
        }
    }

    /// `None` if nothing was timed.
    fn delays(&self, text: Summary, name: &str, one: &PropagationResult) -> Option<String> {
        let [p50, p99, max] = [one.each.p50_ms?, one.each.p99_ms?, one.each.max_ms?].map(figure);
        let text = self.lang.say(text, &[&name, &grouped(one.received), &p50, &p99, &max]);
        let both = [one.first.p50_ms, one.first.p99_ms, one.last.p50_ms, one.last.p99_ms];
        let [Some(first), Some(first_p99), Some(last), Some(last_p99)] = both.map(|ms| ms.map(figure)) else {
            return Some(text);
        };
        Some(self.lang.say(Summary::Receivers, &[&text, &first, &first_p99, &last, &last_p99]))
    }

    fn not_timed(&self, one: &PropagationResult) -> Option<String> {
        let counts = [one.stalled, one.early, one.unmatched];
        let [stalled, early, unmatched] = counts.map(grouped);
        let text = self.lang.say(Summary::NotTimed, &[&stalled, &early, &unmatched]);
        Some(text).filter(|_| counts.iter().sum::<u64>() > 0)
    }

    /// Between which servers it takes longest, where that is no matter of chance.
    fn slowest(&mut self, one: &PropagationResult) {
        let p99 = |ms: Option<f64>| ms.unwrap_or(0.0);
        let by_p99 = |a: &&crate::report::ServersResult, b: &&crate::report::ServersResult| {
            p99(a.each.p99_ms).total_cmp(&p99(b.each.p99_ms))
        };
        let (most, least) = (one.by_servers.iter().max_by(by_p99), one.by_servers.iter().min_by(by_p99));
        let is_apart = |most: f64, least: f64| most > APART * least.max(1.0);
        let ends = most.zip(least);
        if let Some((most, least)) = ends.filter(|(a, b)| is_apart(p99(a.each.p99_ms), p99(b.each.p99_ms))) {
            let [most_p99, least_p99] = [most, least].map(|pair| figure(p99(pair.each.p99_ms)));
            let text = self.lang.say(Summary::SlowestServers, &[&most.from, &most.to, &most_p99, &least_p99]);
            self.more(&text);
        }
    }

    fn titled(&mut self, is_first: bool, text: &str) {
        match is_first {
            true => self.line(Title::Propagation, text),
            false => self.more(text),
        }
    }
}
