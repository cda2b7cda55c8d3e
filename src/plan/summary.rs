//! A plan in a few aligned lines, with the load that it predicts and warnings about it.
//!
//! Text only; printing is the caller's. Invariant: it has every number that a result is read
//! against.

use std::cmp::Ordering;
use std::fmt::{self, Write};
use std::net::IpAddr;
use std::time::Duration;

use startline_os::time_wait::TIME_WAIT;
use startline_os::units::{counted, duration_text, grouped};

use super::capacity::{WORKERS_MAX, mock_time_scale};
use super::load::{Load, per_second, rate_warning, whole};
use super::observers::pairs_bytes;
use super::shape::Stage;
use super::{Http, KeyExchange, Plan, Search, SuiteOrder};

/// What a user should see of a plan before it starts.
#[derive(Clone, Debug)]
pub struct Summary<'p> {
    plan: &'p Plan,
    load: Option<Load>,
    /// What this machine has free.
    memory_bytes: Option<u64>,
}

/// Where every pair of sessions fits into this part of the free memory, judging them all is proposed.
const PAIRS_PART: u64 = 8;

impl<'p> Summary<'p> {
    /// Predicts the load of a plan.
    pub fn new(plan: &'p Plan) -> Self {
        Self::among(plan, &[plan])
    }

    /// Predicts the load of a part of a mix, of which these are all parts: who is in one challenge hears of
    /// each other.
    pub fn among(plan: &'p Plan, all: &[&Plan]) -> Self {
        Self { plan, load: broadcast::predict(plan, all), memory_bytes: None }
    }

    /// Says how much memory this machine has free, if that is known.
    pub fn beside(self, memory_bytes: Option<u64>) -> Self {
        Self { memory_bytes, ..self }
    }

    /// Returns the broadcasts that members will receive of each other; `None` where there are none.
    pub fn load(&self) -> Option<Load> {
        self.load
    }

    /// Returns what the user should know before starting.
    pub fn warnings(&self) -> Vec<String> {
        let settings = &self.plan.settings;
        // The guide's rate is for real servers; the mock server may be pushed further.
        let rate = match self.plan.is_for_mock() {
            true => None,
            false => rate_warning(self.plan.sessions(), settings.ramp),
        };
        let load = self.load_warning();
        let scenario = scenario_warnings(self.plan);
        let insecure = self.plan.tls.insecure.then(|| {
            "--insecure: certificates are not checked, so any server can pose as the target; the result says so"
                .to_owned()
        });
        let key_log = self.plan.tls.key_log.then(|| {
            "--tls-key-log: the file that SSLKEYLOGFILE names can decrypt everything in this run".to_owned()
        });
        insecure.into_iter().chain(key_log).chain(scenario).chain(rate).chain(load).collect()
    }

    /// Returns why the broadcasts are too many, where this program has its cores to itself.
    pub fn load_warning(&self) -> Option<String> {
        self.load.and_then(|load| load.warning(self.cores() as f64, self.plan.is_for_mock()))
    }

    /// The cores that the plan's workers use.
    fn cores(&self) -> usize {
        self.plan.workers.min(startline_os::affinity::cores()).max(1)
    }

    fn target(&self) -> String {
        let addresses: Vec<String> =
            self.plan.target.addresses.iter().map(|address| address.ip().to_string()).collect();
        if self.plan.is_for_mock() {
            // Its port is not known before it has started.
            let tls = if self.plan.settings.mock_tls { " over TLS" } else { "" };
            let ready = match mock_time_scale(self.plan.settings.ramp) {
                Some(scale) => {
                    format!(", its challenge at {scale:.2} of real time, so that READY outlasts the ramp")
                }
                None => String::new(),
            };
            return format!("the built-in mock server, on a free port of 127.0.0.1{tls}{ready}");
        }
        let url = self.plan.target_shown();
        let host = self.plan.target.host.trim_matches(['[', ']']);
        if addresses == [host] { url } else { format!("{url} ({})", addresses.join(", ")) }
    }

