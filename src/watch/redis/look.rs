//! One look at a Redis server: the commands that the figures asked for need, and no more.
//!
//! Never KEYS: what counts keys scans, within a budget. Invariant: every command of a look ends by
//! its deadline; one that is refused costs its own figure and no other.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use redis::{Cmd, Value};
use rustls::ClientConfig;

use super::connection::Connection;
use super::expression::Expression;
use super::health::{self, Health};
use super::probe::{Probe, What};
use super::slowlog::Slowlog;
use super::trouble::{Kind, Trouble};
use super::{Redis, Role};
use crate::lang::Reason;
use crate::numbers::grouped;
use crate::watch::{Event, EventKind, Reading, Source, Unseen};

/// How long a scan may take: it keeps a server of a million keys busy in steps of a millisecond.
const SCAN_WITHIN: Duration = Duration::from_millis(1_500);
/// The same for servers that are new.
const DISCOVER_WITHIN: Duration = Duration::from_millis(200);
/// How often that is done: looks may come five times a second. Known servers are asked for at each.
const DISCOVER_EVERY: Duration = Duration::from_secs(5);
/// What is left of a look for times, if the server does not answer.
const FOR_TIMES: Duration = Duration::from_millis(200);
/// Keys that a step of a scan looks at.
const SCAN_STEP: u32 = 1_000;
/// Keys that are told apart.
const KEYS_MAX: usize = 2_000_000;
/// Channels whose subscribers are added up.
const CHANNELS_MAX: usize = 10_000;

type Result<T> = std::result::Result<T, Trouble>;

/// A Redis server that is watched.
pub struct RedisSource {
    at: Redis,
    place: String,
    tls: Option<Arc<ClientConfig>>,
    connection: Option<Connection>,
    probe: Probe,
    health: Health,
    slowlog: Slowlog,
    /// When servers that are new were last looked for.
    discovered: Option<Instant>,
    /// When each figure of times was last read: they are of the times since.
    read: HashMap<String, Instant>,
    /// The server process, as it names itself.
    run_id: Option<String>,
    is_up: Option<bool>,
}

/// What a look has learnt.
#[derive(Default)]
struct Seen {
    info: Option<Result<String>>,
    health: Option<Result<()>>,
    events: Vec<Event>,
}

impl RedisSource {
    /// A server. `tls` is for one that speaks it.
    pub fn new(at: &Redis, tls: Option<Arc<ClientConfig>>) -> Self {
        Self {
            at: at.clone(),
            place: at.place(),
            tls,
            connection: None,
            probe: Probe::default(),
            health: Health::default(),
            slowlog: Slowlog::default(),
            discovered: None,
            read: HashMap::new(),
            run_id: None,
            is_up: None,
        }
    }

    fn ask(&mut self, command: &Cmd, deadline: Instant) -> Result<Value> {
        let had_one = self.connection.is_some();
        let mut answer = self.ask_once(command, deadline);
        // The server may have closed an idle one, or started anew.
        if had_one && answer.as_ref().is_err_and(|trouble| trouble.is_worth_a_fresh_one()) {
            answer = self.ask_once(command, deadline);
        }
        answer
    }

