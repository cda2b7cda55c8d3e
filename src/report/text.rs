//! The summary that is printed when a run ends: the verdict first, then its grounds, in some 45
//! lines.
//!
//! Prints a [`RunResult`] and computes nothing of its own. Words and marks carry the meaning;
//! colour, when asked for, only repeats it. Invariant: text of a peer is shown on one line, cut,
//! and without control characters, so that it cannot rewrite a terminal.

use std::cmp::Reverse;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use super::phrases::{failed, is_in_doubt, own_lateness, server_failure, stalls, unanswered};
use super::texts::summary::Summary;
use super::verdict::with_unit;
use super::{CriterionResult, ErrorDetail, Outcome, RunResult, StepResult, Verdict};
use crate::checks::table::{Column, Page, Paint, Table};
use crate::foreign;
use crate::lang::Lang;
use crate::numbers::{bytes, figure, grouped, percent, span};
use crate::scenario::criteria::step_statistic;

/// Kinds of failures shown; the rest is in `summary.json`.
const ERRORS_SHOWN_MAX: usize = 4;

/// Servers shown.
const SERVERS_SHOWN_MAX: usize = 8;

/// Reasons shown under the verdict.
const REASONS_SHOWN_MAX: usize = 4;

/// Message types shown, most frequent first.
const TYPES_SHOWN_MAX: usize = 6;

/// Characters of evidence shown.
const EVIDENCE_CHARS_MAX: usize = 150;

/// The summary. `results` is the directory that holds the rest.
pub fn summary(result: &RunResult, results: Option<&Path>, lang: Lang, page: Page) -> String {
    let mut page = Text { out: String::new(), lang, page };
    page.verdict(result);
    page.criteria(&result.criteria);
    page.latencies(result);
    page.sessions(result);
    page.heartbeat(result);
    page.ledger(result);
    page.messages(result);
    page.servers(result);
    page.http(result);
    page.tls(result);
    page.closes(result);
    page.errors(result);
    page.generator(result);
    page.dead_addresses(result);
    if let Some(results) = results {
        page.line("Results", &results.display().to_string());
    }
    page.out
}

/// Returns the verdict with its reasons, and where the results are.
pub fn verdict(result: &RunResult, results: &Path, lang: Lang, page: Page) -> String {
    let mut page = Text { out: String::new(), lang, page };
    page.verdict(result);
    page.line("Results", &results.display().to_string());
    page.out
}

struct Text {
    out: String,
    lang: Lang,
    page: Page,
}

impl Text {
    fn verdict(&mut self, result: &RunResult) {
        let (word, paint) = match result.verdict {
            Verdict::Pass => (Summary::Pass, Paint::Good),
            Verdict::Fail => (Summary::Fail, Paint::Bad),
            Verdict::Inconclusive => (Summary::Inconclusive, Paint::Warning),
        };
        let word = self.page.paint(paint, self.lang.word(word));
        let plain = match result.verdict {
            Verdict::Pass => "All criteria met.".to_owned(),
            Verdict::Fail => failed(&result.criteria),
            Verdict::Inconclusive if is_in_doubt(&result.criteria) => {
                format!("{} The load generator may have caused it.", failed(&result.criteria))
            }
            Verdict::Inconclusive => "The run does not show whether the servers pass.".to_owned(),
        };
        let about = format!(
            "{} · {} · startline {}",
            result.scenario,
            result.started_at.strftime("%F %T UTC"),
            result.version
        );
        self.push(&format!("{word}  {plain}  {}", self.page.paint(Paint::Dim, &about)));
        for reason in result.reasons.iter().take(REASONS_SHOWN_MAX) {
            self.push(&format!("  {}", reason.text(self.lang)));
        }
        let hidden = result.reasons.len().saturating_sub(REASONS_SHOWN_MAX);
        if hidden > 0 {
            self.push(&format!("  … and {hidden} more reasons."));
        }
        if result.tls.as_ref().is_some_and(|tls| tls.insecure) {
            let warning =
                "INSECURE: certificates were not checked (--insecure), so any server may have answered.";
            self.push(&format!("  {}", self.page.paint(Paint::Bad, warning)));
        }
        self.push("");
    }

    fn criteria(&mut self, criteria: &[CriterionResult]) {
        if criteria.is_empty() {
            return;
        }
        let columns = [Column::words("criterion"), Column::number("measured"), Column::words("limit")];
        let mut table = Table::new(columns);
        criteria.iter().for_each(|criterion| table.row(Some(mark(criterion)), criterion_row(criterion)));
        self.out += &table.text(self.page);
        self.push("");
    }

