//! The servers' side: its charts, its tables, what happened, and what was not measured.
//!
//! Judges nothing. Invariants: a figure that was not measured is listed with what to do about it; a run
//! that watched nothing has none of this.

use maud::{Markup, html};

use super::Page;
use super::charts::Plot;
use super::parts::{Section, Table, Tone, code, evidence, name, number, or_dash, sentence};
use super::series::{Chart, Kind};
use super::watched::{self, Around, Line};
use crate::foreign;
use crate::numbers::percent;
use crate::report::texts::page::Words;
use crate::report::texts::servers::Side;
use crate::report::verdict::{sign, with_unit};
use crate::report::{Outcome, WatchEvent, WatchResult, WatchedResult};
use crate::watch::{Beyond, EventKind};

/// Rows of the tables together, and of what was not measured.
const ITEMS_MAX: usize = 60;
/// Events in the table, and as lines across the charts.
const EVENTS_MAX: usize = 60;
const EVENTS_DRAWN_MAX: usize = 40;
/// Figures in the first error's box.
const THEN_MAX: usize = 6;
/// Characters shown of an expression.
const EXPRESSION_CHARS_MAX: usize = 160;
/// Figures named together.
const NAMES_MAX: usize = 40;

impl Page<'_> {
    pub(super) fn watch(&self) -> Option<&WatchResult> {
        self.recorded.result.watch.as_ref()
    }

    fn watched_lines(&self) -> Vec<Line<'_>> {
        self.watch().map_or_else(Vec::new, |watch| watched::lines(&watch.items, &self.recorded.watch))
    }

    pub(super) fn watched_plots(&self) -> Vec<Plot> {
        let lines = self.watched_lines();
        let groups = watched::groups(&lines);
        let drawn = groups.iter().map(|group| group.lines.len()).sum();
        let plot = |(k, group): (usize, &watched::Group<'_>)| {
            let first = group.lines[0];
            let (t, series) = group.drawn(drawn);
            let grows = group.lines.iter().any(|line| line.item.judge == "growth");
            let unit = match first.unit {
                "ms" => "ms",
                "B" => "bytes",
                _ => "rate",
            };
            let limits = group.limits(self.word(Side::Warn), self.word(Side::Fail));
            let id = format!("c-watch-{k}");
            Plot {
                title: html! { (name(&title(group))) },
                note: if grows { self.word(Side::Growth).to_owned() } else { String::new() },
                chart: Chart { id, kind: Kind::Lines, unit, t, limits, log: false, series },
            }
        };
        groups.iter().enumerate().map(plot).collect()
    }

    /// What happened to servers, as lines across the charts: when, in a word, and all of it.
    pub(super) fn drawn_events(&self) -> Vec<(f64, &'static str, String)> {
        let is_drawn = |event: &&WatchEvent| {
            use EventKind::{Down, OutOfMemory, Restarted, Up};
            matches!(event.kind, Restarted | Down | Up | OutOfMemory)
        };
        let shown = |event: &WatchEvent| {
            let what = self.word(kind(event.kind));
            let (subject, why) = (foreign::line(&event.subject, 80), foreign::line(&event.evidence, 200));
            let clock = self.clock(self.seconds_of(event));
            (self.seconds_of(event), what, format!("{clock} UTC · {what}: {subject} · {why}"))
        };
        let events = self.watch().map_or(&[][..], |watch| &watch.events);
        events.iter().filter(is_drawn).take(EVENTS_DRAWN_MAX).map(shown).collect()
    }

    fn seconds_of(&self, event: &WatchEvent) -> f64 {
        event.time.duration_since(self.recorded.result.started_at).as_secs_f64()
    }

    /// Below the charts: the figures that are in none of them.
    pub(super) fn undrawn(&self) -> Markup {
        let names = self.unmeasured().map(|item| item.name.as_str()).collect::<Vec<_>>();
        html! {
            @if !names.is_empty() {
                p.card {
                    (self.lang.say(Side::Undrawn, &[&names.len()])) " " (names_of(&names)) " – "
                    a href="#not-measured" { (self.word(Side::SeeHow)) }
                }
            }
        }
    }

    fn unmeasured(&self) -> impl Iterator<Item = &WatchedResult> {
        let items = self.watch().map_or(&[][..], |watch| &watch.items);
        items.iter().filter(|item| item.outcome == Some(Outcome::NotMeasured))
    }

    pub(super) fn servers_side(&self) -> Option<Section> {
        let watch = self.watch()?;
        let mut sources: Vec<(&str, Option<&str>)> = Vec::new();
        for item in &watch.items {
            let source = (item.source.as_str(), item.place.as_deref());
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        let measured = watch.items.iter().filter(|item| item.outcome != Some(Outcome::NotMeasured));
        let shown: Vec<&WatchedResult> = measured.take(ITEMS_MAX).collect();
        let body = html! {
            (self.requests(watch))
            @for (kind, place) in sources {
                (self.figures_of(kind, place, &shown))
            }
            (self.not_measured())
            (self.events(watch))
            (self.more(watch.items.len() - self.unmeasured().count(), ITEMS_MAX))
        };
        Some(Section { id: "servers", title: self.word(Side::Servers), body })
    }

    fn figures_of(&self, kind: &str, place: Option<&str>, shown: &[&WatchedResult]) -> Markup {
        let mut table = Table::new(self.word(Side::FiguresRead))
            .text(self.word(Side::Figure))
            .text(self.word(Words::Outcome))
            .figures(self.word(Side::Value))
            .figures(self.word(Side::WarnLimit))
            .figures(self.word(Side::FailLimit))
            .short(self.word(Side::Judged));
        for item in shown.iter().filter(|item| item.source == kind && item.place.as_deref() == place) {
            let limit = |limit: Option<f64>| {
                html! { @if let Some(limit) = limit { (sign(&item.good)) " " (shown_value(&item.unit, limit)) } @else { "–" } }
            };
            table.row(vec![
                html! {
                    (name(&item.name))
                    div.soft.expression { code { bdi { (foreign::line(&item.expression, EXPRESSION_CHARS_MAX)) } } }
                },
                self.outcome_of(item),
                html! { @if let Some(value) = item.value { (shown_value(&item.unit, value)) } @else { "–" } },
                limit(item.warn),
                limit(item.fail),
                code(&item.judge),
            ]);
        }
        html! {
            @if !table.is_empty() {
                h3.between { (name(kind)) @if let Some(place) = place { " " span.soft { (name(place)) } } }
                (table.html())
            }
        }
    }

    /// The steps' requests at the servers, beside what they took here.
    fn requests(&self, watch: &WatchResult) -> Markup {
        let mut table = Table::new(self.word(Side::RequestsLead))
            .text(self.word(Words::Step))
            .text(self.word(Side::Uri))
            .figures(self.word(Words::Count))
            .figures(self.word(Side::PerSecond))
            .figures(self.word(Words::ErrorShare))
            .figures(self.word(Side::ServersMean))
            .figures(self.word(Side::OwnMean))
            .figures(self.word(Side::Difference));
        for row in watch.requests.iter().take(ITEMS_MAX) {
            let millis = |value: Option<f64>| html! { (or_dash(value)) };
            table.row(vec![
                name(&row.step),
                code(&row.uri),
                number(row.count.round() as u64),
                html! { (or_dash(row.per_second)) },
                html! { @if let Some(share) = row.error_share { (percent(share)) } @else { "–" } },
                millis(Some(row.mean_ms)),
                millis(row.own_mean_ms),
                millis(row.difference_ms),
            ]);
        }
        html! {
            @if !table.is_empty() { h3.between { (self.word(Side::Requests)) } (table.html()) }
        }
    }

    fn outcome_of(&self, item: &WatchedResult) -> Markup {
        match item.outcome {
            None => html! { span.soft { (self.word(Side::ShownOnly)) } },
            Some(Outcome::Pass) => Tone::Good.tag(self.word(Words::Met)),
            Some(Outcome::Warn) => Tone::Warn.tag(self.word(Words::Warning)),
            Some(Outcome::Fail) => Tone::Bad.tag(self.word(Words::Failed)),
            Some(Outcome::NotMeasured) => Tone::Idle.tag(self.word(Words::NotMeasured)),
        }
    }

    /// Figures that lack the same for the same reason are one row.
    fn not_measured(&self) -> Markup {
        let mut rows: Vec<(&WatchedResult, String, Vec<&str>)> = Vec::new();
        for item in self.unmeasured() {
            let why = item.why.text(self.lang);
            let same = |row: &&mut (&WatchedResult, String, Vec<&str>)| {
                row.0.source == item.source
                    && row.0.place == item.place
                    && row.0.fix == item.fix
                    && row.1 == why
            };
            match rows.iter_mut().find(same) {
                Some((.., names)) => names.push(&item.name),
                None => rows.push((item, why, vec![&item.name])),
            }
        }
        let mut table = Table::new(self.word(Side::NotMeasuredLead))
            .text(self.word(Words::Kind))
            .words(self.word(Side::Figure))
            .words(self.word(Side::Reason))
            .words(self.word(Side::HowTo));
        for (item, why, names) in rows.iter().take(ITEMS_MAX) {
            table.row(vec![
                html! { (code(&item.source)) @if let Some(place) = &item.place { div.soft { (name(place)) } } },
                names_of(names),
                evidence(why),
                html! { @if item.fix.is_empty() { "–" } @else { (evidence(&item.fix.text(self.lang))) } },
            ]);
        }
        html! {
            @if !table.is_empty() {
                h3.between #not-measured { (self.word(Side::NotMeasuredTitle)) }
                (table.html())
                (self.more(rows.len(), ITEMS_MAX))
            }
        }
    }

    fn events(&self, watch: &WatchResult) -> Markup {
        let mut table = Table::new(self.word(Side::EventsCaption))
            .short(self.word(Words::At))
            .short(self.word(Words::From))
            .text(self.word(Side::What))
            .text(self.word(Words::Server))
            .words(self.word(Side::Shown));
        for event in watch.events.iter().take(EVENTS_MAX) {
            let at = self.seconds_of(event);
            let tone = match event.kind {
                EventKind::Restarted | EventKind::Down | EventKind::OutOfMemory => Tone::Bad,
                EventKind::Up => Tone::Good,
                EventKind::SlowCommand | EventKind::SourceEnded => Tone::Warn,
            };
            table.row(vec![
                html! { (self.clock(at)) },
                html! { (self.span(at)) },
                tone.tag(self.word(kind(event.kind))),
                name(&event.subject),
                html! { code { (evidence(&event.evidence)) } },
            ]);
        }
        html! {
            h3.between { (self.word(Side::Events)) }
            @if table.is_empty() { p.card { (self.word(Side::NoEvents)) } } @else { (table.html()) }
            (self.more(watch.events.len(), EVENTS_MAX))
        }
    }

    /// What the servers' figures did when the first error occurred.
    pub(super) fn servers_then(&self, at_s: f64) -> Markup {
        let lines = self.watched_lines();
        if lines.is_empty() {
            return html! {};
        }
        let found = watched::around(&lines, at_s, THEN_MAX);
        let mut table = Table::new(self.word(Side::Then))
            .text(self.word(Side::Figure))
            .figures(self.word(Side::Before))
            .figures(self.word(Side::AtThatTime))
            .figures(self.word(Side::After));
        for one in &found {
            let show = |value: Option<f64>| {
                html! { @if let Some(value) = value { (shown_value(one.unit, value)) } @else { "–" } }
            };
            let then = html! { (shown_value(one.unit, one.then)) " " (self.beyond(one)) };
            table.row(vec![name(&one.item.name), show(one.before), then, show(one.after)]);
        }
        html! {
            @if table.is_empty() { p.next { (self.word(Side::NothingThen)) } }
            @else { (table.html()) p.soft { (self.word(Side::ThenNote)) } }
        }
    }

    fn beyond(&self, one: &Around<'_>) -> Markup {
        match one.beyond {
            Beyond::Neither => html! {},
            Beyond::Warn => Tone::Warn.tag(self.word(Side::Warn)),
            Beyond::Fail => Tone::Bad.tag(self.word(Side::Fail)),
        }
    }
}

/// `prometheus · ms`, with the figure's name where the chart has one.
fn title(group: &watched::Group<'_>) -> String {
    let first = group.lines[0];
    let what = if group.lines.len() == 1 { first.item.name.as_str() } else { first.item.source.as_str() };
    match first.unit {
        "" => what.to_owned(),
        unit => format!("{what} · {unit}"),
    }
}

/// A figure of the servers in its unit.
pub(super) fn shown_value(unit: &str, value: f64) -> Markup {
    sentence(&with_unit("watch.", unit, value))
}

pub(super) fn names_of(names: &[&str]) -> Markup {
    let hidden = names.len().saturating_sub(NAMES_MAX);
    html! {
        @for (k, one) in names.iter().take(NAMES_MAX).enumerate() { @if k > 0 { ", " } (name(one)) }
        @if hidden > 0 { " +" (number(hidden as u64)) }
    }
}

fn kind(kind: EventKind) -> Side {
    match kind {
        EventKind::Restarted => Side::Restarted,
        EventKind::Down => Side::Down,
        EventKind::Up => Side::Up,
        EventKind::OutOfMemory => Side::OutOfMemory,
        EventKind::SlowCommand => Side::SlowCommand,
        EventKind::SourceEnded => Side::SourceEnded,
    }
}
