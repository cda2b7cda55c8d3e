//! One GET by a deadline, for sources that are asked over HTTP.
//!
//! Knows no page. Invariants: no more bytes are read than the asker has room for; headers are never
//! shown.

use std::time::{Duration, Instant};

use super::place::Secret;
use super::presence::Look;
use crate::foreign;
use crate::lang::Reason;

/// Bytes of an error that are shown.
const SHOWN_CHARS_MAX: usize = 200;

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask<'a> {
    pub(super) url: &'a str,
    /// Names and values, to be escaped.
    pub(super) query: &'a [(&'a str, String)],
    pub(super) headers: &'a [(String, Secret)],
    /// An answer with more is an error.
    pub(super) bytes_max: u64,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fetched {
    pub(super) status: u16,
    /// Where a redirect leads.
    pub(super) location: Option<String>,
    pub(super) body: String,
    pub(super) took: Duration,
}

impl<'a> Ask<'a> {
    /// A page for people or a program of a few lines.
    pub(super) fn page(url: &'a str, headers: &'a [(String, Secret)]) -> Self {
        Self { url, query: &[], headers, bytes_max: 1 << 20 }
    }

    /// Metrics, of which a server may have many.
    pub(super) fn metrics(url: &'a str, headers: &'a [(String, Secret)]) -> Self {
        Self { url, query: &[], headers, bytes_max: 16 << 20 }
    }
}

/// Gets an answer.
///
/// # Errors
/// Nobody is there, or there was no whole answer in time.
pub(super) fn get(agent: &ureq::Agent, ask: Ask<'_>, deadline: Instant) -> Result<Fetched, Look> {
    let began = Instant::now();
    let left = deadline.saturating_duration_since(began);
    let mut request = agent.get(ask.url);
    for (name, value) in ask.query {
        request = request.query(*name, value);
    }
    for (name, value) in ask.headers {
        request = request.header(name, &value.0);
    }
    let mut answer =
        request.config().timeout_global(Some(left)).build().call().map_err(|error| missed(&error, left))?;
    let location = answer.headers().get("location").and_then(|at| at.to_str().ok()).map(String::from);
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(ask.bytes_max).read_to_vec();
    let body = body.map_err(|error| missed(&error, left))?;
    let body = String::from_utf8_lossy(&body).into_owned();
    Ok(Fetched { status, location, body, took: began.elapsed() })
}

fn missed(error: &ureq::Error, within: Duration) -> Look {
    let said = foreign::line(&error.to_string(), SHOWN_CHARS_MAX);
    match error {
        ureq::Error::Timeout(_) => {
            Look::Silent(Reason::NoAnswerWithin.with(format!("{:.1} s", within.as_secs_f64())))
        }
        ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            Look::Gone(said.into())
        }
        ureq::Error::ConnectionFailed => Look::Gone(said.into()),
        // Without the library's own word for its kind.
        ureq::Error::Io(error) => Look::Silent(foreign::line(&error.to_string(), SHOWN_CHARS_MAX).into()),
        _ => Look::Silent(said.into()),
    }
}
