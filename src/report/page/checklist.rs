//! The load test guide's checklist, before, during and after the test, with marks from the result.
//!
//! [`LINES`] says which result decides each line. Invariant: a line is met only by something that was
//! measured; what cannot be seen from here is left to be ticked by hand.

use maud::{Markup, html};

use super::Page;
use super::parts::{Section, Table, Tone, code, name, sentence};
use super::servers::shown_value;
use crate::numbers::{figure, grouped};
use crate::report::texts::page::Words;
use crate::report::texts::servers::Side;
use crate::report::verdict::counted;
use crate::report::{Outcome, WatchedResult};

/// Of an even share, what the server with the fewest sessions has to have: the guide's 2,000 of 2,500.
const SPREAD_MIN: f64 = 0.8;

/// Figures named in a line.
const NAMED_MAX: usize = 6;

/// Which result decides a line.
enum Rule {
    /// None: it cannot be seen from here.
    ByHand,
    /// Failures of these kinds: none, in a run whose sessions opened.
    Kinds(&'static [&'static str]),
    /// The criteria over these measures.
    Measures(&'static [&'static str]),
    /// The watched figures of these names.
    Figures(&'static [&'static str]),
    /// The same; by hand where nobody watches them.
    FiguresOrHand(&'static [&'static str]),
    /// Whether sources of these kinds could be read.
    Sources(&'static [&'static str]),
    Spread,
    Stable,
    FirstFailure,
    ThisPage,
}

use Rule::{
    ByHand, Figures, FiguresOrHand, FirstFailure, Kinds, Measures, Sources, Spread, Stable, ThisPage,
};

/// The guide's lines, in its order.
const LINES: [(Side, &[(Side, Rule)]); 3] = [
    (
        Side::BeforeTest,
        &[
            (Side::Members, Kinds(&["MEMBER_NOT_FOUND"])),
            (Side::Ready, Kinds(&["CHALLENGE_NOT_READY", "CHALLENGE_NOT_FOUND"])),
            (Side::Waiting, Kinds(&["INVALID_PARTICIPATION_STATUS", "CHALLENGE_NOT_JOINED"])),
            (Side::Redis, Sources(&["redis", "redis-pubsub"])),
            (Side::Kafka, FiguresOrHand(&["kafka", "Kafka"])),
            (Side::Database, FiguresOrHand(&["database", "MariaDB", "MySQL"])),
            (Side::Scraping, Sources(&["prometheus"])),
            (Side::Grafana, FiguresOrHand(&["grafana", "Grafana"])),
            (Side::Environment, ByHand),
        ],
    ),
    (
        Side::DuringTest,
        &[
            (Side::Held, Measures(&["sessions.min_in_hold_share", "sessions.min_in_hold"])),
            (Side::Ramp, Measures(&["arrivals.achieved_share"])),
            (Side::ErrorsSeen, Measures(&["errors.rate"])),
            (Side::Alive, Measures(&["watch.servers-up"])),
            (Side::Cpu, Figures(&["server-cpu"])),
            (Side::MemoryAndGc, Figures(&["heap-growth", "full-gc", "full-gc-pause", "out-of-memory"])),
            (Side::Pool, Figures(&["pool-pending", "pool-timeouts"])),
            (Side::RedisLatency, Figures(&["redis-ping", "pubsub-ping"])),
            (Side::PubSub, Figures(&["pubsub-round-trip"])),
            (Side::Proxy, Figures(&["nginx-499-502"])),
            (Side::Spread, Spread),
        ],
    ),
    (
        Side::AfterTest,
        &[
            (Side::Stable, Stable),
            (Side::Began, FirstFailure),
            (Side::Spread, Spread),
            (Side::RedisMemory, Figures(&["redis-memory"])),
            (Side::Collections, Figures(&["full-gc", "full-gc-pause", "gc-pause", "gc-time"])),
            (Side::Report, ThisPage),
        ],
    ),
];

/// How a line came out; of several, the greatest counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Met,
    NotMeasured,
    Warned,
    Failed,
    ByHand,
}

/// A line's mark, and what was found.
type Marked = (Mark, Markup);

