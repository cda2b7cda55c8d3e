//! HTTP answers: the four shapes that Runnity's clients meet, and how they are framed.
//!
//! The application's envelope, Spring's error JSON, problem details and nginx's HTML. Knows no
//! request and no socket. Invariant: an answer's body is framed either as one chunk (JSON of the
//! application, as Spring sends it) or by its length.

use std::borrow::Cow;
use std::io::Write;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::world::Refusal;

/// What the body is, which decides `Content-Type` and framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    Html,
    Json,
    Metrics,
    Nothing,
    Problem,
    Text,
}

/// What the request makes of an answer's shape on the wire.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// The connection stays open: not so with HTTP/1.0, which knows no chunks.
    pub(crate) keep_alive: bool,
    /// The request was HEAD: the same header, and no body.
    pub(crate) is_head: bool,
}

impl Shape {
    /// The last answer on a connection.
    pub(crate) const LAST: Self = Self { keep_alive: false, is_head: false };
}

/// An answer before it is written.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    content: Content,
    body: Vec<u8>,
    /// How long it is held back.
    pub(crate) later: Option<Duration>,
    /// It waits for a connection of the pool meanwhile.
    pub(crate) is_in_pool: bool,
    /// One more header field.
    field: Option<(&'static str, Cow<'static, str>)>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a, T> {
    is_success: bool,
    code: u16,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<T>,
}

#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
}

#[derive(Serialize)]
struct SpringError<'a> {
    timestamp: String,
    status: u16,
    error: &'a str,
    path: &'a str,
}

/// A rule of validation that the input breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FieldError {
    pub(crate) field: &'static str,
    pub(crate) rejected_value: Value,
    pub(crate) message: String,
}

impl Reply {
    /// The application's yes.
    pub(crate) fn success(status: u16, data: impl Serialize) -> Self {
        let message = if status == 201 { "생성되었습니다." } else { "요청에 성공했습니다." };
        let envelope = Envelope { is_success: true, code: status, message, data: Some(data) };
        Self::json(status, &envelope)
    }

    /// The application's no.
    pub(crate) fn refusal(refusal: Refusal) -> Self {
        let envelope: Envelope<'_, ()> =
            Envelope { is_success: false, code: refusal.code(), message: refusal.message(), data: None };
        Self::json(refusal.status(), &envelope)
    }

    /// The application's no to input that breaks rules.
    pub(crate) fn invalid(errors: &[FieldError]) -> Self {
        let refusal = Refusal::ValidationFailed;
        let data = Some(json!({ "errors": errors }));
        let message = refusal.message();
        Self::json(refusal.status(), &Envelope { is_success: false, code: refusal.code(), message, data })
    }

    /// Problem details, for what Spring refuses before the application sees it.
    pub(crate) fn problem(status: u16, detail: &str, path: &str) -> Self {
        let problem = Problem { kind: "about:blank", title: reason(status), status, detail, instance: path };
        Self { content: Content::Problem, ..Self::json(status, &problem) }
    }

    /// Spring's error JSON, for what nothing is mapped to.
    pub(crate) fn spring_error(status: u16, wall_ms: u64, path: &str) -> Self {
        let timestamp = jiff::Timestamp::from_millisecond(wall_ms as i64).unwrap_or_default();
        let timestamp = timestamp.strftime("%Y-%m-%dT%H:%M:%S%.3f+00:00").to_string();
        let error = SpringError { timestamp, status, error: reason(status), path };
        Self::json(status, &error)
    }

    /// nginx's page, for an upstream that is down.
    pub(crate) fn nginx(status: u16) -> Self {
        let title = format!("{status} {}", reason(status));
        Self::nginx_page(status, &title, &format!("<center><h1>{title}</h1></center>\r\n"))
    }

    /// nginx's page for who speaks HTTP where TLS was due.
    pub(crate) fn nginx_for_plain() -> Self {
        let what = "The plain HTTP request was sent to HTTPS port";
        let text = format!("<center><h1>400 {}</h1></center>\r\n<center>{what}</center>\r\n", reason(400));
        Self::nginx_page(400, &format!("400 {what}"), &text)
    }

