//! What differs between runs: two, or several a side.
//!
//! Reads results that are there ([`crate::report::recorded`]) and knows no file and no terminal.
//! [`judge`] says what counts as a difference, [`rank`] tests several runs a side. Text, HTML and JSON
//! show one [`Comparison`] and compute nothing of their own. Invariant: one run a side claims nothing:
//! what looks worse is called a difference.

mod doubts;
mod html;
pub mod judge;
pub mod measures;
pub mod rank;
mod said;
mod text;

use std::path::PathBuf;

use serde::Serialize;

pub use self::html::page;
use self::judge::{COUNT_FLOOR, LATENCY_FLOOR_MS, RELATIVE, SHARE_FLOOR};
pub use self::judge::{Call, Direction};
use self::measures::{Better, Reading, Section, Unit};
pub use self::text::{gate_line, text};
use crate::numbers::tidy;
use crate::report::recorded::Timeline;
use crate::report::{Outcome, RunResult, Verdict};

/// The version of a comparison's form in JSON.
pub const SCHEMA_VERSION: u32 = 1;

/// A run to compare.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its directory.
    pub directory: PathBuf,
    /// Its result.
    pub result: RunResult,
    /// The run over time.
    pub timeline: Timeline,
}

/// What differs between two sides.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// `startline`'s version.
    pub version: String,
    /// How it was judged.
    pub method: Method,
    /// The runs that the others are compared with.
    pub base: Vec<SideRun>,
    /// The others.
    pub new: Vec<SideRun>,
    /// What makes the comparison doubtful.
    pub warnings: Vec<Warning>,
    /// Criteria by name.
    pub criteria: Vec<CriterionCompared>,
    /// Every measure.
    pub measures: Vec<Compared>,
    /// What `--fail-on` said; `null` without it.
    pub gate: Option<Gate>,
}

/// How measures are judged.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Method {
    /// A rank test, or the threshold alone.
    pub test: Test,
    /// A difference up to this share of the base is none.
    pub threshold: f64,
    /// Nor is one of a latency up to this, in milliseconds.
    pub latency_floor_ms: f64,
    /// Nor one of a share.
    pub share_floor: f64,
    /// Nor one of a count.
    pub count_floor: f64,
    /// The p that a test needs; `null` without one.
    pub alpha: Option<f64>,
    /// The smallest p that this number of runs can reach; `null` without a test.
    pub p_min: Option<f64>,
}

/// What decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Test {
    /// Too few runs for a test.
    Threshold,
    /// Mann-Whitney U, exact, two-sided.
    MannWhitney,
}

/// A run of a side.
#[derive(Clone, Debug, Serialize)]
pub struct SideRun {
    /// Its directory.
    pub directory: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// How it ended.
    pub ending: String,
    /// The scenario's name.
    pub scenario: String,
    /// Sessions planned.
    pub sessions: u64,
    /// When it began.
    pub started_at: jiff::Timestamp,
    /// The release that made it.
    pub version: String,
    /// What was wrong, by name.
    pub troubles: Vec<String>,
}

/// What makes a comparison doubtful.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Warning {
    /// A setting is not the same in all runs.
    Plan {
        /// Its path in the plan.
        setting: String,
        /// Its values on the one side.
        base: Vec<String>,
        /// On the other.
        new: Vec<String>,
    },
    /// The machines are not alike.
    Machine {
        /// Those of the one side.
        base: Vec<String>,
        /// Those of the other.
        new: Vec<String>,
    },
    /// The run allows no conclusion: it was aborted, killed, still goes on, or is inconclusive.
    Run {
        /// Its directory.
        directory: String,
        /// Its ending in the result.
        ending: String,
    },
}

/// A criterion's outcomes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CriterionCompared {
    /// Its name.
    pub name: String,
    /// What it judges.
    pub measure: String,
    /// Its outcomes on the one side.
    pub base: Vec<Outcome>,
    /// On the other.
    pub new: Vec<Outcome>,
    /// Whether it fails on one side only: which way that points.
    pub turned: Option<Direction>,
}

/// A measure on both sides.
#[derive(Clone, Debug, Serialize)]
pub struct Compared {
    /// Its name.
    pub measure: String,
    /// In words.
    pub label: String,
    /// Where it stands.
    pub section: Section,
    /// Its unit.
    pub unit: Unit,
    /// Which side is better.
    pub better: Better,
    /// The values of the one side.
    pub base: Values,
    /// Of the other.
    pub new: Values,
    /// The difference of the medians.
    pub change: Option<f64>,
    /// The same over the base's; `null` where that is 0.
    pub change_share: Option<f64>,
    /// Of the test.
    pub p: Option<f64>,
    /// What is said of it.
    pub call: Call,
    /// Where it points.
    pub direction: Option<Direction>,
}

