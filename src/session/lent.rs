//! What whoever drives sessions lends them for an event, and makes their [`Context`] of.
//!
//! Knows no socket and no clock: instants come in. Invariant: between two events `out` and `commands`
//! hold only what the last one left for its driver to carry out.

use startline_os::tick::Tick;

use super::{Commands, Context, Script, Side, Slots, Spills, Vault, Waits, Who};

/// The instant of an event.
#[derive(Clone, Copy, Debug, Default)]
pub struct Instants {
    /// In ticks.
    pub now: Tick,
    /// The same on the wall clock, in Unix microseconds: exactly that of the tick `now`.
    pub unix_micros: u64,
    /// When the bytes at hand had been read, at the latest: for ages. Read from the clock only where the
    /// scenario has some.
    pub heard_micros: u64,
}

/// What sessions of one driver borrow, one at a time.
#[derive(Debug)]
pub struct Lent {
    /// What sessions keep only for a while.
    pub spills: Spills,
    /// What they keep beside themselves.
    pub side: Side,
    /// What they keep of the values they took.
    pub vault: Vault,
    /// When their heartbeats begin.
    pub slots: Slots,
    /// What is known of waits.
    pub waits: Waits,
    /// Random numbers.
    pub rng: fastrand::Rng,
    /// Bytes to send.
    pub out: Vec<u8>,
    /// Room for rendering.
    pub scratch: Vec<u8>,
    /// What else to do.
    pub commands: Commands,
}

impl Lent {
    /// Of sessions that have nothing beside themselves; buffers grow as they are needed.
    pub fn new(slots: Slots, rng: fastrand::Rng) -> Self {
        Self {
            spills: Spills::new(),
            side: Side::default(),
            vault: Vault::default(),
            slots,
            waits: Waits::default(),
            rng,
            out: Vec::new(),
            scratch: Vec::new(),
            commands: Commands::default(),
        }
    }

    /// What the session in this row may use while it handles an event; nothing waits to be sent.
    #[inline]
    pub fn context<'a, O>(
        &'a mut self,
        at: Instants,
        (who, row): (Who, u32),
        script: &'a Script,
        observer: &'a mut O,
    ) -> Context<'a, O> {
        self.out.clear();
        Context {
            now: at.now,
            unix_micros: at.unix_micros,
            heard_micros: at.heard_micros,
            who,
            row,
            script,
            side: &mut self.side,
            spills: &mut self.spills,
            vault: &mut self.vault,
            slots: self.slots,
            waits: &mut self.waits,
            rng: &mut self.rng,
            out: &mut self.out,
            scratch: &mut self.scratch,
            commands: &mut self.commands,
            observer,
        }
    }
}
