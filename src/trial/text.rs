//! Entries as lines for people: what was sent and what came told apart, bodies in a line each.
//!
//! Lays out text and knows nothing of its meaning. Invariants: nothing is wider than the page,
//! except a word that is; what a peer sent obeys no terminal.

use std::fmt::Write as _;
use std::time::Duration;

use textwrap::core::display_width;

use super::entry::{Content, Entry, Failure, What};
use crate::checks::Page;
use crate::checks::table::Paint;
use crate::foreign;
use crate::numbers;

/// Lines of a body that are shown with its headers.
const BODY_LINES: usize = 40;

/// How entries are printed.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// What they are printed on.
    pub page: Page,
    /// Columns of the longest step's name.
    pub label_columns: usize,
    /// Whether headers and whole bodies are shown.
    pub verbose: bool,
}

impl Style {
    /// An entry's lines; empty where the others say it.
    pub fn lines(&self, entry: &Entry) -> String {
        let mut lines = Lines { style: self, entry, out: String::new(), is_begun: false };
        lines.all();
        lines.out
    }

    /// Columns before the text.
    fn indent(&self) -> usize {
        8 + 1 + self.label_columns + 1 + 2
    }

    fn columns(&self) -> usize {
        self.page.columns.saturating_sub(self.indent()).max(20)
    }
}

struct Lines<'e> {
    style: &'e Style,
    entry: &'e Entry,
    out: String,
    is_begun: bool,
}

impl Lines<'_> {
    fn all(&mut self) {
        match &self.entry.what {
            What::Warning { text } => {
                let text = foreign::escaped(&format!("warning: {text}"));
                let _ = writeln!(self.out, "{}", textwrap::fill(&text, self.style.page.columns));
            }
            What::Connecting { to } => self.line(' ', Paint::Dim, &format!("connecting to {to}")),
            What::Secured { version, resumed } => {
                let resumed = if *resumed { ", resumed" } else { "" };
                self.line(' ', Paint::Dim, &format!("{version}{resumed}"));
            }
            What::Request { line, headers, body } => {
                self.line('>', Paint::Warning, line);
                self.headers(headers);
                self.body(body.as_ref());
            }
            What::Answer { status, reason, headers, body, took_ms } => {
                let bytes = body.as_ref().map_or(0, |body| body.bytes);
                let head = format!("{status} {reason}").trim_end().to_owned();
                let size = if bytes > 0 { format!(", {}", numbers::bytes(bytes)) } else { String::new() };
                self.line('<', Paint::Good, &format!("{head}{size} after {}", took(*took_ms)));
                self.headers(headers);
                self.body(body.as_ref());
            }
            What::Took { name, value, bytes } => {
                let text = foreign::line(value, usize::MAX);
                self.further(&format!("{name} = {text} ({})", numbers::bytes(*bytes)));
            }
            What::Sent { frame, content } => self.frame('>', frame, None, None, content),
            What::Received { frame, kind, rule, compressed, content } => {
                let kind = kind.as_ref().map(|kind| match rule {
                    Some(rule) => format!("{kind} ({rule})"),
                    None => format!("{kind} (no kind matches)"),
                });
                self.frame('<', frame, kind.as_deref(), *compressed, content);
            }
            What::Done { is_request: true, .. } => {}
            What::Done { took_ms, .. } => {
                self.line('✓', Paint::Good, &format!("{} after {}", self.entry.step, took(*took_ms)));
            }
            What::Noted { text } => self.further(text),
            What::Waiting { text } => self.line(' ', Paint::Dim, text),
            // At the end there is more of it, where nothing follows.
            What::Failed(failure) => self.line('✗', Paint::Bad, &failure.fault),
            What::End { passed, failed, member } => {
                if let Some((step, at, failure)) = failed {
                    self.failure(step, *at, failure);
                }
                self.end(*passed, member.as_deref());
            }
        }
    }

    /// A line with an arrow; those that follow stand under its text.
    fn line(&mut self, arrow: char, paint: Paint, text: &str) {
        let style = self.style;
        let (at, label) = if self.is_begun {
            (String::new(), "")
        } else {
            (format!("{:.3}", self.entry.at.as_secs_f64()), self.entry.step.as_str())
        };
        let label = fitting(label, style.label_columns);
        self.is_begun = true;
        let arrow = style.page.paint(paint, &arrow.to_string());
        let text = fitting(&foreign::escaped(text), style.columns());
        let text = if paint == Paint::Dim { style.page.paint(paint, &text) } else { text };
        let line = format!("{at:>8} {label:<0$} {arrow} {text}", style.label_columns);
        let _ = writeln!(self.out, "{}", line.trim_end());
    }

    fn further(&mut self, text: &str) {
        let style = self.style;
        let text = style.page.paint(Paint::Dim, &fitting(&foreign::escaped(text), style.columns()));
        let _ = writeln!(self.out, "{:1$}{text}", "", style.indent());
    }

    fn headers(&mut self, headers: &[String]) {
        if self.style.verbose {
            headers.iter().for_each(|header| self.further(&foreign::line(header, usize::MAX)));
        }
    }

    fn body(&mut self, body: Option<&Content>) {
        let Some(body) = body else { return };
        if !self.style.verbose {
            return self.further(&one_line(body));
        }
        let text = foreign::shown_plain(&plain(body)).replace('\t', "  ");
        let lines = textwrap::wrap(&text, self.style.columns());
        lines.iter().take(BODY_LINES).for_each(|line| self.further(line));
        if lines.len() > BODY_LINES {
            self.further(&format!("… {} lines more", lines.len() - BODY_LINES));
        }
    }

    fn frame(
        &mut self,
        arrow: char,
        frame: &str,
        kind: Option<&str>,
        compressed: Option<u64>,
        content: &Content,
    ) {
        let size = match compressed {
            Some(bytes) => {
                format!("{}, compressed to {}", numbers::bytes(content.bytes), numbers::bytes(bytes))
            }
            None => numbers::bytes(content.bytes),
        };
        let paint = if arrow == '>' { Paint::Warning } else { Paint::Good };
        match (frame, kind) {
            ("close", _) => self.line(arrow, paint, format!("close {}", one_line(content)).trim_end()),
            ("ping" | "pong", _) => {
                let payload = one_line(content);
                let payload = if payload.is_empty() { payload } else { format!(", payload {payload}") };
                self.line(arrow, paint, &format!("{frame} frame{payload}"));
            }
            (_, Some(kind)) => {
                self.line(arrow, paint, &format!("{kind}, {size}"));
                self.body(Some(content));
            }
            (_, None) if self.style.verbose || compressed.is_some() => {
                self.line(arrow, paint, &format!("{frame}, {size}"));
                self.body(Some(content));
            }
            (_, None) => self.line(arrow, paint, &one_line(content)),
        }
    }

    fn failure(&mut self, step: &str, at: Duration, failure: &Failure) {
        let page = self.style.page;
        let at = at.as_secs_f64();
        let head = format!("{step} failed at {at:.3} s: {} (blame: {})", failure.fault, failure.blame);
        let _ = writeln!(self.out, "\n{} {head}", page.paint(Paint::Bad, "✗"));
        let evidence = foreign::line(&failure.evidence, 400);
        for (first, text) in [("  ", evidence.as_str()), ("→ ", failure.advice.as_str())] {
            if !text.is_empty() {
                let options =
                    textwrap::Options::new(page.columns - 1).initial_indent(first).subsequent_indent("  ");
                let _ = writeln!(self.out, "{}", textwrap::fill(text, options));
            }
        }
    }

    fn end(&mut self, passed: bool, member: Option<&str>) {
        let page = self.style.page;
        if passed {
            let _ = writeln!(self.out, "\n{} Every step succeeded.", page.paint(Paint::Good, "✓"));
        }
        if let Some(member) = member {
            let options =
                textwrap::Options::new(page.columns - 1).initial_indent("  ").subsequent_indent("  ");
            let _ = writeln!(self.out, "{}", textwrap::fill(&foreign::line(member, usize::MAX), options));
        }
    }
}

