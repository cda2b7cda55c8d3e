//! The charts of the page: which there are, their frames as HTML, and their figures as JSON.
//!
//! Knows no drawing: `page.js` does that. Invariant: every chart of the data has a frame of the same
//! id; a page is small for a run of any length.

use maud::{Markup, html};
use serde::Serialize;

use super::Page;
use super::distributions::{self, Buckets};
use super::parts::{Section, name};
use super::series::{self, Chart, Figure, Instant, Kind, STEPS_MAX, Series, growth, per_second};
use crate::foreign;
use crate::lang::{Lang, Text};
use crate::numbers::grouped;
use crate::report::LatencyResult;
use crate::report::recorded::Point;
use crate::report::texts::page::Words;
use crate::report::texts::servers::Side;

/// Seconds that a row must last for its CPU time to be a rate.
const CPU_SPAN_MIN_S: f64 = 0.25;

/// Steps whose charts stay as long as servers have some.
const STEPS_BEFORE_SERVERS: usize = 3;

/// Stages and pauses that are marked.
const STAGES_MAX: usize = 200;
const PAUSES_MAX: usize = 50;

/// Characters of a name in a legend.
const LABEL_CHARS_MAX: usize = 48;

/// A chart with its title.
pub(super) struct Plot {
    pub title: Markup,
    pub note: String,
    pub chart: Chart,
}

/// A distribution with its title.
struct Curve {
    title: Markup,
    note: String,
    buckets: Buckets,
}

/// All that is drawn.
pub(super) struct Drawn {
    plots: Vec<Plot>,
    /// Of the servers' side.
    watched: Vec<Plot>,
    curves: Vec<Curve>,
    /// Steps that have no chart over time.
    hidden_steps: usize,
}

