//! How far the run is and what it does, as rows of text made for this many columns.
//!
//! Decides no places. Invariant: every part says what it counts, and its unit.

use std::time::Duration;

use ratatui::text::{Line, Span};

use super::SIZE_MIN;
use super::text::{LABEL_COLUMNS, Piece, apart, flow, piece, span};
use super::theme::{Theme, Tone};
use crate::foreign;
use crate::live::frame::{Heartbeat, Messages, Server, Step, Timed};
use crate::live::model::{Model, Standing};
use crate::measure::Phase;
use crate::numbers::{bytes, counted, figure, grouped, percent, plain};
use crate::report::progress::clock;

/// Columns of a step's name, at most.
const STEP_COLUMNS_MAX: usize = 20;
/// The steps' figures: their heads and columns.
const FIGURES: [(&str, usize); 7] =
    [("count", 9), ("errors", 8), ("sched p50", 10), ("p99", 7), ("send p50", 9), ("p99", 7), ("now p99", 8)];
/// Engine threads shown one by one.
const WORKERS_SHOWN_MAX: usize = 4;
/// A worker that uses more of its core is about to be late.
const WORKER_SHARE_MAX: f64 = 0.9;
/// Arrivals that may be on their way, as seconds of arrivals: more are behind.
const BEHIND_S_MAX: f64 = 0.2;

/// Makes the parts.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'m> {
    /// What is shown.
    pub model: &'m Model,
    /// How it looks.
    pub theme: Theme,
}

