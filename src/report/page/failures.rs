//! What went wrong: each kind with its count, its servers, samples and what to do.
//!
//! Invariant: the most frequent kinds are shown in full, the others counted.

use maud::{Markup, html};

use super::Page;
use super::parts::{Section, Table, Tone, code, evidence, name, number, sentence};
use crate::numbers::{grouped, percent};
use crate::report::ErrorDetail;
use crate::report::files::FailureLine;
use crate::report::texts::page::Words;

/// Kinds shown with samples.
const KINDS_SHOWN_MAX: usize = 12;

/// Kinds in the table of the others.
const OTHERS_SHOWN_MAX: usize = 60;

/// Samples of a kind.
const SAMPLES_MAX: usize = 5;

/// Servers of a kind.
const SERVERS_MAX: usize = 8;

impl Page<'_> {
    pub(super) fn failures(&self) -> Section {
        let errors = &self.recorded.result.errors;
        let (total, attempts, rate) = (grouped(errors.total), grouped(errors.attempts), percent(errors.rate));
        let names: Vec<&str> = self.recorded.result.heartbeats().map(|(name, _)| name).collect();
        let names = names.join(", ");
        let lead = match names.is_empty() {
            true => self.lang.say(Words::FailuresOfSessions, &[&total, &attempts, &rate]),
            false => self.lang.say(Words::FailuresLead, &[&total, &attempts, &rate, &names]),
        };
        let body = html! {
            p.lead { (lead) }
            @if errors.details.is_empty() { p.card { (Tone::Good.tag(self.word(Words::NoFailures))) } }
            @for (k, detail) in errors.details.iter().take(KINDS_SHOWN_MAX).enumerate() {
                (self.kind(detail, k == 0))
            }
            (self.other_kinds())
            (self.uncounted())
        };
        Section { id: "failures", title: self.word(Words::Failures), body }
    }

    fn kind(&self, detail: &ErrorDetail, is_first: bool) -> Markup {
        let tone = if detail.blame == "machine" { Tone::Warn } else { Tone::Bad };
        html! {
            article.card {
                h3 {
                    (grouped(detail.count)) " × " (code(&detail.kind))
                    @if !detail.step.is_empty() { " · " (code(&detail.step)) }
                    " " (tone.tag(&self.blame_text(&detail.blame)))
                }
                p.next { "→ " (sentence(self.advice(detail))) }
                (self.servers_of(detail))
                (self.samples(detail, is_first))
            }
        }
    }

    /// Where the kind happened, and from when to when.
    fn servers_of(&self, detail: &ErrorDetail) -> Markup {
        let servers = &self.recorded.result.servers;
        let at = |seconds: f64| format!("{} ({})", self.span(seconds), self.clock(seconds));
        let mut table = Table::new(self.word(Words::ByServer))
            .text(self.word(Words::Server))
            .figures(self.word(Words::Count))
            .figures(self.word(Words::FirstAt))
            .figures(self.word(Words::LastAt));
        let failed =
            servers.iter().flat_map(|(server, all)| all.failures.iter().map(move |one| (server, one)));
        let own = failed.filter(|(_, one)| one.step == detail.step && one.kind == detail.kind);
        for (server, one) in own.take(SERVERS_MAX) {
            let (first, last) = (at(one.first_seconds), at(one.last_seconds));
            table.row(vec![name(server), number(one.count), html! { (first) }, html! { (last) }]);
        }
        html! { @if !table.is_empty() { (table.html()) } }
    }

    fn samples(&self, detail: &ErrorDetail, is_open: bool) -> Markup {
        let kept = self.recorded.failures.iter();
        let own = kept.filter(|line| line.step == detail.step && line.kind == detail.kind);
        let mut samples: Vec<FailureLine> = own.take(SAMPLES_MAX).cloned().collect();
        if let (true, Some(sample)) = (samples.is_empty(), &detail.sample) {
            samples.push(FailureLine {
                at_seconds: sample.at_seconds,
                session: sample.session,
                member_id: sample.member_id.clone(),
                server: sample.server.clone(),
                step: String::new(),
                kind: String::new(),
                blame: String::new(),
                evidence: sample.evidence.clone(),
            });
        }
        if samples.is_empty() {
            return html! {};
        }
        let mut table = Table::new(self.word(Words::Samples))
            .text(self.word(Words::At))
            .figures(self.word(Words::Member))
            .text(self.word(Words::Server))
            .words(self.word(Words::Evidence));
        for line in &samples {
            let after = self.span(line.at_seconds);
            table.row(vec![
                html! { span.nowrap { (after) } " " span.soft.nowrap { (self.clock(line.at_seconds)) } },
                html! { (line.member_id) },
                line.server.as_deref().map_or_else(|| html! { "–" }, name),
                html! { code { (evidence(&line.evidence)) } },
            ]);
        }
        html! {
            details open[is_open] {
                summary { (self.lang.say(Words::SamplesShown, &[&samples.len()])) }
                (table.html())
            }
        }
    }

    fn other_kinds(&self) -> Markup {
        let details = &self.recorded.result.errors.details;
        let mut table = Table::new(self.word(Words::OtherKinds))
            .text(self.word(Words::Kind))
            .figures(self.word(Words::Count))
            .text(self.word(Words::Step))
            .text(self.word(Words::Blame))
            .words(self.word(Words::WhatToDo));
        for detail in details.iter().skip(KINDS_SHOWN_MAX).take(OTHERS_SHOWN_MAX) {
            table.row(vec![
                code(&detail.kind),
                number(detail.count),
                code(&detail.step),
                self.blame(&detail.blame),
                html! { (sentence(self.advice(detail))) },
            ]);
        }
        html! {
            @if !table.is_empty() { (table.html()) }
            (self.more(details.len(), KINDS_SHOWN_MAX + OTHERS_SHOWN_MAX))
        }
    }

    /// What is reported and is no failure of a session.
    fn uncounted(&self) -> Markup {
        let errors = &self.recorded.result.errors;
        let notes = [
            (Words::MemberBurned, errors.member_burned),
            (Words::ErrorMessages, errors.messages),
            (Words::Reconnected, errors.reconnected),
        ];
        html! {
            @if notes.iter().any(|(_, count)| *count > 0) {
                ul.card.reasons {
                    @for (text, count) in notes.iter().filter(|(_, count)| *count > 0) {
                        li { (self.lang.say(*text, &[&grouped(*count)])) }
                    }
                }
            }
        }
    }

    pub(super) fn blame(&self, key: &str) -> Markup {
        html! { (self.blame_text(key)) }
    }
}
