//! The screen: which parts there are in this much room, and where.
//!
//! Pure: a [`Model`] goes in, cells come out. Invariants: nothing is drawn outside the area; what
//! does not fit is cut or left out, time, sessions and errors last; words and marks carry the
//! meaning, colour only repeats it.

mod charts;
mod help;
mod judged;
mod parts;
mod text;
mod theme;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Clear, Paragraph, Widget};

use self::parts::Parts;
pub use self::theme::{Theme, Tone};
use super::model::Model;

/// Columns and rows that the view is made for, at least.
pub const SIZE_MIN: (u16, u16) = (80, 24);
/// From here on the parts stand in two columns.
const SIZE_WIDE: (u16, u16) = (110, 34);
/// Rows of a chart with its title, at least and at most where it stands among other parts.
const CHART_ROWS_MIN: usize = 3;
const CHART_ROWS_MAX: usize = 8;
/// Columns of the left one of two: the steps' table.
const LEFT_COLUMNS: u16 = 69;
/// Columns between two columns of parts.
const SPACING: u16 = 2;

/// Draws everything.
pub fn draw(model: &Model, theme: Theme, buffer: &mut Buffer) {
    let area = buffer.area;
    let parts = Parts { model, theme };
    if area.width < SIZE_MIN.0 || area.height < SIZE_MIN.1 {
        small(&parts, area, buffer);
    } else if area.width >= SIZE_WIDE.0 && area.height >= SIZE_WIDE.1 {
        wide(&parts, area, buffer);
    } else {
        tall(&parts, area, buffer);
    }
    if model.is_help {
        help::draw(theme, area, buffer);
    }
}

/// What is needed most, where there is too little room.
fn small(parts: &Parts<'_>, area: Rect, buffer: &mut Buffer) {
    let (columns, rows) = (usize::from(area.width), usize::from(area.height));
    let mut lines = parts.head(columns);
    lines.push(parts.too_small(area.width, area.height));
    lines.extend(parts.sessions(columns, 3));
    lines.extend(parts.troubles(columns, 2));
    lines.extend(parts.errors(columns, rows.saturating_sub(lines.len() + 4).max(1)));
    lines.extend(parts.generator(columns, 1));
    lines.extend(parts.criteria_flow(columns, 2));
    put(&lines, area, buffer);
    foot(parts, 1, area, buffer);
}

/// The keys in the last row, and above them what was said.
fn foot(parts: &Parts<'_>, notes_max: usize, area: Rect, buffer: &mut Buffer) {
    let columns = usize::from(area.width);
    let mut lines = parts.notes(columns, notes_max);
    lines.push(parts.foot(columns));
    let rows = (lines.len() as u16).min(area.height);
    let room = Rect { y: area.bottom() - rows, height: rows, ..area };
    Clear.render(room, buffer);
    put(&lines, room, buffer);
}

fn put(lines: &[Line<'static>], area: Rect, buffer: &mut Buffer) {
    Paragraph::new(lines.to_vec()).render(area, buffer);
}

/// The parts of one column, from top to bottom.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Head,
    Sessions,
    Arrivals,
    Charts,
    Steps,
    Troubles,
    Errors,
    Messages,
    Heartbeats,
    Updates,
    Servers,
    Generator,
    Criteria,
}

const TALL: [Part; 13] = [
    Part::Head,
    Part::Sessions,
    Part::Arrivals,
    Part::Charts,
    Part::Steps,
    Part::Troubles,
    Part::Errors,
    Part::Messages,
    Part::Heartbeats,
    Part::Updates,
    Part::Servers,
    Part::Generator,
    Part::Criteria,
];

/// Who gets rows, in this order, up to this many.
const TALL_GRANTS: [(Part, usize); 28] = [
    (Part::Head, 2),
    (Part::Sessions, 1),
    (Part::Troubles, 2),
    (Part::Errors, 3),
    (Part::Steps, 7),
    (Part::Arrivals, 1),
    (Part::Generator, 1),
    (Part::Criteria, 1),
    (Part::Messages, 1),
    (Part::Servers, 1),
    (Part::Errors, 5),
    (Part::Troubles, usize::MAX),
    (Part::Generator, 2),
    (Part::Criteria, 2),
    (Part::Messages, 2),
    (Part::Steps, 9),
    (Part::Charts, CHART_ROWS_MIN),
    (Part::Charts, 4),
    (Part::Heartbeats, 1),
    (Part::Updates, 1),
    (Part::Criteria, 4),
    (Part::Charts, CHART_ROWS_MAX),
    (Part::Steps, usize::MAX),
    (Part::Criteria, usize::MAX),
    (Part::Messages, usize::MAX),
    (Part::Heartbeats, usize::MAX),
    (Part::Servers, usize::MAX),
    (Part::Errors, usize::MAX),
];

