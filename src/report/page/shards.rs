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
            .text(self.word(Shards::Shard))
            .text(self.word(Shards::Outcome))
            .figures(self.word(Shards::Opened))
            .figures(self.word(Shards::OfPlanned))
            .figures(self.word(Shards::Failed))
            .figures(self.word(Shards::Held))
            .group(self.word(Shards::Lag))
            .figures(self.word(Shards::Stalls))
            .figures(self.word(Shards::Cpu))
            .group(self.word(Shards::Clock))
            .text(self.word(Shards::Started))
            .text(self.word(Shards::Directory));
        for part in merged.shards.iter().take(ROWS_MAX) {
            table.row(self.shard(part));
        }
        let body = html! {
            p.lead { (self.word(Shards::Lead)) }
            (table.html())
            (self.more(merged.shards.len(), ROWS_MAX))
            ul { @for line in shard_lines(merged, self.lang) { li { (line) } } }
        };
        Some(Section { id: "shards", title: self.word(Shards::Title), body })
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
            html! { (part.started_at.strftime("%T%.3f")) },
            name(&part.directory),
        ]
    }
}
