//! The shards of a merged result in the printed summary.
//!
//! Computes nothing. Invariant: a run's own result has no table of them.

use super::Text;
use crate::checks::table::{Column, Table};
use crate::lang::Lang;
use crate::numbers::{figure, grouped};
use crate::report::texts::shards::Shards;
use crate::report::{MergedResult, PartResult, RunResult, Verdict};

/// Shards shown; all are in `summary.json`.
const ROWS_MAX: usize = 20;

impl Text {
    /// Which part of a plan the run was, or of which shards the result is the sum.
    pub(super) fn shards(&mut self, result: &RunResult) {
        let lang = self.lang;
        if let Some(shard) = &result.shard {
            let said = lang.say(Shards::OfShard, &[&shard.index, &shard.of, &shard.plan_hash]);
            self.under("  ", &said, None);
        }
        let Some(merged) = &result.merged else { return };
        let head = |word| Column::number(lang.word(word));
        let figures = [Shards::Opened, Shards::OfPlanned, Shards::Failed, Shards::Lag, Shards::Stalls];
        let columns = [Column::words(lang.word(Shards::Shard))].into_iter().chain(figures.map(head));
        let mut table = Table::new(columns.chain([Column::words(lang.word(Shards::Outcome))]));
        for part in merged.shards.iter().take(ROWS_MAX) {
            table.row(None, row(part, lang));
        }
        self.out += &table.text(self.page);
        for line in lines(merged, lang) {
            self.under("  ", &line, None);
        }
        self.out.push('\n');
    }
}

fn row(part: &PartResult, lang: Lang) -> Vec<String> {
    vec![
        part.index.to_string(),
        grouped(part.established),
        grouped(part.planned),
        grouped(part.failed),
        part.lag_p99_ms.map_or_else(|| "–".into(), figure),
        grouped(part.stalls),
        lang.word(outcome(part)).to_owned(),
    ]
}

/// How a shard came out.
pub(crate) fn outcome(part: &PartResult) -> Shards {
    match part.verdict {
        _ if !part.is_merged => Shards::NotMerged,
        Verdict::Pass => Shards::Passed,
        Verdict::Fail => Shards::FailedRun,
        Verdict::Inconclusive => Shards::Inconclusive,
    }
}

/// What is known of all of them together.
pub(crate) fn lines(merged: &MergedResult, lang: Lang) -> Vec<String> {
    let mut lines = vec![lang.say(Shards::Starts, &[&figure(merged.start_spread_ms)])];
    lines.push(match merged.clock_error_ms {
        Some(error) => lang.say(Shards::ClocksWithin, &[&figure(error)]),
        None => lang.word(Shards::ClocksUnknown).to_owned(),
    });
    lines.extend(
        merged
            .across
            .map(|across| lang.say(Shards::Across, &[&grouped(across.received), &grouped(across.expected)])),
    );
    lines
}
