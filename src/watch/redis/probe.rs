//! PINGs and messages to ourselves, spread over the time between looks, and how long they took.
//!
//! A thread of its own, that begins with the first figure that needs it and ends with the source.
//! Times are from the scheduled instant: while an answer is awaited, the PINGs that would have been
//! sent meanwhile count as late as it (otherwise a stall of seconds would be one slow PING among
//! fifty). Invariant: what is kept is bounded, whatever the server does.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use redis::Value;
use rustls::ClientConfig;

use super::Redis;
use super::connection::Connection;
use super::trouble::{Kind, Trouble};
use crate::watch::source::DEADLINE;

/// Between two PINGs, and between two messages.
const EVERY: Duration = Duration::from_millis(100);
/// After a failure.
const PAUSE: Duration = Duration::from_millis(500);
/// How long times are kept; looks come more often.
const KEPT: Duration = Duration::from_secs(600);
const SAMPLES_MAX: usize = 8_192;
/// Times that a first look waits for, and how long it does so once there is one.
const FIRST: usize = 5;
const FIRST_WITHIN: Duration = Duration::from_millis(600);
const POLL: Duration = Duration::from_millis(10);

/// What is timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Ping,
    RoundTrip,
}

const WHATS: [What; 2] = [What::Ping, What::RoundTrip];

#[derive(Debug, Default)]
struct Timings {
    /// When it was answered, and how long that took, in milliseconds.
    samples: VecDeque<(Instant, f64)>,
    /// Why the last one was not answered.
    trouble: Option<Trouble>,
}

impl Timings {
    fn add(&mut self, at: Instant, took: Duration) {
        let is_over = |(then, _): &(Instant, f64)| at.duration_since(*then) > KEPT;
        while self.samples.len() >= SAMPLES_MAX || self.samples.front().is_some_and(is_over) {
            self.samples.pop_front();
        }
        self.samples.push_back((at, took.as_secs_f64() * 1000.0));
    }

