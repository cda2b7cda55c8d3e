//! What an HTTP step sends: its request, and the values in it, which must not break it.
//!
//! Invariant: a value that would end a line, a URL or a string before its time is a fault, never cut or
//! sent.

use super::script::Script;
use super::setup::Setup;
use crate::fault::Fault;
use crate::scenario::HttpStep;
use crate::scenario::outside::says_who;
use crate::scenario::template::{Scope, Template, Used};

/// Appends the request; a value that would break it is a fault, and the request useless.
pub(super) fn write_request(
    step: &HttpStep,
    script: &Script,
    setup: &Setup,
    scope: &Scope<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    let hop = setup.hop.as_deref();
    let as_get = hop.is_some_and(|hop| hop.as_get);
    let method = if as_get { "GET" } else { step.method.as_str() };
    out.extend_from_slice(method.as_bytes());
    out.push(b' ');
    let begin = out.len();
    match hop {
        Some(hop) => out.extend_from_slice(hop.to.target.as_bytes()),
        None => step.path.render(scope, out),
    }
    if hop.is_none() {
        refuse_broken(&step.path, scope, &out[begin..], breaks_line)?;
    }
    out.extend_from_slice(b" HTTP/1.1\r\nHost: ");
    out.extend_from_slice(hop.map_or(&script.authority, |hop| &hop.to.authority).as_bytes());
    out.extend_from_slice(b"\r\nUser-Agent: startline/");
    out.extend_from_slice(env!("CARGO_PKG_VERSION").as_bytes());
    out.extend_from_slice(b"\r\n");
    let is_foreign = hop.is_some_and(|hop| hop.is_foreign);
    let is_sent = |name: &str| {
        let is_of_body = name.len() >= 8 && name[..8].eq_ignore_ascii_case("content-");
        !(is_foreign && says_who(name) || as_get && is_of_body)
    };
    write_fields(step.headers.iter().filter(|(name, _)| is_sent(name)), scope, out)?;
    if setup.at.is_none_or(|at| at.host == script.home().host) {
        setup.cookies.write_field(out);
    }
    match &step.body {
        Some(body) if !as_get => {
            refuse_unquotable(body, scope)?;
            let mut rendered = Vec::new();
            body.render(scope, &mut rendered);
            out.extend_from_slice(format!("Content-Length: {}\r\n\r\n", rendered.len()).as_bytes());
            out.extend_from_slice(&rendered);
        }
        // RFC 9110, 8.6: a method that may have content says so when it has none.
        None if matches!(method, "POST" | "PUT" | "PATCH") => {
            out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
        }
        _ => out.extend_from_slice(b"\r\n"),
    }
    Ok(())
}

/// What a request line cannot carry.
pub(super) fn breaks_line(byte: u8) -> bool {
    !byte.is_ascii_graphic() || byte == b'#'
}

/// What a header field cannot carry.
fn breaks_field(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

/// Refuses a value that would end the JSON string in which a template puts it, or is not what its width or
/// filter is for.
pub(super) fn refuse_unquotable(template: &Template, scope: &Scope<'_>) -> Result<(), Fault> {
    let is_json = template.literal_start().iter().any(|byte| matches!(byte, b'{' | b'['));
    let values = template.values();
    let breaks = |used: &&Used| {
        let value = scope.value(used.value);
        let is_quoted = is_json && used.in_string && !used.is_filtered;
        (is_quoted && value.contains(['"', '\\'])) || !used.must_be.is(value)
    };
    values.iter().find(breaks).map_or(Ok(()), |used| Err(Fault::ValueUnusable(used.value)))
}

/// Refuses the value that breaks what was rendered: nothing is looked for as long as nothing is broken.
pub(super) fn refuse_broken(
    template: &Template,
    scope: &Scope<'_>,
    rendered: &[u8],
    breaks: impl Fn(u8) -> bool,
) -> Result<(), Fault> {
    if !rendered.iter().any(|byte| breaks(*byte)) {
        return Ok(());
    }
    let values = template.values();
    let is_broken = |used: &&Used| scope.value(used.value).bytes().any(&breaks);
    // A template's own text was checked when it was compiled.
    values.iter().find(is_broken).map_or(Ok(()), |used| Err(Fault::ValueUnusable(used.value)))
}

/// Appends header fields.
///
/// # Errors
/// A value would break one.
pub(super) fn write_fields<'f>(
    fields: impl IntoIterator<Item = &'f (String, Template)>,
    scope: &Scope<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Fault> {
    for (name, value) in fields {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        let begin = out.len();
        value.render(scope, out);
        refuse_broken(value, scope, &out[begin..], breaks_field)?;
        out.extend_from_slice(b"\r\n");
    }
    Ok(())
}
