//! The summary that is printed when a run ends: the verdict first, then its grounds, in some 60
//! lines and a few more for each trouble.
//!
//! Prints a [`RunResult`] and computes nothing of its own. Words and marks carry the meaning;
//! colour, when asked for, only repeats it. Invariants: text of a peer is shown cut and without
//! control characters, so that it cannot rewrite a terminal; no line is wider than the page, except
//! what can be copied so: the results' path and a command.

mod find_max;
mod kinds;
mod mix;
mod propagation;
mod shards;
mod stages;
mod tables;
mod told;

pub(crate) use find_max::curves;
pub(crate) use shards::{lines as shard_lines, outcome as shard_outcome};
pub(crate) use stages::shown_steps;

use std::cmp::Reverse;
use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use textwrap::core::display_width;

use super::headline::statement;
use super::phrases::{self, server_failure, stalls, trouble, try_command, unanswered};
use super::texts::summary::{Summary, Title};
use super::texts::told::Told;
use super::{CriterionResult, ErrorDetail, RunResult, Verdict};
use crate::checks::table::{Page, Paint, wrapped};
use crate::fault;
use crate::foreign;
use crate::lang::{Lang, Reason};
use crate::numbers::{bytes, figure, grouped, percent};
use crate::plan::Observers;

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
    page.about(result);
    page.reasons(result);
    page.troubles(result);
    page.out.push('\n');
    if let Some(found) = &result.find_max {
        page.find_max(found);
    }
    let is_own = |one: &&CriterionResult| result.parts.is_empty() || one.is_watched();
    page.criteria(&result.criteria.iter().filter(is_own).cloned().collect::<Vec<_>>());
    page.shards(result);
    page.stages(result);
    page.latencies(result);
    page.requests(result);
    page.sessions(result);
    page.reconnects(result);
    page.heartbeat(result);
    page.ledger(result);
    page.membership(result);
    page.updates(result);
    page.propagation(result);
    page.messages(result);
    page.servers(result);
    page.http(result);
    page.tls(result);
    page.closes(result);
    page.errors(result);
    if let Some(command) = try_command(result, results).filter(|_| result.parts.is_empty()) {
        page.under("  → ", lang.word(Summary::OneSession), None);
        // Not wrapped, so that it can be copied.
        page.out += &format!("{}    {command}\n", page.title(None));
    }
    page.generator(result);
    page.dead_addresses(result);
    page.mix(result, results);
    if let Some(results) = results {
        let (title, path) = (page.title(Some(Title::Results)), results.display());
        page.out += &format!("{title}{path}\n");
    }
    page.out
}

/// Returns the verdict in a sentence.
pub fn verdict(result: &RunResult, lang: Lang, page: Page) -> String {
    let mut page = Text { out: String::new(), lang, page };
    page.verdict(result);
    page.out
}

struct Text {
    out: String,
    lang: Lang,
    page: Page,
}

/// Where the text begins that titles stand before.
fn title_columns(lang: Lang) -> usize {
    match lang {
        Lang::En => 12,
        Lang::Ko => 14,
    }
}

impl Text {
    fn verdict(&mut self, result: &RunResult) {
        let (word, paint) = match result.verdict {
            Verdict::Pass => (Title::Pass, Paint::Good),
            Verdict::Fail => (Title::Fail, Paint::Bad),
            Verdict::Inconclusive => (Title::Inconclusive, Paint::Warning),
        };
        let word = self.page.paint(paint, self.lang.word(word));
        self.put(&format!("{word}  "), &statement(result, self.lang), None);
        if result.tls.as_ref().is_some_and(|tls| tls.insecure) {
            self.put("  ", self.lang.word(Summary::Insecure), Some(Paint::Bad));
        }
        if !result.acceptance_shown {
            self.put("  ", self.lang.word(Summary::Unconfirmed), Some(Paint::Warning));
        }
    }