    /// One that was sent at `sent` and answered, or given up, at `at`; with those that were due
    /// meanwhile.
    fn add_with_late(&mut self, sent: Instant, at: Instant) {
        let mut due = sent;
        while due < at {
            self.add(at, at.duration_since(due));
            due += EVERY;
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    is_wanted: [AtomicBool; 2],
    timings: [Mutex<Timings>; 2],
}

impl Shared {
    fn of(&self, what: What) -> MutexGuard<'_, Timings> {
        self.timings[what as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Probe {
    shared: Option<Arc<Shared>>,
}

impl Probe {
    /// The times since an instant, for which it may wait until the deadline if there are none; and
    /// when the last of them was taken.
    ///
    /// # Errors
    /// There are none, and why.
    pub(super) fn since(
        &mut self,
        (at, tls): (&Redis, Option<&Arc<ClientConfig>>),
        what: What,
        since: Option<Instant>,
        deadline: Instant,
    ) -> Result<(Vec<f64>, Instant), Trouble> {
        let shared = self.running(at, tls)?;
        shared.is_wanted[what as usize].store(true, Relaxed);
        let began = Instant::now();
        loop {
            let now = Instant::now();
            let timings = shared.of(what);
            let is_new = |(then, _): &&(Instant, f64)| since.is_none_or(|since| *then > since);
            let samples: Vec<f64> = timings.samples.iter().filter(is_new).map(|(_, took)| *took).collect();
            let is_enough = samples.len() >= FIRST || since.is_some() || now - began > FIRST_WITHIN;
            let last = timings.samples.back().map(|(at, _)| *at);
            if let Some(last) = last.filter(|_| !samples.is_empty() && is_enough) {
                return Ok((samples, last));
            }
            if let Some(trouble) = timings.trouble.clone().filter(|_| samples.is_empty()) {
                return Err(trouble);
            }
            drop(timings);
            if now + POLL >= deadline {
                return Err(Trouble::new(Kind::Silent, "no answer in time"));
            }
            std::thread::sleep(POLL);
        }
    }

    fn running(&mut self, at: &Redis, tls: Option<&Arc<ClientConfig>>) -> Result<Arc<Shared>, Trouble> {
        if let Some(shared) = &self.shared {
            return Ok(Arc::clone(shared));
        }
        let shared = Arc::<Shared>::default();
        let (weak, at, tls) = (Arc::downgrade(&shared), at.clone(), tls.cloned());
        let body = move || Prober { at, tls, main: None, ears: None, numbers: 0 }.run(&weak);
        std::thread::Builder::new().name("redis-probe".into()).spawn(body)?;
        self.shared = Some(Arc::clone(&shared));
        Ok(shared)
    }
}

/// The thread.
struct Prober {
    at: Redis,
    tls: Option<Arc<ClientConfig>>,
    main: Option<Connection>,
    /// The connection that is subscribed, and to what.
    ears: Option<(Connection, String)>,
    numbers: u64,
}

impl Prober {
    /// Until the source is gone.
    fn run(mut self, source: &Weak<Shared>) {
        let mut due = Instant::now();
        while let Some(shared) = source.upgrade() {
            let (mut is_well, round) = (true, Instant::now());
            for what in WHATS.into_iter().filter(|what| shared.is_wanted[*what as usize].load(Relaxed)) {
                is_well &= self.probe(what, round, &shared);
            }
            // Not kept alive while nothing is done.
            drop(shared);
            due = (due + EVERY).max(Instant::now());
            let pause = if is_well { due.saturating_duration_since(Instant::now()) } else { PAUSE };
            std::thread::sleep(pause.max(POLL).min(PAUSE));
        }
    }

    fn probe(&mut self, what: What, round: Instant, shared: &Shared) -> bool {
        // Before the clock runs: connections are not what is timed.
        let begun = Instant::now();
        let deadline = begun + DEADLINE;
        let ready = self.get_ready(what, deadline);
        let sent = as_due(round, begun, Instant::now());
        let answered = ready.and_then(|()| match what {
            What::Ping => self.ping(deadline),
            What::RoundTrip => self.round_trip(deadline),
        });
        let at = Instant::now();
        let mut timings = shared.of(what);
        match answered {
            Ok(()) => {
                timings.add_with_late(sent, at);
                timings.trouble = None;
                true
            }
            Err(trouble) => {
                // Nobody answers such a one in less than this: that is known, if anybody ever did.
                if trouble.kind == Kind::Silent && !timings.samples.is_empty() {
                    timings.add_with_late(sent, at);
                }
                if trouble.ends_connection() {
                    (self.main, self.ears) = (None, None);
                }
                timings.trouble = Some(trouble);
                false
            }
        }
    }

    fn get_ready(&mut self, what: What, deadline: Instant) -> Result<(), Trouble> {
        let tls = self.tls.as_ref();
        if self.main.is_none() {
            self.main = Some(Connection::open(&self.at, tls, deadline)?);
        }
        if what == What::RoundTrip && self.ears.is_none() {
            let mut ears = Connection::open(&self.at, tls, deadline)?;
            let channel = format!("startline:{:016x}", fastrand::u64(..));
            ears.ask(redis::cmd("SUBSCRIBE").arg(&channel), deadline)?;
            self.ears = Some((ears, channel));
        }
        Ok(())
    }

    fn ping(&mut self, deadline: Instant) -> Result<(), Trouble> {
        let main = self.main.as_mut().ok_or_else(closed)?;
        main.ask(&redis::cmd("PING"), deadline).map(drop)
    }

    /// Publishes a number and awaits it on the other connection.
    fn round_trip(&mut self, deadline: Instant) -> Result<(), Trouble> {
        let main = self.main.as_mut().ok_or_else(closed)?;
        let (ears, channel) = self.ears.as_mut().ok_or_else(closed)?;
        self.numbers += 1;
        let number = self.numbers.to_string();
        main.ask(redis::cmd("PUBLISH").arg(&*channel).arg(&number), deadline)?;
        // One that was given up may come yet.
        while !is_message(&ears.receive(deadline)?, &number) {}
        Ok(())
    }
}

/// When what is sent now should have been: a server that stands still keeps waiting what is asked after its
/// PING, too. What an ordinary PING takes is none of it.
fn as_due(round: Instant, begun: Instant, sent: Instant) -> Instant {
    let waited = begun.saturating_duration_since(round);
    if waited > EVERY { sent.checked_sub(waited).unwrap_or(sent) } else { sent }
}

fn closed() -> Trouble {
    Trouble::new(Kind::Closed, "it closed the connection")
}

/// Whether it is `["message", channel, payload]`.
fn is_message(value: &Value, payload: &str) -> bool {
    let Value::Array(parts) = value else { return false };
    matches!(parts.as_slice(), [.., Value::BulkString(bytes)] if bytes == payload.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stall_counts_for_all_that_were_due_in_it() {
        let mut timings = Timings::default();
        let start = Instant::now();
        timings.add_with_late(start, start + Duration::from_millis(2));
        timings.add_with_late(start, start + Duration::from_millis(450));
        let took: Vec<f64> = timings.samples.iter().map(|(_, took)| took.round()).collect();
        assert_eq!(took, [2.0, 450.0, 350.0, 250.0, 150.0, 50.0]);
    }

    #[test]
    fn a_round_trip_is_late_by_the_ping_that_it_waited_for() {
        let round = Instant::now();
        let at = |millis| round + Duration::from_millis(millis);
        assert_eq!(as_due(round, at(3), at(3)), at(3), "a PING as usual");
        assert_eq!(as_due(round, at(2_500), at(2_500)), round);
        assert_eq!(as_due(round, at(2_500), at(2_600)), at(100), "to connect is no round trip");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut timings = Timings::default();
        let start = Instant::now();
        for number in 0..20_000 {
            timings.add(start + Duration::from_millis(number), Duration::ZERO);
        }
        assert_eq!(timings.samples.len(), SAMPLES_MAX);
        timings.add(start + KEPT * 2, Duration::ZERO);
        assert_eq!(timings.samples.len(), 1);
    }

    #[test]
    fn messages_of_others_are_not_ours() {
        let message = |payload: &str| {
            Value::Array(["message", "c", payload].map(|it| Value::BulkString(it.into())).to_vec())
        };
        assert!(is_message(&message("7"), "7"));
        assert!(!is_message(&message("6"), "7") && !is_message(&Value::Nil, "7"));
    }
}
