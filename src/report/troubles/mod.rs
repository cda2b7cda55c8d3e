//! What is wrong, by name: each trouble that the load test guide expects, found in a run's result.
//!
//! `table` says which signs show which trouble; `client` and `servers` find signs, and `causes` takes
//! out those that another trouble explains. Opens nothing and reads no clock. Invariants: the same
//! result gives the same names; a healthy run gives none, and troubles together give no further one.

mod causes;
mod client;
mod rule;
mod servers;
mod table;

use serde::{Deserialize, Serialize};

use super::RunResult;
use crate::lang::{Lang, Sentence};
use crate::numbers;
use rule::Rule;
use table::RULES;

/// Evidence kept of a trouble.
const EVIDENCE_MAX: usize = 16;
/// Evidence shown in a line.
const EVIDENCE_SHOWN_MAX: usize = 3;

/// A trouble that was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TroubleResult {
    /// Its name.
    pub name: String,
    /// Which side shows it.
    pub certainty: Certainty,
    /// When it showed first, since the run began; `null` if nothing says so.
    pub first_seconds: Option<f64>,
    /// The server that has it; `null` if none is known, or several have it.
    pub server: Option<String>,
    /// What shows it, earliest first.
    pub evidence: Vec<Evidence>,
    /// What to do.
    pub next: String,
}

/// Which side shows a trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Certainty {
    /// The sessions alone.
    ClientOnly,
    /// The servers alone.
    ServersOnly,
    /// Both.
    BothSides,
}

/// A side of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The sessions.
    Client,
    /// What was watched.
    Servers,
}

/// One thing that shows a trouble.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Where it was seen.
    pub side: Side,
    /// What was seen.
    #[serde(flatten, with = "crate::lang::sentence::why")]
    pub why: Sentence,
}

/// A sign as it was found.
#[derive(Clone, Debug)]
struct Finding {
    side: Side,
    /// Enough to name the trouble. Two that are not do as well, if they are of both sides.
    is_enough: bool,
    /// Where.
    server: Option<String>,
    /// When it showed first, in seconds since the run began.
    at: Option<f64>,
    why: Sentence,
}

/// The troubles of a run, in the table's order.
pub fn diagnose(result: &RunResult) -> Vec<TroubleResult> {
    let found: Vec<Vec<Finding>> = RULES.iter().map(|rule| find(rule, result)).collect();
    let unexplained = |k: usize| causes::unexplained(&RULES[k], &found, k, result);
    (0..RULES.len()).filter_map(|k| named(&RULES[k], unexplained(k))).collect()
}

fn find(rule: &Rule, result: &RunResult) -> Vec<Finding> {
    let client = rule.client.iter().flat_map(|clue| client::find(clue, result));
    client.chain(rule.servers.iter().flat_map(|clue| servers::find(clue, result))).collect()
}

/// The trouble, if the findings are enough for it.
fn named(rule: &Rule, mut findings: Vec<Finding>) -> Option<TroubleResult> {
    let has = |side: Side| findings.iter().any(|finding| finding.side == side);
    let (client, servers) = (has(Side::Client), has(Side::Servers));
    let is_enough = findings.iter().any(|finding| finding.is_enough) || (client && servers);
    if !is_enough {
        return None;
    }
    let when = |finding: &Finding| finding.at.unwrap_or(f64::INFINITY);
    findings.sort_by(|one, other| when(one).total_cmp(&when(other)));
    let mut places = findings.iter().filter_map(|finding| finding.server.as_deref());
    let server = places.next().filter(|first| places.all(|place| causes::is_same_server(first, place)));
    Some(TroubleResult {
        name: rule.name.to_owned(),
        certainty: match (client, servers) {
            (true, true) => Certainty::BothSides,
            (true, false) => Certainty::ClientOnly,
            _ => Certainty::ServersOnly,
        },
        first_seconds: findings.iter().filter_map(|finding| finding.at).reduce(f64::min).map(numbers::tidy),
        server: server.map(str::to_owned),
        next: Lang::En.word(rule.next).to_owned(),
        evidence: findings
            .into_iter()
            .take(EVIDENCE_MAX)
            .map(|Finding { side, why, .. }| Evidence { side, why })
            .collect(),
    })
}

impl TroubleResult {
    /// What is wrong, in a few words; the name where this release does not know it.
    pub fn title(&self, lang: Lang) -> &str {
        table::rule(&self.name).map_or(&self.name, |rule| lang.word(rule.title))
    }

    /// What to do.
    pub fn advice(&self, lang: Lang) -> &str {
        table::rule(&self.name).map_or(&self.next, |rule| lang.word(rule.next))
    }

    /// What shows it, in a line.
    pub fn shown(&self, lang: Lang) -> String {
        let shown: Vec<String> =
            self.evidence.iter().take(EVIDENCE_SHOWN_MAX).map(|one| one.why.text(lang)).collect();
        match self.evidence.len().saturating_sub(EVIDENCE_SHOWN_MAX) {
            0 => shown.join("; "),
            more => format!("{}; +{more}", shown.join("; ")),
        }
    }
}