/// What `page.js` reads.
#[derive(Serialize)]
struct Data<'a> {
    start: i64,
    end: f64,
    t: Vec<Instant>,
    stalls: Vec<[f64; 2]>,
    phases: Vec<(f64, &'a str)>,
    pauses: Vec<(f64, f64, &'static str)>,
    error: Option<f64>,
    events: Vec<(f64, &'static str, String)>,
    charts: Vec<&'a Chart>,
    distributions: Vec<&'a Buckets>,
    say: Say,
}

/// Words that are drawn.
#[derive(Serialize)]
struct Say {
    error: &'static str,
    keys: &'static str,
    below: &'static str,
}

impl Page<'_> {
    /// Decides what is drawn, with as many steps as there is room for in this many bytes.
    pub(super) fn drawn(&self, bytes_max: usize) -> (Drawn, String) {
        let all = self.recorded.timeline.steps.len().min(STEPS_MAX);
        // Some steps' charts go first, then those of servers, then the other steps'.
        let some = all.min(STEPS_BEFORE_SERVERS);
        let room = (some..=all).rev().map(|steps| (steps, true));
        for (steps, has_servers) in room.chain((1..=all).rev().map(|steps| (steps, false))) {
            let drawn = self.with_steps(steps, has_servers);
            let json = self.json(&drawn);
            if json.len() <= bytes_max {
                return (drawn, json);
            }
        }
        let drawn = self.with_steps(0, false);
        let json = self.json(&drawn);
        (drawn, json)
    }

    fn with_steps(&self, steps: usize, has_servers: bool) -> Drawn {
        let timeline = &self.recorded.timeline;
        let mut plots = Vec::new();
        if !timeline.points.is_empty() {
            plots.push(self.plot(
                "sessions",
                Words::Sessions,
                Words::SessionsNote,
                Kind::Lines,
                "count",
                self.sessions(),
            ));
            plots.push(self.plot(
                "arrivals",
                Words::Arrivals,
                Words::PerSecond,
                Kind::Lines,
                "rate",
                self.arrivals(),
            ));
            plots.push(self.plot(
                "errors",
                Words::ErrorsByKind,
                Words::PerSecond,
                Kind::Stacked,
                "rate",
                self.errors(),
            ));
            plots.extend(self.reconnects_plot());
            plots.extend(has_servers.then(|| self.server_plots()).into_iter().flatten());
            plots.extend(
                (0..timeline.steps.len())
                    .filter(|k| self.has_latencies(*k))
                    .take(steps)
                    .map(|k| self.bands(k)),
            );
            plots.push(self.plot(
                "messages",
                Words::MessagesByKind,
                Words::PerSecond,
                Kind::Lines,
                "rate",
                self.by_kind(),
            ));
            plots.extend(self.reach_plot());
            plots.extend(self.updates_plot());
            let delays =
                (0..timeline.announced.len()).filter(|k| self.has_latencies(timeline.steps.len() + k));
            plots.extend(delays.map(|k| self.delays(k)));
            plots.push(self.plot("bytes", Words::Bytes, Words::PerSecond, Kind::Area, "bytes", self.bytes()));
            let lag = vec![series::series("p99", timeline, |point| point.lag_p99_ms)];
            plots.push(self.plot("lag", Words::LagChart, Words::LagNote, Kind::Lines, "ms", lag));
            let cpu = series::series(self.word(Words::CpuCores), timeline, |point| {
                // A phase ends with a row of milliseconds, whose CPU time is too little to divide.
                (point.length_s() >= CPU_SPAN_MIN_S).then(|| point.cpu_s / point.length_s())
            });
            plots.push(self.plot("cpu", Words::CpuChart, Words::CpuNote, Kind::Area, "cores", vec![cpu]));
            let memory =
                series::series(self.word(Words::Resident), timeline, |point| Some(point.rss_bytes as f64));
            plots.push(self.plot(
                "memory",
                Words::MemoryChart,
                Words::MemoryNote,
                Kind::Area,
                "bytes",
                vec![memory],
            ));
        }
        let with_latencies = (0..timeline.steps.len()).filter(|k| self.has_latencies(*k)).count();
        Drawn {
            plots,
            watched: self.watched_plots(),
            curves: self.curves(),
            hidden_steps: with_latencies.saturating_sub(steps),
        }
    }

    pub(super) fn plot(
        &self,
        id: &str,
        title: impl Text,
        note: impl Text,
        kind: Kind,
        unit: &'static str,
        series: Vec<Series>,
    ) -> Plot {
        let series =
            series.into_iter().map(|one| Series { name: foreign::line(&one.name, LABEL_CHARS_MAX), ..one });
        let series: Vec<Series> = series.collect();
        Plot {
            title: html! { (self.word(title)) },
            note: self.word(note).to_owned(),
            chart: Chart {
                id: format!("c-{id}"),
                kind,
                unit,
                t: Vec::new(),
                limits: Vec::new(),
                log: spans_widely(kind, &series),
                series,
            },
        }
    }

    fn sessions(&self) -> Vec<Series> {
        let timeline = &self.recorded.timeline;
        let line = |name, of: fn(&Point) -> u64| {
            series::series(self.word(name), timeline, move |point| Some(of(point) as f64))
        };
        vec![
            line(Words::OpenSessions, |point| point.open),
            line(Words::FailedTotal, |point| point.failed_total),
            line(Words::StartedTotal, |point| point.started_total),
            Series { planned: true, ..line(Words::PlannedTotal, |point| point.planned_total) },
        ]
    }

    fn arrivals(&self) -> Vec<Series> {
        let timeline = &self.recorded.timeline;
        let planned = growth(self.word(Words::PlannedTotal), timeline, |point| point.planned_total);
        vec![
            growth(self.word(Words::StartedTotal), timeline, |point| point.started_total),
            Series { planned: true, ..planned },
        ]
    }

    fn errors(&self) -> Vec<Series> {
        let timeline = &self.recorded.timeline;
        let name = |step: &str, kind: &str| match step {
            "" => kind.to_owned(),
            step => format!("{kind} · {step}"),
        };
        let (names, counts) = series::errors(timeline, name);
        series::by_kind(&names, &counts, timeline, |others| {
            self.lang.say(Words::OtherKindsSeries, &[&others])
        })
    }

    fn by_kind(&self) -> Vec<Series> {
        let timeline = &self.recorded.timeline;
        let counts = series::messages(timeline);
        series::by_kind(&timeline.kinds, &counts, timeline, |others| {
            self.lang.say(Words::OtherKindsSeries, &[&others])
        })
    }

    fn bytes(&self) -> Vec<Series> {
        let timeline = &self.recorded.timeline;
        vec![
            series::series(self.word(Words::Received), timeline, |point| {
                per_second(point.bytes_received, point)
            }),
            series::series(self.word(Words::SentBytes), timeline, |point| {
                per_second(point.bytes_sent, point)
            }),
        ]
    }

    fn has_latencies(&self, step: usize) -> bool {
        self.recorded.timeline.points.iter().any(|point| matches!(point.bands.get(step), Some(Some(_))))
    }

    fn bands(&self, step: usize) -> Plot {
        let title = html! { (self.word(Words::LatencyOf)) " " (name(&self.recorded.timeline.steps[step])) };
        self.percentiles(step, title, Words::LatencyNote)
    }

    /// How long announcements took; they stand behind the steps.
    fn delays(&self, announced: usize) -> Plot {
        let timeline = &self.recorded.timeline;
        let title = html! { (self.word(Words::DelayOf)) " " (name(&timeline.announced[announced])) };
        self.percentiles(timeline.steps.len() + announced, title, Words::DelayNote)
    }

    fn percentiles(&self, band: usize, title: Markup, note: Words) -> Plot {
        let series = series::bands(band, &self.recorded.timeline);
        let chart = Chart {
            id: format!("c-step-{band}"),
            kind: Kind::Bands,
            unit: "ms",
            t: Vec::new(),
            limits: Vec::new(),
            log: is_skewed(&series),
            series,
        };
        Plot { title, note: self.word(note).to_owned(), chart }
    }

    fn curves(&self) -> Vec<Curve> {
        let result = &self.recorded.result;
        let mut curves = Vec::new();
        for (k, one) in self.recorded.distributions.iter().enumerate().take(STEPS_MAX) {
            let Some(due) = one.from_due.as_ref().filter(|due| !due.is_empty()) else { continue };
            let sent = one.from_sent.iter().map(|sent| (self.word(Words::FromSent), sent));
            let histograms: Vec<_> =
                std::iter::once((self.word(Words::FromScheduled), due)).chain(sent).collect();
            let mut buckets = distributions::buckets(format!("d-{k}"), &histograms);
            buckets.marks = result.steps.get(&one.step).map(|step| marks(&step.from_due)).unwrap_or_default();
            let note = self.lang.say(Words::ValuesCounted, &[&grouped(due.len())]);
            curves.push(Curve { title: name(&one.step), note, buckets });
        }
        if let Some(lag) = self.recorded.lag.as_ref().filter(|lag| !lag.is_empty()) {
            let buckets = distributions::buckets("d-lag".into(), &[(self.word(Words::LagChart), lag)]);
            let note = self.lang.say(Words::ValuesCounted, &[&grouped(lag.len())]);
            curves.push(Curve { title: html! { (self.word(Words::LagChart)) }, note, buckets });
        }
        curves
    }

    fn json(&self, drawn: &Drawn) -> String {
        let (timeline, result) = (&self.recorded.timeline, &self.recorded.result);
        let data = Data {
            start: result.started_at.as_millisecond(),
            end: timeline.points.last().map_or(0.0, |point| point.end_s),
            t: timeline.points.iter().map(|point| Instant(point.end_s)).collect(),
            stalls: result.stalls.listed.iter().map(|stall| [stall.from_seconds, stall.to_seconds]).collect(),
            phases: self.phases(),
            pauses: self.pauses(),
            error: self.first_error_at(),
            events: self.drawn_events(),
            charts: drawn.plots.iter().chain(&drawn.watched).map(|plot| &plot.chart).collect(),
            distributions: drawn.curves.iter().map(|curve| &curve.buckets).collect(),
            say: say(self.lang),
        };
        // Names and numbers only: nothing in it can fail to be JSON.
        let json = foreign::json_compact(&data).unwrap_or_else(|_| "null".into());
        json.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
    }

    /// When phases begin; of a run with stages, when those do.
    fn phases(&self) -> Vec<(f64, &str)> {
        let recorded = self.recorded;
        let phases = series::phases(&recorded.timeline);
        let is_shown = |key: &str| key == "ramp-down" || recorded.result.stages.is_empty();
        let stages = recorded.result.stages.iter().filter(|stage| stage.seconds > 0.0);
        let stages = stages.take(STAGES_MAX).map(|stage| (stage.from_seconds, stage.name.as_str()));
        let phases = phases.into_iter().filter(|(_, key)| is_shown(key));
        stages.chain(phases.map(|(at, key)| (at, self.phase(key)))).collect()
    }

    fn pauses(&self) -> Vec<(f64, f64, &'static str)> {
        let paused = self.word(Words::Paused);
        let pauses = self.recorded.result.pauses.iter().take(PAUSES_MAX);
        pauses.map(|pause| (pause.from_seconds, pause.from_seconds + pause.seconds, paused)).collect()
    }

    fn phase<'a>(&self, key: &'a str) -> &'a str {
        match key {
            "ramp" => self.word(Words::PhaseRamp),
            "settle" => self.word(Words::PhaseSettle),
            "hold" => self.word(Words::PhaseHold),
            "ramp-down" => self.word(Words::PhaseRampDown),
            other => other,
        }
    }

    pub(super) fn timelines(&self, drawn: &Drawn) -> Section {
        let body = html! {
            @if drawn.plots.is_empty() {
                p.card { (self.word(Words::NoTimeline)) }
            } @else {
                (self.without_script())
                (self.legend())
                div.charts { @for plot in &drawn.plots { (self.figure(plot)) } }
                @if drawn.hidden_steps > 0 {
                    p.soft { (self.lang.say(Words::MoreSteps, &[&drawn.hidden_steps])) }
                }
                @if !drawn.watched.is_empty() {
                    h3.between { (self.word(Side::Servers)) }
                    div.charts { @for plot in &drawn.watched { (self.figure(plot)) } }
                }
                (self.undrawn())
            }
        };
        Section { id: "timelines", title: self.word(Words::Timelines), body }
    }

    fn without_script(&self) -> Markup {
        html! { noscript { p.card.note.warn { (self.word(Words::NeedsScript)) } } }
    }

    /// What is drawn over every chart of time, and how to use them.
    fn legend(&self) -> Markup {
        let result = &self.recorded.result;
        html! {
            div.bar {
                span { i.key.phase {} (self.word(Words::PhaseBegins)) }
                @if !result.pauses.is_empty() { span { i.key.pause {} (self.word(Words::PausedMark)) } }
                @if result.stalls.count > 0 { span { i.key.stall {} (self.word(Words::Stalled)) } }
                @if self.first_error_at().is_some() {
                    span { i.key.error {} (self.word(Words::FirstErrorMark)) }
                }
                @if !self.drawn_events().is_empty() {
                    span { i.key.event {} (self.word(Side::EventMark)) }
                }
                span.screen { (self.word(Words::HowToUse)) }
                button #local type="button" hidden aria-pressed="false" { (self.word(Words::LocalTime)) }
                button #zoom type="button" hidden { (self.word(Words::ResetZoom)) }
            }
        }
    }

    fn figure(&self, plot: &Plot) -> Markup {
        let chart = &plot.chart;
        let can_log = matches!(chart.kind, Kind::Bands)
            || chart.kind == Kind::Lines && (chart.unit == "ms" || chart.id == "c-messages");
        html! {
            figure.card.chart.fills[chart.kind == Kind::Stacked] {
                figcaption {
                    h3 { (plot.title) }
                    span.soft { (plot.note) }
                    @if can_log && !chart.series.is_empty() {
                        button.log type="button" hidden aria-pressed="false" { (self.word(Words::LogScale)) }
                    }
                }
                @if chart.series.is_empty() { p.empty { (self.word(Words::NothingToDraw)) } }
                @else { div.plot id=(chart.id) {} }
            }
        }
    }

    pub(super) fn distributions(&self, drawn: &Drawn) -> Option<Section> {
        if drawn.curves.is_empty() {
            return None;
        }
        let body = html! {
            p.lead { (self.word(Words::DistributionsLead)) }
            (self.without_script())
            div.charts.small {
                @for curve in &drawn.curves {
                    figure.card.chart {
                        figcaption { h3 { (curve.title) } span.soft { (curve.note) } }
                        div.plot id=(curve.buckets.id) {}
                    }
                }
            }
        };
        Some(Section { id: "distributions", title: self.word(Words::Distributions), body })
    }
}

