//! What makes a comparison doubtful: plans and machines that are not alike, runs that show nothing.
//!
//! Judges no measure.

use std::collections::BTreeSet;

use super::{Run, Warning};
use crate::report::Verdict;
use crate::report::plan_settings::{SOURCE, plan_settings};

/// Settings in which two runs of one plan differ.
const OF_EACH_RUN: [&str; 2] = ["seed", "startline"];

/// Finds them.
pub(super) fn warnings(base: &[Run], new: &[Run]) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let plans = |side: &[Run]| side.iter().map(|run| plan_settings(&run.result.plan)).collect::<Vec<_>>();
    let (base_plans, new_plans) = (plans(base), plans(new));
    let names: BTreeSet<&str> =
        base_plans.iter().chain(&new_plans).flatten().map(|(name, _)| name.as_str()).collect();
    for name in names.into_iter().filter(|name| !OF_EACH_RUN.contains(name)) {
        let (base, new) = (values_of(name, &base_plans), values_of(name, &new_plans));
        if base != new || base.len() > 1 {
            warnings.push(Warning::Plan {
                setting: name.to_owned(),
                base: short(name, base),
                new: short(name, new),
            });
        }
    }
    let machines = |side: &[Run]| {
        let host = |run: &Run| {
            format!(
                "{}, {} cores, Linux {}",
                run.result.host.cpu_model, run.result.host.cores, run.result.host.kernel
            )
        };
        side.iter().map(host).collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    };
    let (base_machines, new_machines) = (machines(base), machines(new));
    if base_machines != new_machines || base_machines.len() > 1 {
        warnings.push(Warning::Machine { base: base_machines, new: new_machines });
    }
    let is_whole =
        |run: &&Run| run.result.verdict != Verdict::Inconclusive && run.result.ending == "finished";
    let doubtful = base.iter().chain(new).filter(|run| !is_whole(run));
    warnings.extend(doubtful.map(|run| Warning::Run {
        directory: run.directory.display().to_string(),
        ending: run.result.ending.clone(),
    }));
    warnings
}

/// The different values of a setting on a side; a plan without it has `unset`.
fn values_of(name: &str, plans: &[Vec<(String, String)>]) -> Vec<String> {
    let value = |plan: &Vec<(String, String)>| {
        let found = plan.iter().find(|(own, _)| own == name);
        found.map_or_else(|| "unset".to_owned(), |(_, value)| value.clone())
    };
    plans.iter().map(value).collect::<BTreeSet<_>>().into_iter().collect()
}

/// A scenario's text is too long to be shown.
fn short(name: &str, values: Vec<String>) -> Vec<String> {
    let text = |value: String| {
        if name == SOURCE { format!("a text of {} lines", value.lines().count()) } else { value }
    };
    values.into_iter().map(text).collect()
}
