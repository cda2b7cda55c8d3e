//! What the shape of missing broadcasts comes to, in a sentence.
//!
//! Reads figures, computes no pairs. Invariant: nothing is said of a shape for which there are too few
//! broadcasts, and what is said can be read off the figures beside it.

use std::ops::Range;

use super::{LegResult, LossResult, ReachResult, ShapeResult, SliceResult, SpreadResult};
use crate::foreign;
use crate::lang::Lang;
use crate::measure::ledger::Pattern;
use crate::numbers::grouped;
use crate::report::texts::shape::Words;

/// Broadcasts that did not reach everyone, and missing pairs, below which only their number is said.
const BROADCASTS_MIN: u64 = 5;
const PAIRS_MIN: u64 = 20;

/// What has this share of all is where it happened.
const NEARLY_ALL: f64 = 0.95;

/// What has this share of all is how it mostly happened.
const MOST: f64 = 2.0 / 3.0;

/// Rates that differ by no more than this factor are alike.
const ALIKE: f64 = 1.5;

/// Rates differ when this many standard deviations lie between them.
const DEVIATIONS: f64 = 3.0;

/// A part of the run with no more than this share of the broadcasts is a while.
const WHILE: f64 = 0.25;

/// Characters shown of a server's URL.
const URL_CHARS_MAX: usize = 60;

impl ShapeResult {
    /// `6,489 of 11,514 broadcasts reached only some receivers; both servers alike; grows with arrivals`;
    /// nothing when all reached everyone.
    pub fn sentence(&self, lang: Lang) -> Option<String> {
        let all = &self.all;
        if all.bad() == 0 {
            return None;
        }
        let [cut, lost, broadcasts] = [all.cut, all.lost, all.broadcasts].map(grouped);
        let first = match (all.cut, all.lost) {
            (_, 0) => lang.say(Words::Cut, &[&cut, &broadcasts]),
            (0, _) => lang.say(Words::Lost, &[&lost, &broadcasts]),
            _ => lang.say(Words::CutAndLost, &[&cut, &broadcasts, &lost]),
        };
        if all.bad() < BROADCASTS_MIN || all.owed.missing < PAIRS_MIN {
            return Some(first);
        }
        let parts = [self.form(lang), self.place(lang), self.time(lang), self.own_part(lang)];
        let parts = std::iter::once(first).chain(parts.into_iter().flatten());
        Some(parts.collect::<Vec<_>>().join("; "))
    }

