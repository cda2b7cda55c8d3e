//! `startline serve`: the stand-in alone, until a signal ends it.
//!
//! Turns arguments into a [`Config`], starts a [`Server`], prints where it listens, waits. Decides nothing about how the
//! stand-in behaves. Invariants: standard output carries the one line (or object) that says where it listens, with TLS a
//! second one that says how to trust it, and the summary at the end; with `--parent` the process never outlives its parent.

use std::io::Write;
use std::net::{SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use signal_hook::consts::{SIGINT, SIGTERM};
use startline_mock::world::Distance;
use startline_mock::{Config, Preload, Server, TIME_SCALE_MAX};
use startline_os::affinity::cores;
use startline_os::descriptors::{limits, raise_limit};

use self::announced::{Summary, object};
use self::tls::TlsArgs;
use super::{tell, values};
use crate::plan::schedule::zone;

mod announced;
mod room;
mod tls;

const PATHS_HELP: &str = "\
Runnity's API, as far as a run needs it:
  POST   /api/v1/auth/test-login?memberId={id}
  POST   /api/v1/admin/challenges
  GET    /api/v1/challenges/{id}
  POST   /api/v1/challenges/{id}/join
  DELETE /api/v1/challenges/{id}/join
  POST   /api/v1/challenges/{id}/enter
  GET    /ws/{server}?ticket={ticket}  the WebSocket; /ws alone works too

The stand-in's own controls:
  GET  /stand-in/counters
  POST /stand-in/servers/{server}/down  (server: ws1, ws2, …), and /up
  POST /stand-in/faults/{name}?count={count}  the next so many of: internal-server-error,
       ticket-issue-failed, ws-internal-error, ws-invalid-session, ws-unauthorized
  POST /stand-in/challenges/{id}/members/{id}/status/{STATUS}";

/// Runs the built-in stand-in for Runnity's servers.
///
/// Business servers and WebSocket servers answer on one port. Without --challenge there are members and no challenge;
/// everything else then goes through the API, as with the real servers.
#[derive(Debug, Args)]
#[command(after_help = PATHS_HELP)]
pub struct ServeArgs {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    listen: String,

    #[command(flatten)]
    tls: TlsArgs,

    /// Event loops [default: one a core, and more where all members' connections need more descriptors than these may have].
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = whole)]
    workers: usize,

    /// WebSocket servers to appear as: ws1, ws2, …
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = servers)]
    servers: u16,

    /// The members that have accounts.
    #[arg(long, value_name = "A-B", default_value = "13-10012", value_parser = values::id_range)]
    members: RangeInclusive<u64>,

    /// Have this challenge from the start, joined by all members; it starts in 20 minutes.
    #[arg(long, value_name = "ID", value_parser = challenge)]
    challenge: Option<u64>,

    /// The challenge is READY now and starts in 5 minutes (it is number 1 if --challenge is not given).
    #[arg(long)]
    ready: bool,

    /// The challenge's distance.
    #[arg(long, value_name = "NAME", default_value = "FIVE", value_parser = distance)]
    distance: Distance,

    /// How long a ticket works.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::duration)]
    ticket_ttl: Duration,

    /// How long an access token works.
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = values::duration)]
    token_ttl: Duration,

    /// Silence after which a member is dropped.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = values::duration)]
    idle_timeout: Duration,

    /// How often silence is looked for.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = values::duration)]
    idle_check: Duration,

    /// How long broadcasts are gathered for before they are written; 0 writes them at once.
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = values::duration)]
    broadcast_gather: Duration,

    /// Send no broadcasts, and let CONNECTED list nobody: for more sessions than could be told of each other.
    #[arg(long)]
    no_broadcast: bool,

    /// List, register and announce in three steps, as the real servers do: USER_ENTERED may come before CONNECTED, and
    /// someone may be both listed and announced, or (rarely) neither.
    #[arg(long)]
    racy: bool,

    /// Bytes queued for a receiver that does not read, beyond its CONNECTED; then it is closed.
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20, value_parser = size)]
    backlog: usize,

    /// SO_SNDBUF of accepted connections [default: the kernel's own sizing].
    #[arg(long, value_name = "BYTES", value_parser = size)]
    send_buffer: Option<usize>,

    /// WebSockets that each server takes at once; more wait, as behind Tomcat's 8192 [default: no limit].
    #[arg(long, value_name = "N", value_parser = whole)]
    max_connections: Option<usize>,

    /// How much faster than real time challenges live; tickets, tokens and the idle rule stay in real time.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, value_parser = time_scale)]
    time_scale: f64,

    /// The servers' time zone, which is what startAt means: a name, or an offset such as +09:00 [default: the system's].
    #[arg(long, value_name = "ZONE", value_parser = time_zone, allow_hyphen_values = true)]
    time_zone: Option<jiff::tz::TimeZone>,

    /// What wsUrl starts with [default: ws:// or wss:// and the Host that the request came to].
    #[arg(long, value_name = "URL", value_parser = ws_url)]
    public_url: Option<String>,

    /// An Origin that may connect; may be repeated. Requests without Origin always may.
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,

    /// Announce the address as one JSON object instead of a line of text.
    #[arg(long)]
    announce_json: bool,

    /// End when this process, which has to be the parent, ends.
    #[arg(long, value_name = "PID", hide = true)]
    parent: Option<u32>,
}

