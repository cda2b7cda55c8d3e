//! How long announcements took: to each receiver, the first and the last one, and by pair of servers.
//!
//! Invariant: what came while sessions left has a table of its own, and is said not to be judged.

use maud::{Markup, html};

use super::Page;
use super::parts::{Section, Table, code, name as server, number};
use crate::numbers::{figure, grouped};
use crate::report::texts::page::Words;
use crate::report::{LatencyResult, Ordered, PropagationResult};

/// Pairs of servers in a table.
const PAIRS_MAX: usize = 81;

impl Page<'_> {
    pub(super) fn propagation(&self) -> Option<Section> {
        let result = &self.recorded.result;
        let after = result.ramp_down.as_ref().map(|after| &after.propagation);
        let after = after.filter(|after| has_any(after));
        if !has_any(&result.propagation) && after.is_none() {
            return None;
        }
        let body = html! {
            p.lead { (self.word(Words::PropagationLead)) }
            (self.acts_table(self.word(Words::PropagationCaption), &result.propagation))
            (self.not_timed(&result.propagation))
            (self.servers_table(&result.propagation))
            @if let Some(after) = after {
                (self.acts_table(self.word(Words::PropagationAfter), after))
            }
        };
        Some(Section { id: "propagation", title: self.word(Words::Propagation), body })
    }

    fn acts_table(&self, caption: &str, all: &Ordered<PropagationResult>) -> Markup {
        let word = |text| self.word(text);
        let mut table = Table::new(caption)
            .wide()
            .text(word(Words::Announced))
            .text(word(Words::AnnouncedBy))
            .figures(word(Words::Receipts))
            .group("p50 (ms)")
            .figures("p99")
            .figures("max")
            .group(word(Words::FirstReceiver))
            .figures("p99")
            .group(word(Words::LastReceiver))
            .figures("p99")
            .figures("max");
        for (name, one) in all.iter().filter(|(_, one)| one.received > 0) {
            let (each, first, last) = (&one.each, &one.first, &one.last);
            let times = [
                each.p50_ms,
                each.p99_ms,
                each.max_ms,
                first.p50_ms,
                first.p99_ms,
                last.p50_ms,
                last.p99_ms,
                last.max_ms,
            ];
            let words = [code(name), html! { (one.kinds.join(", ")) }, number(one.received)];
            table.row(words.into_iter().chain(times.map(millis)).collect());
        }
        if table.is_empty() {
            html! {}
        } else {
            table.html()
        }
    }

    /// Announcements that are in no time, and why.
    fn not_timed(&self, all: &Ordered<PropagationResult>) -> Markup {
        html! {
            @for (name, one) in all.iter() {
                @for (text, count) in [
                    (Words::TimedNotStalled, one.stalled),
                    (Words::TimedNotEarly, one.early),
                    (Words::TimedNotUnmatched, one.unmatched),
                ] {
                    @if count > 0 { p.soft { (self.lang.say(text, &[&name, &grouped(count)])) } }
                }
            }
        }
    }

    fn servers_table(&self, all: &Ordered<PropagationResult>) -> Markup {
        let word = |text| self.word(text);
        let mut table = Table::new(word(Words::PropagationServers))
            .wide()
            .text(word(Words::Announced))
            .text(word(Words::FromServer))
            .text(word(Words::ToServer))
            .figures(word(Words::Receipts))
            .figures("p50 (ms)")
            .figures("p99 (ms)")
            .figures("max (ms)");
        let pairs = all.iter().filter(|(_, one)| one.by_servers.len() > 1);
        let pairs = pairs.flat_map(|(name, one)| one.by_servers.iter().map(move |pair| (name, pair)));
        for (name, pair) in pairs.take(PAIRS_MAX) {
            let LatencyResult { p50_ms, p99_ms, max_ms, .. } = pair.each;
            let words = [code(name), server(&pair.from), server(&pair.to), number(pair.received)];
            table.row(words.into_iter().chain([p50_ms, p99_ms, max_ms].map(millis)).collect());
        }
        if table.is_empty() {
            html! {}
        } else {
            table.html()
        }
    }
}

fn has_any(all: &Ordered<PropagationResult>) -> bool {
    all.iter().any(|(_, one)| one.received > 0)
}

fn millis(ms: Option<f64>) -> Markup {
    html! { (ms.map_or("–".to_owned(), figure)) }
}
