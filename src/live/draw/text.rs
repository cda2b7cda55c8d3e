//! Pieces of text laid out in rows: what is weightiest comes first, and what does not fit is left
//! out.
//!
//! Invariant: no row is wider than it may be.

use ratatui::text::{Line, Span};

use super::theme::{Theme, Tone};

/// Columns of a part's name, before its text.
pub const LABEL_COLUMNS: usize = 11;
/// Between two pieces.
const BETWEEN: &str = " · ";
/// Where pieces are missing.
const MORE: &str = " …";

/// A piece that is never broken over rows.
pub type Piece = Vec<Span<'static>>;

/// Text in a tone.
pub fn span(theme: Theme, tone: Tone, text: impl Into<String>) -> Span<'static> {
    Span::styled(text.into(), theme.style(tone))
}

/// A piece of one tone.
pub fn piece(theme: Theme, tone: Tone, text: impl Into<String>) -> Piece {
    vec![span(theme, tone, text)]
}

/// A part's name, and its pieces in as few rows as they take, at most `rows_max`.
pub fn flow(
    theme: Theme,
    label: &str,
    pieces: Vec<Piece>,
    columns: usize,
    rows_max: usize,
) -> Vec<Line<'static>> {
    let head = |text: &str| vec![span(theme, Tone::Title, format!("{text:LABEL_COLUMNS$}"))];
    let mut rows = vec![head(label)];
    let (mut used, mut is_first) = (LABEL_COLUMNS, true);
    let count = pieces.len();
    for (k, piece) in pieces.into_iter().enumerate() {
        let more = if k + 1 < count { MORE } else { "" };
        let after = used + columns_of(BETWEEN) + width(&piece);
        if !is_first && after + columns_of(more) > columns {
            if rows.len() >= rows_max {
                rows.last_mut().expect("one at least").push(span(theme, Tone::Dim, MORE));
                break;
            }
            rows.push(head(""));
            (used, is_first) = (LABEL_COLUMNS, true);
        }
        let row = rows.last_mut().expect("one at least");
        if !is_first {
            row.push(span(theme, Tone::Dim, BETWEEN));
            used += columns_of(BETWEEN);
        }
        used += width(&piece);
        row.extend(piece);
        is_first = false;
    }
    rows.truncate(rows_max);
    rows.into_iter().map(Line::from).collect()
}

fn columns_of(text: &str) -> usize {
    text.chars().count()
}

/// Columns that a piece takes.
pub fn width(piece: &[Span<'_>]) -> usize {
    piece.iter().map(Span::width).sum()
}

/// Text and what stands at the row's other end, if both fit.
pub fn apart(mut left: Piece, right: Piece, columns: usize) -> Line<'static> {
    let (before, after) = (width(&left), width(&right));
    if before + after < columns {
        left.push(Span::raw(" ".repeat(columns - before - after)));
        left.extend(right);
    }
    Line::from(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flowed(pieces: &[&str], columns: usize, rows_max: usize) -> Vec<String> {
        let theme = Theme { colour: false };
        let pieces = pieces.iter().map(|text| piece(theme, Tone::Plain, *text)).collect();
        flow(theme, "Part", pieces, columns, rows_max).iter().map(Line::to_string).collect()
    }

    #[test]
    fn pieces_stay_whole_and_what_is_missing_is_marked() {
        assert_eq!(flowed(&["one", "two", "three"], 30, 1), ["Part       one · two · three"]);
        assert_eq!(flowed(&["one", "two", "three"], 27, 1), ["Part       one · two …"]);
        assert_eq!(flowed(&["one", "two", "three"], 27, 2), ["Part       one · two", "           three"]);
        // 가 takes two columns.
        assert_eq!(flowed(&["가가", "나"], 20, 1), ["Part       가가 · 나"]);
        assert_eq!(flowed(&["가가", "나"], 19, 1), ["Part       가가 …"]);
        assert_eq!(flowed(&[], 80, 3), ["Part       "]);
    }
}
