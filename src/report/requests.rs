//! A step's requests as the servers count and time them, beside the client's own times.
//!
//! Judges nothing. Invariant: what no server has counted has no row.

use serde::{Deserialize, Serialize};

use super::{Ordered, StepResult};
use crate::numbers;
use crate::watch::{Requests, Seen, SeenItem, What};

/// The requests of a step, from all load generators, as the servers see them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestsResult {
    /// The step.
    pub step: String,
    /// The path, with `*` for its variables; `101` for the upgrade.
    pub uri: String,
    /// Requests answered during the run.
    pub count: f64,
    /// The same a second, over the time in which there were any; `null` of a single reading.
    pub per_second: Option<f64>,
    /// Of these, the share that was answered with an error, 0 to 1.
    pub error_share: Option<f64>,
    /// How long the servers took on average.
    pub mean_ms: f64,
    /// How long the step took here on average, from actual send.
    pub own_mean_ms: Option<f64>,
    /// The difference: network, proxy and queue.
    pub difference_ms: Option<f64>,
}

/// The rows, in the order of the steps.
pub(super) fn result(seen: &Seen, steps: &Ordered<StepResult>) -> Vec<RequestsResult> {
    let items = || seen.sources.iter().flat_map(|source| &source.items);
    let counts = items().filter_map(|item| item.item.requests.as_ref()).filter(|it| it.what == What::Count);
    let mut rows: Vec<RequestsResult> = Vec::new();
    for requests in counts {
        if rows.iter().any(|row| row.step == requests.step) {
            continue;
        }
        rows.extend(row(requests, items().collect::<Vec<_>>().as_slice(), steps));
    }
    rows
}

/// Adds up what the sources of a step say.
fn row(requests: &Requests, items: &[&SeenItem], steps: &Ordered<StepResult>) -> Option<RequestsResult> {
    let of = |what: What| {
        let own = move |item: &&&SeenItem| {
            item.item.requests.as_ref().is_some_and(|it| it.step == requests.step && it.what == what)
        };
        items.iter().filter(own)
    };
    let sum =
        |what: What| of(what).filter_map(|item| item.figure.as_ref().ok()).copied().reduce(|a, b| a + b);
    let count = sum(What::Count).filter(|count| *count > 0.0)?;
    let mean_ms = sum(What::Millis)? / count;
    let took = of(What::Count).filter_map(|item| item.grew_for).max();
    let own_mean_ms = steps.get(&requests.step).and_then(|step| step.from_sent.mean_ms);
    Some(RequestsResult {
        step: requests.step.clone(),
        uri: requests.uri.clone(),
        count,
        per_second: took.filter(|took| !took.is_zero()).map(|took| numbers::tidy(count / took.as_secs_f64())),
        error_share: sum(What::Errors).map(|errors| numbers::tidy(errors / count)),
        mean_ms: numbers::tidy(mean_ms),
        own_mean_ms,
        difference_ms: own_mean_ms.map(|own| numbers::tidy(own - mean_ms)),
    })
}