    fn about(&mut self, result: &RunResult) {
        let RunResult { scenario, version, .. } = result;
        let at = result.started_at.strftime("%F %T UTC");
        self.put("  ", &format!("{scenario} · {at} · startline {version}"), Some(Paint::Dim));
    }

    /// What the verdict's own sentence does not say.
    fn reasons(&mut self, result: &RunResult) {
        let said = match result.verdict {
            // The verdict's sentence is the first of them.
            _ if result.find_max.is_some() => 1,
            Verdict::Pass => return,
            Verdict::Fail => 0,
            Verdict::Inconclusive => 1,
        };
        let reasons = result.reasons.get(said..).unwrap_or_default();
        for reason in reasons.iter().take(REASONS_SHOWN_MAX) {
            self.put("  ", &reason.text(self.lang), None);
        }
        let hidden = reasons.len().saturating_sub(REASONS_SHOWN_MAX);
        if hidden > 0 {
            self.put("  ", &self.lang.say(Summary::MoreReasons, &[&hidden]), None);
        }
    }

    /// What is wrong by name, and what to do.
    fn troubles(&mut self, result: &RunResult) {
        for one in &result.troubles {
            self.put("  ", &trouble(one, self.lang), Some(Paint::Bad));
            self.put("    → ", one.advice(self.lang), None);
        }
    }

    fn sessions(&mut self, result: &RunResult) {
        let (lang, sessions) = (self.lang, &result.sessions);
        let started = lang.say(Summary::Started, &[&grouped(sessions.started), &grouped(sessions.planned)]);
        let came = match sessions.completed {
            0 => lang.say(Summary::Opened, &[&grouped(sessions.established), &grouped(sessions.peak)]),
            completed => lang.say(Summary::Completed, &[&grouped(completed)]),
        };
        let mut text = format!("{started}, {came}");
        if sessions.finished > 0 {
            text = format!("{text}, {}", lang.say(Told::Finished, &[&grouped(sessions.finished)]));
        }
        if let Some(least) = sessions.min_in_hold {
            let hold = lang.span(Duration::try_from_secs_f64(result.hold.seconds).unwrap_or_default());
            let end = grouped(sessions.held_to_end);
            text = lang.say(Summary::Throughout, &[&text, &grouped(least), &hold, &end]);
        }
        self.line(Title::Sessions, &text);
        if let Some(achieved) = result.arrivals.achieved_per_s.map(figure) {
            let text = match result.arrivals.planned_per_s.map(figure) {
                Some(planned) => lang.say(Summary::PerSecondPlanned, &[&achieved, &planned]),
                None => lang.say(Summary::PerSecond, &[&achieved]),
            };
            self.line(Title::Arrivals, &text);
        }
        let pauses = phrases::pauses(&result.pauses, lang);
        pauses.into_iter().for_each(|pause| self.warn(&pause));
    }

    fn reconnects(&mut self, result: &RunResult) {
        let Some(reconnects) = &result.reconnects else { return };
        for (k, line) in reconnects.lines(self.lang).iter().enumerate() {
            self.put(&self.title(Some(Title::Reconnects).filter(|_| k == 0)), line, None);
        }
        reconnects.details(self.lang, SERVERS_SHOWN_MAX).iter().for_each(|line| self.more(line));
    }

    fn heartbeat(&mut self, result: &RunResult) {
        let ping = &result.ping;
        for (name, every) in result.every.iter().filter(|(_, every)| every.due > 0) {
            let counts =
                [every.due, every.answered, every.late, every.unanswered, every.missed, every.pending];
            let [due, answered, late, unanswered, missed, pending] = counts.map(grouped);
            // Of what awaits no reply there is no step.
            let (title, text) = match result.steps.get(name) {
                Some(_) => {
                    let counts: [&dyn Display; 7] =
                        [&name, &due, &answered, &late, &unanswered, &missed, &pending];
                    (Title::Heartbeat, self.lang.say(Summary::Heartbeats, &counts))
                }
                None => {
                    let counts: [&dyn Display; 4] = [&name, &due, &grouped(every.sent), &missed];
                    (Title::Periodic, self.lang.say(Summary::SentOnly, &counts))
                }
            };
            self.line(title, &text);
        }
        if let (Some(p99), Some(max)) = (ping.missed_wait.p99_ms, ping.missed_wait.max_ms) {
            self.more(&self.lang.say(Summary::MissedWait, &[&figure(p99), &figure(max)]));
        }
    }