    /// Returns how TLS is spoken, where the target's URL asks for it.
    fn tls(&self) -> Option<String> {
        let tls = &self.plan.tls;
        let mock_tls = self.plan.is_for_mock() && self.plan.settings.mock_tls;
        if !(mock_tls || self.plan.target.is_secure()) {
            return None;
        }
        let trust = match (mock_tls, tls.insecure, tls.ca.as_slice()) {
            (_, true, _) => "any certificate accepted".to_owned(),
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
            // A session whose HTTP connection is shared has no TLS session of its own.
            (true, Http::Pooled { .. }) => "no resumption, since HTTP connections are shared",
        };
        let shown = tls.identity.as_ref().map_or(String::new(), |own| format!(", {} shown", own.cert));
        Some(format!("{trust}{shown}; {suites}, {exchange}, {resumption}"))
    }

    /// Returns what differs from real clients: sessions that share their HTTP connections.
    fn http(&self) -> Option<String> {
        let Http::Pooled { connections } = self.plan.http else { return None };
        Some(format!(
            "{} a worker, kept alive and shared by its sessions",
            counted(connections.into(), "connection", "connections")
        ))
    }

    /// Returns where members' values come from, and what they cost.
    fn members(&self) -> Option<String> {
        let (plan, settings) = (self.plan, &self.plan.settings);
        let used = settings.members_used();
        let again = match used < settings.sessions {
            true => format!(
                ", used again by {}",
                counted((settings.sessions - used).into(), "session", "sessions")
            ),
            false => String::new(),
        };
        if plan.members.bytes() == 0 {
            return (!again.is_empty()).then(|| format!("{}{again}", grouped(used.into())));
        }
        let scenario = &plan.scenario;
        let names = scenario.value_names[scenario.takes..].iter().zip(&scenario.columns);
        let names: Vec<&str> = names.filter(|(_, used)| **used).map(|(name, _)| name.as_str()).collect();
        let files: Vec<String> =
            settings.member_files.iter().map(|file| file.display().to_string()).collect();
        Some(format!(
            "{} of {} ({}), {} KiB in memory{again}",
            grouped(used.into()),
            files.join(", "),
            names.join(", "),
            grouped(plan.members.bytes().div_ceil(1024) as u64),
        ))
    }

    fn phases(&self) -> String {
        let settings = &self.plan.settings;
        let rate = per_second(f64::from(self.plan.sessions()), settings.ramp);
        let mut text = format!("ramp {} ({rate:.1}/s)", duration_text(settings.ramp));
        if self.plan.scenario.websocket.is_some() {
            let end = end_text(self.plan.quits());
            let (hold, ramp_down) = (duration_text(settings.hold), duration_text(settings.ramp_down));
            let _ = write!(text, ", hold {hold}, ramp-down {ramp_down} ending by {end}");
        }
        text
    }

