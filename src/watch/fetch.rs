//! One GET by a deadline, for sources that are pages.
//!
//! Knows no page. Invariants: no more than [`BODY_BYTES_MAX`] are read; headers are never shown.

use std::time::{Duration, Instant};

use super::place::Secret;
use super::presence::Look;
use crate::foreign;

/// Bytes of an answer that are read.
const BODY_BYTES_MAX: u64 = 1 << 20;
/// Of an error that is shown.
const SHOWN_CHARS_MAX: usize = 200;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) status: u16,
    /// Where a redirect leads.
    pub(super) location: Option<String>,
    pub(super) body: String,
    pub(super) took: Duration,
}

/// Gets a page.
///
/// # Errors
/// Nobody is there, or there was no whole answer in time.
pub(super) fn get(
    agent: &ureq::Agent,
    url: &str,
    headers: &[(String, Secret)],
    deadline: Instant,
) -> Result<Fetched, Look> {
    let began = Instant::now();
    let left = deadline.saturating_duration_since(began);
    let mut request = agent.get(url);
    for (name, value) in headers {
        request = request.header(name, &value.0);
    }
    let mut answer =
        request.config().timeout_global(Some(left)).build().call().map_err(|error| missed(&error, left))?;
    let location = answer.headers().get("location").and_then(|at| at.to_str().ok()).map(String::from);
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(BODY_BYTES_MAX).read_to_vec();
    let body = body.map_err(|error| missed(&error, left))?;
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Fetched { status, location, body, took: began.elapsed() })
}

fn missed(error: &ureq::Error, within: Duration) -> Look {
    let said = foreign::line(&error.to_string(), SHOWN_CHARS_MAX);
    match error {
        ureq::Error::Timeout(_) => Look::Silent(format!("no answer within {:.1} s", within.as_secs_f64())),
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => Look::Gone(said),
        ureq::Error::ConnectionFailed => Look::Gone(said),
        _ => Look::Silent(said),
    }
}