impl Parts<'_> {
    /// What is played, and how far it is: two rows.
    pub fn head(&self, columns: usize) -> Vec<Line<'static>> {
        let room = columns.saturating_sub(if self.model.frame.paused.0 { 28 } else { 20 });
        let title = vec![
            span(self.theme, Tone::Title, "startline  "),
            span(self.theme, Tone::Plain, foreign::line(&self.model.title, room)),
        ];
        let frame = &self.model.frame;
        let mut right = self.text(Tone::Plain, clock(frame.elapsed));
        if frame.paused.0 {
            right.insert(0, span(self.theme, Tone::Warning, "PAUSED  "));
        }
        vec![apart(title, right, columns), self.progress(columns)]
    }

    /// `hold  ██████░░░░ 0:12 of 1:00, 0:48 left; 1:18 left in all`.
    fn progress(&self, columns: usize) -> Line<'static> {
        let Standing { so_far, planned, left_in_all } = self.model.standing();
        let phase = self.model.frame.phase;
        let stage = self.model.frame.stage.as_ref();
        let (so_far, planned) = stage.map_or((so_far, planned), |it| (it.so_far, Some(it.span)));
        let mut text = match planned {
            Some(planned) => {
                let left = planned.saturating_sub(so_far);
                format!(" {} of {}, {} left", clock(so_far.min(planned)), clock(planned), down(left))
            }
            None if phase == Some(Phase::Settle) => " waiting for the last sessions".to_owned(),
            None => " ended early: closing the sessions".to_owned(),
        };
        if let Some(stage) = stage {
            text += &format!("  {}", stage.what);
        } else if let Some(left) = left_in_all {
            text += &format!("; {} left in all", down(left));
        }
        let room = columns.saturating_sub(LABEL_COLUMNS + text.chars().count());
        let share = planned.map_or(1.0, |planned| so_far.as_secs_f64() / planned.as_secs_f64().max(1e-3));
        let full = (room as f64 * share.clamp(0.0, 1.0)) as usize;
        let name = phase.map_or("starting", Phase::key);
        Line::from(vec![
            span(self.theme, Tone::Title, format!("{name:LABEL_COLUMNS$}")),
            span(self.theme, Tone::Good, "█".repeat(full)),
            span(self.theme, Tone::Dim, "░".repeat(room - full)),
            span(self.theme, Tone::Plain, text),
        ])
    }

    /// Says that there is too little room.
    pub fn too_small(&self, columns: u16, rows: u16) -> Line<'static> {
        let (columns_min, rows_min) = SIZE_MIN;
        let text =
            format!("Terminal too small: {columns}×{rows}; all is shown from {columns_min}×{rows_min} on.");
        Line::from(self.text(Tone::Warning, text))
    }

    /// Sessions by phase.
    pub fn sessions(&self, columns: usize, rows_max: usize) -> Vec<Line<'static>> {
        let sessions = self.model.frame.sessions;
        let failed = if sessions.failed > 0 { Tone::Bad } else { Tone::Plain };
        let mut pieces = vec![
            self.count("waiting", sessions.waiting(), Tone::Plain),
            self.count("setting up", sessions.setting_up, Tone::Plain),
            self.count("open", sessions.open, Tone::Good),
            self.count("failed", sessions.failed, failed),
            self.count("closed", sessions.closed, Tone::Plain),
        ];
        if sessions.away > 0 {
            pieces.insert(3, self.count("away", sessions.away, Tone::Warning));
        }
        if sessions.completed > 0 {
            pieces.insert(3, self.count("completed", sessions.completed, Tone::Good));
        }
        flow(self.theme, "Sessions", pieces, columns, rows_max)
    }

    fn count(&self, name: &str, count: u64, tone: Tone) -> Piece {
        vec![span(self.theme, Tone::Plain, format!("{name} ")), span(self.theme, tone, grouped(count))]
    }

    pub(super) fn text(&self, tone: Tone, text: impl Into<String>) -> Piece {
        piece(self.theme, tone, text)
    }

    /// Arrivals planned against actual; once all have come, those that come back.
    pub fn arrivals(&self, columns: usize, rows_max: usize) -> Vec<Line<'static>> {
        let frame = &self.model.frame;
        if self.model.holds() && frame.sessions.waiting() == 0 {
            return self.reconnects(columns, rows_max);
        }
        let (planned, begun) = frame.arrivals;
        let point = self.model.history.back().copied().unwrap_or_default();
        let behind = planned.saturating_sub(begun) as f64;
        let is_behind = behind > 1.0 + point.planned_per_s * BEHIND_S_MAX;
        let tone = if is_behind { Tone::Warning } else { Tone::Plain };
        let pieces = vec![
            self.text(tone, format!("{} of {} begun", grouped(begun), grouped(frame.sessions.planned))),
            self.text(tone, format!("{} due by now", grouped(planned))),
            self.text(
                Tone::Plain,
                format!("{}/s, planned {}/s", rate(point.begun_per_s), rate(point.planned_per_s)),
            ),
        ];
        flow(self.theme, "Arrivals", pieces, columns, rows_max)
    }

    /// What became of sessions that dropped; nothing where none did.
    fn reconnects(&self, columns: usize, rows_max: usize) -> Vec<Line<'static>> {
        let it = self.model.frame.reconnects;
        if it.dropped == 0 {
            return Vec::new();
        }
        let attempts = format!(
            "attempts {}, {} failed, {}/s",
            grouped(it.attempts.total),
            grouped(it.failed),
            rate(it.attempts.per_s)
        );
        let mut pieces = vec![
            self.text(Tone::Plain, grouped(it.dropped)),
            self.count("came back", it.recovered, Tone::Good),
            self.text(Tone::Plain, attempts),
        ];
        if it.gave_up > 0 {
            pieces.insert(2, self.count("given up", it.gave_up, Tone::Bad));
        }
        flow(self.theme, "Dropped", pieces, columns, rows_max)
    }

    /// A row a step under a head. Where not all fit, those come first that are going on now.
    pub fn steps(&self, columns: usize, rows_max: usize) -> Vec<Line<'static>> {
        let mut steps: Vec<&Step> = self.model.frame.steps.iter().collect();
        if steps.len() >= rows_max && self.model.holds() {
            steps.sort_by_key(|step| step.timed == Timed::Once);
        }
        let longest = steps.iter().map(|step| step.name.chars().count()).max().unwrap_or(0);
        let names = (longest + 1).clamp(LABEL_COLUMNS, STEP_COLUMNS_MAX);
        let shown = if steps.len() < rows_max { steps.len() } else { rows_max.saturating_sub(2) };
        let heads = FIGURES.map(|(head, _)| span(self.theme, Tone::Dim, head));
        let mut lines = vec![row(span(self.theme, Tone::Title, "Step (ms)"), heads, names, columns)];
        lines.extend(steps.iter().take(shown).map(|step| {
            let name = span(self.theme, Tone::Plain, foreign::line(&step.name, names.saturating_sub(1)));
            row(name, self.step(step), names, columns)
        }));
        if shown < steps.len() {
            lines.push(Line::from(self.text(Tone::Dim, format!("… and {} more", steps.len() - shown))));
        }
        lines.truncate(rows_max);
        lines
    }

    fn step(&self, step: &Step) -> [Span<'static>; 7] {
        let millis = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), figure);
        let plain = |text: String| span(self.theme, Tone::Plain, text);
        let errors = if step.errors > Some(0) { Tone::Bad } else { Tone::Plain };
        [
            plain(grouped(step.count)),
            span(self.theme, errors, step.errors.map_or_else(|| "–".to_owned(), grouped)),
            plain(millis(step.scheduled[0])),
            plain(millis(step.scheduled[1])),
            plain(millis(step.sent[0])),
            plain(millis(step.sent[1])),
            plain(millis(step.now)),
        ]
    }

    /// Messages by kind, those of the last second first.
    pub fn messages(&self, columns: usize, rows_max: usize) -> Vec<Line<'static>> {
        let frame = &self.model.frame;
        let (received, sent) = frame.bytes_per_s;
        let all = format!("{} a second", rate(frame.all_messages.per_s));
        let in_all = format!("{} in all", grouped(frame.all_messages.total));
        let bytes = format!("{}/s in, {}/s out", bytes(received as u64), bytes(sent as u64));
        let mut kinds: Vec<&Messages> = frame.messages.iter().filter(|kind| kind.rate.total > 0).collect();
        kinds.sort_by(|one, other| other.rate.per_s.total_cmp(&one.rate.per_s));
        let kind = |Messages { kind, rate, age }: &Messages| {
            let tone = if rate.per_s > 0.0 { Tone::Plain } else { Tone::Dim };
            let age = age.map(|age| format!(", age p99 {} ms", figure(age))).unwrap_or_default();
            self.text(tone, format!("{kind} {}/s{age}", self::rate(rate.per_s)))
        };
        let all = [all, in_all, bytes].map(|text| self.text(Tone::Plain, text));
        let pieces = all.into_iter().chain(kinds.into_iter().map(kind));
        flow(self.theme, "Messages", pieces.collect(), columns, rows_max)
    }

    /// The accounts of periodic messages that are answered; nothing before there are any.
    pub fn heartbeats(&self, columns: usize, rows_max: usize) -> Vec<Line<'static>> {
        let sent: Vec<&Heartbeat> = self.model.frame.heartbeats.iter().filter(|beat| beat.sent > 0).collect();
        if sent.is_empty() {
            return Vec::new();
        }
        let heartbeat = |beat: &Heartbeat| {
            let text = format!("{} {}/{} ok", beat.name, grouped(beat.answered), grouped(beat.sent));
            let mut piece = self.text(Tone::Plain, text);
            if beat.failed > 0 {
                piece.push(span(self.theme, Tone::Bad, format!(", {} failed", grouped(beat.failed))));
            }
            piece
        };
        flow(self.theme, "Heartbeats", sent.into_iter().map(heartbeat).collect(), columns, rows_max)
    }

    /// What the others were told of periodic messages; nothing before one is sent.
    pub fn updates(&self, columns: usize, rows_max: usize) -> Vec<Line<'static>> {
        let Some(updates) = self.model.frame.updates.filter(|updates| updates.sent > 0) else {
            return Vec::new();
        };
        let missing = if updates.missing > 0 { Tone::Bad } else { Tone::Plain };
        let pieces = vec![
            self.text(Tone::Plain, counted(updates.sent, "message", "messages")),
            self.text(
                Tone::Plain,
                format!("{} of {} received", grouped(updates.received), grouped(updates.expected)),
            ),
            self.text(missing, format!("{} missing", grouped(updates.missing))),
        ];
        flow(self.theme, "Updates", pieces, columns, rows_max)
    }

    /// How sessions are spread over servers, and connections over addresses; nothing before there
    /// are any.
    pub fn servers(&self, columns: usize, rows_max: usize) -> Vec<Line<'static>> {
        let frame = &self.model.frame;
        if frame.servers.is_empty() && frame.addresses.is_empty() {
            return Vec::new();
        }
        let all: u64 = frame.servers.iter().map(|server| server.sessions).sum();
        // With one there is nothing to tell it from.
        let start = match frame.servers.as_slice() {
            [_, _, ..] => common_start(frame.servers.iter().map(|server| server.url.as_str())),
            _ => "",
        };
        let mut pieces: Vec<Piece> =
            frame.servers.iter().map(|server| self.server(server, start.len(), all)).collect();
        if !start.is_empty() {
            pieces.push(self.text(Tone::Dim, format!("all at {start}")));
        }
        if frame.server_count > frame.servers.len() {
            let more = frame.server_count - frame.servers.len();
            pieces.push(self.text(Tone::Dim, format!("and {more} more")));
        }
        pieces.extend(frame.addresses.iter().map(|(address, begun, up)| {
            let tone = if up < begun { Tone::Warning } else { Tone::Plain };
            self.text(tone, format!("to {address} {} of {} connected", grouped(*up), grouped(*begun)))
        }));
        flow(self.theme, "Servers", pieces, columns, rows_max)
    }

    /// A server without the first bytes of its name.
    fn server(&self, server: &Server, from: usize, all: u64) -> Piece {
        let share = (server.sessions as f64 / all.max(1) as f64 * 1e3).round() / 1e3;
        let text = format!("{} {} opened ({})", &server.url[from..], grouped(server.opened), percent(share));
        let mut piece = self.text(Tone::Plain, text);
        if server.failed > 0 {
            piece.push(span(self.theme, Tone::Bad, format!(", {} failed", grouped(server.failed))));
        }
        piece
    }

    /// The load generator's own part.
    pub fn generator(&self, columns: usize, rows_max: usize) -> Vec<Line<'static>> {
        let generator = self.model.frame.generator;
        let ms = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |ms| format!("{} ms", figure(ms)));
        let lags = generator.lag.zip(generator.lag_limit).is_some_and(|(lag, limit)| lag > limit);
        let (stalls, stalled) = match generator.stalls {
            0 => (Tone::Plain, "no stalls".to_owned()),
            count => (
                Tone::Warning,
                format!("{}, {:.2} s", counted(count, "stall", "stalls"), generator.stalled_s),
            ),
        };
        if self.model.frame.phase.is_none() {
            let workers = self.text(Tone::Plain, counted(generator.workers.into(), "worker", "workers"));
            return flow(self.theme, "Generator", vec![workers], columns, rows_max);
        }
        let each = generator.bytes_per_session.map(|each| format!(", {} a session", bytes(each as u64)));
        let memory = bytes(generator.rss_bytes) + &each.unwrap_or_default();
        let pieces = vec![
            self.text(if lags { Tone::Bad } else { Tone::Plain }, format!("lag p99 {}", ms(generator.lag))),
            self.text(Tone::Plain, format!("now {}", ms(generator.lag_now))),
            self.text(Tone::Dim, format!("limit {}", ms(generator.lag_limit))),
            self.text(stalls, stalled),
            self.text(Tone::Plain, format!("CPU {:.2} of {} cores", generator.cores_used, generator.cores)),
            self.workers(),
            self.text(Tone::Plain, memory),
        ];
        flow(self.theme, "Generator", pieces, columns, rows_max)
    }

    /// Each engine thread's share of a core, the busiest one's where there are many.
    fn workers(&self) -> Piece {
        let shares = &self.model.workers;
        let percent = |share: &f64| format!(" {:.0} %", share * 100.0);
        let busiest = shares.iter().copied().max_by(f64::total_cmp);
        let is_full = busiest.is_some_and(|share| share > WORKER_SHARE_MAX);
        let text = match busiest {
            None => counted(self.model.frame.generator.workers.into(), "worker", "workers"),
            Some(_) if shares.len() <= WORKERS_SHOWN_MAX => {
                format!("workers{}", shares.iter().map(percent).collect::<String>())
            }
            Some(busiest) => format!("busiest worker{}", percent(&busiest)),
        };
        self.text(if is_full { Tone::Warning } else { Tone::Plain }, text)
    }

    /// The keys.
    pub fn foot(&self, columns: usize) -> Line<'static> {
        let key = |key: &str, what: &str| {
            vec![
                span(self.theme, Tone::Title, key.to_owned()),
                span(self.theme, Tone::Dim, format!(" {what}   ")),
            ]
        };
        let pause = if self.model.frame.paused.0 { "go on" } else { "pause arrivals" };
        let keys = [key("q", "end the run"), key("p", pause), key("?", "help")].concat();
        apart(keys, Vec::new(), columns)
    }
}

