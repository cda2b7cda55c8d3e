//! A worker's part of the outages: its connections are cut or closed, its listener goes and comes
//! back.
//!
//! Invariants: an outage begins and ends once; a member whose server was killed is in until the
//! idle rule has found it, even though its connection is gone.

use startline_os::tick::Tick;

use super::{LISTENER, Worker};
use crate::connection::{NO_ROOM, State};
use crate::messages::LeaveReason;
use crate::outage::{Kind, Outage};
use crate::world::{ChallengeId, Runner};

/// How far the outages are, and who was left in by them.
#[derive(Default)]
pub(super) struct Outages {
    stages: Vec<Stage>,
    orphans: Vec<Orphan>,
}

impl Outages {
    /// None has begun.
    pub(super) fn new(outages: &[Outage]) -> Self {
        Self { stages: vec![Stage::default(); outages.len()], orphans: Vec::new() }
    }
}

/// A member whose server was killed, and who was not found missing yet.
struct Orphan {
    challenge: ChallengeId,
    runner: Runner,
    session: u32,
    heard: Tick,
}

/// How far an outage is.
#[derive(Clone, Copy, Default)]
enum Stage {
    #[default]
    Before,
    On,
    Over,
}

impl Worker {
    /// Begins and ends what is due.
    pub(super) fn look_at_outages(&mut self) {
        let at = self.shared.clock.elapsed();
        for index in 0..self.outages.stages.len() {
            let outage = self.shared.config.outages[index];
            match self.outages.stages[index] {
                Stage::Before if outage.at <= at => {
                    self.outages.stages[index] = Stage::On;
                    self.begin_outage(&outage);
                }
                Stage::On if !outage.is_on(at) => {
                    self.outages.stages[index] = Stage::Over;
                    self.end_outage(&outage);
                }
                _ => {}
            }
        }
    }

    fn begin_outage(&mut self, outage: &Outage) {
        self.mark_servers(outage, false);
        if outage.is_total() {
            self.listener = None;
        }
        let slots: Vec<u32> = self.connections.iter().map(|(slot, _)| slot as u32).collect();
        for slot in slots {
            let Some(connection) = self.connections.get(slot as usize) else { continue };
            let (state, server) = (connection.state, connection.server);
            match outage.kind {
                Kind::Dies(_) if state.is_websocket() && outage.takes_out(server) => self.kill(slot),
                Kind::Dies(None) => self.drop_connection(slot),
                Kind::Drains(_) if state.is_live() && outage.takes_out(server) => {
                    self.depart(slot, LeaveReason::Disconnected);
                    self.close(slot, 1001);
                }
                _ => {}
            }
        }
    }

    fn end_outage(&mut self, outage: &Outage) {
        self.mark_servers(outage, true);
        if outage.is_total() && self.stop_by.is_none() {
            // Nobody else has the port: all its listeners are of this process.
            let listener = crate::listen(self.addr).map(mio::net::TcpListener::from_std);
            let Ok(mut listener) = listener else { return };
            if self.poll.registry().register(&mut listener, LISTENER, mio::Interest::READABLE).is_ok() {
                self.listener = Some(listener);
                self.accept_again = true;
            }
        }
    }

    /// The servers' heartbeats go, or are back. One worker says so for all.
    fn mark_servers(&self, outage: &Outage, up: bool) {
        if self.id != 0 {
            return;
        }
        let servers = (0..self.shared.config.servers as u16).filter(|server| outage.takes_out(*server));
        self.shared.world(self.moment.now, |world| {
            let routing = world.routing_mut();
            servers.for_each(|server| {
                let _ = if up {
                    routing.bring_up(usize::from(server))
                } else {
                    routing.take_down(usize::from(server))
                };
            });
        });
    }

    /// Cuts a WebSocket as a killed server does: it announces nothing, not even to the peer.
    fn kill(&mut self, slot: u32) {
        let Some(connection) = self.connections.get(slot as usize) else { return };
        if connection.room != NO_ROOM && connection.state != State::Closing {
            let challenge = self.rooms[connection.room as usize].challenge;
            let (runner, session, heard) = (connection.runner, connection.session, connection.heard);
            self.outages.orphans.push(Orphan { challenge, runner, session, heard });
        }
        self.drop_connection(slot);
    }

    /// The idle rule finds members whose server was killed.
    pub(super) fn find_orphans(&mut self) {
        let (tick, limit) = (self.moment.tick, self.shared.config.idle_timeout);
        let is_found = |orphan: &Orphan| tick.since(orphan.heard).as_duration() > limit;
        let now = self.moment.now;
        for orphan in self.outages.orphans.extract_if(.., |orphan| is_found(orphan)) {
            let Orphan { challenge, runner, session, .. } = orphan;
            self.shared
                .world(now, |world| world.depart(challenge, runner, session, LeaveReason::Timeout, now));
            self.has_news = true;
        }
    }
}