/// A side's values.
#[derive(Clone, Debug, Serialize)]
pub struct Values {
    /// Of each run that has one.
    pub runs: Vec<f64>,
    /// The middle one.
    pub median: Option<f64>,
}

/// What fails a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailOn {
    /// Any difference.
    Differs,
    /// What is worse; with too few runs for a test, what looks worse.
    Worse,
}

/// Whether the comparison fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gate {
    /// By what.
    pub fail_on: FailOn,
    /// It does.
    pub outcome: GateOutcome,
    /// The measures and criteria that made it.
    pub by: Vec<String>,
}

/// A gate's outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateOutcome {
    /// Nothing fails it.
    Passed,
    /// Something does.
    Failed,
    /// Nothing does, and a run allows no conclusion.
    Inconclusive,
}

/// Compares runs; neither side is empty.
pub fn compare(base: &[Run], new: &[Run], fail_on: Option<FailOn>) -> Comparison {
    let alpha = judge::alpha(base.len(), new.len());
    let method = Method {
        test: if alpha.is_some() { Test::MannWhitney } else { Test::Threshold },
        threshold: RELATIVE,
        latency_floor_ms: LATENCY_FLOOR_MS,
        share_floor: SHARE_FLOOR,
        count_floor: COUNT_FLOOR,
        alpha,
        p_min: alpha.map(|_| rank::p_min(base.len(), new.len())),
    };
    let mut comparison = Comparison {
        schema_version: SCHEMA_VERSION,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        method,
        base: base.iter().map(side_run).collect(),
        new: new.iter().map(side_run).collect(),
        warnings: doubts::warnings(base, new),
        criteria: criteria(base, new),
        measures: measures(base, new, alpha),
        gate: None,
    };
    comparison.gate = fail_on.map(|fail_on| gate(&comparison, fail_on));
    comparison
}

fn side_run(run: &Run) -> SideRun {
    let result = &run.result;
    SideRun {
        directory: run.directory.display().to_string(),
        verdict: result.verdict,
        ending: result.ending.clone(),
        scenario: result.scenario.clone(),
        sessions: result.sessions.planned,
        started_at: result.started_at,
        version: result.version.clone(),
        troubles: result.troubles.iter().map(|trouble| trouble.name.clone()).collect(),
    }
}

fn criteria(base: &[Run], new: &[Run]) -> Vec<CriterionCompared> {
    let mut found: Vec<CriterionCompared> = Vec::new();
    for criterion in new.iter().chain(base).flat_map(|run| &run.result.criteria) {
        if found.iter().any(|known| known.name == criterion.name) {
            continue;
        }
        let outcomes = |side: &[Run]| -> Vec<Outcome> {
            let own = |run: &Run| {
                run.result.criteria.iter().find(|it| it.name == criterion.name).map(|it| it.outcome)
            };
            side.iter().filter_map(own).collect()
        };
        let (base, new) = (outcomes(base), outcomes(new));
        let turned = turned(&base, &new);
        found.push(CriterionCompared {
            name: criterion.name.clone(),
            measure: criterion.measure.clone(),
            base,
            new,
            turned,
        });
    }
    found
}

/// Which way a criterion turned that all runs of one side met, and all of the other failed.
fn turned(base: &[Outcome], new: &[Outcome]) -> Option<Direction> {
    let all = |side: &[Outcome], wanted: fn(&Outcome) -> bool| !side.is_empty() && side.iter().all(wanted);
    let is_met = |outcome: &Outcome| matches!(outcome, Outcome::Pass | Outcome::Warn);
    let is_failed = |outcome: &Outcome| *outcome == Outcome::Fail;
    if all(base, is_met) && all(new, is_failed) {
        Some(Direction::Worse)
    } else if all(base, is_failed) && all(new, is_met) {
        Some(Direction::Better)
    } else {
        None
    }
}

