//! Connections that the plan cuts on purpose: whose, and by which call.
//!
//! The session learns that it dropped; whether the peer does is the cut's. Invariants: each of the
//! plan's drops passes every row once; sockets that were silenced stay open until the run is over,
//! so that nothing tells the peer, and are reset then, so that nothing of them stays in the kernel.

use std::time::Duration;

use mio::net::TcpStream;
use socket2::SockRef;
use startline_os::silence;

use super::{ARRIVALS_PER_TURN, Worker};
use crate::engine::lives::RowIndex;
use crate::plan::drops::{Cut, Drop};

/// See the module's documentation.
pub(super) struct Cuts<'p> {
    drops: &'p [Drop],
    seed: u64,
    /// Those that have begun.
    begun: usize,
    /// The next row that the last of them looks at.
    next_row: u32,
    /// Sockets whose peers are to hear nothing.
    silent: Vec<TcpStream>,
}

impl<'p> Cuts<'p> {
    /// Those of a plan, which are in the order of their instants.
    pub(super) fn new(drops: &'p [Drop], seed: u64) -> Self {
        Self { drops, seed, begun: 0, next_row: u32::MAX, silent: Vec::new() }
    }

    /// The next session to look at, of as many rows.
    fn next(&mut self, at: Duration, rows: u32) -> Option<(usize, RowIndex)> {
        if self.next_row >= rows {
            self.drops.get(self.begun).filter(|drop| drop.at <= at)?;
            (self.begun, self.next_row) = (self.begun + 1, 0);
        }
        let row = RowIndex(self.next_row);
        self.next_row += 1;
        (row.0 < rows).then_some((self.begun - 1, row))
    }
}

impl Worker<'_> {
    /// Cuts the connections whose instant has come.
    pub(super) fn run_cuts(&mut self) {
        if self.cuts.drops.is_empty() || self.so_far.arrivals_stopped {
            return;
        }
        let mut left = ARRIVALS_PER_TURN;
        while left > 0 {
            let Some((index, row)) = self.cuts.next(self.planned_now(), self.rows.len() as u32) else {
                return;
            };
            if !self.rows[row.index()].session.is_open() {
                continue;
            }
            let drop = &self.cuts.drops[index];
            // Of a shard, the same as if the whole plan were played here.
            let number = self.books.members.number(self.lives.session(row));
            if drop.is_of(number, self.cuts.seed, index) {
                self.cut(row, drop.cut);
                left -= 1;
            }
        }
    }

    fn cut(&mut self, row: RowIndex, cut: Cut) {
        let socket = self.rows[row.index()].socket.take();
        if let Some(socket) = socket {
            self.let_go(socket, cut);
        }
        self.drive(row, |session, ctx| session.cut(ctx));
    }

    fn let_go(&mut self, mut socket: TcpStream, cut: Cut) {
        match cut {
            // It is closed as it is dropped.
            Cut::Fin => {}
            Cut::Reset => {
                // Refused by no kernel; where it is, the peer reads an end.
                let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
            }
            Cut::Silent => {
                let _ = self.wire.poll.registry().deregister(&mut socket);
                // What is left of it at the end would go on to wait for an answer that its filter drops.
                let _ = SockRef::from(&socket).set_linger(Some(Duration::ZERO));
                let is_mute = silence::discard_incoming(&socket).is_ok();
                self.books.recorder.silenced(is_mute);
                self.cuts.silent.push(socket);
            }
        }
    }
}
