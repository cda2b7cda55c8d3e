//! What a session keeps until its WebSocket is up: values, cookies, the answer being read, and where its
//! request goes.
//!
//! Types, and what is shown of an answer. Invariant: nothing of it is left once the session is open.

use std::borrow::Cow;

use startline_protocol::http::cookies::Jar;
use startline_protocol::http::{Limits, ResponseReader};

use super::script::{Destination, Endpoint, Script};

/// What a session keeps until its WebSocket is up.
#[derive(Debug)]
pub struct Setup {
    /// Values by index, empty where not taken yet.
    pub(super) taken: Vec<String>,
    /// The answer being read.
    pub(super) answer: ResponseReader,
    /// Random bytes of the upgrade's key.
    pub(super) key: [u8; 16],
    /// Cookies that answers have set, if the scenario keeps them.
    pub(super) cookies: Jar,
    /// The upgrade goes to the target's own host, whose the cookies are.
    pub(super) home: bool,
    /// `Host` and request target of the upgrade.
    pub(super) upgrade: (String, String),
    /// Where the HTTP connection at hand leads.
    pub(super) at: Option<Endpoint>,
    /// Where the request at hand goes, if not to the step's path on the target.
    pub(super) hop: Option<Box<Hop>>,
}

impl Setup {
    pub(super) fn new(script: &Script) -> Self {
        Self {
            taken: vec![String::new(); script.scenario.takes],
            answer: ResponseReader::new(Limits::default(), false),
            key: [0; 16],
            cookies: Jar::default(),
            home: false,
            upgrade: Default::default(),
            at: None,
            hop: None,
        }
    }
}

/// Where a request goes that a server said.
#[derive(Debug)]
pub(super) struct Hop {
    pub(super) to: Destination,
    /// Redirects that led there.
    pub(super) redirects: u8,
    /// A redirect has made it a GET without a body.
    pub(super) as_get: bool,
    /// Another host has redirected it: who is asking is not for this one to know.
    pub(super) is_foreign: bool,
}

impl Hop {
    /// Where a step's own request goes.
    pub(super) fn first(to: Destination) -> Box<Self> {
        Box::new(Self { to, redirects: 0, as_get: false, is_foreign: false })
    }
}

/// Fields that say what to do about a refusal.
const TELLING_FIELDS: [&str; 3] = ["Location", "WWW-Authenticate", "Retry-After"];

/// What shows why an answer was refused: the fields that say so, then the body; where there is nothing of
/// these, what stands behind the status.
pub(super) fn evidence_of(answer: &ResponseReader) -> Vec<u8> {
    let mut evidence = Vec::new();
    for name in TELLING_FIELDS {
        for value in answer.headers(name) {
            evidence.extend_from_slice(format!("{name}: {value}\n").as_bytes());
        }
    }
    evidence.extend_from_slice(&readable_body(answer));
    if evidence.is_empty() {
        evidence.extend_from_slice(reason(answer));
    }
    evidence
}

/// The words behind the status.
fn reason(answer: &ResponseReader) -> &[u8] {
    let line = answer.head().split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.splitn(3, |byte| *byte == b' ').nth(2).unwrap_or_default().trim_ascii()
}

/// The body without its codings where they can be undone, else as it came.
pub(super) fn readable_body(answer: &ResponseReader) -> Cow<'_, [u8]> {
    answer.decoded_body().unwrap_or(Cow::Borrowed(answer.body()))
}
