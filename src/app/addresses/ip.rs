//! `ip` of iproute2: what it shows, and commands in batches.
//!
//! Decides nothing. Invariant: every failure of a command comes back with that command.

use std::fs;
use std::io::{self, Write};
use std::net::IpAddr;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, anyhow};

use super::{NONLOCAL_FILE, Unusable};
use crate::terminal::tell;
use crate::tune::addresses::{Present, device_of_route};

pub(super) fn check_device(device: &str) -> Result<()> {
    match ip(&["link", "show", "dev", device])?.status.success() {
        true => Ok(()),
        false => Err(Unusable(format!("--dev: there is no device {device:?}")).into()),
    }
}

/// Returns the device that leads to an address.
pub(super) fn device_to(address: IpAddr) -> Result<String> {
    let family = if address.is_ipv4() { "-4" } else { "-6" };
    let shown = ip(&["-json", family, "route", "get", &address.to_string()])?;
    let Some((device, is_by_gateway)) = device_of_route(&String::from_utf8_lossy(&shown.stdout)) else {
        let why = format!("no route leads to {address}, so its device is unknown: give it by --dev DEV");
        return Err(Unusable(why).into());
    };
    if is_by_gateway {
        tell(&format!(
            "{address} is not on this machine's networks: answers come back only if the targets' route to it leads here"
        ));
    }
    Ok(device)
}

/// Returns what there is now.
pub(super) fn present() -> Result<Present> {
    let shown =
        |args: &[&str]| Ok::<_, anyhow::Error>(String::from_utf8_lossy(&ip(args)?.stdout).into_owned());
    let routes = |family| shown(&["-N", "-json", family, "route", "show", "table", "local", "type", "local"]);
    let nonlocal = fs::read_to_string(NONLOCAL_FILE).ok().map(|value| value.trim() != "0");
    Present::parse(&shown(&["-N", "-json", "address", "show"])?, &[routes("-4")?, routes("-6")?], nonlocal)
        .context("ip shows something else than expected: this needs iproute2 5.0 or later")
}

fn ip_command() -> Command {
    let mut command = Command::new("ip");
    // Where an ordinary user's does not lead on Debian.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("LC_ALL", "C").env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}

fn missing(error: &io::Error) -> anyhow::Error {
    anyhow!("ip cannot be run: {error}. As root: apt-get install iproute2")
}

pub(super) fn ip(args: &[&str]) -> Result<Output> {
    ip_command().args(args).stdin(Stdio::null()).output().map_err(|error| missing(&error))
}

/// Does them all with one process, which goes on after one that fails; what it says of each that
/// did, with the command.
pub(super) fn in_one_batch(commands: &[String]) -> Result<Vec<String>> {
    let mut batch = ip_command();
    batch.args(["-force", "-batch", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = batch.spawn().map_err(|error| missing(&error))?;
    if let Some(mut stdin) = child.stdin.take() {
        // One that ends early is told by what it says.
        let _ = stdin.write_all((commands.join("\n") + "\n").as_bytes());
    }
    let said = child.wait_with_output()?.stderr;
    let (mut failed, mut why) = (Vec::new(), Vec::new());
    for line in String::from_utf8_lossy(&said).lines() {
        match line.strip_prefix("Command failed -:").and_then(|number| number.parse::<usize>().ok()) {
            Some(number) => {
                let command = commands.get(number.saturating_sub(1)).map_or("", String::as_str);
                failed.push(format!("ip {command}: {}", why.join("; ")));
                why.clear();
            }
            None => why.push(line.to_owned()),
        }
    }
    failed.extend((!why.is_empty()).then(|| format!("ip: {}", why.join("; "))));
    Ok(failed)
}
