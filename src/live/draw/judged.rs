//! What failed, what is judged and what was said, as rows of text made for this many columns.
//!
//! Decides no places. Invariant: a failure comes with its count and what to do; what failed comes
//! first.

use ratatui::text::Line;

use super::parts::Parts;
use super::text::{LABEL_COLUMNS, Piece, flow, span};
use super::theme::Tone;
use crate::foreign;
use crate::live::frame::{Criterion, ErrorKind, State};
use crate::numbers::{grouped, percent};

impl Parts<'_> {
    /// What is wrong by name, a row each; nothing where nothing is.
    pub fn troubles(&self, columns: usize, rows_max: usize) -> Vec<Line<'static>> {
        let troubles = &self.model.frame.troubles;
        let room = columns.saturating_sub(LABEL_COLUMNS + 1);
        let shown = if troubles.len() <= rows_max { troubles.len() } else { rows_max.saturating_sub(1) };
        let hidden = troubles.len() - shown;
        let mut rows: Vec<String> =
            troubles.iter().take(shown).map(|text| foreign::line(text, room)).collect();
        if hidden > 0 && rows_max > 0 {
            rows.push(format!("{hidden} more"));
        }
        let label = |k: usize| if k == 0 { "Troubles" } else { "" };
        let row = |(k, text): (usize, String)| {
            Line::from(vec![
                span(self.theme, Tone::Title, format!("{:LABEL_COLUMNS$}", label(k))),
                span(self.theme, Tone::Bad, text),
            ])
        };
        rows.into_iter().enumerate().map(row).collect()
    }

    /// What failed: a head, a row a kind, and what to do in a row under as many as there is room
    /// for.
    pub fn errors(&self, columns: usize, rows_max: usize) -> Vec<Line<'static>> {
        let errors = &self.model.frame.errors;
        let attempts = grouped(errors.attempts);
        if errors.total == 0 {
            let none = self.text(Tone::Good, format!("none in {attempts} attempts"));
            return flow(self.theme, "Errors", vec![none], columns, rows_max.min(1));
        }
        let fresh: u64 = self.model.fresh.iter().sum();
        let mut pieces = vec![
            self.text(
                Tone::Bad,
                format!("{} of {attempts} attempts ({})", grouped(errors.total), percent(errors.rate)),
            ),
            self.text(
                if fresh > 0 { Tone::Bad } else { Tone::Dim },
                format!("{} in the last second", grouped(fresh)),
            ),
        ];
        if errors.kind_count > 1 {
            pieces.push(self.text(Tone::Plain, format!("{} kinds", errors.kind_count)));
        }
        let mut lines = flow(self.theme, "Errors", pieces, columns, 1);
        let room = rows_max.saturating_sub(1);
        // Every kind comes before advice on the second one.
        let advised = room.saturating_sub(errors.kinds.len()).max(1);
        for (k, (kind, fresh)) in errors.kinds.iter().zip(&self.model.fresh).enumerate() {
            lines.push(self.error(kind, *fresh));
            lines.extend((k < advised).then(|| self.advice(kind, columns)));
        }
        lines.truncate(rows_max);
        lines
    }

    fn error(&self, kind: &ErrorKind, fresh: u64) -> Line<'static> {
        let place = if kind.step.is_empty() { String::new() } else { format!(" in {}", kind.step) };
        let mut what = vec![
            span(self.theme, Tone::Bad, format!("{:>9} × {}", grouped(kind.count), kind.kind)),
            span(self.theme, Tone::Plain, format!("{place} ({})", kind.blame)),
        ];
        if fresh > 0 {
            what.push(span(self.theme, Tone::Bad, format!(", {} in the last second", grouped(fresh))));
        }
        Line::from(what)
    }

    fn advice(&self, kind: &ErrorKind, columns: usize) -> Line<'static> {
        let text = foreign::line(&kind.advice, columns.saturating_sub(LABEL_COLUMNS + 3));
        Line::from(self.text(Tone::Plain, format!("{:LABEL_COLUMNS$}→ {text}", "")))
    }

    /// The criteria one after the other: those that failed with their figures, the rest by name.
    pub fn criteria_flow(&self, columns: usize, rows_max: usize) -> Vec<Line<'static>> {
        let criteria = self.sorted_criteria();
        if criteria.is_empty() {
            let none = match self.model.frame.parts_have_criteria {
                true => "each part has its own, which are in its result",
                false => "the scenario sets none",
            };
            let none = self.text(Tone::Dim, none);
            return flow(self.theme, "Criteria", vec![none], columns, rows_max);
        }
        let piece = |criterion: &Criterion| {
            let (mark, tone) = mark(criterion.state);
            match criterion.state {
                State::Failed | State::Doubtful | State::Warning => {
                    let why = format!("{mark} {}: {}", criterion.name, criterion.why);
                    self.text(tone, foreign::line(&why, columns.saturating_sub(LABEL_COLUMNS + 3)))
                }
                _ => self.criterion_name(criterion),
            }
        };
        let failed = criteria.iter().filter(|it| matches!(it.state, State::Failed | State::Doubtful)).count();
        let count = (failed > 1).then(|| self.text(Tone::Bad, format!("{failed} failed")));
        let pieces = count.into_iter().chain(criteria.into_iter().map(piece));
        flow(self.theme, "Criteria", pieces.collect(), columns, rows_max)
    }

    /// The criteria, a row each.
    pub fn criteria_list(&self, columns: usize, rows_max: usize) -> Vec<Line<'static>> {
        let criteria = self.sorted_criteria();
        if criteria.is_empty() || rows_max < 3 {
            return self.criteria_flow(columns, rows_max);
        }
        let longest = criteria.iter().map(|it| it.name.chars().count()).max().unwrap_or(0);
        let row = |criterion: &Criterion| {
            let mut row = self.criterion_name(criterion);
            let (used, gap) = (4 + longest, longest + 2 - criterion.name.chars().count());
            let why = foreign::line(&criterion.why, columns.saturating_sub(used + 1));
            let tone = match criterion.state {
                State::Open | State::Off => Tone::Dim,
                _ => Tone::Plain,
            };
            row.push(span(self.theme, tone, format!("{}{why}", " ".repeat(gap))));
            Line::from(row)
        };
        let mut lines = vec![Line::from(self.text(Tone::Title, "Criteria"))];
        let shown = if criteria.len() < rows_max { criteria.len() } else { rows_max - 2 };
        lines.extend(criteria.iter().take(shown).map(|criterion| row(criterion)));
        if shown < criteria.len() {
            lines.push(Line::from(self.text(Tone::Dim, format!("… and {} more", criteria.len() - shown))));
        }
        lines
    }

    fn criterion_name(&self, criterion: &Criterion) -> Piece {
        let (mark, tone) = mark(criterion.state);
        let name = if tone == Tone::Dim { Tone::Dim } else { Tone::Plain };
        vec![span(self.theme, tone, format!("{mark} ")), span(self.theme, name, criterion.name.clone())]
    }

    /// What failed first, otherwise in the scenario's order.
    fn sorted_criteria(&self) -> Vec<&Criterion> {
        let mut criteria: Vec<&Criterion> = self.model.frame.criteria.iter().collect();
        criteria.sort_by_key(|criterion| criterion.state);
        criteria
    }

    /// The last lines for standard error, latest last.
    pub fn notes(&self, columns: usize, rows_max: usize) -> Vec<Line<'static>> {
        let lines = &self.model.lines;
        let latest = lines.iter().skip(lines.len().saturating_sub(rows_max));
        latest
            .map(|line| Line::from(self.text(Tone::Warning, foreign::line(line, columns.saturating_sub(1)))))
            .collect()
    }
}

fn mark(state: State) -> (&'static str, Tone) {
    match state {
        State::Failed => ("✗", Tone::Bad),
        State::Doubtful => ("?", Tone::Warning),
        State::Warning => ("!", Tone::Warning),
        State::Met => ("✓", Tone::Good),
        State::Open => ("…", Tone::Dim),
        State::Off => ("–", Tone::Dim),
    }
}
