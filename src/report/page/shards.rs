//! The shards of a merged result.
//!
//! Computes nothing. Invariant: a run's own result has no section of them.

use maud::{Markup, html};

use super::Page;
use super::parts::{Section, Table, name, number, or_dash};
use crate::report::PartResult;
use crate::report::text::{shard_lines, shard_outcome};
use crate::report::texts::shards::Shards;

/// Rows of the table; more are in `summary.json`.
const ROWS_MAX: usize = 256;

impl Page<'_> {
    pub(super) fn shards(&self) -> Option<Section> {
        let merged = self.recorded.result.merged.as_ref()?;
        let mut table = Table::new(self.word(Shards::Caption))
            .wide()
            .text(self.shard_head(Shards::Shard))
            .text(self.shard_head(Shards::Outcome))
            .figures(self.shard_head(Shards::Opened))
            .figures(self.shard_head(Shards::OfPlanned))
            .figures(self.shard_head(Shards::Failed))
            .figures(self.shard_head(Shards::Held))
            .group(self.shard_head(Shards::Lag))
            .figures(self.shard_head(Shards::Stalls))
            .figures(self.shard_head(Shards::Cpu))
            .group(self.shard_head(Shards::Clock))
            .text(self.shard_head(Shards::Started))
            .text(self.shard_head(Shards::Directory));
        for part in merged.shards.iter().take(ROWS_MAX) {
            table.row(self.shard(part));
        }
        let body = html! {
            p.lead { (self.word(Shards::Lead)) }
            (table.html())
            (self.more(merged.shards.len(), ROWS_MAX))
            ul.card.reasons { @for line in shard_lines(merged, self.lang) { li { (line) } } }
        };
        Some(Section { id: "shards", title: self.word(Shards::Title), body })
    }

    /// The head of a column, as the page has them.
    fn shard_head(&self, word: Shards) -> String {
        let mut rest = self.word(word).chars();
        rest.next().map(char::to_uppercase).into_iter().flatten().chain(rest).collect()
    }

    fn shard(&self, part: &PartResult) -> Vec<Markup> {
        vec![
            number(part.index.into()),
            html! { (self.word(shard_outcome(part))) },
            number(part.established),
            number(part.planned),
            number(part.failed),
            number(part.held_to_end),
            html! { (or_dash(part.lag_p99_ms)) },
            number(part.stalls),
            html! { (or_dash(Some(part.cpu_seconds))) },
            html! { (or_dash(part.clock.error_max_ms)) },
            html! { @match part.started_at { Some(at) => { (at.strftime("%T%.3f")) }, None => { "–" } } },
            name(&part.directory),
        ]
    }
}