    fn ledger(&mut self, result: &RunResult) {
        let Some(ledger) = &result.ledger else { return };
        let lang = self.lang;
        let counts = [ledger.observers, ledger.expected, ledger.missing, ledger.duplicate, ledger.overlap];
        let [observers, expected, missing, duplicate, overlap] = counts.map(grouped);
        let text = lang.say(Summary::Pairs, &[&observers, &expected, &missing, &duplicate, &overlap]);
        self.line(Title::Broadcasts, &text);
        ledger.shape.lines(lang).iter().for_each(|line| self.more(line));
        if let Some(advice) = ledger.shape.advice(lang) {
            self.under("  → ", advice, None);
        }
        let planned = planned_observers(result);
        if planned < result.sessions.planned {
            let counts = [planned, result.sessions.planned].map(grouped);
            self.more(&lang.say(Summary::PartJudged, &[&counts[0], &counts[1], &"--observers all"]));
        }
        if ledger.strangers + ledger.own > 0 {
            self.more(&lang.say(Summary::Strangers, &[&grouped(ledger.strangers), &grouped(ledger.own)]));
        }
        if ledger.gone_while_open > 0 {
            let gone = lang.say(Summary::Gone, &[&grouped(ledger.gone_while_open)]);
            let first = ledger.gone_samples.first();
            self.more(&first.map_or_else(|| gone.clone(), |id| lang.say(Summary::SuchAs, &[&gone, id])));
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
        let hidden = types.len().saturating_sub(TYPES_SHOWN_MAX);
        types.truncate(TYPES_SHOWN_MAX);
        let received = format!("{} ({})", grouped(messages.received), bytes(messages.bytes));
        self.line(Title::Messages, &received);
        self.more(&counted(types.into_iter()));
        if hidden > 0 {
            self.more(&self.lang.say(Summary::More, &[&hidden]));
        }
        self.compressed(result);
        self.kinds(messages);
        if messages.joined > 0 {
            let text = self.lang.say(Summary::Joined, &[&grouped(messages.joined)]);
            self.warn(&text);
        }
        if let Some(other) = &messages.first_other {
            let at = self.at(other.at_seconds);
            let text = foreign::line(&other.text, EVIDENCE_CHARS_MAX);
            self.more(&self.lang.say(Summary::FirstOther, &[&other.member_id, &at, &text]));
        }
    }

    fn servers(&mut self, result: &RunResult) {
        let lang = self.lang;
        let all: u64 =
            result.servers.iter().map(|(_, server)| server.opened).sum::<u64>() + result.routing.beyond;
        for (k, (url, server)) in result.servers.iter().take(SERVERS_SHOWN_MAX).enumerate() {
            let text = phrases::server(url, server, all, lang);
            self.put(&self.title(Some(Title::Servers).filter(|_| k == 0)), &text, None);
            if let Some(worst) = server.failures.first() {
                self.under("  ", &server_failure(server, worst, lang), None);
            }
        }
        let hidden = result.servers.len().saturating_sub(SERVERS_SHOWN_MAX);
        if hidden > 0 {
            self.more(&lang.say(Summary::More, &[&hidden]));
        }
        phrases::spread(result, lang).iter().for_each(|line| self.more(line));
    }

    /// Only where sessions shared their connections.
    fn http(&mut self, result: &RunResult) {
        let http = &result.http;
        let Some(shared) = http.shared_per_worker else { return };
        let (requests, connections) = (grouped(http.requests), grouped(http.connections));
        let (shared, reused) = (grouped(shared.into()), grouped(http.reused));
        let text = self.lang.say(Summary::Shared, &[&requests, &connections, &shared, &reused]);
        self.line(Title::Http, &text);
        if let (Some(p99), Some(max)) = (http.wait_p99_ms, http.wait_max_ms) {
            let waited = grouped(http.waited);
            self.more(&self.lang.say(Summary::Waited, &[&waited, &figure(p99), &figure(max)]));
        }
    }

    /// Only what should not be.
    fn closes(&mut self, result: &RunResult) {
        let Some(them) = result.ramp_down.as_ref().filter(|them| them.cut + them.timed_out > 0) else {
            return;
        };
        let [clean, cut, timed_out] = [them.clean, them.cut, them.timed_out].map(grouped);
        self.line(Title::Closes, &self.lang.say(Summary::Closed, &[&clean, &cut, &timed_out]));
    }

    fn tls(&mut self, result: &RunResult) {
        let Some(tls) = result.tls.as_ref().filter(|tls| tls.full + tls.resumed > 0) else { return };
        let (all, full, resumed) = (grouped(tls.full + tls.resumed), grouped(tls.full), grouped(tls.resumed));
        self.line(Title::Tls, &self.lang.say(Summary::Handshakes, &[&all, &full, &resumed]));
        let parts = [&tls.versions, &tls.suites, &tls.key_exchanges];
        self.more(&counted(parts.iter().flat_map(|part| part.iter()).map(|(name, count)| (name, *count))));
        if tls.key_updates > 0 {
            self.more(&self.lang.say(Summary::KeyUpdates, &[&grouped(tls.key_updates)]));
        }
    }

    fn errors(&mut self, result: &RunResult) {
        let (lang, errors) = (self.lang, &result.errors);
        let (total, attempts) = (grouped(errors.total), grouped(errors.attempts));
        let text = lang.say(Summary::ErrorRate, &[&total, &attempts, &percent(errors.rate)]);
        self.line(Title::Errors, &text);
        for detail in errors.details.iter().take(ERRORS_SHOWN_MAX) {
            self.error(detail);
        }
        let hidden = errors.details.len().saturating_sub(ERRORS_SHOWN_MAX);
        if hidden > 0 {
            self.more(&lang.say(Summary::MoreKinds, &[&hidden]));
        }
        if errors.member_burned > 0 {
            self.more(&lang.say(Summary::Burned, &[&grouped(errors.member_burned)]));
        }
        if errors.messages > 0 {
            self.more(&lang.say(Summary::ErrorMessages, &[&grouped(errors.messages)]));
        }
        if errors.reconnected > 0 {
            self.warn(&lang.say(Summary::Reconnected, &[&grouped(errors.reconnected)]));
        }
    }

    fn error(&mut self, detail: &ErrorDetail) {
        let lang = self.lang;
        let count = self.page.paint(Paint::Bad, &format!("{} × {}", grouped(detail.count), detail.kind));
        let blame = Reason::of_blame(&detail.blame);
        let blame = blame.map_or(detail.blame.as_str(), |blame| lang.word(blame));
        let mut text = match detail.step.as_str() {
            "" => lang.say(Summary::Error, &[&count, &blame]),
            step => lang.say(Summary::ErrorInStep, &[&count, &step, &blame]),
        };
        if let Some(sample) = &detail.sample {
            text = lang.say(Summary::FirstKept, &[&text, &sample.member_id, &self.at(sample.at_seconds)]);
        }
        self.more(&text);
        let evidence =
            detail.sample.as_ref().map(|sample| foreign::line(&sample.evidence, EVIDENCE_CHARS_MAX));
        if let Some(evidence) = evidence.filter(|evidence| !evidence.is_empty()) {
            self.under("    ", &evidence, Some(Paint::Dim));
        }
        self.under("  → ", fault::advice_in(lang, &detail.next), None);
    }

    fn generator(&mut self, result: &RunResult) {
        let (lang, own) = (self.lang, &result.generator);
        let lag = own.lag_p99_ms.map(|lag| lang.say(Summary::Lag, &[&figure(lag)]));
        let each = own.bytes_per_session.filter(|each| *each > 0.0);
        let parts = [
            Some(lang.say(Summary::Workers, &[&own.workers])),
            lag,
            Some(lang.say(Summary::Cpu, &[&figure(own.cpu_seconds), &bytes(own.rss_bytes)])),
            each.map(|each| lang.say(Summary::EachSession, &[&bytes(each as u64)])),
        ];
        self.line(Title::Generator, &parts.into_iter().flatten().collect::<Vec<_>>().join(", "));
        if let Some(longest) = result.stalls.longest_seconds {
            self.more(&stalls(&result.stalls, longest, lang));
        }
        let by_source = &own.connections_by_source;
        if by_source.len() > 1 {
            let counts = || by_source.values().copied();
            let (least, most) = (counts().min().unwrap_or(0), counts().max().unwrap_or(0));
            let all = grouped(counts().sum());
            let args: [&dyn Display; 4] = [&all, &by_source.len(), &grouped(least), &grouped(most)];
            self.more(&lang.say(Summary::Sources, &args));
        }
        if by_source.len() > 1 && !own.unanswered_by_source.is_empty() {
            self.more(&unanswered(&own.unanswered_by_source, lang));
        }
    }

    /// A dead one of several is no failure of a session: the next address is tried.
    fn dead_addresses(&mut self, result: &RunResult) {
        let all = &result.generator.connections_by_address;
        for (address, counts) in all.iter().filter(|(_, counts)| counts.begun > 0 && counts.up == 0) {
            let begun = grouped(counts.begun);
            self.warn(&self.lang.say(Summary::DeadAddress, &[&begun, address, &all.len()]));
        }
    }

    /// An instant of the run.
    fn at(&self, seconds: f64) -> String {
        self.lang.span(Duration::try_from_secs_f64(seconds).unwrap_or_default())
    }

    /// What stands before a line's text: its title, or nothing under the title before.
    fn title(&self, title: Option<Title>) -> String {
        let title = title.map_or("", |title| self.lang.word(title));
        let room = title_columns(self.lang).saturating_sub(display_width(title));
        format!("{title}{:room$}", "")
    }

    /// Prints text after its title.
    fn line(&mut self, title: Title, text: &str) {
        self.put(&self.title(Some(title)), text, None);
    }

    /// Prints text under the title before.
    fn more(&mut self, text: &str) {
        self.under("", text, None);
    }

    fn warn(&mut self, text: &str) {
        self.under("", text, Some(Paint::Warning));
    }

    fn under(&mut self, lead: &str, text: &str, paint: Option<Paint>) {
        self.put(&format!("{}{lead}", self.title(None)), text, paint);
    }

    /// Prints text after what stands before it; what does not fit the page goes on below itself.
    fn put(&mut self, before: &str, text: &str, paint: Option<Paint>) {
        if text.is_empty() {
            return;
        }
        let room = display_width(before);
        for (k, line) in wrapped(text, self.page.columns.saturating_sub(room), true).iter().enumerate() {
            let line = paint.map_or_else(|| line.clone(), |paint| self.page.paint(paint, line));
            let before = if k == 0 { before.to_owned() } else { " ".repeat(room) };
            self.out.push_str(format!("{before}{line}").trim_end());
            self.out.push('\n');
        }
    }
}

/// `PONG 12 · CONNECTED 3`.
fn counted<'n>(counts: impl Iterator<Item = (&'n str, u64)>) -> String {
    counts.map(|(name, count)| format!("{name} {}", grouped(count))).collect::<Vec<_>>().join(" · ")
}

/// Sessions that were to judge their broadcasts.
fn planned_observers(result: &RunResult) -> u64 {
    let given = serde_json::from_value(result.plan["observers"].clone()).ok();
    Observers::among(given, u32::try_from(result.sessions.planned).unwrap_or(u32::MAX)).into()
}
