//! Updates of periodic messages, and who left: their accounts, and their chart.
//!
//! Computes nothing. Invariant: nothing is shown of what the scenario does not announce.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::Page;
use super::accounts::{SAMPLES_MAX, Sum};
use super::charts::Plot;
use super::parts::Pairs;
use super::series::{self, Kind, growth, per_second};
use crate::numbers::{grouped, percent};
use crate::report::texts::told::Told;

impl Page<'_> {
    pub(super) fn updates(&self) -> Option<Markup> {
        let updates = self.recorded.result.updates.as_ref().filter(|updates| updates.sent > 0)?;
        let word = |text| self.word(text);
        let expected = Sum {
            whole: word(Told::Expected),
            total: updates.expected,
            parts: vec![(word(Told::Received), updates.received), (word(Told::Missing), updates.missing)],
        };
        let mut pairs = Pairs::default();
        pairs.add(word(Told::Sent), grouped(updates.sent));
        if let Some(share) = updates.missing_share {
            pairs.add(word(Told::MissingShare), percent(share));
        }
        for (text, count) in [
            (Told::Duplicate, updates.duplicate),
            (Told::OutOfOrder, updates.out_of_order),
            (Told::Early, updates.early),
            (Told::Unknown, updates.unknown),
            (Told::Strangers, updates.strangers),
            (Told::Own, updates.own),
        ] {
            pairs.add(word(text), grouped(count));
        }
        let samples = updates.missing_samples.iter().take(SAMPLES_MAX).map(|it| {
            self.lang.say(Told::MissingUpdate, &[&it.observer, &it.member, &it.number, &it.second])
        });
        let samples: Vec<String> = samples.collect();
        Some(html! {
            article.card {
                h3 { (word(Told::Updates)) }
                p.soft { (word(Told::UpdatesLead)) }
                (self.sum(&expected))
                (pairs.html())
                @if !samples.is_empty() { p { (self.lang.say(Told::SuchAs, &[&samples.join("; ")])) } }
            }
        })
    }

    pub(super) fn departures(&self) -> Option<Markup> {
        let membership = self.recorded.result.membership.as_ref()?;
        let gone: u64 = membership.gone_while_open.values().sum();
        if membership.closed + membership.pending + gone == 0 {
            return None;
        }
        let word = |text| self.word(text);
        let expected = Sum {
            whole: word(Told::Expected),
            total: membership.expected,
            parts: vec![
                (word(Told::Received), membership.expected - membership.missing),
                (word(Told::Missing), membership.missing),
            ],
        };
        let mut pairs = Pairs::default();
        for (text, count) in [
            (Told::Closed, membership.closed),
            (Told::Unannounced, membership.unannounced),
            (Told::Pending, membership.pending),
        ] {
            pairs.add(word(text), grouped(count));
        }
        let mut lines = Vec::new();
        for (text, servers) in [
            (Told::GoneByServer, &membership.gone_while_open),
            (Told::UnannouncedByServer, &membership.unannounced_by_server),
            (Told::StillListed, &membership.still_listed),
        ] {
            if !servers.is_empty() {
                lines.push(self.lang.say(text, &[&by_server(servers)]));
            }
        }
        for leg in membership.missing_by_server.iter().take(SAMPLES_MAX) {
            lines.push(self.lang.say(Told::UntoldBetween, &[&grouped(leg.count), &leg.from, &leg.to]));
        }
        let samples = membership.missing_samples.iter().take(SAMPLES_MAX);
        let samples: Vec<String> =
            samples.map(|pair| self.lang.say(Told::Untold, &[&pair.observer, &pair.member])).collect();
        Some(html! {
            article.card {
                h3 { (word(Told::Departures)) }
                p.soft { (word(Told::DeparturesLead)) }
                (self.sum(&expected))
                (pairs.html())
                @for line in &lines { p { (line) } }
                @if !samples.is_empty() { p { (self.lang.say(Told::SuchAs, &[&samples.join("; ")])) } }
            }
        })
    }

    /// What was expected and what is missing, over time.
    pub(super) fn updates_plot(&self) -> Option<Plot> {
        self.recorded.result.updates.as_ref().filter(|updates| updates.sent > 0)?;
        let timeline = &self.recorded.timeline;
        let series = vec![
            growth(self.word(Told::Expected), timeline, |point| point.updates_expected_total),
            growth(self.word(Told::Missing), timeline, |point| point.updates_missing_total),
            series::series(self.word(Told::Sent), timeline, |point| per_second(point.updates_sent, point)),
        ];
        Some(self.plot("updates", Told::Updates, Told::UpdatesNote, Kind::Lines, "rate", series))
    }
}

/// Counts by server, most first.
fn by_server(servers: &BTreeMap<String, u64>) -> String {
    let mut all: Vec<(&String, &u64)> = servers.iter().collect();
    all.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let all: Vec<String> =
        all.iter().take(SAMPLES_MAX).map(|(url, count)| format!("{url} {}", grouped(**count))).collect();
    all.join(", ")
}