/// What is left of a time, as a countdown shows it: 0 when nothing is.
fn down(left: Duration) -> String {
    clock(left + Duration::from_nanos(999_999_999))
}

/// A rate, and no decimals where there is nothing.
fn rate(per_s: f64) -> String {
    plain(if per_s < 0.05 { 0.0 } else { per_s })
}

/// What all URLs begin with, up to a slash.
fn common_start<'a>(mut urls: impl Iterator<Item = &'a str>) -> &'a str {
    let Some(first) = urls.next() else { return "" };
    let same = urls.fold(first.len(), |same, url| {
        first.bytes().zip(url.bytes()).take(same).take_while(|(one, other)| one == other).count()
    });
    first.as_bytes()[..same].iter().rposition(|byte| *byte == b'/').map_or("", |at| &first[..=at])
}

/// A name and its figures, each under its head; the last ones are left out where there is no room.
fn row(name: Span<'static>, cells: [Span<'static>; 7], names: usize, columns: usize) -> Line<'static> {
    let (mut used, gap) = (names, names.saturating_sub(name.width()));
    let mut spans = vec![name, " ".repeat(gap).into()];
    for (cell, (_, width)) in cells.into_iter().zip(FIGURES) {
        used += width;
        if used > columns {
            break;
        }
        spans.push(" ".repeat(width.saturating_sub(cell.width())).into());
        spans.push(cell);
    }
    Line::from(spans)
}
