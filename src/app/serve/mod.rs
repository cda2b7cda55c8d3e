//! `startline serve`: the built-in mock server alone, until a signal ends it.
//!
//! Turns arguments into a [`Config`], starts a [`Server`], prints where it listens, waits. Does not decide how the
//! mock server behaves. Invariants: standard output has one line (or object) with the address, with TLS a second one that
//! says how to trust it, and the summary at the end; with `--parent` the process never outlives its parent.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};
use startline_mock::injection::Injection;
use startline_mock::{Config, Preload, Server};
use startline_os::affinity::cores;
use startline_os::descriptors::{limits, raise_limit};

use self::announced::{Summary, object};
use self::log::Log;
use crate::app::printed::print_patiently;
use crate::cli::serve::ServeArgs;
use crate::interrupt::{Interrupt, Notices};
use crate::terminal::tell;

mod announced;
mod log;
mod room;
mod tls;

/// A thread too many is not the address's fault.
fn not_started(error: std::io::Error, listen: SocketAddr) -> anyhow::Error {
    let context = match error.kind() {
        std::io::ErrorKind::WouldBlock => "a worker of the mock server could not start".to_owned(),
        std::io::ErrorKind::NotConnected => "--redis: cannot share challenges".to_owned(),
        std::io::ErrorKind::AddrInUse => {
            format!(
                "cannot listen on {listen} (--listen {} takes a free port)",
                SocketAddr::new(listen.ip(), 0)
            )
        }
        std::io::ErrorKind::AddrNotAvailable => {
            format!(
                "cannot listen on {listen} (--listen takes an address of this machine: ip address shows them)"
            )
        }
        _ => format!("cannot listen on {listen}"),
    };
    anyhow::Error::from(error).context(context)
}

/// Printed when it listens beyond this machine.
const OPEN_TO_ALL: &str = "warning: the mock server listens on every address of this machine: anyone who reaches it \
                           can log in as any member, and change its clock and its challenges; \
                           --listen ADDRESS:PORT is for one address";

/// Runs until SIGINT, SIGTERM or SIGHUP; a second one ends it at once.
///
/// # Errors
/// When it cannot listen, and when it ends by itself because one of its workers died.
pub fn run(args: ServeArgs) -> anyhow::Result<()> {
    if let Some(parent) = args.parent {
        die_with(parent)?;
    }
    // A low limit is warned of, and no reason not to start.
    let descriptors = raise_limit().unwrap_or_else(|_| limits().0);
    let interrupt = Interrupt::listen(Notices::default())?;
    let mut config = args.config()?;
    let members = config.members.clone().count() as u64;
    config.workers = room::workers(config.workers, members, cores(), descriptors);
    // A run that starts it has sized it for that load.
    if args.parent.is_none()
        && let Some(warning) = room::too_little(config.workers, members, cores(), descriptors)
    {
        tell(&warning);
    }
    if args.parent.is_none() && config.listen.ip().is_unspecified() {
        tell(OPEN_TO_ALL);
    }
    let mut log = args.log.as_deref().map(Log::open).transpose()?;
    let summary = Summary::of(&config);
    let (listen, tls) = (config.listen, config.tls.clone());
    let mut server = Server::start(config).map_err(|error| not_started(error, listen))?;
    let trust = tls.as_ref().map(|tls| args.tls.publish_ca(tls, server.addr())).transpose()?;
    let announcement = if args.announce_json {
        object(server.addr(), tls.as_ref())
    } else {
        [Some(summary.line(server.addr())), trust].into_iter().flatten().collect::<Vec<_>>().join("\n")
    };
    print_patiently(Some(&interrupt), announcement + "\n").context("cannot announce the address")?;
    let mut is_told = false;
    let failure = wait(&interrupt, || {
        if let Some(log) = &mut log {
            log.write(&server.counters());
        }
        if let Some(error) = server.accept_failure().filter(|_| !is_told) {
            is_told = true;
            tell(&room::not_accepted(&error, server.workers(), descriptors));
        }
        server.failure()
    });
    let counters = server.stop();
    if let Some(log) = &mut log {
        log.write(&counters);
    }
    if !args.announce_json {
        // The reader of the output may be gone; the summary is not worth an error.
        let _ = print_patiently(Some(&interrupt), format!("{counters}\n"));
    }
    match failure {
        Some(failure) => Err(failure).context("the mock server stopped by itself"),
        None => Ok(()),
    }
}

