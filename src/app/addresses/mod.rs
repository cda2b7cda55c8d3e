//! `startline addresses`: gives this machine addresses for sessions to come from, and takes them
//! away again.
//!
//! `ip` of iproute2 does it, in batches; what is ours is [`crate::tune::addresses`]'s to say.
//! Invariants: what is about to be added is remembered before, and after each batch what is
//! remembered is what the kernel shows, however the work ends; whoever changes something holds the
//! lock.

pub(crate) mod command;
mod ip;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, anyhow, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use self::ip::{check_device, device_to, in_one_batch, ip, present};
use crate::app::tune::{How, is_agreed, lock, replace, say};
use crate::plan::sources::SourceSpec;
use crate::terminal::tell;
use crate::tune::addresses::{Added, Block, NONLOCAL, Present, Remembered, of_route, to_add, to_remove};

/// Commands that one `ip` is given. Between two of them a signal is heeded.
const BATCH: usize = 256;
/// Commands that are shown one by one; of more, the first and the last.
const SHOWN: usize = 12;
/// Past this many, adding one by one is work for the kernel: it goes through all of a device's
/// addresses for each.
const SLOW: usize = 4_000;
/// Bit of CapEff that lets change networks (CAP_NET_ADMIN).
const CAP_NET_ADMIN: u32 = 12;
const NONLOCAL_FILE: &str = "/proc/sys/net/ipv6/ip_nonlocal_bind";

/// What was asked for makes no sense on this machine.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unusable(String);

/// One piece of work.
pub struct Work {
    state: PathBuf,
    how: How,
    remembered: Remembered,
    present: Present,
    signal: Arc<AtomicUsize>,
    is_done: bool,
    /// Held until the end.
    _lock: Option<fs::File>,
}