    /// A line a stage, then what holds for all of them.
    fn stages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (shape, settings) = (&self.plan.shape, &self.plan.settings);
        let names = shape.stages().iter().map(|stage| stage.name.chars().count()).max().unwrap_or(0);
        let mut before = 0;
        for (k, Stage { name, span, level }) in shape.stages().iter().enumerate() {
            let rate = per_second(f64::from(level.abs_diff(before)), *span);
            let (what, level_text) = (duration_text(*span), grouped((*level).into()));
            let text = match before.cmp(level) {
                Ordering::Equal => format!("hold {level_text} for {what}"),
                Ordering::Less => format!("rise to {level_text} in {what} ({rate:.1}/s)"),
                Ordering::Greater => format!("fall to {level_text} in {what} ({rate:.1}/s)"),
            };
            line(f, if k == 0 { "stages" } else { "" }, &format!("{name:<names$}  {text}"))?;
            before = *level;
        }
        if let Some(lifetime) = &settings.lifetime {
            let rate = shape.replaced_per_s(shape.slots()).unwrap_or(0.0);
            let lives = grouped(self.plan.lives);
            line(
                f,
                "lifetime",
                &format!(
                    "{lifetime}, then another session: {rate:.1}/s at the highest level; {lives} in all"
                ),
            )?;
        }
        self.turnover_lines(f)?;
        line(
            f,
            "ramp-down",
            &format!("{} ending by {}", duration_text(settings.ramp_down), end_text(self.plan.quits())),
        )
    }

    fn turnover_lines(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut texts = self.turnover().into_iter().enumerate();
        texts.try_for_each(|(k, text)| line(f, if k == 0 { "turnover" } else { "" }, &text))
    }

    /// What is cut on purpose, and what that leaves on this machine.
    fn drops(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let drops = &self.plan.settings.drops;
        let texts: Vec<String> = drops.iter().map(ToString::to_string).collect();
        if texts.is_empty() {
            return Ok(());
        }
        line(f, "drop", &texts.join(", "))?;
        let storms = self.plan.storms();
        let (half_open, closed) = (storms.half_open(), storms.closed_within(TIME_WAIT));
        let left = [
            (half_open, "half-open until the end".to_owned()),
            (closed, format!("in TIME_WAIT for {}", duration_text(TIME_WAIT))),
        ];
        let left = left.iter().filter(|(count, _)| *count > 0);
        let left: Vec<String> = left.map(|(count, how)| format!("{} {how}", grouped(*count))).collect();
        match left.is_empty() {
            true => Ok(()),
            false => line(f, "", &format!("sockets that this leaves: at most {}", left.join(", "))),
        }
    }

    /// Returns what those who leave still take of this machine, if any leave by plan.
    fn turnover(&self) -> Vec<String> {
        let Some(turnover) = self.plan.turnover.as_ref().filter(|it| it.ended_within(TIME_WAIT) > 0) else {
            return Vec::new();
        };
        let rest = self.plan.scenario.longest_timer();
        let resting = self.plan.comings().lingering(rest);
        let second = Duration::from_secs(1);
        let (begin, websockets) = (turnover.begun_within(second), turnover.ended_within(TIME_WAIT));
        let http = match (self.plan.scenario.http.is_empty(), self.plan.http) {
            (false, Http::PerSession) => turnover.begun_within(TIME_WAIT),
            _ => 0,
        };
        let http = if http > 0 { format!("{} HTTP and ", grouped(http)) } else { String::new() };
        vec![
            format!("at most {} sessions begin within a second", grouped(begin)),
            format!(
                "rows: {} in use and at most {} at rest, each for {} after its session",
                grouped(self.plan.sessions().into()),
                grouped(resting),
                duration_text(rest)
            ),
            format!(
                "ports: at most {http}{} WebSocket connections close within {}, the time of TIME_WAIT",
                grouped(websockets),
                duration_text(TIME_WAIT)
            ),
        ]
    }

    /// How the load of a search rises, and what that takes.
    fn search(&self, f: &mut fmt::Formatter<'_>, search: Search) -> fmt::Result {
        let settings = &self.plan.settings;
        line(f, "search", &search.text())?;
        let then = match search.reentry {
            true => "after the first step that fails, levels below it are tried",
            false => "it ends with the first step that fails, and a hold after that",
        };
        let needs = format!(
            "{} members, who enter within {}; {then}",
            grouped(search.most.into()),
            duration_text(settings.ramp)
        );
        line(f, "", &needs)?;
        if search.reentry {
            self.turnover_lines(f)?;
        }
        let ramp_down = duration_text(settings.ramp_down);
        line(f, "ramp-down", &format!("{ramp_down} ending by {}", end_text(self.plan.quits())))
    }

    /// Returns which sessions judge the broadcasts, what that takes, and what all of them would.
    fn observers(&self) -> Option<String> {
        let (plan, sessions) = (self.plan, self.plan.people());
        let observers = plan.observers();
        let taken = megabytes(pairs_bytes(observers, sessions));
        if !plan.expects_broadcasts() {
            return None;
        }
        if observers == sessions {
            // Of members who come and go there are more than sessions.
            let all = match sessions == plan.sessions() {
                true => counted(sessions.into(), "session judges its", "sessions judge their"),
                false => format!("{} members judge their", grouped(sessions.into())),
            };
            return Some(format!("{} {all} broadcasts, {taken}", if sessions == 1 { "the" } else { "all" }));
        }
        let part = format!("{} of {} sessions judge", grouped(observers.into()), grouped(sessions.into()));
        let all = pairs_bytes(sessions, sessions);
        let fits = self.memory_bytes.is_some_and(|free| all <= free / PAIRS_PART);
        let proposed =
            if fits { format!("; --observers all takes {}", megabytes(all)) } else { String::new() };
        Some(format!("{part} their broadcasts, {taken}{proposed}"))
    }

    fn heartbeat(&self) -> Option<String> {
        let sessions = f64::from(self.plan.sessions());
        let every = self.plan.scenario.websocket.iter().flat_map(|websocket| &websocket.every);
        let messages: Vec<String> = every
            .filter(|every| every.on)
            .map(|every| {
                let rate = whole(per_second(sessions * every.share, every.interval.mean()));
                let answered = match every.is_heartbeat() {
                    true => format!(", answered within {}", duration_text(every.timeout)),
                    false => String::new(),
                };
                format!("{} every {}{answered} ({rate}/s)", every.name, every.interval)
            })
            .collect();
        (!messages.is_empty()).then(|| messages.join(", "))
    }
}

