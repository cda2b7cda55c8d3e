//! The hosts that connections of a plan may lead to, looked up.
//!
//! Opens no connection to them. Invariant: the target's host is the first; every `--resolve` names one of them.

use crate::engine::{Trust, TrustError};
use std::net::{IpAddr, SocketAddr};

use anyhow::{Context, Result, bail};

use crate::engine::{Addresses, Hosts};
use crate::plan::target::TargetError;
use crate::plan::{Plan, Target, resolve as given_addresses};

/// The hosts that sessions may be led to, with their addresses; the target's is the first.
///
/// # Errors
/// An `--allow-host` has no address, or a `--resolve` is for none of the hosts.
pub fn resolve(plan: &Plan) -> Result<Hosts> {
    let mut names = vec![bare(&plan.target.host)];
    let target = match given_addresses::given(&plan.settings.resolve, &names[0], plan.target.port) {
        // What was given holds for its port; to others the name leads.
        Some(_) => target_of(&names[0]).map(|target| ips(&target)).unwrap_or_default(),
        None => ips(&plan.target),
    };
    let of_host = |host: &str, addresses: &[IpAddr]| -> Vec<(String, IpAddr)> {
        addresses.iter().map(|address| (host.to_owned(), *address)).collect()
    };
    let mut left_out = of_host(&names[0], &plan.target.left_out);
    let mut hosts = vec![target];
    for host in plan.settings.allow_hosts.iter().map(|host| bare(host)) {
        if !names.contains(&host) {
            let is_given = plan.settings.resolve.iter().any(|resolve| resolve.host == host);
            hosts.push(match target_of(&host) {
                Ok(found) => {
                    left_out.extend(of_host(&host, &found.left_out));
                    ips(&found)
                }
                Err(_) if is_given => Vec::new(),
                Err(error) => return Err(error).with_context(|| format!("--allow-host {host}")),
            });
            names.push(host);
        }
    }
    let mut given = Vec::new();
    for resolve in &plan.settings.resolve {
        match names.iter().position(|name| *name == resolve.host) {
            Some(index) => given.push((index as u16, resolve.port, resolve.addresses.clone())),
            None => bail!(
                "--resolve {resolve}: {} is neither the target's host nor an --allow-host",
                resolve.host
            ),
        }
    }
    for (index, addresses) in hosts.iter_mut().enumerate() {
        keep_reachable(plan, &names[index], addresses)?;
    }
    for (index, _, addresses) in &mut given {
        keep_reachable(plan, &names[usize::from(*index)], addresses)?;
    }
    Ok(Hosts { names, addresses: Addresses { hosts, given }, left_out, trust: None })
}

/// Leaves a host only addresses of a family that a source address has.
fn keep_reachable(plan: &Plan, host: &str, addresses: &mut Vec<IpAddr>) -> Result<()> {
    if plan.sources.is_empty() || addresses.is_empty() {
        return Ok(());
    }
    let reaches = |address: &IpAddr| plan.sources.iter().any(|source| source.is_ipv4() == address.is_ipv4());
    if !addresses.iter().any(reaches) {
        bail!(
            "--source-ip: no source address is of the family of {host} ({}): give some that are, or another address of it with --resolve",
            addresses[0]
        );
    }
    addresses.retain(reaches);
    Ok(())
}

/// The hosts other than the target's that a WebSocket may lead to, as far as is known before the server returns a URL: each
/// destination once, without a port where only the URL has it. Ports that `--resolve` or `--ws-map` name for a host are taken
/// for all of its ports.
pub fn others(plan: &Plan, hosts: &Hosts) -> Vec<(IpAddr, Option<u16>)> {
    let given = hosts.addresses.given.iter().map(|(host, port, _)| (usize::from(*host), *port));
    let mapped = plan.settings.ws_map.iter().filter_map(|(_, to)| mapped_to(to, &hosts.names));
    let named: Vec<(usize, u16)> = given.chain(mapped).collect();
    let mut others = Vec::new();
    let mut add = |destination: (IpAddr, Option<u16>)| {
        let is_target = |address: &SocketAddr| destination == (address.ip(), Some(address.port()));
        if !plan.target.addresses.iter().any(is_target) && !others.contains(&destination) {
            others.push(destination);
        }
    };
    for &(host, port) in &named {
        if (host, port) == (0, plan.target.port) {
            continue;
        }
        let addresses = given_addresses::given(&plan.settings.resolve, &hosts.names[host], port)
            .unwrap_or(&hosts.addresses.hosts[host]);
        addresses.iter().for_each(|address| add((*address, Some(port))));
    }
    for (host, addresses) in hosts.addresses.hosts.iter().enumerate().skip(1) {
        if !named.iter().any(|(index, _)| *index == host) {
            addresses.iter().for_each(|address| add((*address, None)));
        }
    }
    others
}

