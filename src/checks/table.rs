//! Tables in columns by display width, which fit the page that they are printed on.
//!
//! Lays out text and knows nothing of its meaning. A row may have a mark before it and notes under
//! it, which take the whole width. Marks and words carry the meaning, colour only repeats it.
//! Invariants: cells and notes are wrapped at the page's width; a command is never broken over
//! lines, so that it can be pasted.

use std::borrow::Cow;
use std::fmt::Write;
use std::io::IsTerminal;
use std::os::fd::AsFd;

use terminal_size::terminal_size_of;
use textwrap::core::display_width;
use textwrap::{Options, WordSeparator, WordSplitter};

/// Columns of a page that is no terminal.
pub const COLUMNS_DEFAULT: usize = 80;
/// Longer lines are hard to read, however wide the terminal is.
const COLUMNS_MAX: usize = 120;
/// Narrower pages are treated as this wide.
const COLUMNS_MIN: usize = 40;
/// A column is not shrunk below this.
const COLUMN_MIN: usize = 8;
/// Columns between two cells.
const GAP: usize = 2;
/// A heading with two spaces behind it is at most this long.
const HEADING_MAX: usize = 24;
/// Indent of the notes under a row.
const NOTE_INDENT: usize = 4;

/// What text is printed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its width in columns.
    pub columns: usize,
    /// Whether it shows colour.
    pub colour: bool,
}

/// A colour by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Something failed.
    Bad,
    /// Less important than the rest.
    Dim,
    /// Something is as it should be.
    Good,
    /// Something may be wrong.
    Warning,
}

impl Page {
    /// A page without colour, of the width that pages have that are no terminal.
    pub const PLAIN: Self = Self { columns: COLUMNS_DEFAULT, colour: false };

    /// Standard output or standard error: as wide as the terminal, in colour unless `NO_COLOR` is
    /// set.
    pub fn of(out: &(impl AsFd + IsTerminal)) -> Self {
        Self {
            columns: terminal_columns(out).clamp(COLUMNS_MIN, COLUMNS_MAX),
            colour: out.is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        }
    }

