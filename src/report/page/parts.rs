//! What sections are made of: tables that scroll in a box of their own, tags, icons, names of others.
//!
//! Knows no figures. Invariant: text from outside is one line, cut, escaped, and isolated in its
//! direction.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, PreEscaped, Render, html};

use super::Page;
use crate::foreign;
use crate::lang::Text;
use crate::numbers::{figure, grouped};

/// Characters shown of a name.
const NAME_CHARS_MAX: usize = 80;

/// Characters shown of a sentence.
const SENTENCE_CHARS_MAX: usize = 1_000;

/// Units that stay on the line of their figure.
const UNITS: [&str; 11] = ["%", "ms", "s", "min", "h", "B", "kB", "MB", "GB", "TB", "M"];

/// Characters shown of evidence.
const EVIDENCE_CHARS_MAX: usize = 400;

/// How something came out: sets colour, icon and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Bad,
    Warn,
    Idle,
}

impl Tone {
    pub fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Warn => "warn",
            Self::Idle => "idle",
        }
    }

    /// A shape for each, so that none is told by its colour alone.
    fn shape(self) -> &'static str {
        match self {
            Self::Good => "<circle cx='12' cy='12' r='11'/><path d='m6.5 12.5 3.7 3.7 7.3-8' class='cut'/>",
            Self::Bad => {
                "<path d='M7.5 1h9L23 7.5v9L16.5 23h-9L1 16.5v-9z'/><path d='m8 8 8 8m0-8-8 8' class='cut'/>"
            }
            Self::Warn => "<path d='M12 1.5 23.5 22H.5z'/><path d='M12 9v6m0 2.6v1.2' class='cut'/>",
            Self::Idle => "<circle cx='12' cy='12' r='11'/><path d='M7 12h10' class='cut'/>",
        }
    }

    pub fn icon(self, class: &str) -> Markup {
        html! {
            svg class=(class) viewBox="0 0 24 24" aria-hidden="true" fill="currentColor" {
                (PreEscaped(self.shape()))
            }
        }
    }

    pub fn tag(self, words: &str) -> Markup {
        html! { span class={ "tag " (self.class()) } { (self.icon("")) (words) } }
    }
}

/// Text of others in a line.
pub(super) fn name(text: &str) -> Markup {
    html! { bdi.name { (foreign::line(text, NAME_CHARS_MAX)) } }
}

/// The same, as what stands in a file.
pub(super) fn code(text: &str) -> Markup {
    html! { code { bdi { (foreign::line(text, NAME_CHARS_MAX)) } } }
}

/// The name of a figure, which may be broken behind its dots and underscores.
pub(super) fn path(text: &str) -> Markup {
    let text = foreign::line(text, NAME_CHARS_MAX);
    html! { code { bdi { @for part in text.split_inclusive(['.', '_']) { (part) wbr; } } } }
}

/// What a peer sent.
pub(super) fn evidence(text: &str) -> Markup {
    html! { bdi { (foreign::line(text, EVIDENCE_CHARS_MAX)) } }
}

/// A sentence of ours, which may quote others: figures stay with their units.
pub(super) fn sentence(text: &str) -> Markup {
    let mut out = String::with_capacity(text.len());
    let mut words = foreign::line(text, SENTENCE_CHARS_MAX);
    while let Some(at) = words.find(' ') {
        let rest = words.split_off(at + 1);
        words.pop();
        let unit = rest.split(|c: char| !(c.is_alphanumeric() || c == '%')).next().unwrap_or_default();
        let is_unit = words.ends_with(|c: char| c.is_ascii_digit()) && UNITS.contains(&unit);
        out.push_str(&words);
        out.push(if is_unit { '\u{a0}' } else { ' ' });
        words = rest;
    }
    html! { (out) (words) }
}

/// A figure that may not exist.
pub(super) fn or_dash(value: Option<f64>) -> String {
    value.map_or_else(|| "–".into(), figure)
}

/// A count as a table's cell.
pub(super) fn number(count: u64) -> Markup {
    html! { (grouped(count)) }
}