/// A time to three digits: `0.8 ms`, `12.3 ms`, `1.25 s`.
fn took(took: Duration) -> String {
    let millis = took.as_secs_f64() * 1e3;
    if millis < 1e3 { format!("{millis:.1} ms") } else { format!("{:.2} s", millis / 1e3) }
}

fn plain(content: &Content) -> String {
    match (&content.text, &content.mixed) {
        // A line end alone would not be seen.
        (Some(text), _) if text.trim().is_empty() && !text.is_empty() => format!("{text:?}"),
        (Some(text), _) => text.clone(),
        (None, Some(mixed)) => mixed.clone(),
        (None, None) => String::new(),
    }
}

/// All of it in one line, however long.
fn one_line(content: &Content) -> String {
    foreign::line(&plain(content), usize::MAX)
}

/// As much of the text as fits, and a mark where some does not.
fn fitting(text: &str, columns: usize) -> String {
    if display_width(text) <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1;
    for c in text.chars() {
        used += display_width(c.encode_utf8(&mut [0; 4]));
        if used > columns {
            break;
        }
        out.push(c);
    }
    out + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_terminal_obeys_what_is_printed() {
        let foul = "a\0b\x1b[31m\r\n\tc\u{9b}d";
        let content = || Content::new(foul.as_bytes(), foul.len());
        let (text, headers) = (foul.to_owned(), vec![foul.to_owned()]);
        let whats = [
            What::Request { line: text.clone(), headers: headers.clone(), body: Some(content()) },
            What::Answer {
                status: 200,
                reason: text.clone(),
                headers,
                body: Some(content()),
                took_ms: Duration::ZERO,
            },
            What::Took { name: "id".into(), value: text.clone(), bytes: 9 },
            What::Sent { frame: "text", content: content() },
            What::Sent { frame: "ping", content: content() },
            What::Received { frame: "text", kind: None, rule: None, compressed: None, content: content() },
            What::Received {
                frame: "text",
                kind: Some("k".into()),
                rule: Some(text.clone()),
                compressed: Some(4),
                content: content(),
            },
            What::Noted { text: text.clone() },
            What::Warning { text: text.clone() },
            What::Waiting { text: text.clone() },
            What::End { passed: true, failed: None, member: Some(text) },
        ];
        for (what, verbose) in whats.iter().flat_map(|what| [(what, false), (what, true)]) {
            let page = Page { columns: 100, colour: false };
            let style = Style { page, label_columns: 8, verbose };
            let lines = style.lines(&Entry { at: Duration::ZERO, step: "s".into(), what: what.clone() });
            assert!(!lines.contains(|c: char| c.is_control() && c != '\n'), "{lines:?}");
        }
    }
}
