//! The options of `startline serve`, and how their values are parsed.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use startline_mock::TIME_SCALE_MAX;
use startline_mock::injection::Injection;
use startline_mock::outage::Outage;
use startline_mock::world::Distance;

use self::tls::TlsArgs;
use super::values;
use crate::plan::schedule::zone;

pub(crate) mod tls;

pub(crate) const PATHS_HELP: &str = "\
Runnity's API, as far as a run needs it:
  POST   /api/v1/auth/test-login?memberId={id}
  POST   /api/v1/admin/challenges
  GET    /api/v1/challenges/{id}
  POST   /api/v1/challenges/{id}/join
  DELETE /api/v1/challenges/{id}/join
  POST   /api/v1/challenges/{id}/enter
  GET    /ws/{server}?ticket={ticket}  the WebSocket; /ws alone works too
  GET    /actuator/prometheus          with --actuator

The mock server's own controls:
  GET  /mock/counters
  POST /mock/servers/{server}/down  (server: ws1, ws2, …), and /up
  POST /mock/faults/{name}?count={count}  fail the next {count} with: internal-server-error,
       ticket-issue-failed, ws-internal-error, ws-invalid-session, ws-unauthorized
  POST /mock/challenges/{id}/members/{id}/status/{STATUS}";

/// Start the built-in mock server.
///
/// It mocks Runnity's business servers and WebSocket servers on one port. Without --challenge there are members and no
/// challenge; challenges are then created through the API, as with the real servers.
#[derive(Debug, Args)]
#[command(after_help = PATHS_HELP)]
pub struct ServeArgs {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub(crate) listen: String,

    #[command(flatten)]
    pub(crate) tls: TlsArgs,

    /// Event loops [default: one a core, and more if the descriptor limit requires it].
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 0, hide_default_value = true, value_parser = whole)]
    pub(crate) workers: usize,

    /// WebSocket servers to appear as: ws1, ws2, …
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 2, value_parser = servers)]
    pub(crate) servers: u16,

    /// The members that have accounts.
    #[arg(long, value_name = "A-B", default_value = "13-10012", value_parser = values::id_range)]
    pub(crate) members: RangeInclusive<u64>,

    /// Have this challenge from the start, joined by all members; it starts in 20 minutes.
    #[arg(long, value_name = "ID", allow_negative_numbers = true, value_parser = challenge)]
    pub(crate) challenge: Option<u64>,

    /// The challenge is READY now and starts in 5 minutes (it is number 1 if --challenge is not given).
    #[arg(long)]
    pub(crate) ready: bool,

    /// The challenge's distance.
    #[arg(long, value_name = "NAME", default_value = "FIVE", value_parser = distance)]
    pub(crate) distance: Distance,

    /// How long a ticket works.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::duration, allow_hyphen_values = true)]
    pub(crate) ticket_ttl: Duration,

    /// How long an access token works.
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = values::duration, allow_hyphen_values = true)]
    pub(crate) token_ttl: Duration,

    /// Silence after which a member is dropped.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = values::duration, allow_hyphen_values = true)]
    pub(crate) idle_timeout: Duration,

    /// How often idle members are looked for.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::duration, allow_hyphen_values = true)]
    pub(crate) idle_check: Duration,

    /// Collect broadcasts for this time before writing them, up to 10 times as long where writing a batch takes more than a sixth of it; 0 writes at once.
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = values::duration, allow_hyphen_values = true)]
    pub(crate) broadcast_gather: Duration,

    /// Send no broadcasts, and an empty list in CONNECTED: for very many sessions.
    #[arg(long)]
    pub(crate) no_broadcast: bool,

    /// List, register and announce in three steps, as the real servers do: USER_ENTERED may come before CONNECTED, and
    /// a member may be both listed and announced, or (rarely) neither.
    #[arg(long)]
    pub(crate) racy: bool,

    /// A fault that happens by chance, to this share of what it concerns [default share: all]: bridge-lost=SERVER,
    /// broadcast-cut[=RECEIVERS], broadcast-delay=TIME (to receivers on the last server), broadcast-lost, connected-lost,
    /// enter-slow=TIME, http-status=STATUS, leave-lost, pong-late=TIME, pong-lost, pool-exhausted[=TIME], slow-above=SESSIONS
    /// (enter takes a second more), wrong-server; may be repeated. Without a share broadcasts are cut as often as
    /// measured on the real servers.
    #[arg(long, value_name = "KIND[=VALUE][@SHARE]", value_parser = str::parse::<Injection>)]
    pub(crate) fault: Vec<Injection>,

    /// An outage at a time since the start, for a while: dies[=SERVER] cuts connections as a killed server does, and
    /// members stay in until the idle check; drains[=SERVER] closes them with 1001, and upgrades get 503; busy has
    /// every API request answered 503 with Retry-After. Without a number, all servers; may be repeated.
    #[arg(long, value_name = "KIND@TIME:FOR", value_parser = str::parse::<Outage>)]
    pub(crate) outage: Vec<Outage>,

    /// Lose broadcasts, PONGs and CONNECTEDs as the real servers do.
    #[arg(long)]
    pub(crate) lossy: bool,

    /// What the chance of --fault and --lossy begins with.
    #[arg(long, value_name = "N", allow_negative_numbers = true, default_value_t = 1)]
    pub(crate) seed: u64,

    /// Answer /actuator/prometheus with its own figures under Spring Boot's names. The real servers, as built, refuse it.
    #[arg(long)]
    pub(crate) actuator: bool,

    /// Append lines to this file as the real servers log them: sessions registered, broadcasts cut, tickets refused,
    /// members timed out, waits for the pool that were in vain.
    #[arg(long, value_name = "FILE")]
    pub(crate) log: Option<PathBuf>,

    /// Share challenges with other mock servers over this Redis: announcements over Pub/Sub, tickets and heartbeats as
    /// keys, as the real servers do. Give each the same members and challenge; clients log in at one of them.
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Option<String>,

    /// Close everyone at a challenge's end, as is intended; the real servers do not.
    #[arg(long)]
    pub(crate) done_closes: bool,

    /// Bytes queued for a receiver that does not read, beyond its CONNECTED; then it is closed.
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20, value_parser = size)]
    pub(crate) backlog: usize,

    /// SO_SNDBUF of accepted connections [default: the kernel's own sizing].
    #[arg(long, value_name = "BYTES", value_parser = size)]
    pub(crate) send_buffer: Option<usize>,

    /// Maximum WebSockets of each server; more wait, as behind Tomcat's 8192 [default: no limit].
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole)]
    pub(crate) max_connections: Option<usize>,

    /// How much faster than real time challenges run; tickets, tokens and the idle rule stay in real time.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = time_scale)]
    pub(crate) time_scale: f64,

    /// The servers' time zone, in which startAt is read: a name, or an offset such as +09:00 [default: the system's].
    #[arg(long, value_name = "ZONE", value_parser = time_zone, allow_hyphen_values = true)]
    pub(crate) time_zone: Option<jiff::tz::TimeZone>,

    /// What wsUrl starts with [default: ws:// or wss:// and the Host that the request came to].
    #[arg(long, value_name = "URL", value_parser = ws_url)]
    pub(crate) public_url: Option<String>,

    /// An Origin that may connect; may be repeated. Requests without Origin always may.
    #[arg(long, value_name = "ORIGIN")]
    pub(crate) allow_origin: Vec<String>,

    /// Announce the address as one JSON object instead of a line of text.
    #[arg(long)]
    pub(crate) announce_json: bool,

    /// End when this process, which must be the parent, ends.
    #[arg(long, value_name = "PID", hide = true)]
    pub(crate) parent: Option<u32>,
}

