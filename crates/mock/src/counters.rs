//! The mock server's counters, for its summary and for tests.
//!
//! Each worker writes its own [`Cells`] without locked instructions and anyone may read them.
//! Invariant: only the owner writes a cell, so that a plain load and store is enough.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

use super::loss::{Counts, Losses};

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// Which counter.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(non_camel_case_types, missing_docs)]
        pub(super) enum Count { $($name,)+ }

        /// The counts at one moment, all workers together.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
        pub struct Counters {
            $($(#[doc = $doc])+ pub $name: u64,)+
            /// Faults that `--fault` made happen, by kind.
            pub injected: BTreeMap<&'static str, u64>,
            /// Announcements that they kept from receivers, by what was announced: `entered`, `left`, `updated`.
            pub broadcasts_lost: BTreeMap<&'static str, Losses>,
        }

        impl Counters {
            fn gather(read: impl Fn(Count) -> u64) -> Self {
                Self { $($name: read(Count::$name),)+ injected: BTreeMap::new(), broadcasts_lost: BTreeMap::new() }
            }
        }

        const COUNTS: usize = [$(Count::$name,)+].len();
    };
}

counters! {
    /// TCP connections accepted.
    accepted,
    /// Times that accepting failed, for want of descriptors as a rule.
    accept_failures,
    /// TCP connections gone.
    disconnected,
    /// HTTP requests read, WebSocket openings included.
    requests,
    /// HTTP answers with a status of 400 or more.
    requests_refused,
    /// WebSocket openings answered with 101.
    upgraded,
    /// CONNECTED messages sent.
    connected,
    /// ERROR messages sent.
    errors,
    /// Of these, tickets refused.
    tickets_refused,
    /// PINGs answered.
    pings,
    /// RECORDs taken.
    records,
    /// Announcements written to (or queued for) receivers.
    broadcasts_delivered,
    /// Their bytes.
    broadcast_bytes,
    /// Announcements dropped because the log was full.
    broadcasts_dropped,
    /// TLS handshakes completed.
    tls_handshakes,
    /// Those of them that resumed a session.
    tls_resumed,
    /// Connections on which TLS failed: a handshake that was refused or took too long, a record
    /// that cannot be read.
    tls_failures,
    /// Bytes read; over TLS, what was inside.
    bytes_in,
    /// Bytes written to (or queued for) sockets; over TLS, what is inside.
    bytes_out,
    /// Times that a socket did not take everything at once.
    backlogged,
    /// Most bytes ever queued for one receiver.
    backlog_peak_bytes,
    /// Receivers closed because their queue was full.
    backlog_overflows,
    /// Members dropped for silence.
    idle_drops,
    /// Of these, members whose connection stayed, since another server than theirs looked.
    idle_ghosts,
    /// Connections replaced by a re-entry.
    replaced,
    /// Clients that broke RFC 6455.
    violations,
}

/// One worker's counters, alone on their cache lines.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Cells {
    values: [AtomicU64; COUNTS],
}

impl Cells {
    pub(super) fn new() -> Self {
        Self { values: std::array::from_fn(|_| AtomicU64::new(0)) }
    }

    /// Adds; by the owner only.
    pub(super) fn add(&self, count: Count, amount: u64) {
        let cell = &self.values[count as usize];
        cell.store(cell.load(Relaxed).wrapping_add(amount), Relaxed);
    }

    /// Raises to at least this; by the owner only.
    pub(super) fn raise(&self, count: Count, value: u64) {
        let cell = &self.values[count as usize];
        if cell.load(Relaxed) < value {
            cell.store(value, Relaxed);
        }
    }

    fn read(&self, count: Count) -> u64 {
        self.values[count as usize].load(Relaxed)
    }
}

impl Counters {
    /// Sums the workers' cells; the peak is the highest of them.
    pub(super) fn of(workers: &[Cells]) -> Self {
        Self::gather(|count| {
            let values = workers.iter().map(|cells| cells.read(count));
            if count == Count::backlog_peak_bytes { values.max().unwrap_or(0) } else { values.sum() }
        })
    }
}

impl fmt::Display for Counters {
    /// The summary at the end of a run.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "connections   {} accepted, {} gone, {} failures to accept",
            self.accepted, self.disconnected, self.accept_failures
        )?;
        if self.tls_handshakes + self.tls_failures > 0 {
            writeln!(
                f,
                "TLS           {} handshakes, {} of them resumed, {} failures",
                self.tls_handshakes, self.tls_resumed, self.tls_failures
            )?;
        }
        writeln!(f, "requests      {}, {} of them refused", self.requests, self.requests_refused)?;
        writeln!(
            f,
            "WebSockets    {} upgraded, {} CONNECTED, {} replaced, {} dropped for silence, {} violations, {} ERROR messages",
            self.upgraded, self.connected, self.replaced, self.idle_drops, self.violations, self.errors
        )?;
        writeln!(f, "from clients  {} PING, {} RECORD", self.pings, self.records)?;
        writeln!(
            f,
            "broadcasts    {} delivered ({} bytes), {} dropped",
            self.broadcasts_delivered, self.broadcast_bytes, self.broadcasts_dropped
        )?;
        writeln!(
            f,
            "backlog       {} times, {} bytes at most, {} receivers closed for it",
            self.backlogged, self.backlog_peak_bytes, self.backlog_overflows
        )?;
        write!(f, "bytes         {} in, {} out", self.bytes_in, self.bytes_out)?;
        if !self.injected.is_empty() {
            let each: Vec<_> = self.injected.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            write!(f, "\ninjected      {}", each.join(", "))?;
        }
        for (kind, Losses { all, .. }) in &self.broadcasts_lost {
            let Counts { cut, lost, withheld } = all;
            write!(
                f,
                "\nlost          {kind}: {cut} reached some, {lost} nobody; {withheld} receivers missed one"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_are_summed_and_peaks_are_not() {
        let workers = [Cells::new(), Cells::new()];
        workers[0].add(Count::accepted, 2);
        workers[1].add(Count::accepted, 3);
        workers[0].raise(Count::backlog_peak_bytes, 10);
        workers[1].raise(Count::backlog_peak_bytes, 7);
        workers[1].raise(Count::backlog_peak_bytes, 5);
        let counters = Counters::of(&workers);
        assert_eq!((counters.accepted, counters.backlog_peak_bytes), (5, 10));
    }
}