    fn ask_once(&mut self, command: &Cmd, deadline: Instant) -> Result<Value> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(&self.at, self.tls.as_ref(), deadline)?,
        };
        let answer = connection.ask(command, deadline);
        if !answer.as_ref().is_err_and(Trouble::ends_connection) {
            self.connection = Some(connection);
        }
        answer
    }

    fn figure(&mut self, text: &str, seen: &mut Seen, deadline: Instant) -> std::result::Result<f64, Unseen> {
        let expression = Expression::parse(text).map_err(|why| Unseen::new(why, ""))?;
        let unseen =
            |it: &Self, trouble: Trouble| trouble.unseen(&it.place, it.at.user.as_deref(), it.at.is_tls);
        let figure = match &expression {
            Expression::Ping(of) => self.times(text, What::Ping, deadline).map(|mut it| of.figure(&mut it)),
            Expression::RoundTrip(of) => {
                self.times(text, What::RoundTrip, deadline).map(|mut it| of.figure(&mut it))
            }
            Expression::Numsub(channel) => self.subscribers(channel, deadline).map(Some),
            Expression::Info(field) => {
                let info = self.info(seen, deadline).map_err(|trouble| unseen(self, trouble))?;
                return number(info, field);
            }
            Expression::InfoPercent(field, most) => {
                let info = self.info(seen, deadline).map_err(|trouble| unseen(self, trouble))?;
                return percent(info, field, most);
            }
            Expression::SlowlogLength => self.integer(redis::cmd("SLOWLOG").arg("LEN"), deadline).map(Some),
            Expression::SlowlogNew => self.slow_entries(seen, deadline).map(Some),
            Expression::Dbsize => self.integer(&redis::cmd("DBSIZE"), deadline).map(Some),
            Expression::Keys(pattern) => {
                let scanned =
                    self.scan(pattern, deadline, SCAN_WITHIN).map_err(|trouble| unseen(self, trouble))?;
                return scanned.whole(pattern);
            }
            Expression::HealthUp | Expression::HealthDown => match seen.health.clone() {
                Some(Err(trouble)) => Err(trouble),
                _ => Ok(Some(self.health.count(expression == Expression::HealthUp) as f64)),
            },
        };
        match figure {
            Ok(figure) => figure.ok_or_else(|| Unseen::early(Reason::NoReading)),
            Err(trouble) => Err(unseen(self, trouble)),
        }
    }

    fn times(&mut self, text: &str, what: What, deadline: Instant) -> Result<Vec<f64>> {
        let since = self.read.get(text).copied();
        let (times, last) = self.probe.since((&self.at, self.tls.as_ref()), what, since, deadline)?;
        self.read.insert(text.to_owned(), last);
        Ok(times)
    }

    fn integer(&mut self, command: &Cmd, deadline: Instant) -> Result<f64> {
        match self.ask(command, deadline)? {
            Value::Int(number) => Ok(number as f64),
            other => Err(unexpected(&other)),
        }
    }

    fn info<'s>(&mut self, seen: &'s mut Seen, deadline: Instant) -> Result<&'s str> {
        let info = match seen.info.take() {
            Some(info) => info,
            None => self.ask(&redis::cmd("INFO"), deadline).and_then(|value| text(&value)),
        };
        seen.info.insert(info).as_deref().map_err(Clone::clone)
    }

    /// Subscribers of a channel; a pattern is of all channels that have any.
    fn subscribers(&mut self, channel: &str, deadline: Instant) -> Result<f64> {
        let mut numsub = redis::cmd("PUBSUB");
        numsub.arg("NUMSUB");
        if channel.contains(['*', '?', '[']) {
            let channels = self.ask(redis::cmd("PUBSUB").arg("CHANNELS").arg(channel), deadline)?;
            let Value::Array(channels) = channels else { return Err(unexpected(&channels)) };
            if channels.is_empty() {
                return Ok(0.0);
            }
            for channel in channels.iter().take(CHANNELS_MAX) {
                numsub.arg(bytes(channel)?);
            }
        } else {
            numsub.arg(channel);
        }
        let answer = self.ask(&numsub, deadline)?;
        let Value::Array(pairs) = &answer else { return Err(unexpected(&answer)) };
        let counts =
            pairs.iter().filter_map(|it| if let Value::Int(count) = it { Some(*count) } else { None });
        Ok(counts.sum::<i64>() as f64)
    }

    fn slow_entries(&mut self, seen: &mut Seen, deadline: Instant) -> Result<f64> {
        let answer = self.ask(redis::cmd("SLOWLOG").arg("GET").arg(super::slowlog::ENTRIES_MAX), deadline)?;
        let Value::Array(entries) = &answer else { return Err(unexpected(&answer)) };
        Ok(self.slowlog.read(entries, &self.place, &mut seen.events) as f64)
    }

    fn scan(&mut self, pattern: &str, deadline: Instant, within: Duration) -> Result<Scanned> {
        let until = deadline.min(Instant::now() + within);
        let (hasher, mut found, mut cursor) = (RandomState::new(), HashSet::new(), Vec::from(*b"0"));
        let mut keys = Vec::new();
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(&cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(SCAN_STEP);
            let answer = self.ask(&scan, deadline)?;
            let Value::Array(parts) = &answer else { return Err(unexpected(&answer)) };
            let [next, Value::Array(batch)] = parts.as_slice() else { return Err(unexpected(&answer)) };
            cursor = bytes(next)?.to_vec();
            for key in batch {
                let key = bytes(key)?;
                // A scan may give a key twice.
                if found.insert(hasher.hash_one(key)) && keys.len() < super::slowlog::ENTRIES_MAX * 10 {
                    keys.push(String::from_utf8_lossy(key).into_owned());
                }
            }
            let is_whole = cursor == b"0";
            if is_whole || Instant::now() >= until || found.len() >= KEYS_MAX {
                return Ok(Scanned { count: found.len(), keys, is_whole });
            }
        }
    }

    fn look_at_health(&mut self, events: &mut Vec<Event>, deadline: Instant) -> Result<()> {
        let is_due = self.discovered.is_none_or(|at| at.elapsed() >= DISCOVER_EVERY);
        let scanned = if is_due {
            let pattern = format!("{}*", health::PREFIX);
            let scanned = self.scan(&pattern, deadline, DISCOVER_WITHIN)?;
            self.discovered = Some(Instant::now());
            scanned
        } else {
            Scanned { count: 0, keys: Vec::new(), is_whole: false }
        };
        let at = Timestamp::now();
        let known: Vec<String> = self.health.keys().map(String::from).collect();
        for key in known.into_iter().filter(|key| !scanned.keys.contains(key)) {
            let is_there = match scanned.is_whole {
                true => false,
                false => self.integer(redis::cmd("EXISTS").arg(&key), deadline)? > 0.0,
            };
            self.health.see(&key, is_there, at, events);
        }
        for key in &scanned.keys {
            self.health.see(key, true, at, events);
        }
        Ok(())
    }

    /// The server itself: whether it answers, and whether it is the same process.
    fn look_at_server(&mut self, seen: &mut Seen, deadline: Instant) -> Option<Trouble> {
        let (kind, evidence) = match self.info(seen, deadline) {
            Ok(info) => {
                let run_id = field(info, "run_id").map(String::from);
                let before = std::mem::replace(&mut self.run_id, run_id.clone());
                let is_other = before.is_some() && run_id.is_some() && before != run_id;
                let was_down = self.is_up.replace(true) == Some(false);
                if is_other {
                    (EventKind::Restarted, "its run_id has changed: another process".to_owned())
                } else if was_down {
                    (EventKind::Up, "it answers again".to_owned())
                } else {
                    return None;
                }
            }
            // It answers, though not this.
            Err(trouble) if !(trouble.ends_connection() || trouble.kind == Kind::NoAddress) => {
                self.is_up = Some(true);
                return Some(trouble).filter(|it| it.kind != Kind::NotAllowed);
            }
            Err(trouble) => {
                if self.is_up.replace(false) == Some(true) {
                    let event = (EventKind::Down, trouble.said.clone());
                    self.happened(event, seen);
                }
                return Some(trouble);
            }
        };
        self.happened((kind, evidence), seen);
        None
    }

    fn happened(&self, (kind, evidence): (EventKind, String), seen: &mut Seen) {
        seen.events.push(Event { at: Timestamp::now(), kind, subject: self.place.clone(), evidence });
    }
}