pub(crate) fn whole(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("{text:?} is not a whole number: write digits only, such as 4"))
}

pub(crate) fn size(text: &str) -> Result<usize, String> {
    let bytes = startline_os::units::bytes(text)?;
    usize::try_from(bytes).map_err(|_| format!("{text} is too large"))
}

pub(crate) fn servers(text: &str) -> Result<u16, String> {
    let servers = text.parse().ok().filter(|servers| *servers > 0);
    servers.ok_or_else(|| format!("{text:?} is not a number of servers: write one from 1 to {}", u16::MAX))
}

pub(crate) fn challenge(text: &str) -> Result<u64, String> {
    // Java's `long`, as the real servers number them.
    let id: Option<i64> = text.parse().ok().filter(|id| *id > 0);
    id.map(i64::cast_unsigned).ok_or_else(|| {
        format!("{text:?} is not a challenge's number: write a whole number from 1 to {}", i64::MAX)
    })
}

pub(crate) fn time_scale(text: &str) -> Result<f64, String> {
    let scale = text.parse().ok().filter(|scale| *scale > 0.0 && *scale <= TIME_SCALE_MAX);
    scale.ok_or_else(|| {
        format!(
            "{text:?} is not a factor: write a number above 0 and at most {TIME_SCALE_MAX}, such as 10 or 0.5"
        )
    })
}

pub(crate) fn distance(text: &str) -> Result<Distance, String> {
    Distance::from_name(&text.to_ascii_uppercase())
        .ok_or_else(|| format!("must be one of {}", Distance::names().collect::<Vec<_>>().join(", ")))
}

pub(crate) fn time_zone(text: &str) -> Result<jiff::tz::TimeZone, String> {
    let name = values::time_zone(text)?;
    zone(&name).ok_or_else(|| format!("{name} is not a time zone of this machine"))
}

pub(crate) fn ws_url(text: &str) -> Result<String, String> {
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "ws" | "wss") && url.has_host() => Ok(text.to_owned()),
        _ => Err("not a URL such as wss://host:port".to_owned()),
    }
}
