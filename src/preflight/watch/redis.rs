//! Checks whether a Redis server answers fast and has memory left.

use std::time::Duration;

use crate::checks::{Check, Figure, Fix, Verdict};
use crate::numbers::{bytes, percent};
use crate::preflight::format::{clean, micros, ms, quantile};
use crate::watch::redis::Redis;
use crate::watch::redis::trouble::{Kind, Trouble};

const ID: &str = "watch-redis";
const NEED: &str = "PING under 10 ms, memory under 80 % of maxmemory";
/// Beyond this the guide warns …
const LATENCY_WARN: Duration = Duration::from_millis(10);
/// … and beyond this it calls it dangerous.
const LATENCY_FAIL: Duration = Duration::from_millis(50);
/// Of `maxmemory`, from which there is little room for what a test adds.
const MEMORY_WARN: f64 = 0.8;

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// How long each PING took.
    pub pings: Vec<Duration>,
    /// The `memory` section of INFO, or why it is missing.
    pub memory: Result<Memory, String>,
}

/// Memory, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// In use.
    pub used: u64,
    /// The most that there may be; none is set.
    pub most: Option<u64>,
    /// What happens beyond it.
    pub policy: Option<String>,
}

impl Memory {
    /// Reads the text of `INFO memory`.
    ///
    /// # Errors
    /// It does not say what is in use.
    pub fn read(info: &str) -> Result<Self, String> {
        let field = |name: &str| {
            info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
        };
        let used = field("used_memory").and_then(|text| text.parse().ok());
        Ok(Self {
            used: used.ok_or("INFO memory has no used_memory")?,
            most: field("maxmemory").and_then(|text| text.parse().ok()).filter(|most| *most > 0),
            policy: field("maxmemory_policy").map(String::from),
        })
    }

    fn share(&self) -> Option<f64> {
        Some(self.used as f64 / self.most? as f64)
    }
}

/// The check, if it was not made.
pub fn skipped(name: &str, cause: &str) -> Check {
    Check::skipped(ID, title(name), Figure::words(NEED), cause)
}

fn title(name: &str) -> String {
    format!("Redis {name}")
}

/// Judges what a server answered, or the reason for no answer.
pub fn check(name: &str, server: &Redis, asked: &Result<Asked, Trouble>) -> Check {
    let title = title(name);
    let need = Figure::words(NEED);
    let asked = match asked {
        Ok(asked) => asked,
        Err(why) => return unanswered(server, Check::ok(ID, title, Figure::words("no answer"), need), why),
    };
    let mut pings = asked.pings.clone();
    pings.sort_unstable();
    let Some((median, slowest)) = quantile(&pings, 0.5).zip(pings.last().copied()) else {
        return Check::unknown(ID, title, need, "no PING was sent");
    };
    let memory = match &asked.memory {
        Ok(memory) => memory_text(memory),
        Err(_) => "memory unknown".to_owned(),
    };
    let text = format!("PING p50 {}, max {}; {memory}", ms(median), ms(slowest));
    let check = Check::ok(ID, title, micros(median, text), need);
    let (verdicts, (reasons, fixes)): (Vec<Verdict>, (Vec<String>, Vec<Fix>)) =
        [slow(median, slowest), full(&asked.memory)]
            .into_iter()
            .flatten()
            .map(|(verdict, why, fix)| (verdict, (why, fix)))
            .unzip();
    match verdicts.into_iter().max() {
        Some(verdict) => check.but(verdict, reasons.join("; "), fixes),
        None => check,
    }
}

fn unanswered(server: &Redis, check: Check, why: &Trouble) -> Check {
    let Redis { host, port, .. } = server;
    let fix = match why.kind {
        Kind::Unreachable | Kind::Silent | Kind::Other => {
            Fix::command("answers PONG if the server is up", format!("redis-cli -h {host} -p {port} ping"))
        }
        _ => Fix::advice(why.fix(server.user.as_deref(), server.is_tls).to_string()),
    };
    check.but(Verdict::Fail, format!("{}: {}", server.place(), clean(&why.said)), vec![fix])
}

type Finding = Option<(Verdict, String, Fix)>;