/// A thread too many is not the address's fault.
fn not_started(error: std::io::Error, listen: SocketAddr) -> anyhow::Error {
    let context = match error.kind() {
        std::io::ErrorKind::WouldBlock => "a worker of the stand-in could not start".to_owned(),
        _ => format!("cannot listen on {listen}"),
    };
    anyhow::Error::from(error).context(context)
}

/// Runs until SIGINT or SIGTERM; a second one ends it at once.
///
/// # Errors
/// When it cannot listen, and when it ends by itself because one of its workers died.
pub fn run(args: ServeArgs) -> anyhow::Result<()> {
    if let Some(parent) = args.parent {
        die_with(parent)?;
    }
    // A lower limit than hoped for is told; no reason not to start.
    let descriptors = raise_limit().unwrap_or_else(|_| limits().0);
    let mut signals = Signals::watch()?;
    let mut config = args.config()?;
    let members = config.members.clone().count() as u64;
    config.workers = room::workers(config.workers, members, cores(), descriptors);
    // Whoever starts it for a load has counted on that load alone.
    if args.parent.is_none()
        && let Some(warning) = room::too_little(config.workers, members, cores(), descriptors)
    {
        tell(&warning);
    }
    let summary = Summary::of(&config);
    let (listen, tls) = (config.listen, config.tls.clone());
    let mut server = Server::start(config).map_err(|error| not_started(error, listen))?;
    let trust = tls.as_ref().map(|tls| args.tls.hand_out(tls, server.addr())).transpose()?;
    let announcement = if args.announce_json {
        object(server.addr(), tls.as_ref())
    } else {
        [Some(summary.line(server.addr())), trust].into_iter().flatten().collect::<Vec<_>>().join("\n")
    };
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{announcement}")
        .and_then(|()| stdout.flush())
        .context("cannot announce the address")?;
    drop(stdout);
    let mut is_told = false;
    let failure = signals.wait(|| {
        if let Some(error) = server.accept_failure().filter(|_| !is_told) {
            is_told = true;
            tell(&room::not_accepted(&error, server.workers(), descriptors));
        }
        server.failure()
    });
    let counters = server.stop();
    if !args.announce_json {
        // The reader of the output may be gone; the summary is not worth an error.
        let _ = writeln!(std::io::stdout(), "{counters}");
    }
    match failure {
        Some(failure) => Err(failure).context("the stand-in ended by itself"),
        None => Ok(()),
    }
}

