//! The live view: a run on the whole screen of a terminal, drawn once a second.
//!
//! Knows no engine and no session: it reads what every view reads ([`Snapshot`]). Invariants: the
//! control thread hands over an owned [`frame::Frame`] and does nothing else; a thread of its own
//! draws and reads keys; a terminal that nobody reads costs frames, never a PING; without it
//! nothing of this is there.
//!
//! [`model`] is what is shown, [`draw`] how, and the screen itself is the terminal's
//! ([`crate::terminal`]).

mod cpu;
pub mod draw;
pub mod frame;
pub mod model;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use ratatui::backend::{Backend, CrosstermBackend};
use ratatui::buffer::Buffer;
use ratatui::crossterm::queue;
use ratatui::crossterm::terminal::{Clear, ClearType};
use ratatui::layout::Rect;
use startline_os::descriptors;

use self::cpu::Workers;
use self::draw::Theme;
use self::frame::Frame;
use self::model::{Asks, HISTORY_MAX, Key, Model};
use crate::plan::Plan;
use crate::report::view::{Snapshot, View};
use crate::terminal;
use crate::terminal::screen::Screen;

/// Between two looks at what there is to draw, unless a key is pressed.
const LOOK: Duration = Duration::from_millis(100);
/// How long the lines that were held back may take to be printed.
const LEAVE_WITHIN: Duration = Duration::from_millis(500);
/// Lines for standard error that are shown.
const LINES_MAX: usize = 4;

/// The live view of a run.
#[derive(Debug)]
pub struct Live {
    frames: Arc<Frames>,
}

/// What the thread has not taken yet; the oldest go first.
#[derive(Debug, Default)]
struct Frames(Mutex<VecDeque<Frame>>);

impl Frames {
    fn add(&self, frame: Frame) {
        let mut frames = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if frames.len() == HISTORY_MAX {
            frames.pop_front();
        }
        frames.push_back(frame);
    }

    fn take(&self) -> VecDeque<Frame> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Live {
    /// Takes the screen, if standard error is a terminal that has one for this process. `end` asks
    /// for the run's orderly end, `pause` for a pause of arrivals or its end.
    pub fn start(
        plan: &Plan,
        end: impl Fn() + Send + 'static,
        pause: impl Fn() + Send + 'static,
    ) -> Option<Self> {
        let screen = Screen::take()?;
        let frames = Arc::<Frames>::default();
        let (model, taken) = (Model::new(plan), Arc::clone(&frames));
        // Without a thread the screen is given back at once.
        let show = move || show(screen, model, &taken, (&end, &pause));
        thread::Builder::new().name("live".into()).spawn(show).ok()?;
        Some(Self { frames })
    }
}

impl View for Live {
    fn show(&mut self, snapshot: &Snapshot<'_>) {
        self.frames.add(Frame::of(snapshot));
    }

    fn leave(&mut self) {
        // The screen comes back first, then what was held back.
        terminal::flush(LEAVE_WITHIN);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Draws and reads keys until the screen is wanted back.
fn show(mut screen: Screen, mut model: Model, frames: &Frames, (end, pause): (&dyn Fn(), &dyn Fn())) {
    // Signals of the terminal must stop no thread, and the others' handlers run where they belong.
    descriptors::block_signals();
    let theme = Theme::of_environment();
    let mut shown = Buffer::default();
    let mut is_new = true;
    let mut workers = Workers::default();
    while !screen.is_wanted() {
        let taken = frames.take();
        if !taken.is_empty() {
            taken.into_iter().for_each(|frame| model.take(frame));
            model.workers = workers.shares();
            is_new = true;
        }
        let lines = screen.lines(LINES_MAX);
        is_new |= lines != model.lines;
        model.lines = lines;
        let (columns, rows) = screen.size();
        let area = Rect::new(0, 0, columns, rows);
        if (is_new || area != shown.area) && screen.is_clear() {
            shown = paint(&mut screen, &model, theme, area, &shown);
            is_new = false;
        }
        for key in Key::all_of(&screen.keys(LOOK)) {
            is_new = true;
            if key == Key::Redraw {
                shown = Buffer::default();
            }
            match model.press(key) {
                Some(Asks::End) => end(),
                Some(Asks::Pause) => pause(),
                None => {}
            }
        }
    }
}

/// Writes what differs from what is shown; returns what is shown then.
fn paint(screen: &mut Screen, model: &Model, theme: Theme, area: Rect, shown: &Buffer) -> Buffer {
    let mut next = Buffer::empty(area);
    draw::draw(model, theme, &mut next);
    // All of it goes into memory.
    if shown.area == area {
        let _ = CrosstermBackend::new(screen).draw(shown.diff(&next).into_iter());
    } else {
        let _ = queue!(screen, Clear(ClearType::All));
        let _ = CrosstermBackend::new(screen).draw(Buffer::empty(area).diff(&next).into_iter());
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_that_nobody_draws_do_not_pile_up() {
        let frames = Frames::default();
        for second in 0..2 * HISTORY_MAX as u64 {
            frames.add(Frame { elapsed: Duration::from_secs(second), ..Frame::default() });
        }
        let taken = frames.take();
        assert_eq!(taken.len(), HISTORY_MAX);
        assert_eq!(taken.back().map(|frame| frame.elapsed.as_secs()), Some(2 * HISTORY_MAX as u64 - 1));
        assert!(frames.take().is_empty());
    }
}