impl ServeArgs {
    fn config(&self) -> anyhow::Result<Config> {
        let addrs = self.listen.to_socket_addrs();
        let listen: SocketAddr = addrs
            .with_context(|| {
                format!("--listen {}: not an address with a port, such as 127.0.0.1:8080", self.listen)
            })?
            .next()
            .with_context(|| format!("--listen {}: the name has no address", self.listen))?;
        if self.idle_check.is_zero() {
            bail!("--idle-check must be above 0");
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
            injections: self.injections()?,
            outages: self.outage.clone(),
            seed: self.seed,
            actuator: self.actuator,
            redis: self.redis()?,
            done_closes: self.done_closes,
            allow_origins: self.allow_origin.clone(),
            ..Config::default()
        };
        if !config.are_members_countable() {
            let (first, last) = (self.members.start(), self.members.end());
            bail!("--members {first}-{last}: at most ten million members, with numbers up to {}", i64::MAX);
        }
        Ok(config)
    }

    /// The Redis server to share over. Not checked while options are read: clap repeats what it refuses.
    fn redis(&self) -> anyhow::Result<Option<String>> {
        let Some(text) = &self.redis else { return Ok(None) };
        match url::Url::parse(text) {
            Ok(url) if url.password().is_some() || !url.username().is_empty() => {
                bail!("--redis: it has a user name or password: give a Redis server that needs none")
            }
            Ok(url) if url.scheme() == "redis" && url.has_host() => Ok(Some(text.clone())),
            _ => bail!("--redis: it is not a URL such as redis://127.0.0.1:6379"),
        }
    }

    /// What was asked for, and of --lossy's what was not.
    fn injections(&self) -> anyhow::Result<Vec<Injection>> {
        let mut injections = self.fault.clone();
        if (1..injections.len()).any(|k| injections[..k].iter().any(|other| other.is_like(&injections[k]))) {
            bail!("--fault: each kind once; its last value would be the only one");
        }
        let lossy = Injection::lossy().into_iter().filter(|_| self.lossy);
        let more: Vec<_> = lossy.filter(|one| !injections.iter().any(|it| it.is_like(one))).collect();
        injections.extend(more);
        Ok(injections)
    }
}

/// How often the mock server's health is checked.
const FAILURE_CHECK: Duration = Duration::from_millis(200);

/// Waits for a signal, or for a failure, which is looked for now and then.
fn wait<F>(interrupt: &Interrupt, mut failure: impl FnMut() -> Option<F>) -> Option<F> {
    while interrupt.sleep(FAILURE_CHECK) {
        if let Some(failure) = failure() {
            return Some(failure);
        }
    }
    None
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

#[cfg(test)]
mod tests {
    use clap::Parser;
    use startline_mock::world::Distance;

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
    fn lossy_is_a_preset_that_faults_refine() {
        let injections = |args: &[&str]| config(args).map(|config| config.injections);
        assert_eq!(injections(&["--lossy"]).unwrap(), Injection::lossy());
        let refined = injections(&["--lossy", "--fault", "pong-lost@0.5"]).unwrap();
        assert_eq!((refined.len(), refined[0]), (3, "pong-lost@0.5".parse().unwrap()));
        assert!(injections(&["--fault", "pong-lost@0.5", "--fault", "pong-lost"]).is_err());
        assert!(injections(&[]).unwrap().is_empty());
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
            ["--fault", "pong-lots"],
            ["--fault", "pong-late@1"],
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
            "/mock/counters",
            "/mock/faults/{name}?count={count}  ",
            "/ws/{server}",
        ] {
            assert!(help.contains(path), "{path}");
        }
    }
}
