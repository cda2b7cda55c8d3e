//! Sentences of a comparison, for text and HTML alike.
//!
//! Computes nothing.

use super::judge::{COUNT_FLOOR, LATENCY_FLOOR_MS, RELATIVE, RUNS_MIN, SHARE_FLOOR};
use super::{Call, Compared, Comparison, Direction, FailOn, GateOutcome, Test, Unit, Warning};
use crate::numbers::{figure, percent};

/// Values of a setting that are listed.
const VALUES_SHOWN_MAX: usize = 3;
/// Characters of each.
const VALUE_CHARS_MAX: usize = 60;
/// Measures named that failed a comparison.
const BY_SHOWN_MAX: usize = 5;

/// What was found, in one line.
pub(super) fn headline(comparison: &Comparison) -> String {
    let count = |direction| comparison.pointing(direction).count();
    let (worse, better) = (count(Direction::Worse), count(Direction::Better));
    let own = |it: &&Compared| !it.is_own() && it.call != Call::Same && it.direction.is_none();
    let other = comparison.measures.iter().filter(own).count();
    let all = comparison.measures.iter().filter(|it| !it.is_own()).count();
    let (one, several) = match comparison.method.test {
        Test::Threshold => ("looks", "look"),
        Test::MannWhitney => ("is", "are"),
    };
    let verb = |count: usize| if count == 1 { one } else { several };
    let parts = [
        (worse, format!("{worse} {} worse", verb(worse))),
        (better, format!("{better} {} better", verb(better))),
        (other, format!("{other} {} otherwise", if other == 1 { "differs" } else { "differ" })),
    ];
    let parts: Vec<String> =
        parts.into_iter().filter(|(count, _)| *count > 0).map(|(_, part)| part).collect();
    match parts.is_empty() {
        true => format!("No difference in {all} measures."),
        false => format!("Of {all} measures, {}.", parts.join(", ")),
    }
}

/// How it was judged, and what that means.
pub(super) fn method(comparison: &Comparison) -> String {
    let (base, new) = (comparison.base.len(), comparison.new.len());
    let beyond = format!(
        "beyond {} of base and beyond {LATENCY_FLOOR_MS} ms (latencies), {} percentage points (shares) or \
         {COUNT_FLOOR} (counts)",
        percent(RELATIVE),
        SHARE_FLOOR * 100.0
    );
    match (comparison.method.alpha, comparison.method.p_min) {
        (Some(alpha), Some(p_min)) => {
            let tested = comparison.measures.iter().filter(|it| it.p.is_some() && !it.is_own()).count();
            format!(
                "Method: {base} and {new} runs, Mann-Whitney U test (exact, two-sided). Better or worse means: p is \
                 at most {alpha} (this number of runs cannot reach less than {}), and the medians differ {beyond}. Chance \
                 alone gives such a p to as many as {} of the {tested} measures.",
                figure(p_min),
                (tested as f64 * alpha).round()
            )
        }
        _ => format!(
            "Method: {} a side, no test. A measure differs {beyond}. That may be chance: with {RUNS_MIN} runs a \
             side or more, a rank test says what is better or worse.",
            if base.max(new) == 1 { "one run".to_owned() } else { format!("{base} and {new} runs") }
        ),
    }
}

/// The plans' differences: setting, values of base, values of new.
pub(super) fn plan_differences(comparison: &Comparison) -> Vec<[String; 3]> {
    let differences = comparison.warnings.iter().filter_map(|warning| match warning {
        Warning::Plan { setting, base, new } => Some([setting.clone(), listed(base), listed(new)]),
        _ => None,
    });
    differences.collect()
}

/// What heads them.
pub(super) const PLANS_DIFFER: &str =
    "The plans differ: what differs in the results may be the plan's doing.";

/// Sentences of the other warnings.
pub(super) fn warnings(comparison: &Comparison) -> impl Iterator<Item = String> {
    comparison.warnings.iter().filter_map(warning)
}