fn say(lang: Lang) -> Say {
    Say {
        error: lang.word(Words::FirstErrorMark),
        keys: lang.word(Words::Keys),
        below: lang.word(Words::AtOrBelow),
    }
}

fn marks(latency: &LatencyResult) -> Vec<(String, Figure)> {
    let all = [("p50", latency.p50_ms), ("p95", latency.p95_ms), ("p99", latency.p99_ms)];
    all.into_iter()
        .filter(|(_, value)| value.is_some())
        .map(|(name, value)| (name.to_owned(), Figure(value)))
        .collect()
}

/// Whether lines would hide each other on a linear axis.
fn spans_widely(kind: Kind, series: &[Series]) -> bool {
    let most = |one: &Series| one.v.iter().filter_map(|figure| figure.0).fold(0.0, f64::max);
    let peaks: Vec<f64> = series.iter().map(most).filter(|peak| *peak > 0.0).collect();
    let (least, most) =
        (peaks.iter().copied().fold(f64::MAX, f64::min), peaks.iter().copied().fold(0.0, f64::max));
    kind == Kind::Lines && peaks.len() > 1 && most > 50.0 * least
}

/// Whether the longest hide what is usual.
fn is_skewed(bands: &[Series]) -> bool {
    let values =
        |k: usize| bands.get(k).into_iter().flat_map(|one| one.v.iter().filter_map(|figure| figure.0));
    let mut usual: Vec<f64> = values(1).collect();
    usual.sort_by(f64::total_cmp);
    let middle = usual.get(usual.len() / 2).copied().unwrap_or(0.0);
    values(3).fold(0.0, f64::max) > 20.0 * middle.max(0.05)
}
