//! A plan in a few aligned lines, with the load that it predicts and what to think of it.
//!
//! Text only; the terminal is the caller's. Invariant: numbers that a result is read against are all there.

use std::fmt::{self, Write};
use std::net::IpAddr;
use std::time::Duration;

use startline_os::units::{counted, duration_text, grouped};

use super::capacity::stand_in_time_scale;
use super::load::{Load, Shape, per_second, rate_warning, whole};
use super::roster::Roster;
use super::settings::WORKERS_MAX;
use super::{End, Http, KeyExchange, Plan, SuiteOrder};

/// What there is to say about a plan before it starts.
#[derive(Clone, Debug)]
pub struct Summary<'p> {
    plan: &'p Plan,
    members: &'p Roster,
    peer: Peer,
    load: Option<Load>,
}

/// Who is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// What `--target` names.
    Target,
    /// The built-in stand-in.
    StandIn {
        /// Over TLS.
        tls: bool,
    },
}

impl<'p> Summary<'p> {
    /// Of a plan with these members (as in its settings), against this peer.
    pub fn new(plan: &'p Plan, members: &'p Roster, peer: Peer) -> Self {
        let broadcast = plan.scenario.websocket.as_ref().is_some_and(|ws| ws.subject_path.is_some());
        let load = (broadcast && !plan.no_broadcast).then(|| {
            let groups = groups_of(plan, members);
            Load::predict(&Shape {
                groups: &groups,
                ramp: plan.ramp,
                ramp_down: plan.ramp_down,
                record_interval: plan.record_interval,
            })
        });
        Self { plan, members, peer, load }
    }

    /// The broadcasts that members will hear of each other; none without a presence or with them turned off.
    pub fn load(&self) -> Option<Load> {
        self.load
    }

    /// What the plan's author should know before starting.
    pub fn warnings(&self) -> Vec<String> {
        // The guide's rate is about the real servers; the stand-in is there to be pushed.
        let is_stand_in = self.peer != Peer::Target;
        let rate = if is_stand_in { None } else { rate_warning(self.plan.sessions, self.plan.ramp) };
        let load = self.load_warning();
        let insecure = self.plan.tls.insecure.then(|| {
            "--insecure: no certificate is checked, so whoever answers is taken for the target; the result says so".to_owned()
        });
        let key_log = self.plan.tls.key_log.then(|| {
            "--tls-key-log: whoever has the file that SSLKEYLOGFILE names can read everything of this run"
                .to_owned()
        });
        insecure.into_iter().chain(key_log).chain(rate).chain(load).collect()
    }

    /// What is wrong with the broadcasts, on cores that are all this program's.
    pub fn load_warning(&self) -> Option<String> {
        let cores = self.plan.workers.min(startline_os::affinity::cores()).max(1);
        self.load.and_then(|load| load.warning(cores as f64, self.peer != Peer::Target))
    }

    fn target(&self) -> String {
        let addresses: Vec<String> =
            self.plan.target.addresses.iter().map(|address| address.ip().to_string()).collect();
        if let Peer::StandIn { tls } = self.peer {
            // Its port is not known before it has been started.
            let tls = if tls { " over TLS" } else { "" };
            let ready = match stand_in_time_scale(self.plan.ramp) {
                Some(scale) => {
                    format!(", its challenge at {scale:.2} of real time, so that READY outlasts the ramp")
                }
                None => String::new(),
            };
            return format!("the built-in stand-in, on a free port of 127.0.0.1{tls}{ready}");
        }
        let url = self.plan.target.url();
        let host = self.plan.target.host.trim_matches(['[', ']']);
        if addresses == [host] { url } else { format!("{url} ({})", addresses.join(", ")) }
    }

    /// How TLS is spoken, where it is known that it will be.
    fn tls(&self) -> Option<String> {
        let tls = &self.plan.tls;
        let stand_in_tls = self.peer == Peer::StandIn { tls: true };
        if !(stand_in_tls || self.plan.target.is_secure()) {
            return None;
        }
        let trust = match (stand_in_tls, tls.insecure, tls.ca.as_slice()) {
            (_, true, _) => "any certificate taken".to_owned(),
            (true, ..) => "the certificate made for it trusted".to_owned(),
            (false, _, []) => "the system's CAs trusted".to_owned(),
            (false, _, files) => {
                let names: Vec<&str> = files.iter().map(|file| file.file.as_str()).collect();
                format!("the CAs of {} trusted", names.join(", "))
            }
        };
        let suites = match tls.suites {
            SuiteOrder::Compact => "AES-128-GCM first",
            SuiteOrder::Rustls => "AES-256-GCM first",
            SuiteOrder::Aes128 => "AES-128-GCM only",
            SuiteOrder::Aes256 => "AES-256-GCM only",
            SuiteOrder::Chacha20 => "ChaCha20-Poly1305 only",
        };
        let exchange = match tls.key_exchange {
            KeyExchange::X25519 => "X25519",
            KeyExchange::X25519mlkem768 => "X25519MLKEM768",
        };
        let resumption = match (tls.resumption, self.plan.http) {
            (false, _) => "no resumption",
            (true, Http::PerSession) => "own sessions resumed",
            // Who has made no TLS session has none to resume.
            (true, Http::Pooled { .. }) => "no resumption, since HTTP connections are shared",
        };
        Some(format!("{trust}; {suites}, {exchange}, {resumption}"))
    }