impl ServeArgs {
    fn config(&self) -> anyhow::Result<Config> {
        let addrs = self.listen.to_socket_addrs();
        let listen: SocketAddr = addrs
            .with_context(|| format!("--listen {}: not an address with a port", self.listen))?
            .next()
            .with_context(|| format!("--listen {}: the name has no address", self.listen))?;
        if self.idle_check.is_zero() {
            bail!("--idle-check 0: has to be above 0");
        }
        let tls = self.tls.prepare(&self.listen, listen)?;
        let challenge = self.challenge.or(self.ready.then_some(1));
        let preload =
            challenge.map(|challenge| Preload { challenge, distance: self.distance, ready: self.ready });
        let config = Config {
            listen,
            tls,
            workers: self.workers,
            servers: usize::from(self.servers),
            members: self.members.clone(),
            preload,
            ticket_ttl: self.ticket_ttl,
            token_ttl: self.token_ttl,
            idle_timeout: self.idle_timeout,
            idle_check: self.idle_check,
            broadcast_gather: self.broadcast_gather,
            no_broadcast: self.no_broadcast,
            racy: self.racy,
            backlog_bytes: self.backlog,
            send_buffer_bytes: self.send_buffer,
            connections_max: self.max_connections,
            time_scale: self.time_scale,
            time_zone: self.time_zone.clone().unwrap_or_else(jiff::tz::TimeZone::system),
            public_url: self.public_url.clone(),
            allow_origins: self.allow_origin.clone(),
            ..Config::default()
        };
        if !config.are_members_countable() {
            let (first, last) = (self.members.start(), self.members.end());
            bail!("--members {first}-{last}: at most ten million members, with numbers up to {}", i64::MAX);
        }
        Ok(config)
    }
}

/// How often it is looked whether the stand-in is still well.
const FAILURE_CHECK: Duration = Duration::from_millis(200);

/// The two signals that end the program.
struct Signals {
    received: std::os::unix::net::UnixStream,
}

impl Signals {
    /// From now on the first signal is noticed by [`Signals::wait`], and the second one ends the process.
    fn watch() -> anyhow::Result<Self> {
        let (received, send) = std::os::unix::net::UnixStream::pair()?;
        let seen = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // Registered in this order: the shutdown looks at the flag before the same signal sets it.
            signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&seen))?;
            signal_hook::flag::register(signal, Arc::clone(&seen))?;
            signal_hook::low_level::pipe::register(signal, send.try_clone()?)?;
        }
        received.set_read_timeout(Some(FAILURE_CHECK))?;
        Ok(Self { received })
    }

    /// Waits for the first signal, or for a failure, which is looked for now and then.
    fn wait<F>(&mut self, mut failure: impl FnMut() -> Option<F>) -> Option<F> {
        use std::io::{ErrorKind, Read};
        loop {
            match self.received.read(&mut [0]) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                // Another error means that no signal can be noticed any more; ending is all that is left.
                _ => return None,
            }
            if let Some(failure) = failure() {
                return Some(failure);
            }
        }
    }
}

/// Has the kernel kill this process when its parent ends. The parent may have ended before that was asked for, and is
/// looked for afterwards.
fn die_with(parent: u32) -> anyhow::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).context("cannot tie this process to its parent")?;
    let actual = Pid::as_raw(getppid());
    if u32::try_from(actual) != Ok(parent) {
        bail!("--parent {parent}: the parent is process {actual}");
    }
    Ok(())
}

fn whole(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| format!("{text:?} is not a whole number: write digits only, such as 4"))
}

fn size(text: &str) -> Result<usize, String> {
    let bytes = startline_os::units::bytes(text)?;
    usize::try_from(bytes).map_err(|_| format!("{text} is more than there can be"))
}

fn servers(text: &str) -> Result<u16, String> {
    let servers = text.parse().ok().filter(|servers| *servers > 0);
    servers.ok_or_else(|| format!("{text:?} is not a number of servers: write one from 1 to {}", u16::MAX))
}

fn challenge(text: &str) -> Result<u64, String> {
    // Java's `long`, as the real servers number them.
    let id: Option<i64> = text.parse().ok().filter(|id| *id > 0);
    id.map(i64::cast_unsigned).ok_or_else(|| {
        format!("{text:?} is not a challenge's number: write a whole number from 1 to {}", i64::MAX)
    })
}