    fn latencies(&mut self, result: &RunResult) {
        let figures = ["count", "errors", "mean", "p50", "p95", "p99", "max"].map(Column::number);
        let mut table = Table::new(std::iter::once(Column::words("latency (ms)")).chain(figures));
        for (name, step) in result.steps.iter() {
            table.row(None, std::iter::once(name.to_owned()).chain(step_cells(step)));
        }
        self.out += &table.text(self.page);
        if let Some(note) = own_lateness(result) {
            self.push(&format!("  {note}"));
        }
        self.push("");
    }

    fn sessions(&mut self, result: &RunResult) {
        let sessions = &result.sessions;
        let mut text = format!("{} of {} started", grouped(sessions.started), grouped(sessions.planned));
        if sessions.completed > 0 {
            let _ = write!(text, ", {} completed", grouped(sessions.completed));
        } else {
            let _ = write!(
                text,
                ", {} opened, {} at peak",
                grouped(sessions.established),
                grouped(sessions.peak)
            );
        }
        if let Some(least) = sessions.min_in_hold {
            let hold = span(Duration::from_secs_f64(result.hold.seconds));
            let end = grouped(sessions.held_to_end);
            let _ = write!(text, "; at least {} throughout {hold}, {end} at the end", grouped(least));
        }
        self.line("Sessions", &text);
        if let Some(achieved) = result.arrivals.achieved_per_s {
            let planned =
                result.arrivals.planned_per_s.map(|planned| format!(" of {} planned", figure(planned)));
            self.line("Arrivals", &format!("{} a second{}", figure(achieved), planned.unwrap_or_default()));
        }
    }

    fn heartbeat(&mut self, result: &RunResult) {
        let ping = &result.ping;
        if ping.due == 0 {
            return;
        }
        let text = format!(
            "{} PINGs due: {} answered, {} late, {} unanswered, {} missed, {} pending at the end",
            grouped(ping.due),
            grouped(ping.answered),
            grouped(ping.late),
            grouped(ping.unanswered),
            grouped(ping.missed),
            grouped(ping.pending)
        );
        self.line("Heartbeat", &text);
        if let (Some(p99), Some(max)) = (ping.missed_wait.p99_ms, ping.missed_wait.max_ms) {
            let text = format!(
                "the missed ones waited for a PONG, p99 {} ms, at most {} ms",
                figure(p99),
                figure(max)
            );
            self.line("", &text);
        }
    }

    fn ledger(&mut self, result: &RunResult) {
        let Some(ledger) = &result.ledger else { return };
        let text = format!(
            "{} observers, {} members expected: {} missing, {} duplicate, {} both listed and announced",
            grouped(ledger.observers),
            grouped(ledger.expected),
            grouped(ledger.missing),
            grouped(ledger.duplicate),
            grouped(ledger.overlap)
        );
        self.line("Broadcasts", &text);
        if ledger.strangers + ledger.own > 0 {
            let (strangers, own) = (grouped(ledger.strangers), grouped(ledger.own));
            self.line(
                "",
                &format!("{strangers} about members of no session here, {own} about the observer itself"),
            );
        }
        if ledger.gone_while_open > 0 {
            let gone = grouped(ledger.gone_while_open);
            let first = ledger.gone_samples.first().map(|id| format!(", such as {id}")).unwrap_or_default();
            self.line("", &format!("{gone} members announced as gone while their session was open{first}"));
        }
    }

    fn messages(&mut self, result: &RunResult) {
        let messages = &result.messages;
        let mut types: Vec<(&str, u64)> = messages
            .by_type
            .iter()
            .map(|(name, &count)| (name, count))
            .filter(|(_, count)| *count > 0)
            .collect();
        types.sort_by_key(|(_, count)| Reverse(*count));
        let shown: Vec<String> = types
            .iter()
            .take(TYPES_SHOWN_MAX)
            .map(|(name, count)| format!("{name} {}", grouped(*count)))
            .collect();
        self.line("Messages", &format!("{} ({})", grouped(messages.received), bytes(messages.bytes)));
        if !shown.is_empty() {
            self.line("", &shown.join(" · "));
        }
        if messages.joined > 0 {
            let text = format!(
                "warning: {} messages had more than one JSON text in them: only the first of each was read",
                grouped(messages.joined)
            );
            let text = self.page.paint(Paint::Warning, &text);
            self.line("", &text);
        }
        if let Some(other) = &messages.first_other {
            let (text, at) = (foreign::line(&other.text, EVIDENCE_CHARS_MAX), other.at_seconds);
            self.line("", &format!("first other: member {} at {at:.1} s: {text}", other.member_id));
        }
    }