fn slow(median: Duration, slowest: Duration) -> Finding {
    let fix = Fix::command(
        "on its machine, shows what keeps it busy; redis-cli --latency measures on",
        "redis-cli SLOWLOG GET 10",
    );
    if median > LATENCY_FAIL {
        Some((Verdict::Fail, "half of the PINGs took more than 50 ms, without any load".into(), fix))
    } else if median >= LATENCY_WARN {
        Some((Verdict::Warn, "half of the PINGs took 10 ms or more, without any load".into(), fix))
    } else if slowest > LATENCY_FAIL {
        Some((Verdict::Warn, format!("one of the PINGs took {}", ms(slowest)), fix))
    } else {
        None
    }
}

fn full(memory: &Result<Memory, String>) -> Finding {
    let memory = match memory {
        Ok(memory) => memory,
        Err(why) => {
            let fix = Fix::advice("allow this user INFO, so that preflight can read the memory");
            return Some((Verdict::Unknown, format!("its memory is unknown: {}", clean(why)), fix));
        }
    };
    let share = memory.share().filter(|share| *share >= MEMORY_WARN)?;
    let policy = clean(memory.policy.as_deref().unwrap_or("its policy"));
    let fix = Fix::advice("delete the keys of earlier tests, or raise maxmemory");
    Some(match share >= 1.0 {
        true => (Verdict::Fail, format!("its memory is full: {policy} decides about writes"), fix),
        false => (
            Verdict::Warn,
            format!("{} of its memory is in use, and {policy} holds beyond", percent(share)),
            fix,
        ),
    })
}

fn memory_text(memory: &Memory) -> String {
    let used = bytes(memory.used);
    match memory.most {
        Some(most) => format!("{used} of {}", bytes(most)),
        None => format!("{used}, no maxmemory"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Redis {
        Redis::at("10.0.0.7").expect("an address")
    }

    fn judged(pings_ms: &[u64], memory: Result<Memory, String>) -> Check {
        let pings = pings_ms.iter().copied().map(Duration::from_millis).collect();
        check("cache", &server(), &Ok(Asked { pings, memory }))
    }

    fn memory(used: u64, most: u64) -> Result<Memory, String> {
        Memory::read(&format!(
            "# Memory\r\nused_memory:{used}\r\nused_memory_human:1K\r\nmaxmemory:{most}\r\nmaxmemory_policy:noeviction\r\n"
        ))
    }

    #[test]
    fn latency_is_held_against_the_guide_s_limits() {
        for (pings, verdict) in [
            (&[1, 2, 9][..], Verdict::Ok),
            (&[9, 10, 11], Verdict::Warn),
            (&[50, 50, 50], Verdict::Warn),
            (&[51, 51, 51], Verdict::Fail),
            (&[1, 1, 51], Verdict::Warn),
        ] {
            assert_eq!(judged(pings, memory(1, 0)).verdict, verdict, "{pings:?}");
        }
    }

    #[test]
    fn memory_is_held_against_its_most() {
        let fine = judged(&[1], memory(79, 100));
        assert_eq!(
            (fine.verdict, fine.reading.text.as_str()),
            (Verdict::Ok, "PING p50 1.00 ms, max 1.00 ms; 79 B of 100 B")
        );
        assert!(judged(&[1], memory(5_000, 0)).reading.text.ends_with("5.00 kB, no maxmemory"));
        let close = judged(&[1], memory(80, 100));
        assert_eq!(close.why.as_deref(), Some("80 % of its memory is in use, and noeviction holds beyond"));
        assert_eq!(judged(&[1], memory(100, 100)).verdict, Verdict::Fail);
        assert_eq!(judged(&[60], memory(80, 100)).fixes.len(), 2);
        assert_eq!(judged(&[1], Err("NOPERM".into())).verdict, Verdict::Unknown);
        assert_eq!(judged(&[20], Err("NOPERM".into())).verdict, Verdict::Warn);
        assert!(Memory::read("# Memory\r\nused_memory_human:1K\r\n").is_err());
    }

    #[test]
    fn no_answer_says_what_to_do() {
        let fix = |kind| {
            let why = Trouble { kind, said: "refused".into() };
            check("cache", &server(), &Err(why)).fixes.remove(0)
        };
        assert!(fix(Kind::NoPassword).text.contains("password_env"));
        assert!(fix(Kind::WrongPassword).text.starts_with("the server refused the password"));
        let other = fix(Kind::Unreachable);
        assert_eq!(other.command.as_deref(), Some("redis-cli -h 10.0.0.7 -p 6379 ping"));
    }
}