/// The known host and the port that a prefix of URLs leads to, if it reaches so far.
fn mapped_to(prefix: &str, names: &[String]) -> Option<(usize, u16)> {
    let (_, rest) = prefix.split_once("://")?;
    let authority = rest.split('/').next()?;
    let ends_with_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if !rest.contains('/') && !ends_with_port {
        // The rest of the host, or its port, is the URL's.
        return None;
    }
    let url = url::Url::parse(prefix).ok()?;
    let host = bare(url.host_str()?);
    Some((names.iter().position(|name| *name == host)?, url.port_or_known_default()?))
}

/// Where a host's name leads.
fn target_of(host: &str) -> Result<Target, TargetError> {
    Target::resolve(&format!("http://{}", bracketed(host)), &[])
}

fn ips(target: &Target) -> Vec<IpAddr> {
    target.addresses.iter().map(SocketAddr::ip).collect()
}

fn bare(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase()
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// The CAs to trust. A plain target may not need them: the URLs that it returns decide.
pub fn trust_of(plan: &Plan) -> Result<Option<Trust>> {
    match Trust::new(&plan.tls) {
        Ok(trust) => Ok(Some(trust)),
        Err(TrustError::NoSystemRoots(_)) if !plan.target.is_secure() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::cli::run::SettingsArgs;
    use crate::plan::capacity::Limits;

    /// Against the target 192.0.2.1:80 with these.
    fn plan(allow: &[&str], resolve: &[&str], ws_map: &[(&str, &str)]) -> Plan {
        let args = SettingsArgs {
            target: Some("http://192.0.2.1".into()),
            members: vec!["1-6000".into()],
            challenge: Some(1),
            allow_host: allow.iter().map(|host| (*host).to_owned()).collect(),
            resolve: resolve.iter().map(|text| text.parse().expect("host:port:address")).collect(),
            ws_map: ws_map.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect(),
            ..Default::default()
        };
        let settings = args.into_settings().expect("it makes sense");
        let target = settings.target().expect("a URL").expect("there is one");
        settings.into_plan(target, &Limits::read(Path::new("/"))).expect("a plan")
    }

    #[track_caller]
    fn assert_others(plan: &Plan, expected: &[(&str, Option<u16>)]) {
        let found = others(plan, &resolve(plan).expect("looked up"));
        let expected: Vec<(IpAddr, Option<u16>)> =
            expected.iter().map(|(address, port)| (address.parse().expect("an address"), *port)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_target_alone_leads_nowhere_else() {
        assert_others(&plan(&[], &[], &[]), &[]);
        assert_others(&plan(&["192.0.2.1"], &[], &[("ws://a:80", "ws://192.0.2.1:80")]), &[]);
    }

    #[test]
    fn other_hosts_lead_to_their_addresses() {
        let allowed = plan(&["192.0.2.7"], &[], &[]);
        assert_others(&allowed, &[("192.0.2.7", None)]);
        let given = plan(&["ws1.invalid"], &["ws1.invalid:80:10.0.0.1,10.0.0.2"], &[]);
        assert_others(&given, &[("10.0.0.1", Some(80)), ("10.0.0.2", Some(80))]);
        let the_target = plan(&["ws1.invalid"], &["ws1.invalid:80:192.0.2.1"], &[]);
        assert_others(&the_target, &[]);
    }

    #[test]
    fn other_ports_of_the_target_are_destinations_too() {
        let mapped = plan(&[], &[], &[("ws://192.0.2.1:80/", "ws://192.0.2.1:9000/")]);
        assert_others(&mapped, &[("192.0.2.1", Some(9000))]);
        let given = plan(&[], &["192.0.2.1:9000:10.0.0.9"], &[("ws://a/", "ws://192.0.2.1:9000/")]);
        assert_others(&given, &[("10.0.0.9", Some(9000))]);
    }

    #[test]
    fn a_prefix_s_port_is_known_where_the_prefix_reaches_so_far() {
        let names = ["a.invalid".to_owned(), "::1".to_owned()];
        for (prefix, expected) in [
            ("ws://a.invalid", None),
            ("ws://a.invalid/", Some((0, 80))),
            ("wss://A.invalid/x", Some((0, 443))),
            ("ws://a.invalid:9000", Some((0, 9000))),
            ("ws://[::1]:9000/", Some((1, 9000))),
            ("ws://b.invalid:9000", None),
            ("/path", None),
        ] {
            assert_eq!(mapped_to(prefix, &names), expected, "{prefix}");
        }
    }
}