    fn servers(&mut self, result: &RunResult) {
        let all: u64 =
            result.servers.iter().map(|(_, server)| server.opened).sum::<u64>() + result.routing.beyond;
        for (k, (url, server)) in result.servers.iter().take(SERVERS_SHOWN_MAX).enumerate() {
            let share = percent((server.opened as f64 / all.max(1) as f64 * 1e4).round() / 1e4);
            let wrong = match server.misrouted {
                Some(count) if count > 0 => format!(", {} of them misrouted", grouped(count)),
                _ => String::new(),
            };
            let text = format!(
                "{}  {} of {} sessions opened ({share} of all){wrong}",
                foreign::line(url, 60),
                grouped(server.opened),
                grouped(server.sessions)
            );
            self.line(if k == 0 { "Servers" } else { "" }, &text);
            if let Some(worst) = server.failures.first() {
                self.line("", &format!("    {}", server_failure(server, worst)));
            }
        }
        let hidden = result.servers.len().saturating_sub(SERVERS_SHOWN_MAX);
        if hidden > 0 {
            self.line("", &format!("… and {hidden} more"));
        }
    }

    /// Only where sessions shared their connections.
    fn http(&mut self, result: &RunResult) {
        let http = &result.http;
        let Some(shared) = http.shared_per_worker else { return };
        let text = format!(
            "{} requests on {} shared connections (at most {} a worker), {} of them on a reused one",
            grouped(http.requests),
            grouped(http.connections),
            grouped(shared.into()),
            grouped(http.reused)
        );
        self.line("HTTP", &text);
        if let (Some(p99), Some(max)) = (http.wait_p99_ms, http.wait_max_ms) {
            let waited = grouped(http.waited);
            self.line(
                "",
                &format!(
                    "{waited} sessions waited for one, p99 {} ms, at most {} ms (--http-connections)",
                    figure(p99),
                    figure(max)
                ),
            );
        }
    }

    /// Only what should not be.
    fn closes(&mut self, result: &RunResult) {
        let Some(them) = result.ramp_down.as_ref().filter(|them| them.cut + them.timed_out > 0) else {
            return;
        };
        self.line(
            "Closes",
            &format!(
                "{} answered by a close frame, {} cut without one, {} not answered in time",
                grouped(them.clean),
                grouped(them.cut),
                grouped(them.timed_out)
            ),
        );
    }

    fn tls(&mut self, result: &RunResult) {
        let Some(tls) = result.tls.as_ref().filter(|tls| tls.full + tls.resumed > 0) else { return };
        let (full, resumed) = (grouped(tls.full), grouped(tls.resumed));
        self.line(
            "TLS",
            &format!("{} handshakes: {full} full, {resumed} resumed", grouped(tls.full + tls.resumed)),
        );
        let parts = [&tls.versions, &tls.suites, &tls.key_exchanges];
        let all: Vec<String> = parts
            .iter()
            .flat_map(|part| part.iter())
            .map(|(name, count)| format!("{name} {}", grouped(*count)))
            .collect();
        self.line("", &all.join(" · "));
        if tls.key_updates > 0 {
            self.line("", &format!("{} key updates by servers", grouped(tls.key_updates)));
        }
    }

    fn errors(&mut self, result: &RunResult) {
        let errors = &result.errors;
        let (total, attempts) = (grouped(errors.total), grouped(errors.attempts));
        self.line("Errors", &format!("{total} of {attempts} attempts ({})", percent(errors.rate)));
        for detail in errors.details.iter().take(ERRORS_SHOWN_MAX) {
            self.error(detail);
        }
        let hidden = errors.details.len().saturating_sub(ERRORS_SHOWN_MAX);
        if hidden > 0 {
            self.line("", &format!("… and {hidden} more kinds, in summary.json"));
        }
        if errors.member_burned > 0 {
            let burned = grouped(errors.member_burned);
            self.line(
                "",
                &format!(
                    "member-burned: {burned} entered and reached no WebSocket server; locked out until the challenge is over"
                ),
            );
        }
        if errors.messages > 0 {
            let messages = grouped(errors.messages);
            self.line(
                "",
                &format!("{messages} error messages left their session open; failures.jsonl has samples"),
            );
        }
        if errors.reconnected > 0 {
            let again = grouped(errors.reconnected);
            self.line(
                "",
                &format!(
                    "warning: {again} requests were sent again: their kept-alive connections were closed before any answer"
                ),
            );
        }
    }

