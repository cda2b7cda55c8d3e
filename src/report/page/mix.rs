//! The parts of a mix: how each came out, and where its own page is.
//!
//! Computes nothing. Invariant: a run of one scenario has no such section.

use maud::{Markup, html};

use super::Page;
use super::parts::{Section, Table, Tone, name, number, or_dash, sentence};
use crate::lang::Lang;
use crate::numbers::percent;
use crate::report::files::REPORT;
use crate::report::headline::statement;
use crate::report::texts::page::Words;
use crate::report::texts::summary::{Summary, Title};
use crate::report::{MixPart, Verdict};

impl Page<'_> {
    pub(super) fn mix(&self) -> Option<Section> {
        let parts = &self.recorded.result.parts;
        if parts.is_empty() {
            return None;
        }
        let mut table = Table::new(self.word(Words::PartsCaption))
            .wide()
            .text(self.word(Words::PartOfMix))
            .text(self.word(Words::Outcome))
            .figures(self.word(Words::PartWeight))
            .group(self.word(Words::StartedInStage))
            .figures(self.word(Words::OpenedInStage))
            .figures(self.word(Words::PartFailed))
            .figures(self.word(Words::HeldAtLeast))
            .figures(self.word(Words::ErrorRate))
            .group(self.word(Words::MessagesReceived))
            .figures(self.word(Words::PairsExpected))
            .figures(self.word(Words::PairsMissing));
        for part in parts {
            table.row(row(part, self.lang));
        }
        let body = html! {
            p.lead { (self.word(Words::PartsLead)) }
            (table.html())
            ul.reasons {
                @for part in parts { li { (name(&part.name)) ": " (sentence(&statement(&part.result, self.lang))) } }
                @for part in parts.iter().filter(|part| !part.unjudged_with.is_empty()) {
                    li {
                        (name(&part.name)) ": "
                        (sentence(&self.lang.say(Summary::UnjudgedWith, &[&part.unjudged_with.join(", ")])))
                    }
                }
            }
        };
        Some(Section { id: "parts", title: self.word(Words::Parts), body })
    }
}

fn row(part: &MixPart, lang: Lang) -> Vec<Markup> {
    let result = &part.result;
    let (tone, word) = match result.verdict {
        Verdict::Pass => (Tone::Good, Title::Pass),
        Verdict::Fail => (Tone::Bad, Title::Fail),
        Verdict::Inconclusive => (Tone::Warn, Title::Inconclusive),
    };
    let or_none = |count: Option<u64>| count.map_or_else(|| html! { (or_dash(None)) }, number);
    let ledger = result.ledger.as_ref();
    vec![
        html! { a href={ (part.directory) "/" (REPORT) } { (name(&part.name)) } },
        tone.tag(lang.word(word)),
        number(part.weight.into()),
        number(result.sessions.started),
        number(result.sessions.established + result.sessions.completed),
        number(result.sessions.failed),
        or_none(result.sessions.min_in_hold),
        html! { (percent(result.errors.rate)) },
        number(result.messages.received),
        or_none(ledger.map(|ledger| ledger.expected)),
        or_none(ledger.map(|ledger| ledger.missing)),
    ]
}
