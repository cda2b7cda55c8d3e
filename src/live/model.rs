//! What the screen shows: the latest frame, what the ones before it leave behind, and which page is
//! open.
//!
//! Pure: frames and keys go in, the drawing reads it. Invariant: its size does not grow with a
//! run's length.

use std::collections::VecDeque;
use std::time::Duration;

use super::frame::{Frame, Step};
use crate::measure::Phase;
use crate::plan::Plan;

/// Seconds of the charts.
pub const HISTORY_MAX: usize = 300;
/// Frames of less time than this have no rates of their own: accounts close in mid-second.
const SECOND_MIN: Duration = Duration::from_millis(200);
/// A hold that is shorter than planned by more than this was ended early.
const HOLD_SLACK: Duration = Duration::from_millis(500);

/// The state of the view.
#[derive(Clone, Debug)]
pub struct Model {
    /// What is played, in a few words.
    pub title: String,
    /// How long ramp, hold and ramp-down are planned.
    pub plan: Spans,
    /// The run as it was handed over last.
    pub frame: Frame,
    /// Failures of each kind in the frame that came since the one before.
    pub fresh: Vec<u64>,
    /// The last minutes, a point a second, latest last.
    pub history: VecDeque<Point>,
    /// The share of a core that each engine thread used in the last second; empty if it is not
    /// known.
    pub workers: Vec<f64>,
    /// Lines for standard error that wait until the view leaves, the latest of them.
    pub lines: Vec<String>,
    /// The explanation is open.
    pub is_help: bool,
    /// When the hold began, and the ramp-down, as far as they have.
    hold_began: Option<Duration>,
    ramp_down_began: Option<Duration>,
    /// How long arrivals had been paused when the hold began.
    paused_before_hold: Duration,
    /// When the last point of the history was made, and arrivals planned and begun by then.
    last: (Duration, (u64, u64)),
}

/// How long the phases are planned.
#[derive(Clone, Copy, Debug)]
pub struct Spans {
    /// Arrivals.
    pub ramp: Duration,
    /// Holding.
    pub hold: Duration,
    /// Closing.
    pub ramp_down: Duration,
}

/// A second of the charts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// Seconds since the run began.
    pub at: f64,
    /// Arrivals planned a second.
    pub planned_per_s: f64,
    /// Arrivals a second.
    pub begun_per_s: f64,
    /// Sessions open.
    pub open: f64,
    /// Messages a second.
    pub messages_per_s: f64,
    /// The last step's 99th percentile in milliseconds, from scheduled time.
    pub last_step: Option<f64>,
}

/// Where a run stands in time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// In its phase so far.
    pub so_far: Duration,
    /// As long as the phase is planned; none where that depends on the servers.
    pub planned: Option<Duration>,
    /// Until the run is over, if everything goes as planned; none once it was ended early.
    pub left_in_all: Option<Duration>,
}

/// What a key asks of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// To end gracefully.
    End,
    /// To pause arrivals, or to go on.
    Pause,
}

/// A key that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// End the run gracefully.
    End,
    /// Pause arrivals, or go on.
    Pause,
    /// Open or close the explanation.
    Help,
    /// Draw everything anew.
    Redraw,
    /// Any other: closes the explanation.
    Other,
}

impl Key {
    /// The keys that send these bytes. Where one has no meaning, none has: it is a paste, or a key
    /// that sends several.
    pub fn all_of(bytes: &[u8]) -> Vec<Self> {
        let Ok(text) = std::str::from_utf8(bytes) else { return vec![Self::Other] };
        let keys: Option<Vec<Self>> = text.chars().map(Self::of).collect();
        keys.unwrap_or_else(|| vec![Self::Other])
    }

    fn of(typed: char) -> Option<Self> {
        match typed {
            // What the same key types on a Korean keyboard.
            'q' | 'Q' | 'ㅂ' => Some(Self::End),
            'p' | 'P' | 'ㅔ' => Some(Self::Pause),
            '?' | 'h' | 'H' | 'ㅗ' => Some(Self::Help),
            // Ctrl-L.
            '\x0c' => Some(Self::Redraw),
            _ => None,
        }
    }
}

impl Model {
    /// Before the first second.
    pub fn new(plan: &Plan) -> Self {
        let settings = &plan.settings;
        let target =
            if plan.is_for_mock() { "the built-in mock server".to_owned() } else { plan.target_shown() };
        Self {
            title: format!("{} against {target}", plan.scenario.name),
            plan: Spans { ramp: settings.ramp, hold: settings.hold, ramp_down: settings.ramp_down },
            frame: Frame::empty(plan),
            fresh: Vec::new(),
            history: VecDeque::new(),
            workers: Vec::new(),
            lines: Vec::new(),
            is_help: false,
            hold_began: None,
            ramp_down_began: None,
            paused_before_hold: Duration::ZERO,
            last: Default::default(),
        }
    }