    fn error(&mut self, detail: &ErrorDetail) {
        let count = self.page.paint(Paint::Bad, &format!("{} × {}", grouped(detail.count), detail.kind));
        let place = if detail.step.is_empty() { String::new() } else { format!(" in {}", detail.step) };
        let mut text = format!("{count}{place} ({})", detail.blame);
        if let Some(sample) = &detail.sample {
            let at = span(Duration::from_secs_f64(sample.at_seconds.max(0.0)));
            let _ = write!(text, ", first kept: member {} at {at}", sample.member_id);
        }
        self.line("", &text);
        let evidence =
            detail.sample.as_ref().map(|sample| foreign::line(&sample.evidence, EVIDENCE_CHARS_MAX));
        if let Some(evidence) = evidence.filter(|evidence| !evidence.is_empty()) {
            let evidence = self.page.paint(Paint::Dim, &evidence);
            self.line("", &format!("    {evidence}"));
        }
        self.line("", &format!("  → {}", detail.next));
    }

    fn generator(&mut self, result: &RunResult) {
        let own = &result.generator;
        let mut text = format!("{} worker{}", own.workers, if own.workers == 1 { "" } else { "s" });
        if let Some(lag) = own.lag_p99_ms {
            let _ = write!(text, ", lag p99 {} ms", figure(lag));
        }
        let _ = write!(text, ", CPU {} s, memory {}", figure(own.cpu_seconds), bytes(own.rss_bytes));
        if let Some(each) = own.bytes_per_session.filter(|each| *each > 0.0) {
            let _ = write!(text, ", ≈ {} a session", bytes(each as u64));
        }
        self.line("Generator", &text);
        if let Some(longest) = result.stalls.longest_seconds {
            self.line("", &stalls(&result.stalls, longest));
        }
        let by_source = &own.connections_by_source;
        if by_source.len() > 1 {
            let counts = || by_source.values().copied();
            let (least, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
            let text = format!(
                "{} connections from {} source addresses, {} to {} each",
                grouped(counts().sum()),
                by_source.len(),
                grouped(least),
                grouped(most)
            );
            self.line("", &text);
        }
        if by_source.len() > 1 && !own.unanswered_by_source.is_empty() {
            self.line("", &unanswered(&own.unanswered_by_source));
        }
    }

    /// A dead one of several is no failure of a session: the next address is tried.
    fn dead_addresses(&mut self, result: &RunResult) {
        let all = &result.generator.connections_by_address;
        for (address, counts) in all.iter().filter(|(_, counts)| counts.begun > 0 && counts.up == 0) {
            let begun = grouped(counts.begun);
            let text = format!(
                "warning: none of {begun} connections to {address} came up, of {} addresses",
                all.len()
            );
            let text = self.page.paint(Paint::Warning, &text);
            self.line("", &text);
        }
    }

    /// Prints a line under its title, or, with an empty one, under the title before.
    fn line(&mut self, title: &str, text: &str) {
        self.push(&format!("{title:<12}{text}"));
    }

    fn push(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }
}

fn mark(criterion: &CriterionResult) -> (&'static str, Paint) {
    match criterion.outcome {
        Outcome::Pass => ("✓", Paint::Good),
        Outcome::Warn => ("!", Paint::Warning),
        Outcome::Fail if criterion.stands => ("✗", Paint::Bad),
        // Failed, but perhaps by our own doing.
        Outcome::Fail => ("?", Paint::Warning),
        Outcome::NotMeasured => ("–", Paint::Dim),
    }
}

fn criterion_row(criterion: &CriterionResult) -> [String; 3] {
    let show = |value: f64| with_unit(&criterion.measure, &criterion.unit, value);
    let side = match criterion.good.as_str() {
        "at-least" => "≥",
        "below" => "<",
        _ => "≤",
    };
    let mut limit = format!("{side} {}", show(criterion.limit));
    if let Some(warn) = criterion.warn {
        let _ = write!(limit, " (warn up to {})", show(warn));
    }
    if criterion.outcome == Outcome::NotMeasured {
        let _ = write!(limit, "  not measured: {}", criterion.why);
    }
    // Of a step's latency, say which figure is judged: `login p95`.
    let name = match step_statistic(&criterion.measure) {
        Some((_, statistic)) if !criterion.name.split_whitespace().any(|word| word == statistic) => {
            format!("{} {statistic}", criterion.name)
        }
        _ => criterion.name.clone(),
    };
    [name, criterion.measured.map_or_else(|| "–".into(), show), limit]
}

fn step_cells(step: &StepResult) -> [String; 7] {
    let millis = |value: Option<f64>| value.map_or_else(|| "–".into(), figure);
    let due = &step.from_due;
    [
        grouped(step.count),
        grouped(step.errors),
        millis(due.mean_ms),
        millis(due.p50_ms),
        millis(due.p95_ms),
        millis(due.p99_ms),
        millis(due.max_ms),
    ]
}
