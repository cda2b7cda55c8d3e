//! Sessions that dropped and came back, or did not.
//!
//! Copies what was counted. Invariants: `dropped = recovered + gave_up + unfinished` once the run
//! has ended; nothing here is in the figures of first entries.

use serde::{Deserialize, Serialize};

use super::latencies::latency;
use super::{Facts, LatencyResult, Ordered};
use crate::lang::Lang;
use crate::measure::{Drops, Layout, Tally};
use crate::numbers::{self, grouped, percent};
use crate::plan::Plan;
use crate::report::texts::reconnects::Back;
use crate::scenario::Scenario;

/// The cause of what this program cut: how [`Fault::CutOnPurpose`](crate::fault::Fault) is counted.
pub const CUT_ON_PURPOSE: &str = "cut-on-purpose";

/// What became of sessions that dropped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReconnectsResult {
    /// The scenario has a policy; without one, what was cut on purpose stays away.
    pub policy: bool,
    /// Open sessions whose connection ended, by the servers or on purpose; one that drops again
    /// counts again.
    pub dropped: u64,
    /// Of these, the ones that were open again.
    pub recovered: u64,
    /// … and that were given up: they are failed sessions.
    pub gave_up: u64,
    /// … and that were away when accounts closed, or when their time was over.
    pub unfinished: u64,
    /// `recovered` over `dropped`; `null` where none dropped.
    pub recovered_share: Option<f64>,
    /// Attempts begun.
    pub attempts: u64,
    /// Of these, the ones that failed.
    pub attempts_failed: u64,
    /// From the drop until it was open again, of those that came back.
    pub time_lost: LatencyResult,
    /// Most sessions away at once, in the hold.
    pub away_peak: u64,
    /// Session-seconds away, in the hold.
    pub away_seconds: f64,
    /// Connections cut silently whose peer hears nothing.
    pub silent: u64,
    /// … and whose packets this machine's kernel still acknowledges: it did not take the filter.
    pub silent_acknowledged: u64,
    /// By why they dropped, most first.
    pub by_cause: Ordered<DropsResult>,
    /// By the server that they were on, most first.
    pub by_server: Ordered<DropsResult>,
    /// Sessions that came back, by the server that they came back to.
    pub came_to: Ordered<u64>,
    /// Steps of attempts, from the instant each was due.
    pub steps: Ordered<LatencyResult>,
    /// Attempts that failed, by step and kind, most first.
    pub failures: Vec<AttemptFailure>,
}

/// What became of some of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DropsResult {
    /// As of all.
    pub dropped: u64,
    /// As of all.
    pub recovered: u64,
    /// As of all.
    pub gave_up: u64,
    /// As of all.
    pub unfinished: u64,
    /// As of all.
    pub time_lost: LatencyResult,
}

/// Attempts that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptFailure {
    /// In this step.
    pub step: String,
    /// Under this name.
    pub kind: String,
    /// This many.
    pub count: u64,
}

/// Of what was counted; none where nothing can drop and come back.
pub(super) fn result(tally: &Tally, layout: &Layout, facts: &Facts, plan: &Plan) -> Option<ReconnectsResult> {
    let scenario: &Scenario = &plan.scenario;
    if scenario.reconnect.is_none() && plan.settings.drops.is_empty() {
        return None;
    }
    let of = &tally.reconnects;
    let steps = layout.steps.iter().enumerate().filter_map(|(k, name)| {
        let step = of.step(k).filter(|step| !step.from_due.is_empty())?;
        Some((name.clone(), latency(&step.from_due)))
    });
    let mut failures: Vec<AttemptFailure> = (of.failures.iter())
        .map(|(step, fault, count)| AttemptFailure {
            step: layout.step_of_failure(step).to_owned(),
            kind: fault.key(scenario),
            count,
        })
        .collect();
    failures.sort_by_key(|failure| std::cmp::Reverse(failure.count));
    let Drops { dropped, recovered, gave_up, unfinished, .. } = of.all;
    // Where none dropped, some may have come to.
    let mut by_server = most_first(of.by_server().map(|(server, drops)| (server.to_owned(), drops)));
    let others: Vec<&String> = of.came_to.keys().filter(|it| by_server.get(it.as_str()).is_none()).collect();
    by_server.0.extend(others.into_iter().map(|server| (server.clone(), DropsResult::default())));
    Some(ReconnectsResult {
        policy: scenario.reconnect.is_some(),
        dropped,
        recovered,
        gave_up,
        unfinished,
        recovered_share: of.all.recovered_share().map(numbers::tidy),
        attempts: of.attempts,
        attempts_failed: of.failures.total(),
        time_lost: latency(&of.all.lost),
        away_peak: facts.away_peak,
        away_seconds: numbers::tidy(facts.away_seconds),
        silent: of.silent.mute,
        silent_acknowledged: of.silent.acknowledged,
        by_cause: most_first(of.by_cause().map(|(cause, drops)| (cause.key(scenario), drops))),
        by_server,
        came_to: Ordered(of.came_to.iter().map(|(server, count)| (server.clone(), *count)).collect()),
        steps: steps.collect(),
        failures,
    })
}

