//! The settings of a mock server.
//!
//! Plain data with stated defaults; checked where it is used. Knows no command line.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::injection::Injection;
use super::outage::Outage;
use super::tls::Tls;
use super::world::Distance;

/// How much faster than real time challenges may live: at most so that the clock leaves the
/// calendar after days, not at once.
pub const TIME_SCALE_MAX: f64 = 1e6;

/// Members at most: each that has joined is kept.
const MEMBERS_MAX: u64 = 10_000_000;

/// A challenge that is there from the start, with every member joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preload {
    /// Its number.
    pub challenge: u64,
    /// Its distance.
    pub distance: Distance,
    /// READY now (it starts in five minutes) instead of RECRUITING (it starts in 20).
    pub ready: bool,
}

/// How the mock server behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Speak TLS, with this; in the clear otherwise.
    pub tls: Option<Tls>,
    /// How long a TLS handshake may take from the connection on.
    pub handshake_timeout: Duration,
    /// Event loops; 0 is one a core.
    pub workers: usize,
    /// WebSocket servers to appear as: `ws1`, `ws2`, …
    pub servers: usize,
    /// The accounts there are.
    pub members: RangeInclusive<u64>,
    /// A challenge from the start.
    pub preload: Option<Preload>,
    /// A ticket's life.
    pub ticket_ttl: Duration,
    /// An access token's life.
    pub token_ttl: Duration,
    /// Silence after which a member is dropped.
    pub idle_timeout: Duration,
    /// How often silence is looked for.
    pub idle_check: Duration,
    /// How long announcements are gathered for before they are written, at least: up to five times as
    /// long where writing a batch takes more than a third of it. Zero writes them at once.
    pub broadcast_gather: Duration,
    /// Announce nothing and list nobody: for counts of sessions that no server could announce to
    /// each other.
    pub no_broadcast: bool,
    /// List, register and announce as three steps, as the real servers do, instead of one.
    pub racy: bool,
    /// Bytes queued for a receiver that does not read, beyond its CONNECTED; it is closed when they
    /// would be exceeded.
    pub backlog_bytes: usize,
    /// SO_SNDBUF of accepted connections; the kernel's own sizing otherwise.
    pub send_buffer_bytes: Option<usize>,
    /// WebSockets that each server takes at once; more wait, as with Tomcat.
    pub connections_max: Option<usize>,
    /// How much faster than real time the challenges live.
    pub time_scale: f64,
    /// The servers' time zone: what `startAt` means.
    pub time_zone: jiff::tz::TimeZone,
    /// What `wsUrl` starts with, instead of the request's own `Host`.
    pub public_url: Option<String>,
    /// Faults that happen by chance.
    pub injections: Vec<Injection>,
    /// Outages at set times.
    pub outages: Vec<Outage>,
    /// What chance begins with.
    pub seed: u64,
    /// At a challenge's end, close everyone in it with 1000, as is intended. The real servers of
    /// November 2026 do not: nothing tells them of the end.
    pub done_closes: bool,
    /// Values of `Origin` that may connect; a request without one always may.
    pub allow_origins: Vec<String>,
    /// How long a WebSocket server is passed over from the *enter* on that found its heartbeat
    /// gone.
    pub shut_out: Duration,
    /// Answer `/actuator/prometheus`, and count for it how long requests take. The real servers, as
    /// built, refuse that path.
    pub actuator: bool,
    /// The Redis server over which challenges are shared with other mock servers.
    pub redis: Option<String>,
    /// Pin each worker to a core.
    pub pin: bool,
}

impl Config {
    /// Whether the members are as many, and their numbers as large, as can be kept; numbers are
    /// Java's `long`.
    pub fn are_members_countable(&self) -> bool {
        let (first, last) = (*self.members.start(), *self.members.end());
        last <= i64::MAX as u64 && last.saturating_sub(first) < MEMBERS_MAX
    }
}

impl Default for Config {
    /// What `startline serve` does without arguments, on a free port.
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: None,
            handshake_timeout: Duration::from_secs(10),
            workers: 0,
            servers: 2,
            members: 13..=10_012,
            preload: None,
            ticket_ttl: Duration::from_secs(30),
            token_ttl: Duration::from_secs(15 * 60),
            idle_timeout: Duration::from_secs(60),
            idle_check: Duration::from_secs(30),
            broadcast_gather: Duration::from_millis(100),
            no_broadcast: false,
            racy: false,
            backlog_bytes: 1 << 20,
            send_buffer_bytes: None,
            connections_max: None,
            time_scale: 1.0,
            time_zone: jiff::tz::TimeZone::system(),
            public_url: None,
            injections: Vec::new(),
            outages: Vec::new(),
            seed: 1,
            done_closes: false,
            allow_origins: Vec::new(),
            shut_out: Duration::from_secs(30),
            actuator: false,
            redis: None,
            pin: true,
        }
    }
}
