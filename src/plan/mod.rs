//! What a run does: [`Settings`] as the user gave them, resolved once into a [`Plan`].
//!
//! Opens no connection and knows nothing of the command line or the engine. Whether a challenge and
//! this machine can take the plan is asked by the application, of [`schedule`] and of the doctor.
//! Invariant: a `Plan` that exists has been checked as a whole; nothing in it is left to a default.

pub mod beside;
pub mod capacity;
pub mod course;
pub mod drops;
pub mod every;
pub mod http;
pub mod load;
pub mod member_files;
pub mod observers;
pub mod resolve;
pub mod roster;
pub mod schedule;
mod script;
pub mod search;
pub mod settings;
pub mod shape;
pub mod shard;
pub mod share;
pub mod sources;
pub mod summary;
pub mod target;
pub mod tls;
pub mod turnover;
pub mod zone;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

pub use crate::members;
use crate::members::Members;
pub(crate) use crate::scenario::CLOSE_TIMEOUT;
use crate::scenario::Scenario;
pub use crate::scenario::abort;
use crate::scenario::every::Every;
use crate::scenario::kinds::Kinds;
use crate::scenario::presence::Told;
use crate::scenario::steps::Step;
use drops::Storms;
pub use http::{Http, HttpMode};
pub use observers::Observers;
pub use resolve::Resolve;
pub use script::{Hidden, ScenarioSettings};
pub use search::{FindMax, Search};
pub use settings::{PartOf, PlanError, Settings};
pub use shape::Shape;
pub use shard::Shard;
pub use share::Share;
pub use sources::PortMethod;
pub use tls::{CaFile, Identity, KeyExchange, SuiteOrder, Tls};
use turnover::{Comings, Turnover};

/// A run: the settings, checked, and what they resolve to on this machine.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What the user asked for. Of a setting that has a field of its own here, that field holds.
    pub settings: Settings,
    /// What each session does.
    pub scenario: Arc<Scenario>,
    /// Where the HTTP steps go, and WebSocket URLs without a host.
    pub target: Target,
    /// The members who take part; session k is member k.
    pub members: Arc<Members>,
    /// Engine threads, each with a descriptor table of its own.
    pub workers: usize,
    /// Source addresses, used in turn by connections; empty: the kernel's choice.
    pub sources: Vec<IpAddr>,
    /// How TLS is spoken, where a URL asks for it; the mock server's own certificate is trusted
    /// here.
    pub tls: Tls,
    /// Which connections carry the HTTP steps.
    pub http: Http,
    /// When sessions come and go.
    pub shape: Shape,
    /// Sessions that begin by that, one after another where they do.
    pub lives: u64,
    /// How many of them begin, end and are there in any span, where they come and go.
    pub turnover: Option<Arc<Turnover>>,
    /// Whether any member takes part more than once by that.
    pub members_return: bool,
    /// Whether the end of each session is reported, not only how many ended how.
    pub keep_fates: bool,
    /// Sessions under way at once, at most: one more starts only as another ends, later than
    /// planned if need be, so that arrivals slow down with the servers.
    pub in_flight: Option<u32>,
}

impl Plan {
    /// Returns the connections open at once at most, except HTTP connections that are about to
    /// close.
    pub fn connections(&self) -> u32 {
        let shared = self.http.connections().saturating_mul(self.workers as u32);
        let more = self.settings.beyond_sessions(&self.scenario, self.comings());
        self.sessions().saturating_add(shared).saturating_add(more)
    }

