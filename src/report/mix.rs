//! The result of a mix: the whole's own figures, judged by what its parts were judged by.
//!
//! Adds no figure up: those of the whole were recorded together. Invariants: the verdict is the worst of the
//! parts'; whatever is said of a part has its name before it.

use serde::{Deserialize, Serialize};

use super::{Certainty, CriterionResult, RunResult, Verdict};
use crate::lang::{Reason, Sentence};
use crate::measure::HOLD;

/// A part of a mix, with its result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MixPart {
    /// Its name.
    pub name: String,
    /// Its weight among the parts.
    pub weight: u32,
    /// Where its files are, in the directory of the whole.
    pub directory: String,
    /// Parts with members in a challenge of its own: what their sessions are told of each other is not
    /// judged.
    #[serde(default)]
    pub unjudged_with: Vec<String>,
    /// Its result. Its plan is here without the scenario's text and the members.
    pub result: RunResult,
}

impl MixPart {
    /// A part with this result.
    pub fn new(
        (name, weight): (&str, u32),
        directory: String,
        unjudged_with: Vec<String>,
        mut result: RunResult,
    ) -> Self {
        if let Some(plan) = result.plan.as_object_mut() {
            plan.retain(|key, _| key != "scenario" && key != "members");
        }
        Self { name: name.to_owned(), weight, directory, unjudged_with, result }
    }
}

/// How much a part says about the verdict of the whole.
fn weight(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Pass => 0,
        Verdict::Inconclusive => 1,
        Verdict::Fail => 2,
    }
}

/// The same for how it ended.
fn ending_weight(ending: &str) -> u8 {
    match ending {
        "finished" => 0,
        "running" => 1,
        "stopped" => 2,
        _ => 3,
    }
}

impl RunResult {
    /// Judges the whole by its parts; what was judged so far is of the servers' side.
    #[must_use]
    pub(super) fn judged_by(mut self, parts: Vec<MixPart>) -> Self {
        let own = judged_alone(&self);
        let of_parts = parts.iter().flat_map(|part| {
            part.result.criteria.iter().map(|criterion| CriterionResult {
                name: format!("{}: {}", part.name, criterion.name),
                measure: of_part(part, &criterion.measure),
                ..criterion.clone()
            })
        });
        self.criteria = of_parts.chain(std::mem::take(&mut self.criteria)).collect();
        let worst = parts.iter().map(|part| part.result.verdict).chain(own).max_by_key(|it| weight(*it));
        self.verdict = worst.unwrap_or(Verdict::Inconclusive);
        self.exit_status = self.verdict.exit_status();
        let own_reasons = std::mem::take(&mut self.reasons);
        let own_reasons = own_reasons.into_iter().filter(|_| own == Some(self.verdict));
        let same = |part: &&MixPart| part.result.verdict == self.verdict;
        let named = |part: &MixPart| {
            let name = part.name.clone();
            let of = move |reason: &Sentence| Reason::OfPart.with(name.clone()).with(reason.clone());
            part.result.reasons.iter().map(of).collect::<Vec<_>>()
        };
        self.reasons = parts.iter().filter(same).flat_map(named).chain(own_reasons).collect();
        // What the sessions show is found in each part: parts may have other servers.
        self.troubles.retain(|trouble| trouble.certainty == Certainty::ServersOnly);
        for trouble in parts.iter().flat_map(|part| &part.result.troubles) {
            if self.troubles.iter().all(|known| known.name != trouble.name) {
                self.troubles.push(trouble.clone());
            }
        }
        let ending = parts.iter().map(|part| part.result.ending.as_str()).max_by_key(|it| ending_weight(it));
        ending.unwrap_or("running").clone_into(&mut self.ending);
        self.acceptance_shown = parts.iter().all(|part| part.result.acceptance_shown);
        self.errors.member_burned = parts.iter().map(|part| part.result.errors.member_burned).sum();
        self.parts = parts;
        self.leave_routing_to_parts();
        self
    }

    /// Parts may have other servers: where members belong by their hash, and how they are spread, is theirs.
    fn leave_routing_to_parts(&mut self) {
        for (_, server) in &mut self.servers.0 {
            (server.misrouted, server.expected) = (None, None);
        }
        self.routing.misrouted = None;
        self.routing.moves.clear();
        self.routing.why = Reason::ServersOfParts.into();
    }
}

/// What the servers' side says, if it was judged.
fn judged_alone(whole: &RunResult) -> Option<Verdict> {
    let is_empty = whole.criteria.is_empty() || whole.ending == "running";
    let says_nothing = |reason: &Sentence| matches!(reason.key, Reason::NoCriteria | Reason::NoneMeasured);
    let is_silent = is_empty || whole.reasons.first().is_some_and(says_nothing);
    (!is_silent).then_some(whole.verdict)
}

/// A part's measure by the names that the whole has for its steps and messages.
fn of_part(part: &MixPart, measure: &str) -> String {
    let is_common =
        |rest: &str| [HOLD, "connect", "open"].iter().any(|name| rest.starts_with(&format!("{name}.")));
    for kind in ["steps.", "every.", "messages."] {
        if let Some(rest) = measure.strip_prefix(kind).filter(|rest| rest.contains('.') && !is_common(rest)) {
            return format!("{kind}{}/{rest}", part.name);
        }
    }
    format!("{}/{measure}", part.name)
}