fn measures(base: &[Run], new: &[Run], alpha: Option<f64>) -> Vec<Compared> {
    let of = |side: &[Run]| -> Vec<Vec<Reading>> {
        side.iter().map(|run| measures::readings(&run.result, &run.timeline)).collect()
    };
    let (base, new) = (of(base), of(new));
    let mut order: Vec<&Reading> = Vec::new();
    for reading in new.iter().chain(&base).flatten() {
        if order.iter().all(|known| known.measure != reading.measure) {
            // Beside its like: a step that the first run does not have comes before what follows steps.
            let like = order.iter().rposition(|known| known.section == reading.section);
            order.insert(like.map_or(order.len(), |k| k + 1), reading);
        }
    }
    let compared = order.into_iter().map(|reading| compared(reading, &base, &new, alpha));
    compared.filter(|it| it.base.median.is_some() || it.new.median.is_some()).collect()
}

fn compared(reading: &Reading, base: &[Vec<Reading>], new: &[Vec<Reading>], alpha: Option<f64>) -> Compared {
    let values = |side: &[Vec<Reading>]| {
        let own = |run: &Vec<Reading>| run.iter().find(|it| it.measure == reading.measure)?.value;
        let runs: Vec<f64> = side.iter().filter_map(own).collect();
        Values { median: judge::median(&runs), runs }
    };
    let (base, new) = (values(base), values(new));
    let judged = judge::judge(reading.unit, reading.better, &base.runs, &new.runs, alpha);
    let change = base.median.zip(new.median).map(|(base, new)| tidy(new - base));
    let Reading { measure, label, section, unit, better, .. } = reading.clone();
    Compared {
        change_share: change
            .zip(base.median.filter(|base| *base != 0.0))
            .map(|(change, base)| tidy(change / base.abs())),
        measure,
        label,
        section,
        unit,
        better,
        base,
        new,
        change,
        p: judged.p.map(tidy),
        call: judged.call,
        direction: judged.direction,
    }
}

impl CriterionCompared {
    /// Whether it came out the same in all runs: one that was measured in none of them did.
    pub fn is_alike(&self) -> bool {
        if self.base.iter().chain(&self.new).all(|outcome| *outcome == Outcome::NotMeasured) {
            return true;
        }
        let mut all = self.base.iter().chain(&self.new);
        let first = all.next();
        all.all(|outcome| Some(outcome) == first) && self.base.is_empty() == self.new.is_empty()
    }
}

impl Compared {
    /// Whether it is this machine's own, and says nothing about the servers.
    pub fn is_own(&self) -> bool {
        self.section == Section::Generator
    }
}

impl Comparison {
    /// What points this way, of what the servers did.
    pub fn pointing(&self, direction: Direction) -> impl Iterator<Item = &Compared> {
        self.measures.iter().filter(move |it| !it.is_own() && it.direction == Some(direction))
    }

    /// Whether a run allows no conclusion.
    pub fn is_doubtful(&self) -> bool {
        self.warnings.iter().any(|warning| matches!(warning, Warning::Run { .. }))
    }
}

fn gate(comparison: &Comparison, fail_on: FailOn) -> Gate {
    let fails = |it: &&Compared| match fail_on {
        FailOn::Worse => it.direction == Some(Direction::Worse),
        FailOn::Differs => it.call != Call::Same,
    };
    let measures = comparison.measures.iter().filter(|it| !it.is_own()).filter(fails);
    let mut by: Vec<String> = measures.map(|it| it.measure.clone()).collect();
    // With a test, what it does not bear out does not count, a criterion's outcome included.
    let is_tested = comparison.method.test == Test::MannWhitney;
    let turned = comparison.criteria.iter().filter(|it| match (it.turned, fail_on) {
        (Some(Direction::Worse), FailOn::Worse) | (Some(_), FailOn::Differs) => !is_tested,
        _ => false,
    });
    turned.for_each(|it| {
        if !by.contains(&it.measure) {
            by.push(it.measure.clone())
        }
    });
    let outcome = match by.is_empty() {
        false => GateOutcome::Failed,
        true if comparison.is_doubtful() => GateOutcome::Inconclusive,
        true => GateOutcome::Passed,
    };
    Gate { fail_on, outcome, by }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_measured_in_no_run_came_out_the_same() {
        let alike = |base: &[Outcome], new: &[Outcome]| {
            let (base, new) = (base.to_vec(), new.to_vec());
            let (name, measure) = (String::new(), String::new());
            CriterionCompared { name, measure, base, new, turned: None }.is_alike()
        };
        assert!(alike(&[], &[Outcome::NotMeasured]) && alike(&[Outcome::Pass], &[Outcome::Pass]));
        assert!(!alike(&[], &[Outcome::Pass]) && !alike(&[Outcome::Pass], &[Outcome::NotMeasured]));
    }
}