fn most_first<'d>(drops: impl Iterator<Item = (String, &'d Drops)>) -> Ordered<DropsResult> {
    let one = |(name, drops): (String, &Drops)| {
        let Drops { dropped, recovered, gave_up, unfinished, lost } = drops;
        let result = DropsResult {
            dropped: *dropped,
            recovered: *recovered,
            gave_up: *gave_up,
            unfinished: *unfinished,
            time_lost: latency(lost),
        };
        (name, result)
    };
    let mut all: Vec<_> = drops.map(one).collect();
    all.sort_by_key(|(_, drops)| std::cmp::Reverse(drops.dropped));
    Ordered(all)
}

impl ReconnectsResult {
    /// What became of all of them, in sentences.
    pub(super) fn lines(&self, lang: Lang) -> Vec<String> {
        let [dropped, recovered, attempts] = [self.dropped, self.recovered, self.attempts].map(grouped);
        if self.dropped == 0 {
            return vec![lang.word(Back::Nothing).to_owned()];
        }
        if !self.policy {
            return vec![lang.say(Back::NoPolicy, &[&dropped])];
        }
        let mut first = lang.say(Back::CameBack, &[&dropped, &recovered, &attempts]);
        let lost = &self.time_lost;
        if let (Some(p50), Some(p95), Some(max)) = (lost.p50_ms, lost.p95_ms, lost.max_ms) {
            let [p50, p95, max] = [p50, p95, max].map(|ms| numbers::figure(ms / 1_000.0));
            first = lang.say(Back::After, &[&first, &p50, &p95, &max]);
        }
        let mut lines = vec![first];
        if self.gave_up + self.unfinished > 0 {
            lines.push(lang.say(Back::NotBack, &[&grouped(self.gave_up), &grouped(self.unfinished)]));
        }
        if self.away_peak > 0 {
            let seconds = numbers::figure(self.away_seconds);
            lines.push(lang.say(Back::Gap, &[&grouped(self.away_peak), &seconds]));
        }
        lines
    }

    /// Why they dropped, where, and why attempts failed: a line each.
    pub(super) fn details(&self, lang: Lang, most: usize) -> Vec<String> {
        let mut lines = Vec::new();
        let causes = self.by_cause.iter().take(most).map(|(cause, drops)| {
            let share = drops.recovered as f64 / drops.dropped.max(1) as f64;
            lang.say(Back::Cause, &[&cause, &grouped(drops.dropped), &percent(share)])
        });
        lines.extend(joined(causes).map(|causes| lang.say(Back::Causes, &[&causes])));
        let servers = self.by_server.iter().take(most).map(|(server, drops)| {
            let came = grouped(self.came_to.get(server).copied().unwrap_or(0));
            lang.say(Back::Server, &[&server, &grouped(drops.dropped), &came])
        });
        lines.extend(servers);
        let failures = self.failures.iter().take(most);
        let failures = failures.map(|it| format!("{} {} {}", it.step, it.kind, grouped(it.count)));
        lines
            .extend(joined(failures).map(|failures| {
                lang.say(Back::AttemptsFailed, &[&grouped(self.attempts_failed), &failures])
            }));
        if self.silent + self.silent_acknowledged > 0 {
            let [silent, acknowledged] = [self.silent, self.silent_acknowledged].map(grouped);
            lines.push(match self.silent_acknowledged {
                0 => lang.say(Back::Silent, &[&silent]),
                _ => lang.say(Back::Acknowledged, &[&silent, &acknowledged]),
            });
        }
        lines
    }
}

fn joined(parts: impl Iterator<Item = String>) -> Option<String> {
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| parts.join(" · "))
}