impl Source for RedisSource {
    fn look(&mut self, expressions: &[&str], deadline: Instant) -> Reading {
        let mut seen = Seen::default();
        if let Some(trouble) = self.look_at_server(&mut seen, deadline - FOR_TIMES) {
            let why = trouble.unseen(&self.place, self.at.user.as_deref(), self.at.is_tls);
            let mut reading = Reading::unseen(expressions, &why);
            // How long a server has not answered is known, and is a figure.
            for (text, value) in expressions.iter().zip(&mut reading.values).filter(|(text, _)| is_time(text))
            {
                if trouble.kind == Kind::Silent && self.read.contains_key(*text) {
                    *value = self.figure(text, &mut seen, deadline);
                }
            }
            return Reading { events: seen.events, ..reading };
        }
        let mut events = std::mem::take(&mut seen.events);
        if self.at.role == Role::Cache {
            seen.health = Some(self.look_at_health(&mut events, deadline));
        }
        seen.events = events;
        // Times last: they may have to be waited for.
        let mut order: Vec<usize> = (0..expressions.len()).collect();
        order.sort_by_key(|index| is_time(expressions[*index]));
        let mut values = vec![Err(Unseen::early(Reason::NoReading)); expressions.len()];
        for index in order {
            values[index] = self.figure(expressions[index], &mut seen, deadline);
        }
        Reading { values, events: seen.events }
    }
}