impl Part {
    /// Its rows, at most this many.
    fn lines(self, parts: &Parts<'_>, columns: usize, rows_max: usize) -> Vec<Line<'static>> {
        match self {
            Self::Head => parts.head(columns),
            Self::Sessions => parts.sessions(columns, rows_max),
            Self::Arrivals => parts.arrivals(columns, rows_max.min(1)),
            // Drawn over these.
            Self::Charts => vec![Line::default(); rows_max.min(CHART_ROWS_MAX)],
            Self::Steps => parts.steps(columns, rows_max),
            Self::Troubles => parts.troubles(columns, rows_max),
            Self::Errors => parts.errors(columns, rows_max),
            Self::Messages => parts.messages(columns, rows_max),
            Self::Heartbeats => parts.heartbeats(columns, rows_max),
            Self::Updates => parts.updates(columns, rows_max),
            Self::Servers => parts.servers(columns, rows_max),
            Self::Generator => parts.generator(columns, rows_max),
            Self::Criteria => parts.criteria_flow(columns, rows_max),
        }
    }
}

/// One part under the other.
fn tall(parts: &Parts<'_>, area: Rect, buffer: &mut Buffer) {
    let columns = usize::from(area.width);
    let notes = parts.notes(columns, 2).len();
    let wants = TALL.map(|part| part.lines(parts, columns, usize::MAX).len());
    let mut rows = [0; TALL.len()];
    let mut spare = usize::from(area.height).saturating_sub(notes + 1);
    for (part, upto) in TALL_GRANTS {
        let Some(k) = TALL.iter().position(|it| *it == part) else { continue };
        let more = upto.min(wants[k]).saturating_sub(rows[k]).min(spare);
        if part == Part::Charts && rows[k] + more < CHART_ROWS_MIN {
            continue;
        }
        rows[k] += more;
        spare -= more;
    }
    let mut at = area.y;
    for (part, rows) in TALL.into_iter().zip(rows).filter(|(_, rows)| *rows > 0) {
        let room = Rect { y: at, height: rows as u16, ..area };
        match part {
            Part::Charts => {
                // Arrivals say nothing once all have come.
                let left = if parts.model.holds() { charts::open } else { charts::arrivals };
                charts(parts, [left, charts::last_step], room, buffer);
            }
            _ => put(&part.lines(parts, columns, rows), room, buffer),
        }
        at += rows as u16;
    }
    foot(parts, 2, area, buffer);
}

/// Draws a chart in an area.
type Draws = fn(&Model, Theme, Rect, &mut Buffer);

/// Two charts side by side.
fn charts(parts: &Parts<'_>, [left, right]: [Draws; 2], area: Rect, buffer: &mut Buffer) {
    let [at_left, at_right] = Layout::horizontal([Constraint::Fill(1); 2]).spacing(SPACING).areas(area);
    left(parts.model, parts.theme, at_left, buffer);
    right(parts.model, parts.theme, at_right, buffer);
}

/// Parts in two columns, errors below over both.
fn wide(parts: &Parts<'_>, area: Rect, buffer: &mut Buffer) {
    let columns = usize::from(area.width);
    let errors =
        [parts.troubles(columns, 3), parts.errors(columns, (usize::from(area.height) / 5).max(5))].concat();
    let notes = parts.notes(columns, 3).len();
    let [head, _, body, _, below, _] = Layout::vertical([
        Constraint::Length(2),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
        Constraint::Length(errors.len() as u16),
        Constraint::Length(notes as u16 + 1),
    ])
    .areas(area);
    put(&parts.head(columns), head, buffer);
    put(&errors, below, buffer);
    foot(parts, 3, area, buffer);
    let [left, right] = Layout::horizontal([Constraint::Length(LEFT_COLUMNS), Constraint::Fill(1)])
        .spacing(SPACING)
        .areas(body);
    wide_left(parts, left, buffer);
    wide_right(parts, right, buffer);
}

fn wide_left(parts: &Parts<'_>, area: Rect, buffer: &mut Buffer) {
    let columns = usize::from(area.width);
    let sessions = [parts.sessions(columns, 2), parts.arrivals(columns, 2)].concat();
    let steps_max = usize::from(area.height).saturating_sub(sessions.len() + 2 + CHART_ROWS_MIN);
    let steps = parts.steps(columns, steps_max);
    let [top, _, upper, _, lower, _, bottom] = Layout::vertical([
        Constraint::Length(sessions.len() as u16),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
        Constraint::Length(steps.len() as u16),
    ])
    .areas(area);
    put(&sessions, top, buffer);
    put(&steps, bottom, buffer);
    charts(parts, [charts::arrivals, charts::last_step], upper, buffer);
    charts(parts, [charts::open, charts::messages], lower, buffer);
}

fn wide_right(parts: &Parts<'_>, area: Rect, buffer: &mut Buffer) {
    let columns = usize::from(area.width);
    let rows = usize::from(area.height);
    let messages =
        [parts.messages(columns, 8), parts.heartbeats(columns, 2), parts.updates(columns, 2)].concat();
    let others = [parts.generator(columns, 6), messages, parts.servers(columns, 8)];
    let taken: usize = others.iter().filter(|lines| !lines.is_empty()).map(|lines| lines.len() + 1).sum();
    let mut lines = parts.criteria_list(columns, rows.saturating_sub(taken).max(2));
    for part in others.into_iter().filter(|part| !part.is_empty()) {
        lines.push(Line::default());
        lines.extend(part);
    }
    put(&lines, area, buffer);
}
