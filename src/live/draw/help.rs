//! The explanation that `?` opens: keys and the words of the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Paragraph, Widget};

use super::text::span;
use super::theme::{Theme, Tone};

/// A row is a key or a word, and what it means.
const ROWS: [(&str, &str); 17] = [
    ("q, Ctrl-C", "end the run: sessions close, the result is printed"),
    ("p", "pause arrivals and planned ends, or go on; also SIGUSR1"),
    ("Ctrl-C again", "quit at once; results up to the last second stay"),
    ("? h", "open or close this"),
    ("Ctrl-L", "draw the screen anew"),
    ("Ctrl-S, Ctrl-Q", "pause and resume the terminal; the run goes on"),
    ("", ""),
    ("sched", "latency from scheduled time, which is judged"),
    ("send", "latency from actual send, without this machine's lag"),
    ("now", "of the last second; all else is since the start"),
    ("lag", "how late this machine is with what it planned"),
    ("stall", "a time in which this machine did not run at all"),
    ("✓ ! ✗ ?", "met, warning, failed, failed perhaps by this machine"),
    ("… –", "not measured yet, not of this plan"),
    ("", ""),
    ("", "Lines that appear above the keys are printed again"),
    ("", "when the run is over. --no-live: one line instead."),
];
const COLUMNS: u16 = 74;
const NAME_COLUMNS: usize = 16;

/// Draws it over the middle.
pub fn draw(theme: Theme, area: Rect, buffer: &mut Buffer) {
    let (width, height) = (COLUMNS.min(area.width), (ROWS.len() as u16 + 2).min(area.height));
    let room =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    let row = |(name, what): &(&'static str, &'static str)| {
        let name = span(theme, Tone::Title, format!(" {name:NAME_COLUMNS$}"));
        Line::from(vec![name, span(theme, Tone::Plain, *what)])
    };
    Clear.render(room, buffer);
    let block = Block::bordered().title(" Help: any key closes it ");
    Paragraph::new(ROWS.iter().map(row).collect::<Vec<_>>()).block(block).render(room, buffer);
}