fn is_time(text: &str) -> bool {
    matches!(Expression::parse(text), Ok(Expression::Ping(_) | Expression::RoundTrip(_)))
}

/// What a scan found.
struct Scanned {
    count: usize,
    /// The first of them.
    keys: Vec<String>,
    is_whole: bool,
}

impl Scanned {
    fn whole(&self, pattern: &str) -> std::result::Result<f64, Unseen> {
        if self.is_whole {
            return Ok(self.count as f64);
        }
        let (least, within) = (grouped(self.count as u64), SCAN_WITHIN.as_secs_f64());
        Err(Unseen::new(
            Reason::ScanEnded.with(least).with(pattern).with(within.to_string()),
            Reason::WatchDbsize,
        ))
    }
}

fn unexpected(value: &Value) -> Trouble {
    Trouble::new(Kind::NotRedis, format!("an unexpected answer: {value:?}"))
}

fn bytes(value: &Value) -> Result<&[u8]> {
    match value {
        Value::BulkString(bytes) => Ok(bytes),
        other => Err(unexpected(other)),
    }
}

fn text(value: &Value) -> Result<String> {
    bytes(value).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// A field of INFO.
fn field<'i>(info: &'i str, name: &str) -> Option<&'i str> {
    info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

fn number(info: &str, name: &str) -> std::result::Result<f64, Unseen> {
    let text = field(info, name).ok_or_else(|| Unseen::new(Reason::InfoLacks.with(name), Reason::SeeInfo))?;
    let parsed = text.trim_end_matches('%').parse::<f64>().ok().filter(|it| it.is_finite());
    parsed.ok_or_else(|| Unseen::new(Reason::InfoNoNumber.with(name), ""))
}

fn percent(info: &str, name: &str, most: &str) -> std::result::Result<f64, Unseen> {
    let (used, maximum) = (number(info, name)?, number(info, most)?);
    if maximum <= 0.0 {
        return Err(Unseen::new(Reason::NoMaximum.with(most), Reason::SetMaximum.with(most)));
    }
    Ok(used / maximum * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &str = "# Memory\r\nused_memory:80\r\nused_memory_human:1K\r\nmaxmemory:0\r\n\
                        # Clients\r\nconnected_clients:25\r\nmaxclients:100\r\nused_memory_peak_perc:93.5%\r\n";

    #[test]
    fn fields_of_info_are_numbers_or_said_not_to_be() {
        assert_eq!(number(INFO, "used_memory"), Ok(80.0));
        assert_eq!(number(INFO, "used_memory_peak_perc"), Ok(93.5));
        assert_eq!(
            number(INFO, "used_memory_human").expect_err("text").why.to_string(),
            "INFO's used_memory_human is not a number"
        );
        assert_eq!(number(INFO, "used").expect_err("missing").why.to_string(), "INFO has no used");
        assert_eq!(percent(INFO, "connected_clients", "maxclients"), Ok(25.0));
        assert_eq!(
            percent(INFO, "used_memory", "maxmemory").expect_err("none").why.to_string(),
            "there is no maxmemory"
        );
    }

    #[test]
    fn a_count_that_is_not_whole_is_a_least_count_and_no_figure() {
        let of = |is_whole| Scanned { count: 12_345, keys: Vec::new(), is_whole }.whole("a:*");
        assert_eq!(of(true), Ok(12_345.0));
        let why = of(false).expect_err("not whole").why.to_string();
        assert!(why.starts_with("at least 12,345 keys match a:*"), "{why}");
    }
}
