//! Sums that close: the heartbeat's accounts, the ledger of broadcasts, messages by kind.
//!
//! Invariant: the parts of a bar are the parts of the sum beside it, and add up to its whole.

use std::cmp::Reverse;

use maud::{Markup, html};

use super::Page;
use super::parts::{Pairs, Section, Table, Tone, code, evidence, number};
use crate::numbers::{bytes, figure, grouped, percent};
use crate::report::texts::page::Words;
use crate::report::{EveryResult, LedgerResult};

/// Kinds of messages in the table.
const KINDS_MAX: usize = 40;

/// Missing pairs and other samples shown.
pub(super) const SAMPLES_MAX: usize = 10;

/// A sum: its whole and what it consists of.
pub(super) struct Sum<'a> {
    pub whole: &'a str,
    pub total: u64,
    pub parts: Vec<(&'a str, u64)>,
}

impl Page<'_> {
    pub(super) fn accounts(&self) -> Option<Section> {
        let parts = [self.heartbeat(), self.ledger(), self.departures(), self.updates(), self.messages()];
        let parts: Vec<Markup> = parts.into_iter().flatten().collect();
        if parts.is_empty() {
            return None;
        }
        let body = html! { @for part in &parts { (part) } };
        Some(Section { id: "accounts", title: self.word(Words::Accounts), body })
    }

    fn heartbeat(&self) -> Option<Markup> {
        let result = &self.recorded.result;
        let all = result.every.iter().filter(|(_, every)| every.due > 0);
        let cards: Vec<Markup> = all.map(|(name, every)| self.periodic(name, every)).collect();
        (!cards.is_empty()).then(|| html! { @for card in &cards { (card) } })
    }

    /// A periodic message's accounts; of what awaits no reply there is no step.
    fn periodic(&self, name: &str, every: &EveryResult) -> Markup {
        let result = &self.recorded.result;
        let is_heartbeat = result.steps.get(name).is_some();
        let word = |text| self.word(text);
        let due = Sum {
            whole: word(Words::Due),
            total: every.due,
            parts: vec![(word(Words::Sent), every.sent), (word(Words::Missed), every.missed)],
        };
        let sent = Sum {
            whole: word(Words::Sent),
            total: every.sent,
            parts: vec![
                (word(Words::Answered), every.answered),
                (word(Words::Late), every.late),
                (word(Words::Unanswered), every.unanswered),
                (word(Words::Pending), every.pending),
            ],
        };
        // All heartbeats' waits together: they are said where there is only one.
        let is_only = result.heartbeats().count() == 1;
        let wait = Some(&result.ping.missed_wait).filter(|_| is_heartbeat && is_only);
        let notes = [(Words::CyclesStalled, every.stalled), (Words::UnaskedPongs, every.unasked)];
        html! {
            article.card {
                h3 { (word(if is_heartbeat { Words::Heartbeat } else { Words::Periodic })) " " (code(name)) }
                (self.sum(&due))
                @if is_heartbeat { (self.sum(&sent)) }
                @if let Some((Some(p99), Some(max))) = wait.map(|wait| (wait.p99_ms, wait.max_ms)) {
                    p.soft { (self.lang.say(Words::MissedWaited, &[&figure(p99), &figure(max)])) }
                }
                @for (text, count) in notes {
                    @if count > 0 { p.soft { (self.lang.say(text, &[&grouped(count)])) } }
                }
            }
        }
    }

    /// A bar of its parts, and the sum in figures. Whether it closes is said.
    pub(super) fn sum(&self, sum: &Sum<'_>) -> Markup {
        let all: u64 = sum.parts.iter().map(|(_, count)| count).sum();
        let closes = all == sum.total;
        let width = |count: u64| format!("flex: {count} 0 0");
        html! {
            div.sum {
                div {
                    strong { (sum.whole) " " (grouped(sum.total)) }
                    " = "
                    @for (k, (name, count)) in sum.parts.iter().enumerate() {
                        @if k > 0 { " + " }
                        (name) " " (grouped(*count))
                    }
                    " "
                    @if closes { (Tone::Good.tag(self.word(Words::Closes))) }
                    @else if self.is_running() { (Tone::Idle.tag(self.word(Words::StillOpen))) }
                    @else { (Tone::Bad.tag(self.word(Words::DoesNotClose))) }
                }
                @if all > 0 {
                    div.whole aria-hidden="true" {
                        @for (k, (_, count)) in sum.parts.iter().enumerate() {
                            @if *count > 0 { i class={ "p" (k) } style=(width(*count)) {} }
                        }
                    }
                }
                ul.parts aria-hidden="true" {
                    @for (k, (name, count)) in sum.parts.iter().enumerate() {
                        li { i class={ "p" (k) } {} (name) " " (share_text(*count, all)) }
                    }
                }
            }
        }
    }

    fn ledger(&self) -> Option<Markup> {
        let ledger = self.recorded.result.ledger.as_ref()?;
        let word = |text| self.word(text);
        let expected = Sum {
            whole: word(Words::Expected),
            total: ledger.expected,
            parts: vec![(word(Words::Seen), ledger.seen), (word(Words::Missing), ledger.missing)],
        };
        let mut pairs = Pairs::default();
        for (text, count) in [
            (Words::Observers, ledger.observers),
            (Words::Duplicate, ledger.duplicate),
            (Words::Overlap, ledger.overlap),
            (Words::Strangers, ledger.strangers),
            (Words::AboutItself, ledger.own),
            (Words::GoneWhileOpen, ledger.gone_while_open),
        ] {
            pairs.add(word(text), grouped(count));
        }
        Some(html! {
            article.card {
                h3 { (word(Words::Broadcasts)) }
                p.soft { (word(Words::LedgerLead)) }
                (self.sum(&expected))
                (pairs.html())
                (self.shape())
                (self.missing_samples(ledger))
            }
        })
    }

    fn missing_samples(&self, ledger: &LedgerResult) -> Markup {
        let pairs = ledger.missing_samples.iter().take(SAMPLES_MAX);
        let pairs: Vec<String> =
            pairs.map(|pair| self.lang.say(Words::MissingPair, &[&pair.observer, &pair.member])).collect();
        let gone: Vec<String> =
            ledger.gone_samples.iter().take(SAMPLES_MAX).map(ToString::to_string).collect();
        html! {
            @if !pairs.is_empty() { p { (self.lang.say(Words::MissingSuchAs, &[&pairs.join("; ")])) } }
            @if !gone.is_empty() { p { (self.lang.say(Words::GoneSuchAs, &[&gone.join(", ")])) } }
        }
    }

    /// Ages of messages by kind, with the smallest of each server.
    fn ages(&self) -> Option<Markup> {
        let ages = &self.recorded.result.messages.ages;
        if ages.is_empty() {
            return None;
        }
        let mut table = Table::new(self.word(Words::AgesCaption).to_owned())
            .text(self.word(Words::Kind))
            .figures(self.word(Words::Count))
            .figures("p50 (ms)")
            .figures("p95 (ms)")
            .figures("max (ms)")
            .figures(self.word(Words::Negative))
            .text(self.word(Words::LeastByServer));
        for (kind, age) in ages.iter() {
            let millis = |ms: Option<f64>| html! { (ms.map_or("–".to_owned(), figure)) };
            let least = age.least_ms.iter().take(KINDS_MAX);
            let least: Vec<String> = least.map(|(url, ms)| format!("{url}: {} ms", figure(*ms))).collect();
            table.row(vec![
                code(kind),
                number(age.count),
                millis(age.latency.p50_ms),
                millis(age.latency.p95_ms),
                millis(age.latency.max_ms),
                number(age.negative),
                html! { (least.join(", ")) },
            ]);
        }
        Some(table.html())
    }

    /// Answers and numbers of messages by kind.
    fn numbered(&self) -> Markup {
        let messages = &self.recorded.result.messages;
        html! {
            @for (kind, answers) in messages.answers.iter() {
                p { (self.lang.say(Words::AnswersOf, &[&kind, &grouped(*answers)])) }
            }
            @for (kind, numbers) in messages.sequences.iter() {
                p {
                    (self.lang.say(
                        Words::SequenceOf,
                        &[&kind, &grouped(numbers.missing), &grouped(numbers.duplicate)],
                    ))
                }
            }
        }
    }

    fn messages(&self) -> Option<Markup> {
        let messages = &self.recorded.result.messages;
        if messages.received == 0 {
            return None;
        }
        let mut kinds: Vec<(&str, u64)> =
            messages.by_type.iter().map(|(kind, count)| (kind, *count)).collect();
        kinds.retain(|(_, count)| *count > 0);
        kinds.sort_by_key(|(_, count)| Reverse(*count));
        let mut table = Table::new(self.lang.say(
            Words::MessagesCaption,
            &[
                &grouped(messages.received),
                &bytes(messages.bytes),
                &bytes(messages.socket_bytes_received),
                &bytes(messages.socket_bytes_sent),
            ],
        ))
        .text(self.word(Words::Kind))
        .figures(self.word(Words::Count))
        .figures(self.word(Words::Share))
        .text("");
        for (kind, count) in kinds.iter().take(KINDS_MAX) {
            let share = round(*count, messages.received);
            table.row(vec![
                code(kind),
                number(*count),
                html! { (share_text(*count, messages.received)) },
                share_bar(share),
            ]);
        }
        Some(html! {
            h3 .between { (self.word(Words::Messages)) }
            (table.html())
            (self.more(kinds.len(), KINDS_MAX))
            @if let Some(compressed) = messages.compressed {
                @for (text, is_warning) in compressed.said(self.recorded.result.sessions.established, self.lang) {
                    p.card.note.warn[is_warning] { (text) }
                }
            }
            @if let Some(ages) = self.ages() { (ages) }
            (self.numbered())
            @if messages.joined > 0 {
                p.card.note.warn { strong { (self.lang.say(Words::Joined, &[&grouped(messages.joined)])) } }
            }
            @if let Some(other) = &messages.first_other {
                div.card {
                    p {
                        (self.lang.say(Words::FirstOther, &[&other.member_id, &self.span(other.at_seconds)]))
                        " " (self.clock(other.at_seconds)) " UTC"
                    }
                    code.evidence { (evidence(&other.text)) }
                }
            }
        })
    }
}

/// A share in words: what is not nothing, and not everything, is not shown as that.
pub(super) fn share_text(count: u64, all: u64) -> String {
    match round(count, all) {
        0.0 if count > 0 => "< 0.01 %".to_owned(),
        1.0 if count < all => "> 99.99 %".to_owned(),
        share => percent(share),
    }
}

/// A share of a whole, to a hundredth of a per cent.
pub(super) fn round(count: u64, all: u64) -> f64 {
    (count as f64 / all.max(1) as f64 * 1e4).round() / 1e4
}

/// A share as a bar; the figure stands beside it.
pub(super) fn share_bar(share: f64) -> Markup {
    let width = format!("width: {:.1}%", share.clamp(0.0, 1.0) * 100.0);
    html! { span.share aria-hidden="true" { i style=(width) {} } }
}
