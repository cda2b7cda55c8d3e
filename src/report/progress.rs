//! The line that says how far a run is.
//!
//! Makes the text and knows no terminal. Invariant: it is never longer than the width it is made for.

use std::time::Duration;

use textwrap::core::display_width;

use super::Phase;
use crate::numbers::{bytes, figure, grouped};

/// A run at an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// How far it is.
    pub phase: Phase,
    /// Since it began.
    pub elapsed: Duration,
    /// How long ramp and hold take together, as planned, with pauses.
    pub total: Duration,
    /// Arrivals are paused.
    pub is_paused: bool,
    /// Sessions begun.
    pub started: u64,
    /// Sessions planned.
    pub planned: u64,
    /// Sessions open now.
    pub open: u64,
    /// Failed sessions and failed heartbeats so far.
    pub errors: u64,
    /// The slowest heartbeat of the last second: its name, and the 99th percentile from scheduled time.
    pub heartbeat_p99: Option<(String, Duration)>,
    /// Messages received in the last second.
    pub messages_per_s: f64,
    /// Bytes read off sockets in the last second.
    pub bytes_per_s: f64,
    /// The workers' lateness in the last second, 99th percentile.
    pub lag_p99: Option<Duration>,
}

/// Returns the line for this many columns: what is least needed is left out first.
pub fn line(status: &Status, width: usize) -> String {
    let paused = if status.is_paused { " paused" } else { "" };
    let mut parts = vec![
        format!("{} {}/{}{paused}", status.phase, clock(status.elapsed), clock(status.total)),
        format!("open {}", grouped(status.open)),
        format!("errors {}", grouped(status.errors)),
        format!("started {}/{}", grouped(status.started), grouped(status.planned)),
    ];
    parts.extend(status.heartbeat_p99.as_ref().map(|(name, p99)| format!("{name} p99 {} ms", millis(*p99))));
    parts.push(format!("{} msg/s", grouped(status.messages_per_s.max(0.0) as u64)));
    parts.push(format!("{}/s", bytes(status.bytes_per_s.max(0.0) as u64)));
    parts.extend(status.lag_p99.map(|p99| format!("lag {} ms", millis(p99))));
    while parts.len() > 1 && columns(&parts) > width {
        parts.pop();
    }
    parts.join(SEPARATOR).chars().take(width).collect()
}

const SEPARATOR: &str = "  ";

fn columns(parts: &[String]) -> usize {
    parts.iter().map(|part| display_width(part)).sum::<usize>() + SEPARATOR.len() * (parts.len() - 1)
}

fn millis(span: Duration) -> String {
    figure(span.as_secs_f64() * 1e3)
}

/// Returns a time as a clock shows it: `4:05`, `1:02:03`.
pub fn clock(span: Duration) -> String {
    let seconds = span.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(elapsed: u64) -> Status {
        Status {
            phase: Phase::Hold,
            elapsed: Duration::from_secs(elapsed),
            total: Duration::from_secs(2040),
            is_paused: false,
            started: 6000,
            planned: 6000,
            open: 5998,
            errors: 12,
            heartbeat_p99: Some(("ping".into(), Duration::from_micros(4_210))),
            messages_per_s: 12_345.6,
            bytes_per_s: 1_540_000.0,
            lag_p99: Some(Duration::from_micros(320)),
        }
    }

    #[test]
    fn a_wide_terminal_shows_everything() {
        assert_eq!(
            line(&status(754), 200),
            "hold 12:34/34:00  open 5,998  errors 12  started 6,000/6,000  ping p99 4.21 ms  \
             12,345 msg/s  1.54 MB/s  lag 0.320 ms"
        );
        assert_eq!(clock(Duration::from_secs(3_723)), "1:02:03");
        let paused = Status { is_paused: true, ..status(754) };
        assert!(line(&paused, 200).starts_with("hold 12:34/34:00 paused  open 5,998"));
        let without = Status { heartbeat_p99: None, ..status(754) };
        assert!(line(&without, 200).contains("started 6,000/6,000  12,345 msg/s"));
    }

    #[test]
    fn no_width_is_ever_exceeded() {
        for width in 0..130 {
            assert!(line(&status(754), width).chars().count() <= width, "{width}");
        }
        assert_eq!(line(&status(754), 45), "hold 12:34/34:00  open 5,998  errors 12");
    }
}
