//! What is watched, from the options: a file, and the built-in set.
//!
//! Reads files and the environment, and asks nobody. Invariant: what is wrong with them is said before
//! anything is asked or loaded.

use std::fs;
use std::io::Write as _;

use anyhow::{Context, Result, anyhow};

use crate::cli::watch::{WatchArgs, WatchCommand, WatchOptions};
use crate::engine::Trust;
use crate::foreign;
use crate::lookup::agent;
use crate::plan::Plan;
use crate::watch::file::Given;
use crate::watch::prometheus::Prometheus;
use crate::watch::redis::{Redis, Role};
use crate::watch::source::DEADLINE;
use crate::watch::{Network, Spec, Watch, Watching, builtin, requests};

/// Carries out `startline watch show`.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn show(args: &WatchArgs) -> Result<()> {
    let WatchCommand::Show = args.command;
    let mut out = std::io::stdout().lock();
    out.write_all(builtin::RUNNITY_TOML.as_bytes())?;
    Ok(out.flush()?)
}

/// All that the options say; empty without them.
///
/// # Errors
/// What is wrong with a file or an address.
pub(super) fn read(options: &WatchOptions) -> Result<Watch> {
    let variables = |name: &str| std::env::var(name).ok();
    let mut given = Vec::new();
    if let Some(url) = &options.prometheus {
        given
            .push(Spec::Prometheus(Prometheus::at(url).map_err(|why| anyhow!("--prometheus {url}: {why}"))?));
    }
    for (option, address) in [("--redis", &options.redis), ("--redis-pubsub", &options.redis_pubsub)] {
        let Some(address) = address else { continue };
        // Not repeated: it may hold a password.
        let redis = Redis::of_option(address, &variables).map_err(|why| anyhow!("{option}: {why}"))?;
        if option == "--redis" {
            given.push(Spec::Redis(redis.clone()));
        }
        // The last one given is where Pub/Sub is.
        given.retain(|it| it.kind() != "redis-pubsub");
        given.push(Spec::Redis(redis.as_role(Role::PubSub)));
    }
    let mut watch = Watch::default();
    if let Some(file) = &options.watch {
        let name = file.display().to_string();
        let text = fs::read_to_string(file)
            .map_err(|error| anyhow!("--watch: cannot read {name}: {}", foreign::unreadable(&error)))?;
        watch = Watch::read(&name, &text, &variables, Given { sources: &given, may_be_absent: false })?;
    }
    if !given.is_empty() {
        // What the file places, the set's figures of that kind are read from.
        given.extend(watch.sources.iter().map(|source| source.spec.clone()));
        watch.add(builtin::runnity(&given)?);
    }
    Ok(watch)
}

/// Adds what a plan wants to know of its servers: against Runnity's, the guide's figures are part of the verdict even if
/// no source shows them.
///
/// # Errors
/// None: a test reads the built-in set.
pub(super) fn complete(mut watch: Watch, plan: &Plan) -> Result<Watch> {
    if watch.sources.is_empty() && plan.scenario.plays_on_mock && !plan.is_for_mock() {
        watch = builtin::runnity(&[])?;
    }
    requests::add(&mut watch, &plan.scenario);
    Ok(watch)
}

/// Starts to watch, with a run's trust and addresses; `None` if there is nothing to watch.
///
/// # Errors
/// The system has no thread left.
pub(super) fn start(watch: Watch, plan: &Plan, trust: Option<&Trust>) -> Result<Option<Watching>> {
    if watch.sources.is_empty() {
        return Ok(None);
    }
    let network = network(&watch, plan, trust);
    Watching::start(watch, &network).map(Some).context("cannot start a thread that watches the servers")
}

/// What sources reach others with: a run's trust and addresses.
pub(super) fn network(watch: &Watch, plan: &Plan, trust: Option<&Trust>) -> Network {
    let has_tls = watch.sources.iter().any(|it| matches!(&it.spec, Spec::Redis(at) if at.is_tls));
    Network {
        tls: if has_tls { agent::tls_config(plan, trust) } else { None },
        agent: agent::patient_for(plan, trust, DEADLINE),
    }
}