/// A table with its caption; the first cell of a row is its head.
pub(super) struct Table {
    caption: String,
    is_wide: bool,
    columns: Vec<(String, &'static str)>,
    rows: Vec<Vec<Markup>>,
}

impl Table {
    pub fn new(caption: impl Into<String>) -> Self {
        Self { caption: caption.into(), is_wide: false, columns: Vec::new(), rows: Vec::new() }
    }

    /// Has many columns of figures, and so less space between them.
    pub fn wide(self) -> Self {
        Self { is_wide: true, ..self }
    }

    /// Adds a column of words that belong on one line.
    pub fn short(self, title: impl Into<String>) -> Self {
        self.column(title, "short")
    }

    /// Adds a column of text.
    pub fn text(self, title: impl Into<String>) -> Self {
        self.column(title, "")
    }

    /// Adds a column of sentences.
    pub fn words(self, title: impl Into<String>) -> Self {
        self.column(title, "words")
    }

    /// Adds a column of figures.
    pub fn figures(self, title: impl Into<String>) -> Self {
        self.column(title, "n")
    }

    /// Adds a column of figures that begins a group.
    pub fn group(self, title: impl Into<String>) -> Self {
        self.column(title, "n group")
    }

    fn column(mut self, title: impl Into<String>, class: &'static str) -> Self {
        self.columns.push((title.into(), class));
        self
    }

    pub fn row(&mut self, cells: Vec<Markup>) {
        debug_assert_eq!(cells.len(), self.columns.len());
        self.rows.push(cells);
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub fn html(&self) -> Markup {
        html! {
            div.scroll role="region" tabindex="0" aria-label=(self.caption) {
                table.wide[self.is_wide] {
                    caption { (self.caption) }
                    thead {
                        tr {
                            @for (title, class) in &self.columns { th scope="col" class=(class) { (title) } }
                        }
                    }
                    tbody {
                        @for row in &self.rows {
                            tr {
                                @for (k, (cell, (_, class))) in row.iter().zip(&self.columns).enumerate() {
                                    @if k == 0 { th scope="row" class=(class) { (cell) } }
                                    @else { td class=(class) { (cell) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Pairs of a name and what is so.
#[derive(Default)]
pub(super) struct Pairs(Vec<(Markup, Markup)>);

impl Pairs {
    pub fn add(&mut self, name: impl Render, value: impl Render) {
        self.0.push((name.render(), value.render()));
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A few of them beside each other, each under its name.
    pub fn facts(&self) -> Markup {
        html! { dl.facts { @for (name, value) in &self.0 { div { dt { (name) } dd { (value) } } } } }
    }

    pub fn html(&self) -> Markup {
        html! { dl.pairs { @for (name, value) in &self.0 { div { dt { (name) } dd { (value) } } } } }
    }
}

/// A section of the page; its title is in the list of contents.
pub(super) struct Section {
    pub id: &'static str,
    pub title: &'static str,
    pub body: Markup,
}

impl Page<'_> {
    pub(super) fn word(&self, text: impl Text) -> &'static str {
        self.lang.word(text)
    }

    /// A span of the run's time in words.
    pub(super) fn span(&self, seconds: f64) -> String {
        self.lang.span(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or_default())
    }

    /// The instant this many seconds after the run's start.
    pub(super) fn instant(&self, seconds: f64) -> Timestamp {
        let started_at = self.recorded.result.started_at;
        SignedDuration::try_from_secs_f64(seconds)
            .ok()
            .and_then(|span| started_at.checked_add(span).ok())
            .unwrap_or(started_at)
    }

    /// `20:01:34.5`, with the date where a run goes over midnight.
    pub(super) fn clock(&self, seconds: f64) -> String {
        let (start, at) = (self.recorded.result.started_at, self.instant(seconds));
        let format = if start.strftime("%F").to_string() == at.strftime("%F").to_string() {
            "%H:%M:%S%.1f"
        } else {
            "%F %H:%M:%S%.1f"
        };
        at.strftime(format).to_string()
    }
}