fn time_scale(text: &str) -> Result<f64, String> {
    let scale = text.parse().ok().filter(|scale| *scale > 0.0 && *scale <= TIME_SCALE_MAX);
    scale.ok_or_else(|| {
        format!(
            "{text:?} is not a factor: write a number above 0 and at most {TIME_SCALE_MAX}, such as 10 or 0.5"
        )
    })
}

fn distance(text: &str) -> Result<Distance, String> {
    Distance::from_name(&text.to_ascii_uppercase())
        .ok_or_else(|| format!("one of {}", Distance::names().collect::<Vec<_>>().join(", ")))
}

fn time_zone(text: &str) -> Result<jiff::tz::TimeZone, String> {
    let name = values::time_zone(text)?;
    zone(&name).ok_or_else(|| format!("{name} is not known on this box"))
}

fn ws_url(text: &str) -> Result<String, String> {
    match url::Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "ws" | "wss") && url.has_host() => Ok(text.to_owned()),
        _ => Err("not a URL such as wss://host:port".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        serve: ServeArgs,
    }

    fn config(args: &[&str]) -> anyhow::Result<Config> {
        Cli::try_parse_from(std::iter::once(&"serve").chain(args))?.serve.config()
    }

    #[test]
    fn the_arguments_are_well_formed() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn without_arguments_there_are_the_guides_members_and_no_challenge() {
        let config = config(&[]).unwrap();
        assert_eq!((config.members.clone(), config.preload), (13..=10_012, None));
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.broadcast_gather, Duration::from_millis(100));
    }

    #[test]
    fn ready_alone_means_challenge_one() {
        let preload = config(&["--members", "13-6012", "--ready"]).unwrap().preload.unwrap();
        assert_eq!((preload.challenge, preload.ready), (1, true));
        let preload = config(&["--challenge", "38", "--distance", "half"]).unwrap().preload.unwrap();
        assert_eq!((preload.challenge, preload.ready, preload.distance), (38, false, Distance::Half));
    }

    #[test]
    fn waiting_ends_with_a_failure_or_a_signal() {
        let (received, mut send) = std::os::unix::net::UnixStream::pair().unwrap();
        received.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
        let mut signals = Signals { received };
        let mut looks = 0;
        let failure = signals.wait(|| {
            looks += 1;
            (looks == 3).then_some("dead")
        });
        assert_eq!(failure, Some("dead"));
        send.write_all(&[0]).unwrap();
        assert_eq!(signals.wait(|| Some("not looked for")), None);
    }

    #[test]
    fn nonsense_is_refused() {
        for args in [
            ["--time-scale", "0"],
            ["--time-scale", "NaN"],
            ["--time-scale", "1e7"],
            ["--idle-check", "0"],
            ["--members", "0-18446744073709551615"],
            ["--challenge", "9223372036854775808"],
            ["--challenge", "0"],
            ["--servers", "0"],
            ["--distance", "FAR"],
            ["--public-url", "http://x"],
            ["--time-zone", "Seoul"],
            ["--listen", "nowhere"],
        ] {
            assert!(config(&args).is_err(), "{args:?}");
        }
    }

    #[test]
    fn what_is_no_number_is_told_what_is_wanted() {
        for (option, wanted) in [
            ("--workers", "such as 4"),
            ("--servers", "from 1 to 65535"),
            ("--challenge", "from 1 to 9223372036854775807"),
            ("--backlog", "KiB"),
            ("--send-buffer", "KiB"),
            ("--max-connections", "such as 4"),
            ("--time-scale", "at most 1000000"),
        ] {
            let error = config(&[option, "abc"]).unwrap_err().to_string();
            assert!(error.contains("\"abc\"") && error.contains(wanted), "{error}");
        }
    }

    #[test]
    fn help_lists_the_paths_that_there_are() {
        use clap::CommandFactory;
        let help = crate::cli::Cli::command().find_subcommand_mut("serve").unwrap().render_help().to_string();
        for path in [
            "/challenges/{id}/enter",
            "/stand-in/counters",
            "/stand-in/faults/{name}?count={count}  ",
            "/ws/{server}",
        ] {
            assert!(help.contains(path), "{path}");
        }
    }
}