    /// The text, in this colour if the page shows colours.
    pub fn paint(self, paint: Paint, text: &str) -> String {
        if !self.colour {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Bad => "1;31",
            Paint::Dim => "2",
            Paint::Good => "1;32",
            Paint::Warning => "1;33",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// Columns of the terminal; [`COLUMNS_DEFAULT`] if it is none or does not say.
pub fn terminal_columns(out: &impl AsFd) -> usize {
    terminal_size_of(out).map_or(COLUMNS_DEFAULT, |(width, _)| usize::from(width.0))
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    head: Cow<'static, str>,
    is_number: bool,
}

impl Column {
    /// A column of words, aligned left. `head` may be empty.
    pub fn words(head: impl Into<Cow<'static, str>>) -> Self {
        Self { head: head.into(), is_number: false }
    }

    /// A column of numbers, aligned right.
    pub fn number(head: impl Into<Cow<'static, str>>) -> Self {
        Self { head: head.into(), is_number: true }
    }
}

/// A table, row by row.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    /// Columns before the first cell, which marks are put in.
    indent: usize,
    rows: Vec<Row>,
}

#[derive(Clone, Debug)]
struct Row {
    mark: Option<(&'static str, Paint)>,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    Cells(Vec<String>),
    /// Text over all columns: what it begins with, and the text.
    Note(&'static str, String),
    /// A line that is never broken.
    Command(String),
    /// A row over all columns.
    Span(String),
}

impl Table {
    /// A table without rows. With marks, its cells are indented by two columns.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self { columns: columns.into_iter().collect(), indent: 0, rows: Vec::new() }
    }

    /// Adds a row of as many cells as there are columns.
    pub fn row(&mut self, mark: Option<(&'static str, Paint)>, cells: impl IntoIterator<Item = String>) {
        self.push(mark, Body::Cells(cells.into_iter().collect()));
    }

    /// Adds a row of one text over all columns.
    pub fn span(&mut self, mark: Option<(&'static str, Paint)>, text: impl Into<String>) {
        self.push(mark, Body::Span(text.into()));
    }

    /// Adds a note under the last row; lines after its first are indented as far as `lead` reaches.
    pub fn note(&mut self, lead: &'static str, text: impl Into<String>) {
        self.push(None, Body::Note(lead, text.into()));
    }

    /// Adds a command under the last row, in one line however long it is.
    pub fn command(&mut self, text: impl Into<String>) {
        self.push(None, Body::Command(text.into()));
    }

    fn push(&mut self, mark: Option<(&'static str, Paint)>, body: Body) {
        if mark.is_some() {
            self.indent = 2;
        }
        self.rows.push(Row { mark, body });
    }

    /// The table as text, each line ended.
    pub fn text(&self, page: Page) -> String {
        let widths = self.widths(page.columns);
        let mut out = String::new();
        let heads: Vec<&str> = self.columns.iter().map(|column| column.head.as_ref()).collect();
        if heads.iter().any(|head| !head.is_empty()) {
            self.cells(&mut out, " ", &heads, &widths);
        }
        for Row { mark, body } in &self.rows {
            let mark = mark.map_or_else(|| " ".to_owned(), |(mark, paint)| page.paint(paint, mark));
            match body {
                Body::Cells(cells) => self.cells(&mut out, &mark, cells, &widths),
                Body::Note(lead, text) => paragraph(&mut out, &" ".repeat(NOTE_INDENT), lead, text, page),
                Body::Command(text) => {
                    let _ = writeln!(out, "{:NOTE_INDENT$}→ {text}", "");
                }
                Body::Span(text) => paragraph(&mut out, "", &format!("{mark} "), text, page),
            }
        }
        out
    }

    /// The width of each column: what its cells take, and less where the page is too narrow. The
    /// widest give way: first those that are broken between words, then at a name's hyphens.
    fn widths(&self, page: usize) -> Vec<usize> {
        let mut widths = self.widest(display_width);
        let gaps = self.indent + GAP * widths.len().saturating_sub(1);
        let anywhere = vec![COLUMN_MIN; widths.len()];
        for least in [self.widest(longest_word), self.widest(longest_part), anywhere] {
            while widths.iter().sum::<usize>() + gaps > page {
                let wide = widths.iter_mut().zip(&least).filter(|(width, least)| **width > **least);
                let Some((widest, _)) = wide.max_by_key(|(width, _)| **width) else { break };
                *widest -= 1;
            }
        }
        widths
    }

    /// The most that `measure` finds in each column; a number stays with its unit.
    fn widest(&self, measure: impl Fn(&str) -> usize) -> Vec<usize> {
        let of = |column: &Column, text: &str| {
            if column.is_number { display_width(text) } else { measure(text) }
        };
        let mut widest: Vec<usize> = self.columns.iter().map(|column| of(column, &column.head)).collect();
        for row in &self.rows {
            let Body::Cells(cells) = &row.body else { continue };
            for ((most, column), cell) in widest.iter_mut().zip(&self.columns).zip(cells) {
                *most = of(column, cell).max(*most);
            }
        }
        widest
    }

    /// A row, whose cells go on under themselves.
    fn cells(&self, out: &mut String, mark: &str, cells: &[impl AsRef<str>], widths: &[usize]) {
        let wrapped: Vec<Vec<String>> =
            cells.iter().zip(widths).map(|(cell, width)| wrapped(cell.as_ref(), *width, true)).collect();
        for line in 0..wrapped.iter().map(Vec::len).max().unwrap_or(0) {
            let mut text = match (self.indent, line) {
                (0, _) => String::new(),
                (_, 0) => format!("{mark} "),
                (indent, _) => " ".repeat(indent),
            };
            for (k, (column, width)) in self.columns.iter().zip(widths).enumerate() {
                let cell = wrapped.get(k).and_then(|lines| lines.get(line)).map_or("", String::as_str);
                let room = " ".repeat(width.saturating_sub(display_width(cell)));
                let gap = if k == 0 { "" } else { "  " };
                let (before, after) =
                    if column.is_number { (room.as_str(), "") } else { ("", room.as_str()) };
                let _ = write!(text, "{gap}{before}{cell}{after}");
            }
            let _ = writeln!(out, "{}", text.trim_end());
        }
    }
}

/// Text under a lead that its further lines are indented by.
fn paragraph(out: &mut String, indent: &str, lead: &str, text: &str, page: Page) {
    let before = display_width(lead);
    let width = page.columns.saturating_sub(display_width(indent) + before);
    for (k, line) in wrapped(text, width, false).into_iter().enumerate() {
        let lead = if k == 0 { lead.to_owned() } else { " ".repeat(before) };
        let _ = writeln!(out, "{indent}{lead}{line}");
    }
}

/// Text broken at spaces into lines of this width. Longer words are broken too, at their hyphens if they have any, or
/// stay whole.
pub(crate) fn wrapped(text: &str, width: usize, breaks_words: bool) -> Vec<String> {
    let splitter = match breaks_words && longest_word(text) > width {
        true => WordSplitter::HyphenSplitter,
        false => WordSplitter::NoHyphenation,
    };
    let options = Options::new(width)
        .break_words(breaks_words)
        .word_separator(WordSeparator::AsciiSpace)
        .word_splitter(splitter);
    textwrap::wrap(text, options).into_iter().map(String::from).collect()
}

fn longest_word(text: &str) -> usize {
    text.split(' ').map(display_width).max().unwrap_or(0)
}

/// The longest piece of text that hyphens do not part.
fn longest_part(text: &str) -> usize {
    text.split(' ').flat_map(|word| word.split_inclusive('-')).map(display_width).max().unwrap_or(0)
}

/// Text as a terminal of this width shows it best: lines that are too long are broken at spaces, and go on under
/// their own text. Words that are longer than a line are broken too, or stay whole so that they can be copied.
pub(crate) fn fitted(text: &str, columns: usize, breaks_words: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (bare, end) = line.strip_suffix('\n').map_or((line, ""), |bare| (bare, "\n"));
        if display_width(bare) <= columns {
            out.push_str(line);
            continue;
        }
        let (head, rest) = bare.split_at(head_of(bare));
        let indent = display_width(head);
        for (k, part) in wrapped(rest, columns.saturating_sub(indent), breaks_words).iter().enumerate() {
            let before = if k == 0 { head.to_owned() } else { format!("\n{:indent$}", "") };
            out.push_str(&before);
            out.push_str(part);
        }
        out.push_str(end);
    }
    out
}

/// Bytes of a line before the text that its further lines stand under: spaces, and a heading with two spaces or
/// more behind it.
fn head_of(line: &str) -> usize {
    let spaces = line.len() - line.trim_start_matches(' ').len();
    let heading = line[spaces..].find("  ").map(|at| spaces + at).filter(|at| *at <= HEADING_MAX);
    heading.map_or(spaces, |at| line.len() - line[at..].trim_start_matches(' ').len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_at_spaces_and_go_on_under_their_text() {
        assert_eq!(fitted("a line\nanother", 8, false), "a line\nanother");
        assert_eq!(fitted("error: one two three\n", 14, false), "error: one two\nthree\n");
        assert_eq!(fitted("  one two three", 10, false), "  one two\n  three");
        assert_eq!(fitted("ab  one two three\nx\n", 12, false), "ab  one two\n    three\nx\n");
        let long = "ab  abcdefghijkl";
        assert_eq!(fitted(long, 10, true), "ab  abcdef\n    ghijkl");
        assert_eq!(fitted(long, 10, false), long, "a command or a URL stays whole");
        assert_eq!(fitted("\x1b[31merror:\x1b[0m one two", 14, false), "\x1b[31merror:\x1b[0m one two");
    }

    fn page(columns: usize) -> Page {
        Page { columns, colour: false }
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let mut table = Table::new([Column::words("name"), Column::number("count")]);
        table.row(None, ["가나".into(), "1".into()]);
        table.row(None, ["abcdef".into(), "1,000,000".into()]);
        // Hangul takes two columns.
        assert_eq!(table.text(page(80)), "name        count\n가나            1\nabcdef  1,000,000\n");
    }

    #[test]
    fn the_widest_columns_give_way_on_a_narrow_page() {
        let mut table = Table::new([Column::words("a"), Column::words("b")]);
        let long = "one two three four five six seven eight nine ten eleven twelve";
        table.row(Some(("!", Paint::Warning)), ["short".into(), long.into()]);
        table.note("→ ", long);
        table.command(format!("{long} {long}"));
        let text = table.text(page(40));
        for line in text.lines().filter(|line| !line.contains("twelve one")) {
            assert!(display_width(line) <= 40, "{line}");
        }
        assert!(
            text.starts_with("  a      b\n! short  one two three four five six\n         seven"),
            "{text}"
        );
        assert!(text.contains(&format!("    → {long} {long}\n")), "a command stays whole: {text}");
    }

    #[test]
    fn words_longer_than_a_cell_are_broken_and_in_notes_they_stay_whole() {
        assert_eq!(wrapped("aa bb cc", 5, true), ["aa bb", "cc"]);
        assert_eq!(wrapped("aaaaaaaa b", 5, true), ["aaaaa", "aaa b"]);
        assert_eq!(wrapped("aaaaaaaa b", 5, false), ["aaaaaaaa", "b"]);
        assert_eq!(wrapped("가나다 라", 6, true), ["가나다", "라"]);
        assert_eq!(wrapped("server-shares-even", 15, true), ["server-shares-", "even"]);
        assert_eq!(wrapped("a server-shares", 13, true), ["a", "server-shares"], "it fits in a line");
    }

    #[test]
    fn names_stay_whole_while_another_column_can_give_way() {
        let mut table =
            Table::new([Column::words("criterion"), Column::number("was"), Column::words("limit")]);
        let cells = ["broadcasts-missing", "0.0000012 %", "≥ 99.9 % (warn down to 99.99 %)"];
        table.row(Some(("✓", Paint::Good)), cells.map(str::to_owned));
        let text = table.text(page(49));
        assert!(text.contains("✓ broadcasts-missing  0.0000012 %  ≥ 99.9 % (warn"), "{text}");
        let text = table.text(page(40));
        assert!(text.contains("✓ broadcasts-missing  0.0000012 %  ≥"), "{text}");
        table.row(None, ["handshakes-resumed-of-all".into(), String::new(), String::new()]);
        let text = table.text(page(40));
        assert!(text.contains("  handshakes-") && text.contains("  resumed-of-all"), "{text}");
    }

    #[test]
    fn colour_repeats_what_marks_say() {
        let mut table = Table::new([Column::words("")]);
        table.span(Some(("✗", Paint::Bad)), "gone");
        assert_eq!(table.text(Page { colour: true, ..Page::PLAIN }), "\x1b[1;31m✗\x1b[0m gone\n");
        assert_eq!(table.text(Page::PLAIN), "✗ gone\n");
    }
}
