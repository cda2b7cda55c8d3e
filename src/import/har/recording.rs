//! A recording as it was saved: requests, answers, the frames of WebSockets, in the order of time.
//!
//! Reads HAR 1.2 as browsers write it, with Chromium's `_resourceType` and `_webSocketMessages`. Does not judge what
//! matters. Invariant: what is missing in an entry is empty, and never stops the rest.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde_json::Value;
use url::Url;

use super::super::error::ImportError;

/// One request with its answer.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its number in the file, from 1.
    pub(super) number: usize,
    /// When it began, since 1970.
    pub(super) at_ms: f64,
    pub(super) method: String,
    pub(super) url: Url,
    /// Without those of HTTP/2 itself.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<String>,
    pub(super) status: u16,
    pub(super) answer_headers: Vec<(String, String)>,
    pub(super) answer: Option<String>,
    /// What the browser wanted it for: `xhr`, `document`, `websocket`.
    pub(super) resource: String,
    /// Of a WebSocket.
    pub(super) frames: Vec<Frame>,
    /// What is among the frames and is none: errors of the browser, and bytes that are no base64.
    pub(super) unread: u64,
}

/// A message of a WebSocket.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    pub(super) is_sent: bool,
    pub(super) at_ms: f64,
    /// Its text; of a binary one nothing.
    pub(super) text: String,
    /// Its bytes if it is binary.
    pub(super) bytes: Option<Vec<u8>>,
}

impl Entry {
    /// The value of a header field that was sent.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        value_of(&self.headers, name)
    }

    /// The value of a header field of the answer.
    pub(super) fn answer_header(&self, name: &str) -> Option<&str> {
        value_of(&self.answer_headers, name)
    }

    /// Scheme, host and port, with HTTP's schemes for WebSockets.
    pub(super) fn origin(&self) -> String {
        let scheme = match self.url.scheme() {
            "ws" => "http",
            "wss" => "https",
            other => other,
        };
        let host = self.url.host_str().unwrap_or_default();
        match self.url.port() {
            Some(port) => format!("{scheme}://{host}:{port}"),
            None => format!("{scheme}://{host}"),
        }
    }

    /// Path and query as they were sent.
    pub(super) fn path(&self) -> String {
        match self.url.query() {
            Some(query) => format!("{}?{query}", self.url.path()),
            None => self.url.path().to_owned(),
        }
    }

    /// Whether it opened a WebSocket.
    pub(super) fn is_websocket(&self) -> bool {
        self.resource == "websocket" || matches!(self.url.scheme(), "ws" | "wss")
    }
}

fn value_of<'e>(headers: &'e [(String, String)], name: &str) -> Option<&'e str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// Reads a recording; its entries are in the order in which they began.
///
/// # Errors
/// It is not JSON, or no HAR.
pub(super) fn read(file: &str, text: &str) -> Result<Vec<Entry>, ImportError> {
    let json: Value = serde_json::from_str(text).map_err(|error| ImportError::Malformed {
        file: file.to_owned(),
        line: error.line().max(1),
        message: format!("not JSON: {error}: save the recording again, whole"),
    })?;
    let entries = json.pointer("/log/entries").and_then(Value::as_array);
    let entries = entries.ok_or_else(|| ImportError::Unknown {
        file: file.to_owned(),
        message: "it has no list log.entries: save it in the browser's Network panel, as HAR".to_owned(),
    })?;
    let mut read: Vec<Entry> =
        entries.iter().enumerate().filter_map(|(k, json)| entry(k + 1, json)).collect();
    read.sort_by(|one, other| one.at_ms.total_cmp(&other.at_ms));
    Ok(read)
}

fn entry(number: usize, json: &Value) -> Option<Entry> {
    let text = |pointer: &str| json.pointer(pointer).and_then(Value::as_str);
    let url = Url::parse(text("/request/url")?).ok()?;
    let method = text("/request/method").unwrap_or("GET").trim().to_ascii_uppercase();
    if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let content = text("/response/content/text");
    let answer = match text("/response/content/encoding") {
        Some("base64") => content
            .and_then(|content| BASE64_STANDARD.decode(content).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok()),
        _ => content.map(str::to_owned),
    };
    let status = json.pointer("/response/status").and_then(Value::as_u64).unwrap_or_default();
    let frames = json.pointer("/_webSocketMessages").and_then(Value::as_array);
    let (frames, unread) = frames.map(|all| in_time(all)).unwrap_or_default();
    Some(Entry {
        number,
        at_ms: text("/startedDateTime").and_then(instant_ms).unwrap_or_default(),
        method,
        url,
        headers: headers(json.pointer("/request/headers")),
        body: body(json),
        status: u16::try_from(status).unwrap_or_default(),
        answer_headers: headers(json.pointer("/response/headers")),
        answer: answer.filter(|answer| !answer.is_empty()),
        resource: text("/_resourceType").unwrap_or_default().to_ascii_lowercase(),
        frames,
        unread,
    })
}

fn instant_ms(text: &str) -> Option<f64> {
    let instant: Timestamp = text.parse().ok()?;
    Some(instant.as_microsecond() as f64 / 1000.0)
}

fn headers(json: Option<&Value>) -> Vec<(String, String)> {
    let pair = |json: &Value| {
        let text = |key| json.get(key).and_then(Value::as_str);
        let (name, value) = (text("name")?, text("value")?);
        (!name.is_empty() && !name.starts_with(':')).then(|| (name.to_owned(), value.to_owned()))
    };
    json.and_then(Value::as_array).map(|all| all.iter().filter_map(pair).collect()).unwrap_or_default()
}

/// The body; a form of which only the fields are there is put together again.
fn body(json: &Value) -> Option<String> {
    let data = json.pointer("/request/postData")?;
    if let Some(text) = data.get("text").and_then(Value::as_str).filter(|text| !text.is_empty()) {
        return Some(text.to_owned());
    }
    let fields = data.get("params").and_then(Value::as_array)?;
    let mut pairs = Vec::new();
    for json in fields {
        let text = |key| json.get(key).and_then(Value::as_str);
        pairs.extend(text("name").map(|name| (name, text("value").unwrap_or_default())));
    }
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    Some(form.extend_pairs(pairs).finish()).filter(|form| !form.is_empty())
}

/// Frames in the order of time, and how many entries among them are none.
fn in_time(all: &[Value]) -> (Vec<Frame>, u64) {
    // Pings, Pongs and closes are answered by themselves.
    let is_control = |json: &&Value| json.get("opcode").and_then(Value::as_u64).is_some_and(|it| it >= 8);
    let data: Vec<&Value> = all.iter().filter(|json| !is_control(json)).collect();
    let mut frames: Vec<Frame> = data.iter().filter_map(|json| frame(json)).collect();
    frames.sort_by(|one, other| one.at_ms.total_cmp(&other.at_ms));
    let unread = data.len() - frames.len();
    (frames, unread as u64)
}

fn frame(json: &Value) -> Option<Frame> {
    let data = json.get("data").and_then(Value::as_str)?;
    let is_sent = match json.get("type").and_then(Value::as_str) {
        Some("send") => true,
        Some("receive") => false,
        _ => return None,
    };
    let (text, bytes) = match json.get("opcode").map(Value::as_u64) {
        None | Some(Some(1)) => (data.to_owned(), None),
        Some(Some(2)) => (String::new(), Some(BASE64_STANDARD.decode(data).ok()?)),
        _ => return None,
    };
    let at_s = json.get("time").and_then(Value::as_f64).filter(|time| time.is_finite()).unwrap_or_default();
    Some(Frame { is_sent, at_ms: at_s * 1000.0, text, bytes })
}