impl Page<'_> {
    pub(super) fn checklist(&self) -> Option<Section> {
        self.watch()?;
        let table = |(when, lines): &(Side, &[(Side, Rule)])| {
            let mut table = Table::new(self.word(*when))
                .words(self.word(Side::Item))
                .text(self.word(Side::Mark))
                .words(self.word(Side::Found))
                .words(self.word(Side::DecidedBy));
            for (line, rule) in *lines {
                let (mark, found) = self.marked(rule);
                table.row(vec![
                    html! { (self.word(*line)) },
                    self.mark(mark, self.word(*line)),
                    found,
                    html! { span.soft { (self.decided_by(rule, mark)) } },
                ]);
            }
            table.html()
        };
        let body = html! {
            p.lead { (self.word(Side::ChecklistLead)) }
            @for part in &LINES { (table(part)) }
        };
        Some(Section { id: "checklist", title: self.word(Side::Checklist), body })
    }

    fn mark(&self, mark: Mark, line: &str) -> Markup {
        let (tone, word) = match mark {
            Mark::Met => (Tone::Good, Words::Met),
            Mark::Warned => (Tone::Warn, Words::Warning),
            Mark::NotMeasured => (Tone::Idle, Words::NotMeasured),
            Mark::Failed => (Tone::Bad, Words::Failed),
            Mark::ByHand => {
                return html! {
                    label.tick { input type="checkbox" aria-label=(line); (self.word(Side::ByHand)) }
                };
            }
        };
        tone.tag(self.word(word))
    }

    fn decided_by(&self, rule: &Rule, mark: Mark) -> Markup {
        let codes = |all: &[&str]| html! { @for (k, one) in all.iter().enumerate() { @if k > 0 { ", " } (code(one)) } };
        match rule {
            _ if mark == Mark::ByHand => html! { (self.word(Side::ByHand)) },
            ByHand => html! { (self.word(Side::ByHand)) },
            Kinds(kinds) => html! { (self.word(Side::OwnKinds)) " " (codes(kinds)) },
            Measures(measures) => codes(measures),
            Figures(names) | FiguresOrHand(names) => codes(names),
            Sources(kinds) => html! { (self.word(Side::Readings)) " " (codes(kinds)) },
            Spread => html! { (self.word(Side::ServersTable)) },
            Stable => html! { (self.word(Side::HoldFigure)) },
            FirstFailure => html! { (self.word(Side::FirstFailure)) },
            ThisPage => html! { (self.word(Side::ThisPage)) },
        }
    }

    fn marked(&self, rule: &Rule) -> Marked {
        match rule {
            ByHand => (Mark::ByHand, html! {}),
            Kinds(kinds) => self.by_kinds(kinds),
            Measures(measures) => self.by_measures(measures),
            Figures(names) => self.by_figures(names),
            FiguresOrHand(names) => match self.figures_named(names).next() {
                Some(_) => self.by_figures(names),
                None => (Mark::ByHand, html! {}),
            },
            Sources(kinds) => self.by_sources(kinds),
            Spread => self.by_spread(),
            Stable => match self.recorded.result.sessions.min_in_hold {
                Some(least) if least > 0 => (Mark::Met, html! { (grouped(least)) }),
                _ => (Mark::NotMeasured, html! {}),
            },
            FirstFailure => self.by_first_failure(),
            ThisPage => (Mark::Met, html! {}),
        }
    }

    fn by_kinds(&self, kinds: &[&str]) -> Marked {
        let result = &self.recorded.result;
        let own = || result.errors.details.iter().filter(|detail| kinds.contains(&detail.kind.as_str()));
        if own().next().is_some() {
            let found = html! { @for one in own() { div { (grouped(one.count)) " × " (code(&one.kind)) } } };
            return (Mark::Failed, found);
        }
        match result.sessions.established {
            0 => (Mark::NotMeasured, html! {}),
            _ => (Mark::Met, html! { (self.word(Side::NoneOfThem)) }),
        }
    }

    fn by_measures(&self, measures: &[&str]) -> Marked {
        let criteria = &self.recorded.result.criteria;
        let own: Vec<_> = criteria.iter().filter(|one| measures.contains(&one.measure.as_str())).collect();
        let mark = own.iter().map(|one| match one.outcome {
            Outcome::Fail if !one.stands => Mark::Warned,
            outcome => mark_of(outcome),
        });
        let found = html! {
            @for one in &own {
                div {
                    @if let Some(value) = one.measured { (sentence(&counted(&one.measure, &one.unit, value).text(self.lang))) }
                    @else { (sentence(&self.why(one))) }
                }
            }
        };
        (mark.max().unwrap_or(Mark::NotMeasured), found)
    }

    fn figures_named(&self, names: &[&str]) -> impl Iterator<Item = &WatchedResult> {
        let items = self.watch().map_or(&[][..], |watch| &watch.items);
        items.iter().filter(move |item| names.iter().any(|name| item.is_named(name)))
    }

    fn by_figures(&self, names: &[&str]) -> Marked {
        // One that has no limit is there to be known.
        let mark = |item: &WatchedResult| item.outcome.map_or(Mark::Met, mark_of);
        let found = html! {
            @for item in self.figures_named(names).take(NAMED_MAX) {
                div {
                    (name(&item.name)) ": "
                    @if let Some(value) = item.value { (shown_value(&item.unit, value)) } @else { "–" }
                }
            }
        };
        (self.figures_named(names).map(mark).max().unwrap_or(Mark::NotMeasured), found)
    }

    fn by_sources(&self, kinds: &[&str]) -> Marked {
        let items = self.watch().map_or(&[][..], |watch| &watch.items);
        let given: Vec<_> = items
            .iter()
            .filter(|item| kinds.contains(&item.source.as_str()) && item.place.is_some())
            .collect();
        let read = given.iter().filter(|item| item.readings > 0).count();
        let found = self.lang.say(Side::ReadOf, &[&read, &given.len()]);
        match (given.len(), read) {
            (0, _) => (Mark::NotMeasured, html! {}),
            (_, 0) => (Mark::Failed, html! { (found) }),
            _ => (Mark::Met, html! { (found) }),
        }
    }

    fn by_spread(&self) -> Marked {
        let result = &self.recorded.result;
        if let Some(misrouted) = result.routing.misrouted.filter(|misrouted| *misrouted > 0) {
            return (Mark::Failed, html! { (self.lang.say(Side::Misrouted, &[&grouped(misrouted)])) });
        }
        let Ok(spread) = result.spread() else {
            return (Mark::NotMeasured, html! { (self.word(Side::OneServer)) });
        };
        let found =
            self.lang.say(Side::Least, &[&figure(spread.smallest * spread.even), &figure(spread.even)]);
        (if spread.smallest >= SPREAD_MIN { Mark::Met } else { Mark::Warned }, html! { (found) })
    }

    fn by_first_failure(&self) -> Marked {
        match self.first() {
            Some(first) => {
                let after = self.span(first.line.at_seconds);
                let kind = crate::foreign::line(&first.line.kind, 60);
                (Mark::Met, html! { bdi { (self.lang.say(Side::Since, &[&kind, &after])) } })
            }
            None if self.recorded.result.errors.total == 0 => {
                (Mark::Met, html! { (self.word(Side::NoneOfThem)) })
            }
            None => (Mark::NotMeasured, html! {}),
        }
    }
}

