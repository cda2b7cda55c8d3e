//! What happens in a session that is tried, as data: one entry for each thing that is shown.
//!
//! Types alone. Invariant: no entry has a secret in it.

use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::{foreign, numbers};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    /// Since the start.
    #[serde(rename = "at_s", serialize_with = "in_seconds")]
    pub at: Duration,
    /// The step, or the heartbeat, that it belongs to; empty: none.
    pub step: String,
    /// What it is.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum What {
    /// What may be a mistake in the scenario; comes first.
    Warning {
        /// In words.
        text: String,
    },
    /// A connection was begun.
    Connecting {
        /// Address and port.
        to: String,
    },
    /// The TLS handshake is over.
    Secured {
        /// The version, such as `TLS 1.3`.
        version: String,
        /// Whether it went on with an earlier session.
        resumed: bool,
    },
    /// An HTTP request went out: a step's, or the upgrade.
    Request {
        /// Method, path and version.
        line: String,
        /// Header fields.
        headers: Vec<String>,
        /// The body, if there is one.
        body: Option<Content>,
    },
    /// Its answer came.
    Answer {
        /// The status.
        status: u16,
        /// What the server calls it.
        reason: String,
        /// Header fields.
        headers: Vec<String>,
        /// The body, if there is one.
        body: Option<Content>,
        /// From when the request was sent.
        #[serde(serialize_with = "in_millis")]
        took_ms: Duration,
    },
    /// A value was taken.
    Took {
        /// Its name.
        name: String,
        /// The value; a secret's name in its place.
        value: String,
        /// How long it is.
        bytes: u64,
    },
    /// A frame went out.
    Sent {
        /// `text`, `binary`, `ping`, `pong` or `close`.
        frame: &'static str,
        /// Its payload.
        #[serde(flatten)]
        content: Content,
    },
    /// A message or a control frame came.
    Received {
        /// `text`, `binary`, `ping`, `pong` or `close`.
        frame: &'static str,
        /// The scenario's kind of message; `other` where none matches.
        kind: Option<String>,
        /// How the kind was recognized.
        rule: Option<String>,
        /// In how many bytes the message came, if it was compressed.
        #[serde(skip_serializing_if = "Option::is_none")]
        compressed: Option<u64>,
        /// The payload.
        #[serde(flatten)]
        content: Content,
    },
    /// A step is done, or a heartbeat was answered.
    Done {
        /// Its request and its answer say the same.
        #[serde(skip)]
        is_request: bool,
        /// From its scheduled time.
        #[serde(serialize_with = "in_millis")]
        took_ms: Duration,
    },
    /// What was found in the message before.
    Noted {
        /// In words.
        text: String,
    },
    /// What comes next, if nothing is seen of it for a while.
    Waiting {
        /// In words.
        text: String,
    },
    /// A failure.
    Failed(Failure),
    /// The session is over.
    End {
        /// Whether all went well.
        passed: bool,
        /// The step that failed, and why.
        #[serde(skip)]
        failed: Option<(String, Duration, Failure)>,
        /// What became of the member.
        member: Option<String>,
    },
}

/// A failure, and what to do next.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// The kind of fault, as in a run's results.
    pub fault: String,
    /// Who must act.
    pub blame: &'static str,
    /// What shows it.
    pub evidence: String,
    /// What to do next.
    pub advice: String,
}

/// Bytes, as far as they are shown.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Content {
    /// How many there are.
    pub bytes: u64,
    /// As text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The first of them, where they are not text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hex: Option<String>,
    /// The same with what is text among them, for people.
    #[serde(skip)]
    pub mixed: Option<String>,
}

/// Bytes kept of a text.
const TEXT_BYTES: usize = 64 << 10;

impl Content {
    /// Of bytes without secrets; `of` is how many they were with them.
    pub fn new(bytes: &[u8], of: usize) -> Self {
        let bytes_shown = &bytes[..bytes.len().min(TEXT_BYTES)];
        let (text, hex) = match foreign::text(bytes) {
            Some(_) => (Some(String::from_utf8_lossy(bytes_shown).into_owned()), None),
            None => (None, Some(foreign::hex(bytes))),
        };
        let mixed = hex.as_ref().map(|_| foreign::mixed(bytes_shown));
        Self { bytes: of as u64, text, hex, mixed }
    }

    /// The same, unless there are none.
    pub fn some(bytes: &[u8], of: usize) -> Option<Self> {
        (of > 0).then(|| Self::new(bytes, of))
    }
}

fn in_seconds<S: Serializer>(at: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(numbers::seconds(*at))
}

fn in_millis<S: Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(numbers::millis(*took))
}