fn end_text(quits: bool) -> &'static str {
    if quits { "the quit message, which may bar members from re-entering" } else { "close 1000" }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = self.plan;
        line(f, "target", &self.target())?;
        line(f, "scenario", &format!("{} ({})", plan.scenario.name, plan.scenario.step_names().join(" → ")))?;
        // Without a look-up the scenario has no challenge, and its members are numbers that no
        // server knows.
        let members =
            plan.scenario.schedule.as_ref().map(|_| format!(", members {}", plan.settings.roster_of_part()));
        let sessions = format!(
            "{} on {}{}, seed {}",
            grouped(plan.sessions().into()),
            counted(plan.workers as u64, "worker", "workers"),
            members.unwrap_or_default(),
            plan.settings.seed
        );
        line(f, "sessions", &sessions)?;
        if let Some(shard) = plan.settings.shard {
            let all = grouped(plan.settings.sessions.into());
            line(f, "shard", &format!("{shard}, of {all} sessions in all"))?;
        }
        if let Some(start_at) = plan.settings.start_at {
            line(f, "starts at", &start_at.to_string())?;
        }
        if let Some(members) = self.members() {
            line(f, "members", &members)?;
        }
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
        match plan.search().filter(|_| plan.settings.stages.is_empty()) {
            Some(search) => self.search(f, search)?,
            None if plan.is_staged() => self.stages(f)?,
            None => line(f, "phases", &self.phases())?,
        }
        self.drops(f)?;
        if let Some(heartbeat) = self.heartbeat() {
            line(f, "messages", &heartbeat)?;
        }
        if let Some(load) = &self.load {
            for (k, text) in broadcast::lines(load, plan, self.cores()).iter().enumerate() {
                line(f, if k == 0 { "broadcast" } else { "" }, text)?;
            }
        }
        if let Some(observers) = self.observers() {
            line(f, "observers", &observers)?;
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

/// Explains why there are more workers than cores.
fn workers_text(workers: usize, cores: usize) -> Option<String> {
    let more = workers.checked_sub(cores).filter(|more| *more > 0)?;
    let cores = counted(cores as u64, "core", "cores");
    Some(format!(
        "({workers} workers: {cores} and {more} more, at most {WORKERS_MAX}: each has a descriptor limit of its own)"
    ))
}

/// Returns where connections come from, unless the kernel chooses; of many, the first and the last.
fn sources_text(sources: &[IpAddr]) -> Option<String> {
    match sources {
        [] => None,
        [one] => Some(one.to_string()),
        [first, second] => Some(format!("{first} and {second}, in turn")),
        [first, .., last] => Some(format!("{} addresses from {first} to {last}, in turn", sources.len())),
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", grouped(bytes.div_ceil(1_000_000)))
}

/// What may be a mistake in the scenario: what is sent with its braces, and what of forms is not encoded.
pub fn scenario_warnings(plan: &Plan) -> Vec<String> {
    let braces = &plan.scenario.literal_braces;
    let text = (!braces.is_empty()).then(|| {
        format!(
            "{} {} sent as written: no variable, taken value or column of --members has that name. Add it to [variables], \
             or double the braces if they are meant",
            braces.join(" and "),
            if braces.len() == 1 { "is" } else { "are" }
        )
    });
    text.into_iter().chain(plan.scenario.doubts.iter().cloned()).collect()
}

mod broadcast;

#[cfg(test)]
mod tests;