    /// Takes the next second.
    pub fn take(&mut self, frame: Frame) {
        let before = |kind: &str, step: &str| {
            let mut known = self.frame.errors.kinds.iter();
            known.find(|it| it.kind == kind && it.step == step).map_or(0, |it| it.count)
        };
        let kinds = &frame.errors.kinds;
        self.fresh = kinds.iter().map(|it| it.count.saturating_sub(before(&it.kind, &it.step))).collect();
        match frame.phase {
            Some(Phase::Hold) => {
                if self.frame.phase != Some(Phase::Hold) {
                    self.paused_before_hold = frame.paused.1;
                }
                self.hold_began = Some(frame.elapsed.saturating_sub(frame.held));
            }
            Some(Phase::RampDown) => {
                // A frame is up to a second late.
                let hold_ended = self.hold_began.map(|began| began + frame.held);
                self.ramp_down_began.get_or_insert(hold_ended.unwrap_or(frame.elapsed));
            }
            _ => {}
        }
        self.remember(&frame);
        self.frame = frame;
    }

    /// Keeps what the charts show.
    fn remember(&mut self, frame: &Frame) {
        let (since, (planned, begun)) = self.last;
        let span = frame.elapsed.saturating_sub(since);
        if span < SECOND_MIN {
            return;
        }
        self.last = (frame.elapsed, frame.arrivals);
        if self.history.len() == HISTORY_MAX {
            self.history.pop_front();
        }
        let per_s = |now: u64, before: u64| now.saturating_sub(before) as f64 / span.as_secs_f64();
        self.history.push_back(Point {
            at: frame.elapsed.as_secs_f64(),
            planned_per_s: per_s(frame.arrivals.0, planned),
            begun_per_s: per_s(frame.arrivals.1, begun),
            open: frame.sessions.open as f64,
            messages_per_s: frame.all_messages.per_s,
            last_step: charted(frame).and_then(|step| step.now),
        });
    }

    /// Takes a key; returns what it asks of the run.
    pub fn press(&mut self, key: Key) -> Option<Asks> {
        if key != Key::Redraw {
            self.is_help = key == Key::Help && !self.is_help;
        }
        match key {
            Key::End => Some(Asks::End),
            Key::Pause => Some(Asks::Pause),
            _ => None,
        }
    }

    /// Whether all sessions have come: what goes on now is what open ones do.
    pub fn holds(&self) -> bool {
        matches!(self.frame.phase, Some(Phase::Hold | Phase::RampDown))
    }

    /// Where the run stands in time.
    pub fn standing(&self) -> Standing {
        let Spans { ramp, hold, ramp_down } = self.plan;
        let Frame { elapsed, held, paused: (_, paused_so_far), .. } = self.frame;
        // The plan's clock stands in a pause.
        let elapsed = elapsed.saturating_sub(paused_so_far);
        let held = held.saturating_sub(paused_so_far.saturating_sub(self.paused_before_hold));
        match self.frame.phase {
            None | Some(Phase::Ramp) => Standing {
                so_far: elapsed.min(ramp),
                planned: Some(ramp),
                left_in_all: Some((ramp + hold + ramp_down).saturating_sub(elapsed)),
            },
            Some(Phase::Settle) => Standing {
                so_far: elapsed.saturating_sub(ramp),
                planned: None,
                left_in_all: Some(hold + ramp_down),
            },
            Some(Phase::Hold) => Standing {
                so_far: held,
                planned: Some(hold),
                left_in_all: Some(hold.saturating_sub(held) + ramp_down),
            },
            Some(Phase::RampDown) => self.leaving(),
        }
    }

    fn leaving(&self) -> Standing {
        let Frame { elapsed, held, .. } = self.frame;
        let ended_early = held + HOLD_SLACK < self.plan.hold;
        let so_far = elapsed.saturating_sub(self.ramp_down_began.unwrap_or(elapsed));
        let planned = (!ended_early).then_some(self.plan.ramp_down);
        Standing { so_far, planned, left_in_all: planned.map(|planned| planned.saturating_sub(so_far)) }
    }
}

/// The step whose latency is drawn: the last one, which is a heartbeat where there is one.
pub fn charted(frame: &Frame) -> Option<&Step> {
    frame.steps.iter().rfind(|step| step.errors.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paste_ends_nothing() {
        for bytes in ["q", "Q", "ㅂ"] {
            assert_eq!(Key::all_of(bytes.as_bytes()), [Key::End]);
        }
        assert_eq!(Key::all_of(b"?\x0cq"), [Key::Help, Key::Redraw, Key::End]);
        for bytes in ["p", "P", "ㅔ"] {
            assert_eq!(Key::all_of(bytes.as_bytes()), [Key::Pause]);
        }
        assert_eq!(Key::all_of(b""), []);
        // Words, the arrow up, half a character.
        for bytes in [&b"quit"[..], b"\x1b[A", b"\x1bq", b"\xe3\x85"] {
            assert_eq!(Key::all_of(bytes), [Key::Other]);
        }
    }
}
