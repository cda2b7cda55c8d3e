//! One session alone, on the calling thread, with a watcher of all that passes; and what it requests
//! beside its WebSocket.
//!
//! Has its own poll, clock and ports; how a session is played is `super::played`. Invariant: when
//! [`play`] returns both connections are closed.

use std::io;
use std::time::Duration;

use mio::{Events, Poll, Token};
use startline_os::clock::Clock;
use startline_os::tick::Ticks;

use super::hosts::Hosts;
use super::lives::RowIndex;
pub use super::played::{Cause, Doing, Watcher};
use super::played::{Net, Played, With};
use super::ports::{PortSpace, Ports};
use super::run::script_of;
use super::secure::Secure;
use crate::members::SessionNumber;
use crate::plan::{Plan, PortMethod};
use crate::session::{Context, Instants, Lent, Phase, Script, Session, Side, Slots, Who};

/// The longest sleep: how late a request to end may be seen.
const SLEEP_MAX: Duration = Duration::from_millis(50);
/// This thread has stalled if it wakes so much later than it asked for.
const STALL_MIN: Duration = Duration::from_millis(100);

/// The session's own connection, and that of a request beside its WebSocket: their tokens, and the
/// rows of their TLS.
const OWN: usize = 0;
const BESIDE: usize = 1;

/// Plays the first session of a plan to its end; `stop` is asked every 50 ms and asks for the end.
///
/// # Errors
/// There is no poll to wait with.
pub fn play<W: Watcher>(
    plan: &Plan,
    hosts: &Hosts,
    watcher: &mut W,
    stop: &dyn Fn() -> bool,
) -> io::Result<()> {
    let script = script_of(plan, hosts.names.clone());
    let space = PortSpace::new(PortMethod::Kernel, None, &plan.sources, 1);
    let mut player = Player {
        script: &script,
        hosts,
        poll: Poll::new()?,
        ports: space.of_worker(0, 1, 0),
        secure: Secure::new(hosts.trust.as_ref(), &hosts.names, &plan.tls, 2),
        own: played(plan, OWN),
        beside: None,
        lent: Lent {
            side: Side::new(&script, 1),
            ..Lent::new(Slots::default(), fastrand::Rng::with_seed(script.seed))
        },
        clock: Clock::start(),
        at: Instants::default(),
        watcher,
    };
    player.run(plan, stop)
}

fn played(plan: &Plan, which: usize) -> Played {
    let session = SessionNumber(0);
    let who =
        Who { session, member_id: plan.members.id(session), challenge_id: plan.members.challenge(session) };
    Played::new((who, 0), (RowIndex(which as u32), 0), Token(which))
}

struct Player<'p, W> {
    script: &'p Script,
    hosts: &'p Hosts,
    poll: Poll,
    ports: Ports,
    secure: Secure,
    own: Played,
    /// A request beside its WebSocket.
    beside: Option<Played>,
    lent: Lent,
    clock: Clock,
    at: Instants,
    watcher: &'p mut W,
}

impl<W: Watcher> Player<'_, W> {
    fn run(&mut self, plan: &Plan, stop: &dyn Fn() -> bool) -> io::Result<()> {
        let mut events = Events::with_capacity(8);
        self.look();
        let due = self.at.now;
        self.drive(Cause::Connected, |session, ctx| session.start(due, ctx));
        while self.own.session.phase() != Phase::Over {
            self.look();
            self.play(OWN, |played, with, _| played.run_timers(with));
            self.play(BESIDE, |played, with, _| played.run_timers(with));
            self.run_beside(plan);
            if (self.watcher.is_enough() || stop()) && self.own.session.phase() != Phase::Closing {
                self.drive(Cause::End, |session, ctx| session.end(ctx));
            }
            if self.own.session.phase() == Phase::Over {
                break;
            }
            self.wait(&mut events)?;
            for event in &events {
                self.play(event.token().0, |played, with, look| while !played.on_event(with, look) {});
                self.look();
                self.run_beside(plan);
            }
        }
        Ok(())
    }

    /// Begins the request that the session asks for, and tells it of the end of one.
    fn run_beside(&mut self, plan: &Plan) {
        while let Some(ask) = self.lent.commands.ask.take() {
            self.beside = Some(played(plan, BESIDE));
            self.play(BESIDE, |played, with, _| {
                played.drive(with, Cause::Connected, |session, ctx| session.begin_beside(*ask, ctx));
            });
            self.tell();
        }
        self.tell();
    }

    fn tell(&mut self) {
        if let Some(answered) = self.lent.commands.answered.take() {
            self.beside = None;
            self.drive(Cause::Received, |session, ctx| session.request_answered(*answered, ctx));
        }
    }

    fn drive(&mut self, cause: Cause, event: impl FnOnce(&mut Session, &mut Context<'_, W>)) {
        self.play(OWN, |played, with, _| played.drive(with, cause, event));
    }

    /// Hands one of the two, if it is there, with what it is played with, and a look at the clock.
    fn play(
        &mut self,
        which: usize,
        event: impl FnOnce(&mut Played, &mut With<'_, W>, &mut dyn FnMut(&mut W) -> Instants),
    ) {
        let Some(played) = (if which == OWN { Some(&mut self.own) } else { self.beside.as_mut() }) else {
            return;
        };
        let net = Net {
            addresses: &self.hosts.addresses,
            registry: self.poll.registry(),
            ports: &mut self.ports,
            secure: &mut self.secure,
        };
        let mut with =
            With { script: self.script, net, lent: &mut self.lent, at: self.at, watcher: &mut *self.watcher };
        let clock = &self.clock;
        event(played, &mut with, &mut |watcher| instants(clock, watcher));
    }

    /// Sleeps until something comes, a timer is due or somebody may ask for the end.
    fn wait(&mut self, events: &mut Events) -> io::Result<()> {
        let timers = [Some(&self.own), self.beside.as_ref()].into_iter().flatten();
        let next = timers.filter_map(|played| played.next_timer(self.at.now)).min();
        let sleep = next.unwrap_or(SLEEP_MAX).clamp(Duration::from_millis(1), SLEEP_MAX);
        let asleep_since = self.clock.elapsed();
        match self.poll.poll(events, Some(sleep)) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error),
            _ => {}
        }
        self.look();
        let late = self.clock.elapsed().saturating_sub(asleep_since + sleep);
        if late > STALL_MIN {
            self.lent.waits.stalled(self.at.now, Ticks::from_duration(late));
        }
        Ok(())
    }

    fn look(&mut self) {
        self.at = instants(&self.clock, self.watcher);
    }
}

fn instants<W: Watcher>(clock: &Clock, watcher: &mut W) -> Instants {
    let elapsed = clock.elapsed();
    let at = Instants {
        now: clock.tick_at(elapsed),
        unix_micros: clock.unix_micros_at(elapsed),
        heard_micros: clock.unix_micros_after(elapsed),
    };
    watcher.look(elapsed, at.unix_micros);
    at
}
