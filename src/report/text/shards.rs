//! The shards of a merged result in the printed summary.
//!
//! Computes nothing. Invariant: a run's own result has no table of them.

use std::time::Duration;

use super::Text;
use crate::checks::table::{Column, Table};
use crate::lang::Lang;
use crate::numbers::{figure, grouped, span};
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

/// What is known of all of them together, and how far those came that did not finish.
pub(crate) fn lines(merged: &MergedResult, lang: Lang) -> Vec<String> {
    let unfinished = merged.shards.iter().filter(|part| !part.is_merged);
    let mut lines: Vec<String> = unfinished.take(ROWS_MAX).map(|part| how_far(part, lang)).collect();
    lines.push(lang.say(Shards::Starts, &[&figure(merged.start_spread_ms)]));
    lines.push(match merged.clock_error_ms {
        Some(error) => lang.say(Shards::ClocksWithin, &[&figure(error)]),
        None => lang.word(Shards::ClocksUnknown).to_owned(),
    });
    lines.extend(
        merged
            .across
            .map(|across| lang.say(Shards::Across, &[&grouped(across.received), &grouped(across.expected)])),
    );
    lines.extend(merged.watched.filter(|watched| watched.by_several > 0).map(|watched| {
        lang.say(Shards::WatchedBySeveral, &[&watched.by_several.to_string(), &watched.figures.to_string()])
    }));
    lines
}

/// How far a shard came that did not finish.
fn how_far(part: &PartResult, lang: Lang) -> String {
    let index = part.index.to_string();
    let Some(reached) = part.reached else { return lang.say(Shards::Unbegun, &[&index]) };
    let recorded = span(Duration::try_from_secs_f64(reached.seconds).unwrap_or_default());
    let counts = [part.started, part.planned, part.established, part.failed, reached.open].map(grouped);
    let [started, planned, opened, failed, open] = counts;
    lang.say(Shards::CameThisFar, &[&index, &recorded, &started, &planned, &opened, &failed, &open])
}
