//! What the loss of broadcasts looks like: over time, between servers, by receiver.
//!
//! Judges nothing. Invariant: nothing is shown where every broadcast reached everyone.

use std::collections::BTreeSet;

use maud::{Markup, html};

use super::Page;
use super::accounts::{round, share_bar, share_text};
use super::charts::Plot;
use super::parts::{Pairs, Table, number, sentence};
use super::series::{Kind, series};
use crate::foreign;
use crate::measure::ledger::Pattern;
use crate::numbers::grouped;
use crate::report::recorded::Point;
use crate::report::texts::page::Words;
use crate::report::texts::shape::Drawn;
use crate::report::{LegResult, LossResult, ReachResult, ShapeResult, SliceResult, SpreadResult};

/// Characters of a server's name in the table.
const NAME_CHARS_MAX: usize = 40;

impl Page<'_> {
    fn lost_shape(&self) -> Option<&ShapeResult> {
        let shape = &self.recorded.result.ledger.as_ref()?.shape;
        (shape.all.bad() > 0).then_some(shape)
    }

    /// Broadcasts a second, by how far they came.
    pub(super) fn reach_plot(&self) -> Option<Plot> {
        let slices = &self.lost_shape()?.over_time;
        let at = |point: &Point| {
            let middle = (point.start_s + point.end_s) / 2.0;
            slices.iter().find(|slice| (slice.from_seconds as f64..slice.to_seconds as f64).contains(&middle))
        };
        let line = |name, of: fn(&ReachResult) -> u64| {
            series(self.word(name), &self.recorded.timeline, |point| rate(at(point)?, of))
        };
        let lines = vec![
            line(Drawn::ReachedSome, |reach| reach.cut),
            line(Drawn::ReachedNobody, |reach| reach.lost),
            line(Drawn::ReachedAll, |reach| reach.broadcasts - reach.bad()),
        ];
        Some(self.plot("broadcasts", Drawn::OverTime, Drawn::OverTimeNote, Kind::Stacked, "rate", lines))
    }

    /// The sentence, and what it rests on.
    pub(super) fn shape(&self) -> Markup {
        let Some(shape) = self.lost_shape() else { return html! {} };
        html! {
            @for line in shape.lines(self.lang) { p { strong { (sentence(&line)) } } }
            @if let Some(advice) = shape.advice(self.lang) { p { "→ " (advice) } }
            (self.stages(shape).html())
            (self.legs(shape))
            (self.tenths(shape))
        }
    }

    fn stages(&self, shape: &ShapeResult) -> Pairs {
        let mut pairs = Pairs::default();
        let stages = &shape.stages;
        for (text, loss) in [
            (Drawn::LostEverywhere, stages.everywhere),
            (Drawn::LostAtServer, stages.one_server),
            (Drawn::CutAtServer, stages.fan_out),
        ] {
            if loss.broadcasts > 0 {
                let counts = [&grouped(loss.broadcasts) as &dyn std::fmt::Display, &grouped(loss.missing)];
                pairs.add(self.word(text), self.lang.say(Drawn::WithPairs, &counts));
            }
        }
        let place = |it: SpreadResult| {
            let [min, median, max] = [it.min, it.median, it.max].map(|place| grouped(place.into()));
            self.lang.say(Drawn::Places, &[&median, &min, &max])
        };
        for (text, spread) in [
            (Drawn::FirstReached, shape.receivers.first_reached),
            (Drawn::LastReached, shape.receivers.last_reached),
        ] {
            spread.into_iter().for_each(|spread| pairs.add(self.word(text), place(spread)));
        }
        pairs
    }

    /// A row for each server at which members entered, a column for each at which receivers are.
    fn legs(&self, shape: &ShapeResult) -> Markup {
        let servers = |of: fn(&LegResult) -> &Option<String>| {
            let all: BTreeSet<&Option<String>> = shape.by_servers.iter().map(of).collect();
            // Those that are not told apart come last.
            let (other, known): (Vec<_>, Vec<_>) = all.into_iter().partition(|server| server.is_none());
            [known, other].concat()
        };
        let shown = |server: &Option<String>| match server {
            Some(url) => foreign::line(url, NAME_CHARS_MAX),
            None => self.word(Drawn::OtherServer).to_owned(),
        };
        let columns = servers(|leg| &leg.delivering);
        let mut table =
            Table::new(self.word(Drawn::LegsCaption).to_owned()).text(self.word(Drawn::Announcing));
        for server in &columns {
            table = table.text(self.lang.say(Drawn::Delivering, &[&shown(server)]));
        }
        for from in servers(|leg| &leg.announcing) {
            let cells = columns.iter().map(|to| {
                let leg =
                    shape.by_servers.iter().find(|leg| (&leg.announcing, &leg.delivering) == (from, *to));
                html! { @if let Some(leg) = leg { (self.leg(&leg.reach)) } @else { "–" } }
            });
            table.row(std::iter::once(html! { (shown(from)) }).chain(cells).collect());
        }
        html! { @if !table.is_empty() { div.legs { (table.html()) } } }
    }

    fn leg(&self, reach: &ReachResult) -> Markup {
        let owed = reach.owed;
        let counts = [&grouped(reach.bad()) as &dyn std::fmt::Display, &grouped(reach.broadcasts)];
        html! {
            (share_bar(round(owed.missing, owed.expected))) " " (share_text(owed.missing, owed.expected)) " "
            span.soft { (self.lang.say(Drawn::OfBroadcasts, &counts)) }
        }
    }

    /// Where something was passed on to some.
    fn tenths(&self, shape: &ShapeResult) -> Markup {
        let tenths = &shape.receivers.tenths;
        if tenths.iter().all(|tenth| tenth.expected == 0) {
            return html! {};
        }
        let mut table = Table::new(self.word(Drawn::TenthsCaption).to_owned())
            .text(self.word(Drawn::Receivers))
            .figures(self.word(Drawn::PairsMissing))
            .figures(self.word(Words::Share))
            .text("");
        for (k, tenth) in tenths.iter().enumerate() {
            table.row(vec![
                html! { (k * 10) "–" (k * 10 + 10) " %" },
                number(tenth.missing),
                html! { (share_text(tenth.missing, tenth.expected)) },
                share_bar(round(tenth.missing, tenth.expected)),
            ]);
        }
        let patterns = shape.receivers.patterns.iter().filter(|(_, loss)| loss.broadcasts > 0);
        let pattern = |(key, loss): (&str, &LossResult)| {
            format!("{} {}", self.word(pattern_of(key)), grouped(loss.broadcasts))
        };
        let patterns: Vec<String> = patterns.map(pattern).collect();
        html! {
            (table.html())
            p.soft { (self.lang.say(Drawn::Patterns, &[&patterns.join(" · ")])) }
        }
    }
}

fn pattern_of(key: &str) -> Drawn {
    match Pattern::ALL.into_iter().find(|pattern| pattern.key() == key) {
        Some(Pattern::Suffix) => Drawn::Last,
        Some(Pattern::Prefix) => Drawn::First,
        Some(Pattern::Block) => Drawn::Block,
        Some(Pattern::Scattered) | None => Drawn::Scattered,
    }
}

fn rate(slice: &SliceResult, of: fn(&ReachResult) -> u64) -> Option<f64> {
    let seconds = slice.to_seconds.saturating_sub(slice.from_seconds);
    (seconds > 0).then(|| of(&slice.reach) as f64 / seconds as f64)
}