fn mark_of(outcome: Outcome) -> Mark {
    match outcome {
        Outcome::Pass => Mark::Met,
        Outcome::Warn => Mark::Warned,
        Outcome::Fail => Mark::Failed,
        Outcome::NotMeasured => Mark::NotMeasured,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lang::Lang;
    use crate::report::measures::is_measure;
    use crate::scenario::Scenario;
    use crate::watch::builtin;

    fn rules() -> impl Iterator<Item = &'static Rule> {
        static ALL: &[(Side, &[(Side, Rule)])] = &LINES;
        ALL.iter().flat_map(|(_, lines)| lines.iter().map(|(_, rule)| rule))
    }

    /// What decides a line is there: figures and sources of the built-in set, kinds and measures of the
    /// built-in scenario. Whoever renames one finds it here.
    #[test]
    fn what_decides_a_line_exists() {
        let watch = builtin::runnity(&[]).expect("the built-in set");
        let scenario = Scenario::runnity();
        let steps: Vec<String> = scenario.step_names();
        for rule in rules() {
            match rule {
                Figures(names) => names.iter().for_each(|name| {
                    assert!(watch.items().any(|item| item.name == *name), "watch/runnity.toml has no {name}");
                }),
                Sources(kinds) => kinds.iter().for_each(|kind| {
                    assert!(
                        watch.sources.iter().any(|source| source.spec.kind() == *kind),
                        "no source {kind}"
                    );
                }),
                Measures(measures) => measures.iter().for_each(|measure| {
                    assert!(*measure == "watch.servers-up" || is_measure(measure, &steps), "no {measure}");
                }),
                Kinds(kinds) => kinds.iter().for_each(|kind| {
                    let source = Scenario::builtin("runnity").expect("it is built in");
                    assert!(source.contains(&format!("\"{kind}\"")), "no error {kind}");
                }),
                ByHand | FiguresOrHand(_) | Spread | Stable | FirstFailure | ThisPage => {}
            }
        }
    }

    /// The guide's lists: what operators check before a test, watch during it, and write down after it.
    #[test]
    fn every_line_of_the_guide_is_there() {
        let guide = [
            [
                "test members",
                "challenge is READY",
                "is WAITING",
                "Redis answers",
                "Kafka answers",
                "database answers",
                "Prometheus is up and scrapes",
                "Grafana",
                "Environment variables",
            ]
            .as_slice(),
            &[
                "Connections held",
                "during the ramp",
                "Errors as they happen",
                "CPU",
                "Memory and garbage",
                "Pub/Sub",
                "Spread over",
            ],
            &["stable maximum", "when errors began", "Spread over", "Redis memory", "Garbage", "report"],
        ];
        for ((when, lines), expected) in LINES.iter().zip(guide) {
            for part in expected {
                let is_it = |line: &&(Side, Rule)| Lang::En.word(line.0).contains(part);
                assert_eq!(lines.iter().filter(is_it).count(), 1, "{part} in {when:?}");
            }
        }
    }
}