impl Work {
    /// Looks at what there is. `None` for `how`: nothing is going to be changed.
    ///
    /// # Errors
    /// This user may not change networks, `ip` is missing, or nothing can be remembered.
    pub fn begin(how: Option<How>) -> Result<Self> {
        let changes = how.is_some_and(|how| !how.dry_run);
        let variable = std::env::var_os("STARTLINE_SOURCES_STATE");
        let state = variable.map_or_else(|| PathBuf::from("/run/startline/source-addresses"), PathBuf::from);
        ip(&["-V"])?;
        let signal = Arc::new(AtomicUsize::new(0));
        let mut held = None;
        if changes {
            check_privilege()?;
            held = Some(lock(&state).map_err(|error| forgetful(&state, &error))?);
            for number in [SIGHUP, SIGINT, SIGTERM] {
                signal_hook::flag::register_usize(number, Arc::clone(&signal), number as usize)?;
            }
        }
        let namespace = fs::read_link("/proc/self/ns/net")?.display().to_string();
        let text = match fs::read_to_string(&state) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text.with_context(|| format!("cannot read {}", state.display()))?,
        };
        let remembered = Remembered::parse(&text, &namespace).map_err(|line| {
            anyhow!("{} has a line that startline addresses did not write: {line:?}", state.display())
        })?;
        let how = how.unwrap_or(How { dry_run: true, yes: true });
        let present = present()?;
        let mut work = Self { state, how, remembered, present, signal, is_done: true, _lock: held };
        work.forget_the_gone(changes)?;
        Ok(work)
    }

    /// Forgets what others have taken away or put something else in the place of.
    fn forget_the_gone(&mut self, changes: bool) -> Result<()> {
        let gone = self.remembered.forget_the_gone(&self.present);
        if gone.is_empty() || !changes {
            return Ok(());
        }
        let is_nonlocal = self.present.nonlocal == Some(true);
        let kept = gone.iter().any(|(added, _)| *added == Added::Nonlocal) && is_nonlocal;
        if kept {
            say(format!(
                "{NONLOCAL} stays 1: no route is left that it was set for here. If nobody else needs it: sysctl -w {NONLOCAL}=0"
            ));
        }
        let named: Vec<String> = gone
            .iter()
            .filter(|(added, _)| *added != Added::Nonlocal)
            .map(|(added, device)| match added {
                Added::Address(_) => format!("{added} dev {device}"),
                Added::Route(_) | Added::Nonlocal => added.to_string(),
            })
            .collect();
        let what = "no longer there as added here, and so forgotten";
        match named.len() {
            0..=SHOWN => named.iter().for_each(|name| say(format!("{what}: {name}"))),
            many => say(format!("{what}: {many}")),
        }
        self.save()
    }

    /// Adds each address to the device that leads there, or to this one; whether all could be done.
    ///
    /// # Errors
    /// No device leads there, or nothing can be remembered.
    pub fn add(mut self, specs: &[SourceSpec], device: Option<&str>) -> Result<bool> {
        if let Some(device) = device {
            check_device(device)?;
        }
        let (mut commands, mut wanted, mut already) = (Vec::new(), BTreeSet::new(), 0);
        for spec in specs {
            if spec.addresses().all(|it| it.is_ipv4() && it.is_loopback()) {
                say(format!("{spec}: all of 127.0.0.0/8 is this machine's already; nothing to add."));
                continue;
            }
            let mut of_spec: Option<String> = device.map(str::to_owned);
            for address in spec.addresses() {
                if self.present.addresses.contains_key(&address) || wanted.contains(&Added::Address(address))
                {
                    already += 1;
                    continue;
                }
                let device = match &of_spec {
                    Some(device) => device.clone(),
                    None => of_spec.insert(device_to(address)?).clone(),
                };
                commands.push(to_add(address, &device));
                wanted.insert(Added::Address(address));
                self.remembered.added.insert(Added::Address(address), device);
            }
        }
        if already > 0 {
            say(format!("already there: {already}"));
        }
        if wanted.len() > SLOW {
            let many = wanted.len();
            say(format!(
                "{many} addresses: each takes longer the more there are; one local route for a block (--route) is there at once."
            ));
        }
        self.carry_out(&commands, &wanted)?;
        if !self.how.dry_run && !wanted.is_empty() {
            let there = wanted.iter().filter(|it| self.remembered.added.contains_key(it)).count();
            say(format!("added: {there}"));
        }
        self.end()
    }

    /// Removes these addresses, or all, as far as they were added here.
    ///
    /// # Errors
    /// Nothing can be remembered.
    pub fn remove(mut self, specs: &[SourceSpec], all: bool) -> Result<bool> {
        self.say_if_nothing(all);
        self.remove_addresses(specs, all)?;
        if all {
            self.take_routes_away(&[], true)?;
        }
        self.end()
    }

    fn say_if_nothing(&self, all: bool) {
        if all && self.remembered.added.is_empty() {
            say("Nothing was added here.");
        }
    }

    fn remove_addresses(&mut self, specs: &[SourceSpec], all: bool) -> Result<()> {
        let ours = self.remembered.added.keys().filter_map(|added| match added {
            Added::Address(address) if all => Some(*address),
            Added::Address(_) | Added::Route(_) | Added::Nonlocal => None,
        });
        // Named twice, removed once.
        let named: BTreeSet<IpAddr> = ours.chain(specs.iter().flat_map(SourceSpec::addresses)).collect();
        let (mut commands, mut going, mut absent, mut foreign) = (Vec::new(), BTreeSet::new(), 0, 0);
        for address in named {
            match self.remembered.added.get(&Added::Address(address)) {
                Some(device) => {
                    commands.push(to_remove(address, device));
                    going.insert(Added::Address(address));
                }
                None if self.present.addresses.contains_key(&address) => foreign += 1,
                None => absent += 1,
            }
        }
        for (count, what) in [(absent, "not there"), (foreign, "not added here, and so left alone")] {
            if count > 0 {
                say(format!("{what}: {count}"));
            }
        }
        self.carry_out(&commands, &going)?;
        if !self.how.dry_run && !going.is_empty() {
            let left = going.iter().filter(|it| self.remembered.added.contains_key(it)).count();
            say(format!("removed: {}", going.len() - left));
        }
        Ok(())
    }

    /// Adds a local route for each block, and lets programs bind to its addresses.
    ///
    /// # Errors
    /// Nothing can be remembered.
    pub fn add_routes(mut self, blocks: &[Block]) -> Result<bool> {
        for block in blocks {
            if block.is_loopback() {
                say(format!("{block}: all of 127.0.0.0/8 is this machine's already; nothing to add."));
                continue;
            }
            let route = Added::Route(*block);
            if self.present.routes.contains_key(block) {
                say(format!("{block}: already there"));
            } else {
                self.remembered.added.insert(route, "lo".to_owned());
                self.carry_out(&[of_route("add", *block)], &BTreeSet::from([route]))?;
                if !self.how.dry_run && !self.remembered.added.contains_key(&route) {
                    continue;
                }
            }
            // IPv4 takes an address of a local route as its own; IPv6 wants one of a device, unless
            // told otherwise.
            if block.is_ipv6() && self.present.nonlocal != Some(true) {
                let else_what = format!(
                    "; until it is 1, connections from {block} fail with \"Cannot assign requested address\""
                );
                self.set_nonlocal(true, &else_what)?;
            }
        }
        self.end()
    }

    /// Removes the local routes of these blocks, or all, as far as they were added here.
    ///
    /// # Errors
    /// Nothing can be remembered.
    pub fn remove_routes(mut self, blocks: &[Block], all: bool) -> Result<bool> {
        self.say_if_nothing(all);
        self.take_routes_away(blocks, all)?;
        self.end()
    }

    fn take_routes_away(&mut self, blocks: &[Block], all: bool) -> Result<()> {
        let ours = self.remembered.added.keys().filter_map(|added| match added {
            Added::Route(block) if all => Some(*block),
            Added::Address(_) | Added::Route(_) | Added::Nonlocal => None,
        });
        let mut going: Vec<Block> = Vec::new();
        for block in ours.chain(blocks.iter().copied()).collect::<Vec<_>>() {
            if going.contains(&block) {
                continue;
            } else if self.remembered.added.contains_key(&Added::Route(block)) {
                going.push(block);
            } else if self.present.routes.contains_key(&block) {
                say(format!("{block}: not added here, and so left alone"));
            } else {
                say(format!("{block}: not there"));
            }
        }
        // Before the last route that it was set for: without that, nobody knows any more whose it
        // is.
        let is_needed = self.remembered.routes_of_ipv6().any(|block| !going.contains(&block));
        let mut keeps_ipv6 = false;
        if !is_needed && self.remembered.added.contains_key(&Added::Nonlocal) {
            self.set_nonlocal(false, "; routes of IPv6 stay with it")?;
            keeps_ipv6 = !self.how.dry_run && self.present.nonlocal == Some(true);
        }
        for block in going.into_iter().filter(|block| !keeps_ipv6 || !block.is_ipv6()) {
            self.carry_out(&[of_route("del", block)], &BTreeSet::from([Added::Route(block)]))?;
        }
        Ok(())
    }

    /// Remembered only while it is set, by the value before.
    fn set_nonlocal(&mut self, on: bool, else_what: &str) -> Result<()> {
        let value = u8::from(on);
        say(format!("sysctl -w {NONLOCAL}={value}"));
        if self.how.dry_run {
            self.present.nonlocal = Some(on);
            return Ok(());
        }
        self.remembered.added.insert(Added::Nonlocal, "0".to_owned());
        self.save()?;
        if let Err(error) = fs::write(NONLOCAL_FILE, format!("{value}\n")) {
            self.is_done = false;
            let now = u8::from(!on);
            tell(&format!("{NONLOCAL} stays {now}, {value} cannot be written: {error}{else_what}"));
        }
        self.settle(&BTreeSet::from([Added::Nonlocal]))
    }

    /// Shows what is to be done, then does it, and remembers what there is then.
    fn carry_out(&mut self, commands: &[String], touched: &BTreeSet<Added>) -> Result<()> {
        for (index, command) in commands.iter().enumerate() {
            if self.how.dry_run || index < SHOWN || index + 1 == commands.len() {
                say(format!("ip {command}"));
            } else if index == SHOWN {
                say(format!("… {} more (--dry-run prints them all)", commands.len() - SHOWN - 1));
            }
        }
        if self.how.dry_run || commands.is_empty() {
            return Ok(());
        }
        if !is_agreed(self.how.yes, "Do this?") {
            bail!("nothing more was changed");
        }
        self.save()?;
        let mut failed = Vec::new();
        let mut done = Ok(());
        for batch in commands.chunks(BATCH) {
            if self.signal.load(Ordering::Relaxed) != 0 {
                break;
            }
            match in_one_batch(batch) {
                Ok(said) => failed.extend(said),
                Err(error) => done = Err(error),
            }
        }
        self.is_done &= failed.is_empty();
        failed.iter().take(SHOWN).for_each(|line| tell(line));
        if failed.len() > SHOWN {
            tell(&format!("… {} more of {} failed", failed.len() - SHOWN, failed.len()));
        }
        self.settle(touched)?;
        self.stop_if_interrupted();
        done
    }

    /// Forgets those of them that are not there.
    fn settle(&mut self, touched: &BTreeSet<Added>) -> Result<()> {
        self.present = present()?;
        let (remembered, present) = (&self.remembered, &self.present);
        let gone: Vec<Added> =
            touched.iter().filter(|it| !remembered.is_there(it, present)).copied().collect();
        for added in gone {
            self.remembered.added.remove(&added);
        }
        self.save()
    }

    fn save(&self) -> Result<()> {
        replace(&self.state, &self.remembered.text()).map_err(|error| forgetful(&self.state, &error))
    }

    /// Ends as the signal would have ended it.
    fn stop_if_interrupted(&self) {
        let signal = self.signal.load(Ordering::Relaxed);
        if signal != 0 {
            tell("interrupted. What was done until then is remembered: startline addresses list");
            let _ = signal_hook::low_level::emulate_default_handler(signal as i32);
        }
    }

    fn end(self) -> Result<bool> {
        if !self.is_done {
            tell("not all could be done; see above");
        }
        Ok(self.is_done)
    }

    /// Prints what sessions can come from, and what was added here.
    pub fn list(&self) {
        say("Sessions can come from:");
        let mut all: Vec<_> = self.present.addresses.iter().collect();
        all.sort_unstable();
        for (address, devices) in all {
            let is_link_local = matches!(address, IpAddr::V6(v6) if Ipv6Addr::is_unicast_link_local(v6));
            if is_link_local || (address.is_ipv4() && address.is_loopback()) {
                continue;
            }
            let ours = self.remembered.added.get(&Added::Address(*address));
            for (device, _) in devices {
                let mark = if ours == Some(device) { ", added here" } else { "" };
                say(format!("  {address} dev {device}{mark}"));
            }
        }
        say("  127.0.0.0/8 dev lo, every address of it, to targets on this machine");
        for added in self.remembered.added.keys() {
            if let Added::Route(block) = added {
                say(format!("  {block} by a local route, added here"));
            }
        }
    }
}

fn forgetful(state: &Path, error: &io::Error) -> anyhow::Error {
    anyhow!(
        "nothing is changed, because it cannot be remembered in {}: {error}\nLet STARTLINE_SOURCES_STATE name a file that can be written.",
        state.display()
    )
}

/// Adding and removing are for whoever may change networks: root, but not any container's.
fn check_privilege() -> Result<()> {
    let status = fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name));
    let capabilities = u64::from_str_radix(field("CapEff:").unwrap_or_default().trim(), 16).unwrap_or(0);
    if capabilities >> CAP_NET_ADMIN & 1 == 1 {
        return Ok(());
    }
    if field("Uid:").and_then(|uids| uids.split_whitespace().nth(1)) == Some("0") {
        bail!(
            "nothing is changed: root may not change networks in here (no CAP_NET_ADMIN). Do it on the host, or start the container with \
             --cap-add NET_ADMIN"
        );
    }
    let typed: Vec<String> = std::env::args().skip(1).collect();
    bail!("nothing is changed: this needs root. Run: sudo startline {}", typed.join(" "));
}