    /// What is not as in the field: sessions that share their HTTP connections.
    fn http(&self) -> Option<String> {
        let Http::Pooled { connections } = self.plan.http else { return None };
        Some(format!(
            "{} connections a worker, kept alive and shared by its sessions",
            grouped(connections.into())
        ))
    }

    fn phases(&self) -> String {
        let plan = self.plan;
        let rate = per_second(f64::from(plan.sessions), plan.ramp);
        let mut text = format!("ramp {} ({rate:.1}/s)", duration_text(plan.ramp));
        if plan.scenario.websocket.is_some() {
            let end = match plan.end {
                End::Close => "close 1000",
                End::Quit => "QUIT, which bars the members from coming back",
            };
            let (hold, ramp_down) = (duration_text(plan.hold), duration_text(plan.ramp_down));
            let _ = write!(text, ", hold {hold}, ramp-down {ramp_down} ending by {end}");
        }
        text
    }

    fn heartbeat(&self) -> Option<String> {
        let ping = self.plan.scenario.websocket.as_ref()?.ping.as_ref()?;
        let sessions = f64::from(self.plan.sessions);
        let mut text = format!(
            "PING every {}, answered within {} ({}/s)",
            duration_text(ping.interval),
            duration_text(ping.timeout),
            whole(per_second(sessions, ping.interval)),
        );
        if let Some(interval) = self.plan.record_interval {
            let rate = whole(per_second(sessions, interval));
            let _ = write!(text, ", RECORD every {} ({rate}/s)", duration_text(interval));
        }
        Some(text)
    }
}