    /// Returns how sessions come and go.
    pub fn comings(&self) -> Comings<'_> {
        let (sessions, ramp) = (self.sessions(), self.settings.ramp);
        Comings { sessions, ramp, turnover: self.turnover.as_deref() }
    }

    /// Returns the sessions that are cut on purpose and come back, or whose place others take.
    pub fn storms(&self) -> Storms {
        self.settings.storms(&self.scenario)
    }

    /// Returns the sessions open at once, at most: of a shard, its own.
    pub fn sessions(&self) -> u32 {
        self.shape.slots()
    }

    /// Whether sessions send the scenario's quit message before they close.
    pub fn quits(&self) -> bool {
        let websocket = self.scenario.websocket.as_ref();
        self.settings.end == End::Quit || websocket.is_some_and(|websocket| websocket.quits)
    }

    /// The same with other settings, and the shape of the load that follows from them.
    pub fn with_settings(self, settings: Settings) -> Self {
        let shape = settings.shape();
        let members_return = settings.may_return(&shape, &self.scenario);
        let turnover = settings.turnover(&shape, &self.scenario);
        Self { lives: shape.lives(), turnover, members_return, shape, settings, ..self }
    }

    /// Returns whether the shape is one of stages, each with its planned instants, and not a ramp, a hold that
    /// begins when all have settled, and a ramp-down.
    pub fn is_staged(&self) -> bool {
        self.settings.is_staged()
    }

    /// Returns the search that the plan is, if it is one.
    pub fn search(&self) -> Option<Search> {
        self.settings.search(&self.scenario)
    }

    /// Returns how many sessions are held at once, of several levels the lowest, and for how long in all; of a
    /// search, what its largest step comes to.
    pub fn held(&self) -> (u32, Duration) {
        match self.settings.find_max {
            Some(steps) => (self.sessions(), steps.hold),
            None => (self.shape.held_at_once(), self.shape.held_span()),
        }
    }

    /// Returns how many session numbers there are: that of a session is its member's among the plan's.
    pub fn people(&self) -> u32 {
        self.shape.members()
    }

    /// Returns whether servers tell others of what sessions send again and again.
    pub fn counts_updates(&self) -> bool {
        let mut every = self.scenario.websocket.iter().flat_map(|websocket| &websocket.every);
        every.any(Every::is_broadcast) && !self.settings.no_broadcast
    }

    /// Returns whether any member may be in more than once: in several sessions, or in one that
    /// comes back.
    pub fn returns(&self) -> bool {
        self.members_return || self.scenario.reconnect.is_some()
    }

    /// Returns how long servers may take to announce a member whose connection was cut.
    pub fn left_within(&self) -> Duration {
        self.scenario.websocket.as_ref().map_or(Duration::ZERO, |websocket| websocket.kinds.left_within)
    }

    /// Returns whether the run loads the built-in mock server.
    pub fn is_for_mock(&self) -> bool {
        self.settings.target.is_none()
    }

    /// Returns whether members are announced to each other, so that pairs are judged.
    pub fn expects_broadcasts(&self) -> bool {
        let announces = self.scenario.websocket.as_ref().is_some_and(|it| it.kinds.announces());
        announces && !self.settings.no_broadcast
    }

    /// Returns which messages its members get about each other; none without broadcasts.
    pub fn told(&self) -> Told {
        let kinds = self.scenario.websocket.as_ref().map(|websocket| &websocket.kinds);
        kinds.filter(|_| !self.settings.no_broadcast).map(Kinds::told).unwrap_or_default()
    }

    /// Returns how many sessions judge the broadcasts that they receive, if any are expected.
    pub fn observers(&self) -> u32 {
        Observers::among(self.settings.observers, self.people())
    }

    /// Returns the target's URL as it is shown: where there is nothing but a WebSocket, `ws://` or `wss://`.
    pub fn target_shown(&self) -> String {
        let url = self.target.url();
        if self.scenario.http.is_empty() { url.replacen("http", "ws", 1) } else { url }
    }

    /// Returns the arrivals planned a second; `None` when all start at once.
    pub fn arrivals_per_s(&self) -> Option<f64> {
        let ramp_s = self.settings.ramp.as_secs_f64();
        (ramp_s > 0.0).then(|| f64::from(self.sessions()) / ramp_s)
    }

    /// Returns the shortest of the scenario's timeouts; zero if it has none.
    pub fn tightest_timeout(&self) -> Duration {
        let steps = self.scenario.http.iter().map(|step| step.timeout);
        let websocket = self.scenario.websocket.iter();
        let waits = websocket.flat_map(|websocket| {
            let waits = |step: &&Step| !step.awaits.is_empty() || step.request.is_some();
            let after = websocket.steps.iter().filter(waits);
            let replies = websocket.heartbeats().filter(|(_, every)| every.on);
            [websocket.connect_timeout]
                .into_iter()
                .chain(after.map(|step| step.timeout))
                .chain(replies.map(|(_, every)| every.timeout))
        });
        steps.chain(waits).min().unwrap_or_default()
    }
}

/// The system under test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// `http` or `https`.
    pub scheme: String,
    /// Host as given, without port; an IPv6 address in brackets.
    pub host: String,
    /// Port, explicit or the scheme's.
    pub port: u16,
    /// What the host resolved to, at least one.
    pub addresses: Vec<SocketAddr>,
    /// What it resolved to besides, of a family to which this machine has no route: not used.
    pub left_out: Vec<IpAddr>,
}

/// How sessions end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// Close 1000: the member may re-enter.
    #[default]
    Close,
    /// The scenario's quit message first: the member is barred from this challenge.
    Quit,
}

/// A rate of arrivals, as the user gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Sessions …
    pub count: u32,
    /// … in each of these.
    pub per: Duration,
}

impl Rate {
    /// Returns how many are there at once, at this rate, who stay so long on average.
    pub fn level(self, stay: Duration) -> u32 {
        let level = f64::from(self.count) / self.per.as_secs_f64() * stay.as_secs_f64();
        level.round().max(1.0) as u32
    }

    /// Returns how long `sessions` take to arrive, rounded up to the millisecond.
    pub fn ramp(self, sessions: u32) -> Duration {
        let micros = self.per.as_micros() * u128::from(sessions);
        let millis = micros.div_ceil(u128::from(self.count.max(1)) * 1000);
        Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }
}