    fn nginx_page(status: u16, title: &str, text: &str) -> Self {
        let body = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n{text}\
             <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
        );
        Self::new(status, Content::Html, body.into_bytes())
    }

    /// A status and nothing more: what Spring Security and a WebSocket interceptor answer.
    pub(crate) fn empty(status: u16) -> Self {
        Self::new(status, Content::Nothing, Vec::new())
    }

    /// A line of plain text.
    pub(crate) fn text(status: u16, text: &str) -> Self {
        Self::new(status, Content::Text, text.as_bytes().to_vec())
    }

    /// A page for Prometheus.
    pub(crate) fn metrics(text: String) -> Self {
        Self::new(200, Content::Metrics, text.into_bytes())
    }

    fn new(status: u16, content: Content, body: Vec<u8>) -> Self {
        Self { status, content, body, later: None, is_in_pool: false, field: None }
    }

    /// Any JSON.
    pub(crate) fn json(status: u16, value: &impl Serialize) -> Self {
        // Only maps with keys that are no strings fail, and there are none here.
        let body = serde_json::to_vec(value).unwrap_or_default();
        Self::new(status, Content::Json, body)
    }

    /// With one more header field.
    pub(crate) fn with_field(self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        Self { field: Some((name, value.into())), ..self }
    }

    /// Held back for so long.
    pub(crate) fn late_by(self, later: Option<Duration>) -> Self {
        Self { later, ..self }
    }

    /// Held back for as long as a request waits for a connection of an exhausted pool.
    pub(crate) fn waiting_for_the_pool(self, by: Duration) -> Self {
        Self { later: Some(by), is_in_pool: true, ..self }
    }

    /// Whether nginx says it, so that no server behind it knows of the request.
    pub(crate) fn is_from_nginx(&self) -> bool {
        self.content == Content::Html
    }

    /// Whether Spring Security says it, before it is known what was asked for.
    pub(crate) fn is_from_security(&self) -> bool {
        (self.status, self.content) == (403, Content::Nothing)
    }

    /// Appends the answer as it goes over the wire.
    pub(crate) fn write(&self, out: &mut Vec<u8>, date: &str, shape: Shape) {
        let (status, reason) = (self.status, reason(self.status));
        put(out, format_args!("HTTP/1.1 {status} {reason}\r\nDate: {date}\r\n"));
        if let Some(kind) = self.content.mime() {
            put(out, format_args!("Content-Type: {kind}\r\n"));
        }
        if let Some((name, value)) = &self.field {
            put(out, format_args!("{name}: {value}\r\n"));
        }
        if !shape.keep_alive {
            out.extend_from_slice(b"Connection: close\r\n");
        }
        let is_chunked = self.content == Content::Json && shape.keep_alive;
        if is_chunked {
            put(out, format_args!("Transfer-Encoding: chunked\r\n\r\n"));
        } else {
            put(out, format_args!("Content-Length: {}\r\n\r\n", self.body.len()));
        }
        if shape.is_head {
            return;
        }
        if is_chunked {
            put(out, format_args!("{:x}\r\n", self.body.len()));
        }
        out.extend_from_slice(&self.body);
        if is_chunked {
            out.extend_from_slice(b"\r\n0\r\n\r\n");
        }
    }
}

impl Content {
    fn mime(self) -> Option<&'static str> {
        match self {
            Self::Html => Some("text/html"),
            Self::Json => Some("application/json"),
            Self::Metrics => Some("text/plain;version=0.0.4;charset=utf-8"),
            Self::Nothing => None,
            Self::Problem => Some("application/problem+json"),
            Self::Text => Some("text/plain;charset=UTF-8"),
        }
    }
}

/// The reason phrase.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Payload Too Large",
        415 => "Unsupported Media Type",
        426 => "Upgrade Required",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "",
    }
}

fn put(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    let _ = out.write_fmt(text);
}

/// The value as JSON, for the mock server's own answers.
pub(crate) fn to_value(value: impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(reply: &Reply) -> &str {
        std::str::from_utf8(&reply.body).unwrap()
    }

    fn wire(reply: &Reply, keep_alive: bool) -> String {
        let mut out = Vec::new();
        reply.write(&mut out, "D", Shape { keep_alive, is_head: false });
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_refusal_has_no_data_and_mirrors_its_meaning() {
        let reply = Reply::refusal(Refusal::MemberNotFound);
        assert_eq!(reply.status, 400);
        assert_eq!(body(&reply), r#"{"isSuccess":false,"code":404,"message":"존재하지 않는 회원입니다."}"#);
    }

    #[test]
    fn validation_errors_carry_their_fields() {
        let errors = [FieldError { field: "title", rejected_value: json!(""), message: "m".into() }];
        let reply = Reply::invalid(&errors);
        let error = r#"{"field":"title","message":"m","rejectedValue":""}"#;
        assert!(body(&reply).ends_with(&format!(r#""data":{{"errors":[{error}]}}}}"#)), "{}", body(&reply));
    }

    #[test]
    fn json_is_chunked_as_long_as_the_connection_stays() {
        let reply = Reply::success(200, 7);
        let json = body(&reply);
        assert!(wire(&reply, true).ends_with(&format!(
            "Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{json}\r\n0\r\n\r\n",
            json.len()
        )));
        assert!(
            wire(&reply, false)
                .ends_with(&format!("Connection: close\r\nContent-Length: {}\r\n\r\n{json}", json.len()))
        );
    }

    #[test]
    fn an_empty_answer_says_so() {
        let reply = Reply::empty(403);
        assert_eq!(wire(&reply, true), "HTTP/1.1 403 Forbidden\r\nDate: D\r\nContent-Length: 0\r\n\r\n");
    }
}