/// Members in each challenge, of those who take part.
fn groups_of(plan: &Plan, members: &Roster) -> Vec<u64> {
    members.first(plan.sessions).map(|members| members.groups()).unwrap_or_default()
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.plan;
        let plural = if plan.workers == 1 { "" } else { "s" };
        line(f, "target", &self.target())?;
        line(f, "scenario", &format!("{} ({})", plan.scenario.name, plan.scenario.step_names().join(" → ")))?;
        // Without a look-up the scenario has no challenge, and its members are numbers that no server knows.
        let members = plan.scenario.schedule.as_ref().map(|_| format!(", members {}", self.members));
        let sessions = format!(
            "{} on {} worker{plural}{}, seed {}",
            grouped(plan.sessions.into()),
            plan.workers,
            members.unwrap_or_default(),
            plan.seed
        );
        line(f, "sessions", &sessions)?;
        if let Some(why) = workers_text(plan.workers, startline_os::affinity::cores()) {
            line(f, "", &why)?;
        }
        if let Some(sources) = sources_text(&plan.sources) {
            line(f, "sources", &sources)?;
        }
        if let Some(http) = self.http() {
            line(f, "http", &http)?;
        }
        if let Some(tls) = self.tls() {
            line(f, "tls", &tls)?;
        }
        line(f, "phases", &self.phases())?;
        if let Some(heartbeat) = self.heartbeat() {
            line(f, "messages", &heartbeat)?;
        }
        if let Some(load) = &self.load {
            line(f, "broadcast", &ramp_text(load))?;
            line(f, "", &volume_text(load))?;
            if load.hold_per_s > 0.0 {
                line(f, "", &format!("hold: {} deliveries/s of progress", whole(load.hold_per_s)))?;
            }
            line(f, "", &ramp_down_text(load, plan.ramp_down))?;
        }
        for warning in self.warnings() {
            line(f, "warning", &warning)?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
    writeln!(f, "{label:<10} {text}")
}

/// Why there are more workers than cores.
fn workers_text(workers: usize, cores: usize) -> Option<String> {
    let more = workers.checked_sub(cores).filter(|more| *more > 0)?;
    let cores = counted(cores as u64, "core", "cores");
    Some(format!(
        "({workers} workers: {cores} and {more} more, {WORKERS_MAX} at most: each has a descriptor table, and so a descriptor limit, of its own)"
    ))
}

/// Where connections come from, if that is not the kernel's choice: the first and the last where they are many.
fn sources_text(sources: &[IpAddr]) -> Option<String> {
    match sources {
        [] => None,
        [one] => Some(one.to_string()),
        [first, second] => Some(format!("{first} and {second}, in turn")),
        [first, .., last] => Some(format!("{} addresses from {first} to {last}, in turn", sources.len())),
    }
}

fn ramp_text(load: &Load) -> String {
    format!(
        "ramp: {} deliveries, {}/s on average, {}/s at its end",
        grouped(load.entered),
        whole(load.ramp_mean_per_s),
        whole(load.ramp_end_per_s),
    )
}

fn volume_text(load: &Load) -> String {
    let (announced, listed) = (megabytes(load.entered_bytes), megabytes(load.listed_bytes));
    format!("ramp: about {announced} of announcements and {listed} of lists")
}

fn ramp_down_text(load: &Load, ramp_down: Duration) -> String {
    format!(
        "ramp-down: as many, {}/s on average, {}/s at its start",
        whole(per_second(load.entered as f64, ramp_down)),
        whole(load.ramp_down_start_per_s),
    )
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", grouped(bytes.div_ceil(1_000_000)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::plan::Target;
    use crate::scenario::Scenario;

    fn plan(roster: &Roster) -> Plan {
        Plan {
            scenario: Arc::new(Scenario::runnity()),
            target: Target::at("10.0.0.1:8080".parse().expect("an address")),
            members: Arc::new(roster.members().expect("unique")),
            sessions: 6000,
            ramp: Duration::from_secs(240),
            hold: Duration::from_secs(1800),
            ramp_down: Duration::from_secs(240),
            end: End::Close,
            record_interval: None,
            workers: 1,
            sources: Vec::new(),
            ports: None,
            lag_limit: None,
            keep_fates: false,
            seed: 42,
            allow_hosts: Vec::new(),
            ws_map: Vec::new(),
            no_broadcast: false,
            resolve: Vec::new(),
            tls: Default::default(),
            http: Http::PerSession,
        }
    }

    #[test]
    fn the_guide_s_run_in_a_few_lines() {
        let roster = Roster::range(13, 6012, 38);
        let plan = plan(&roster);
        assert_eq!(
            Summary::new(&plan, &roster, Peer::Target).to_string(),
            "\
target     http://10.0.0.1:8080
scenario   runnity (login → enter → connect → open → ping)
sessions   6,000 on 1 worker, members 13-6012 in challenge 38, seed 42
phases     ramp 4m (25.0/s), hold 30m, ramp-down 4m ending by close 1000
messages   PING every 30s, answered within 5s (200/s)
broadcast  ramp: 17,997,000 deliveries, 74,988/s on average, 149,975/s at its end
           ramp: about 2,520 MB of announcements and 1,674 MB of lists
           ramp-down: as many, 74,988/s on average, 149,975/s at its start
"
        );
    }

    #[test]
    fn turned_off_broadcasts_are_not_predicted() {
        let roster = Roster::range(13, 6012, 38);
        let plan = Plan { no_broadcast: true, ramp: Duration::from_secs(1), ..plan(&roster) };
        let summary = Summary::new(&plan, &roster, Peer::StandIn { tls: false });
        assert!(summary.load().is_none());
        assert!(summary.warnings().is_empty(), "the guide's rate is not for the stand-in");
        assert!(summary.to_string().contains("the built-in stand-in, on a free port"));
    }

    #[test]
    fn shared_connections_are_said() {
        let roster = Roster::range(13, 6012, 38);
        let plan = Plan { http: Http::Pooled { connections: 1_000 }, ..plan(&roster) };
        let text = Summary::new(&plan, &roster, Peer::Target).to_string();
        let line = "http       1,000 connections a worker, kept alive and shared by its sessions";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn workers_beyond_the_cores_are_accounted_for() {
        assert_eq!(workers_text(2, 2), None);
        let text = "(19 workers: 2 cores and 17 more, 256 at most: each has a descriptor table, and so a descriptor limit, of its own)";
        assert_eq!(workers_text(19, 2).as_deref(), Some(text));
    }

    #[test]
    fn warnings_are_part_of_it() {
        let roster = Roster::range(13, 6012, 38);
        let plan = Plan { ramp: Duration::from_secs(10), ..plan(&roster) };
        let text = Summary::new(&plan, &roster, Peer::Target).to_string();
        assert!(text.contains("warning    600 arrivals a second"), "{text}");
        assert!(text.contains("warning    more deliveries than 1 core can be"), "{text}");
    }
}