fn warning(warning: &Warning) -> Option<String> {
    Some(match warning {
        Warning::Plan { .. } => return None,
        Warning::Machine { base, new } => {
            format!("The machines differ: base {}; new {}.", listed(base), listed(new))
        }
        Warning::Run { directory, ending } => match ending.as_str() {
            "running" => format!("{directory}: the run was killed, or still goes on."),
            "finished" => format!("{directory}: the run is inconclusive."),
            ending => format!("{directory}: the run was {ending}."),
        },
    })
}

fn listed(values: &[String]) -> String {
    let shown =
        values.iter().take(VALUES_SHOWN_MAX).map(|value| crate::foreign::line(value, VALUE_CHARS_MAX));
    let shown = shown.map(|value| if value.is_empty() { "empty".to_owned() } else { value });
    let more = if values.len() > VALUES_SHOWN_MAX { " and others" } else { "" };
    shown.collect::<Vec<_>>().join(" or ") + more
}

/// What is said of a measure.
pub(super) fn call(measure: &Compared) -> &'static str {
    match (measure.call, measure.direction) {
        (Call::Same, _) => "",
        (Call::Better, _) => "better",
        (Call::Worse, _) => "worse",
        (Call::Differs, Some(Direction::Better)) => "differs, looks better",
        (Call::Differs, Some(Direction::Worse)) => "differs, looks worse",
        (Call::Differs, None) => "differs",
        (Call::OneSided, _) if measure.base.median.is_none() => "only in new",
        (Call::OneSided, _) => "only in base",
    }
}

/// The mark before it: only what is tested is called good or bad.
pub(super) fn mark(measure: &Compared) -> &'static str {
    match measure.call {
        Call::Same => " ",
        Call::Better => "✓",
        Call::Worse => "✗",
        Call::Differs | Call::OneSided => "~",
    }
}

/// `+12 %`, of shares `+1.2 pp` (percentage points), from 0 `+12`.
pub(super) fn change(measure: &Compared) -> String {
    let Some(change) = measure.change else { return "–".into() };
    let sign = if change > 0.0 { "+" } else { "" };
    match (measure.unit, measure.change_share) {
        _ if change == 0.0 => "0".into(),
        (Unit::Share, _) if change.abs() < 5e-5 => "0".into(),
        (Unit::Share, _) => format!("{sign}{} pp", points(change)),
        (_, Some(share)) => format!("{sign}{} %", rounded(share * 100.0)),
        (unit, None) => format!("{sign}{}", unit.shown(change)),
    }
}

fn points(change: f64) -> String {
    let text = percent((change * 1e4).round() / 1e4);
    text.trim_end_matches(" %").to_owned()
}

fn rounded(per_cent: f64) -> String {
    if per_cent.abs() < 10.0 { format!("{per_cent:.1}") } else { format!("{per_cent:.0}") }
}

/// A side's middle value, and what its runs had at least and at most.
pub(super) fn value(values: &super::Values, unit: Unit) -> String {
    values.median.map_or_else(|| "–".into(), |median| unit.shown(median))
}

/// What `--fail-on` said.
pub(super) fn gate(comparison: &Comparison) -> Option<String> {
    let gate = comparison.gate.as_ref()?;
    let name = match gate.fail_on {
        FailOn::Differs => "differs",
        FailOn::Worse => "worse",
    };
    let by = match comparison.method.test {
        Test::Threshold => "by the threshold, not by a test",
        Test::MannWhitney => "by the rank test (Mann-Whitney U)",
    };
    Some(match gate.outcome {
        GateOutcome::Passed => format!("--fail-on {name}: passed, {by}"),
        GateOutcome::Failed => {
            let more = match gate.by.len().saturating_sub(BY_SHOWN_MAX) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let shown = gate.by.iter().take(BY_SHOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
            format!("--fail-on {name}: failed, {by}: {shown}{more}")
        }
        GateOutcome::Inconclusive => {
            format!("--fail-on {name}: inconclusive: nothing failed, {by}, but a run allows no conclusion")
        }
    })
}
