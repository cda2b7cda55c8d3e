//! The head of the page: the verdict in a sentence, why, the first failure, the key figures.
//!
//! Invariant: what decides comes first; nothing here needs a chart.

use maud::{Markup, html};

use super::Page;
use super::parts::{Pairs, Tone, code, evidence, name, sentence};
use crate::foreign;
use crate::numbers::{bytes, figure, grouped, percent};
use crate::report::files::FailureLine;
use crate::report::texts::page::Words;
use crate::report::{ErrorDetail, RunResult, Verdict, phrases};

/// Reasons shown; the rest is in `summary.json`.
const REASONS_SHOWN_MAX: usize = 12;

/// The earliest failure that was kept.
pub(super) struct First<'a> {
    pub line: FailureLine,
    detail: Option<&'a ErrorDetail>,
}

impl Page<'_> {
    pub(super) fn top(&self) -> Markup {
        let result = &self.recorded.result;
        let tone = match result.verdict {
            Verdict::Pass => Tone::Good,
            Verdict::Fail => Tone::Bad,
            Verdict::Inconclusive => Tone::Warn,
        };
        html! {
            (self.unfinished())
            div class={ "card verdict " (tone.class()) } {
                (tone.icon("icon"))
                h1 { span.word { (self.verdict_word()) } (sentence(&self.statement())) }
                p.about { (self.about()) }
            }
            (self.insecure())
            (self.unconfirmed())
            @for trouble in &result.troubles {
                div.card.first.bad {
                    p { (sentence(&phrases::trouble(trouble, self.lang))) }
                    p.next { "→ " (sentence(trouble.advice(self.lang))) }
                }
            }
            (self.first_failure())
            @if let Some(stable) = self.stable() { p.card { strong { (sentence(&stable)) } } }
            (self.tiles())
            (self.reasons())
        }
    }

    /// That the page was written before the run's end, where it was.
    fn unfinished(&self) -> Markup {
        if !self.is_running() {
            return html! {};
        }
        let until = self.recorded.timeline.points.last().map_or(0.0, |point| point.end_s);
        let until = self.span(until);
        html! {
            div.card.note.warn role="note" {
                strong { (self.word(Words::Unfinished)) } " "
                (self.lang.say(Words::UnfinishedUntil, &[&until]))
            }
        }
    }

    fn unconfirmed(&self) -> Markup {
        let is_shown = self.recorded.result.acceptance_shown;
        html! {
            @if !is_shown { div.card.note.warn role="note" { (self.word(Words::Unconfirmed)) } }
        }
    }

    fn insecure(&self) -> Markup {
        let is_insecure = self.recorded.result.tls.as_ref().is_some_and(|tls| tls.insecure);
        html! {
            @if is_insecure { div.card.note.bad role="note" { strong { (self.word(Words::Insecure)) } } }
        }
    }

    fn about(&self) -> Markup {
        let result = &self.recorded.result;
        let target = match result.plan["target"].as_str() {
            Some(target) => name(target),
            None => html! { (self.word(Words::MockServer)) },
        };
        html! {
            (self.word(Words::Scenario)) " " (name(&result.scenario)) " · " (target) " · "
            time datetime=(result.started_at.to_string()) { (result.started_at.strftime("%F %T UTC")) }
            " · startline " (foreign::line(&result.version, 40))
        }
    }

    fn reasons(&self) -> Markup {
        let reasons = self.reason_texts();
        let hidden = reasons.len().saturating_sub(REASONS_SHOWN_MAX);
        html! {
            @if !reasons.is_empty() {
                section #why {
                    h2 { (self.word(Words::Why)) }
                    ul.reasons {
                        @for reason in reasons.iter().take(REASONS_SHOWN_MAX) { li { (sentence(reason)) } }
                        @if hidden > 0 { li { (self.lang.say(Words::MoreInSummary, &[&hidden])) } }
                    }
                }
            }
        }
    }

    fn tiles(&self) -> Markup {
        let result = &self.recorded.result;
        let (errors, messages, own) = (&result.errors, &result.messages, &result.generator);
        let say = |text, figure: Option<f64>| {
            figure.map(|value| self.lang.say(text, &[&crate::numbers::figure(value)])).unwrap_or_default()
        };
        let attempts = self.lang.say(Words::OfAttempts, &[&grouped(errors.total), &grouped(errors.attempts)]);
        let mut tiles = vec![self.sessions_tile(result)];
        let mut add = |name, value: String, more: &str| tiles.push(tile(self.word(name), &value, more));
        if let Some(achieved) = result.arrivals.achieved_per_s {
            let planned = say(Words::OfPlanned, result.arrivals.planned_per_s);
            add(Words::ArrivalsPerS, figure(achieved), &planned);
        }
        add(Words::ErrorRate, percent(errors.rate), &attempts);
        if let Some((step, p95)) = slowest(result) {
            add(Words::SlowestStep, format!("{} ms", figure(p95)), &foreign::line(step, 40));
        }
        add(Words::MessagesReceived, short(messages.received), &bytes(messages.bytes));
        if let Some(lag) = own.lag_p99_ms {
            add(Words::GeneratorLag, format!("{} ms", figure(lag)), &say(Words::LagLimit, own.lag_limit_ms));
        }
        html! { div.tiles { @for tile in &tiles { (tile) } } }
    }

    fn sessions_tile(&self, result: &RunResult) -> Markup {
        let sessions = &result.sessions;
        let planned = self.lang.say(Words::OfPlanned, &[&grouped(sessions.planned)]);
        match sessions.min_in_hold {
            Some(least) => tile(self.word(Words::OpenThroughout), &grouped(least), &planned),
            None if sessions.completed > 0 => {
                tile(self.word(Words::Completed), &grouped(sessions.completed), &planned)
            }
            None => tile(self.word(Words::OpenAtPeak), &grouped(sessions.peak), &planned),
        }
    }

    fn first_failure(&self) -> Markup {
        let Some(First { line, detail }) = self.first() else { return html! {} };
        let after = self.span(line.at_seconds);
        let mut facts = Pairs::default();
        facts.add(self.word(Words::Step), code(&line.step));
        facts.add(self.word(Words::Blame), self.blame(&line.blame));
        facts.add(self.word(Words::Server), line.server.as_deref().map_or_else(|| html! { "–" }, name));
        facts.add(self.word(Words::Member), line.member_id.to_string());
        if let Some(open) = self.recorded.timeline.open_at(line.at_seconds) {
            facts.add(self.word(Words::OpenThen), grouped(open));
        }
        if let Some(detail) = detail {
            facts.add(self.word(Words::OfThisKind), grouped(detail.count));
        }
        html! {
            div.card.first.bad {
                h2 {
                    (self.word(Words::FirstError)) " " (code(&line.kind)) " – "
                    (self.lang.say(Words::AfterStart, &[&after]))
                    " " span.soft { "(" (self.clock(line.at_seconds)) " UTC)" }
                }
                (facts.facts())
                @if !line.evidence.is_empty() { code.evidence { (evidence(&line.evidence)) } }
                (self.servers_then(line.at_seconds))
                @if let Some(detail) = detail { p.next { "→ " (sentence(self.advice(detail))) } }
            }
        }
    }

    /// From the failures that were kept, or without them from the result's samples.
    pub(super) fn first(&self) -> Option<First<'_>> {
        let details = &self.recorded.result.errors.details;
        let of = |step: &str, kind: &str| details.iter().find(|one| one.step == step && one.kind == kind);
        let counted = |line: &&FailureLine| of(&line.step, &line.kind).is_some();
        if let Some(line) = self.recorded.failures.iter().find(counted) {
            return Some(First { line: line.clone(), detail: of(&line.step, &line.kind) });
        }
        let sampled = details.iter().filter_map(|detail| Some((detail, detail.sample.as_ref()?)));
        let (detail, sample) =
            sampled.min_by(|(_, one), (_, other)| one.at_seconds.total_cmp(&other.at_seconds))?;
        let line = FailureLine {
            at_seconds: sample.at_seconds,
            session: sample.session,
            member_id: sample.member_id.clone(),
            server: sample.server.clone(),
            step: detail.step.clone(),
            kind: detail.kind.clone(),
            blame: detail.blame.clone(),
            evidence: sample.evidence.clone(),
        };
        Some(First { line, detail: Some(detail) })
    }

    /// When the first failure was, in seconds since the run began.
    pub(super) fn first_error_at(&self) -> Option<f64> {
        self.first().map(|first| first.line.at_seconds)
    }
}

fn tile(name: &str, value: &str, more: &str) -> Markup {
    html! { div.tile { div.name { (name) } div.value { (value) } div.more { (more) } } }
}

/// The step whose 95th percentile is the longest.
fn slowest(result: &RunResult) -> Option<(&str, f64)> {
    let p95 = result.steps.iter().filter_map(|(name, step)| Some((name, step.from_due.p95_ms?)));
    p95.max_by(|(_, one), (_, other)| one.total_cmp(other))
}

/// A count in the space of a few digits.
fn short(count: u64) -> String {
    match count {
        0..10_000_000 => grouped(count),
        _ if count < 1_000_000_000 => format!("{} M", figure(count as f64 / 1e6)),
        _ => format!("{} G", figure(count as f64 / 1e9)),
    }
}