    /// What to look at, where most were lost in one way.
    pub fn advice(&self, lang: Lang) -> Option<&'static str> {
        let all = &self.all;
        if all.bad() < BROADCASTS_MIN || all.owed.missing < PAIRS_MIN {
            return None;
        }
        let stages = &self.stages;
        let rows = [
            (stages.everywhere, Words::EverywhereNext),
            (stages.one_server, Words::OneServerNext),
            (stages.fan_out, Words::FanOutNext),
        ];
        let most = all.owed.missing as f64 * MOST;
        rows.into_iter().find(|(loss, _)| loss.missing as f64 >= most).map(|(_, text)| lang.word(text))
    }

    /// The sentence, and what is beside it.
    pub fn lines(&self, lang: Lang) -> Vec<String> {
        let counted = |count: u64, text| (count > 0).then(|| lang.say(text, &[&grouped(count)]));
        let unlisted = counted(self.unlisted, Words::Unlisted);
        let order = counted(self.order.entered_after_left, Words::OutOfOrder);
        self.sentence(lang).into_iter().chain(unlisted).chain(order).collect()
    }

    /// What most of the missing pairs have in common.
    fn form(&self, lang: Lang) -> Option<String> {
        let most = self.all.owed.missing as f64 * MOST;
        let is_most = |loss: &LossResult| loss.missing as f64 >= most;
        if is_most(&self.stages.everywhere) {
            return Some(lang.word(Words::Everywhere).to_owned());
        }
        if is_most(&self.stages.one_server) {
            return Some(lang.word(Words::OneServer).to_owned());
        }
        let (pattern, _) = self.receivers.patterns.iter().find(|(_, loss)| is_most(loss))?;
        let place = |spread: Option<SpreadResult>| spread.map_or(0, |it| it.median);
        Some(match Pattern::ALL.into_iter().find(|one| one.key() == pattern)? {
            Pattern::Suffix => {
                let after = place(self.receivers.last_reached);
                lang.say(Words::TheLast, &[&grouped(after.into())])
            }
            Pattern::Prefix => {
                let from = place(self.receivers.first_reached);
                lang.say(Words::TheFirst, &[&grouped(from.into())])
            }
            Pattern::Block => lang.word(Words::InARow).to_owned(),
            Pattern::Scattered => lang.word(Words::Scattered).to_owned(),
        })
    }

    /// Whether servers differ.
    fn place(&self, lang: Lang) -> Option<String> {
        let from = self.by(|leg| leg.announcing.as_deref());
        let to = self.by(|leg| leg.delivering.as_deref());
        if from.len().max(to.len()) < 2 {
            return None;
        }
        let shown = |url: &str| foreign::line(url, URL_CHARS_MAX);
        let only = [(&to, Words::OnlyTo), (&from, Words::OnlyFrom)]
            .into_iter()
            .find_map(|(servers, text)| Some((only_at(servers)?, text)));
        if let Some((url, text)) = only {
            return Some(lang.say(text, &[&shown(url)]));
        }
        let most = [(&to, Words::MostTo), (&from, Words::MostFrom)];
        let most = most.into_iter().filter_map(|(servers, text)| Some((uneven(servers)?, text)));
        let most = most.max_by(|((_, one), _), ((_, other), _)| one.total_cmp(other));
        Some(match (most, to.len()) {
            (Some(((url, _), text)), _) => lang.say(text, &[&shown(url)]),
            (None, 2) => lang.word(Words::BothAlike).to_owned(),
            (None, servers) => lang.say(Words::AllAlike, &[&servers]),
        })
    }

    /// How often broadcasts did not reach everyone, by one of their servers.
    fn by<'a>(&'a self, server: impl Fn(&'a LegResult) -> Option<&'a str>) -> Vec<(&'a str, ReachResult)> {
        let mut all: Vec<(&str, ReachResult)> = Vec::new();
        for leg in &self.by_servers {
            let Some(url) = server(leg) else { continue };
            match all.iter_mut().find(|(known, _)| *known == url) {
                Some((_, sum)) => sum.add(&leg.reach),
                None => all.push((url, leg.reach)),
            }
        }
        all
    }

    /// Whether it grows with arrivals, or was for a while only.
    fn time(&self, lang: Lang) -> Option<String> {
        if let Some(span) = self.while_only() {
            let (from, to) = (&self.over_time[span.start], &self.over_time[span.end - 1]);
            return Some(lang.say(Words::Between, &[&from.from_seconds, &to.to_seconds]));
        }
        let half = self.all.broadcasts / 2;
        let mut before = 0;
        let middle = self.over_time.iter().position(|slice| {
            before += slice.reach.broadcasts;
            before > half
        })?;
        let (early, late) = self.over_time.split_at(middle);
        let [early, late] = [early, late].map(|part| ReachResult::sum(part.iter().map(|slice| &slice.reach)));
        if early.broadcasts.min(late.broadcasts) < BROADCASTS_MIN {
            return None;
        }
        let key = match differ(&early, &late) {
            true if late.rate() > early.rate() => Words::Grows,
            true => Words::Falls,
            false => Words::Steady,
        };
        Some(lang.word(key).to_owned())
    }

    /// The slices in which nearly all were, if these are a small part of the run.
    fn while_only(&self) -> Option<Range<usize>> {
        let bad = |slice: &SliceResult| slice.reach.bad();
        let spare = (self.all.bad() as f64 * (1.0 - NEARLY_ALL)) as u64;
        let (mut start, mut end, mut left_out) = (0, self.over_time.len(), 0);
        // From the end at which less is lost, as long as nearly all are in between.
        while start + 1 < end {
            let (first, last) = (bad(&self.over_time[start]), bad(&self.over_time[end - 1]));
            if left_out + first.min(last) > spare {
                break;
            }
            left_out += first.min(last);
            if first <= last { start += 1 } else { end -= 1 }
        }
        let inside = ReachResult::sum(self.over_time.get(start..end)?.iter().map(|slice| &slice.reach));
        let is_while = inside.broadcasts as f64 <= self.all.broadcasts as f64 * WHILE;
        is_while.then_some(start..end)
    }

    /// What speaks for this machine: no server knows its stalls and its workers.
    fn own_part(&self, lang: Lang) -> Option<String> {
        let missing = self.all.owed.missing as f64;
        let worst = self.workers.iter().map(|worker| worker.missing).max().unwrap_or(0);
        if self.workers.len() > 1 && worst as f64 >= missing * NEARLY_ALL {
            return Some(lang.word(Words::OneWorker).to_owned());
        }
        self.is_worse_in_stalls().then(|| lang.say(Words::InStalls, &[&grouped(self.in_stalls.bad())]))
    }

    /// Whether more broadcasts did not reach everyone while this machine stalled than at other times.
    pub(crate) fn is_worse_in_stalls(&self) -> bool {
        let stalled = &self.in_stalls;
        let rest = ReachResult {
            broadcasts: self.all.broadcasts.saturating_sub(stalled.broadcasts),
            cut: self.all.bad().saturating_sub(stalled.bad()),
            ..ReachResult::default()
        };
        rest.broadcasts > 0 && stalled.rate() > rest.rate() && differ(stalled, &rest)
    }
}

/// The one server at which nearly all are, though others have broadcasts too.
fn only_at<'a>(servers: &[(&'a str, ReachResult)]) -> Option<&'a str> {
    let all: u64 = servers.iter().map(|(_, reach)| reach.bad()).sum();
    let (url, worst) = servers.iter().max_by_key(|(_, reach)| reach.bad())?;
    let rest = ReachResult::sum(servers.iter().filter(|(other, _)| other != url).map(|(_, reach)| reach));
    let is_only = worst.bad() as f64 >= all as f64 * NEARLY_ALL && differ(worst, &rest);
    is_only.then_some(*url)
}

/// The server at which more were lost than at the others, and by what factor.
fn uneven<'a>(servers: &[(&'a str, ReachResult)]) -> Option<(&'a str, f64)> {
    let (url, worst) = servers.iter().max_by(|(_, one), (_, other)| one.rate().total_cmp(&other.rate()))?;
    let rest = ReachResult::sum(servers.iter().filter(|(other, _)| other != url).map(|(_, reach)| reach));
    differ(worst, &rest).then(|| (*url, worst.rate() / rest.rate().max(1e-9)))
}

/// Whether two rates differ by more than chance and by a factor that matters.
fn differ(one: &ReachResult, other: &ReachResult) -> bool {
    let (few, many) = (one.rate().min(other.rate()), one.rate().max(other.rate()));
    let all = (one.bad() + other.bad()) as f64 / (one.broadcasts + other.broadcasts).max(1) as f64;
    let parts = 1.0 / one.broadcasts.max(1) as f64 + 1.0 / other.broadcasts.max(1) as f64;
    let deviation = (all * (1.0 - all) * parts).sqrt();
    many >= few * ALIKE && many - few > DEVIATIONS * deviation && many > few
}

#[cfg(test)]
mod tests;
