//! Is a Redis server quick, and has it room?

use std::time::Duration;

use super::file::Redis;
use crate::preflight::words::{clean, micros, ms, quantile};
use crate::preflight::{Check, Figure, Remedy, Verdict};
use crate::report::numbers::{bytes, percent};

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
    /// INFO's `memory` section, or why there is none.
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

/// What is not looked at since something else was in the way.
pub fn unknown(server: &Redis, why: &str) -> Check {
    Check::unknown(ID, title(server), Figure::words(NEED), why)
}

fn title(server: &Redis) -> String {
    format!("Redis {}", server.name)
}

/// Judges what a server answered, or the reason for no answer.
pub fn check(server: &Redis, asked: &Result<Asked, String>) -> Check {
    let title = title(server);
    let need = Figure::words(NEED);
    let asked = match asked {
        Ok(asked) => asked,
        Err(why) => return unanswered(server, Check::ok(ID, title, Figure::words("no answer"), need), why),
    };
    let mut pings = asked.pings.clone();
    pings.sort_unstable();
    let Some((median, slowest)) = quantile(&pings, 0.5).zip(pings.last().copied()) else {
        return Check::unknown(ID, title, need, "because it was not asked");
    };
    let memory = match &asked.memory {
        Ok(memory) => memory_text(memory),
        Err(_) => "memory unknown".to_owned(),
    };
    let text = format!("PING p50 {}, max {}; {memory}", ms(median), ms(slowest));
    let check = Check::ok(ID, title, micros(median, text), need);
    let (verdicts, (reasons, remedies)): (Vec<Verdict>, (Vec<String>, Vec<Remedy>)) =
        [slow(median, slowest), full(&asked.memory)]
            .into_iter()
            .flatten()
            .map(|(verdict, why, remedy)| (verdict, (why, remedy)))
            .unzip();
    match verdicts.into_iter().max() {
        Some(verdict) => check.but(verdict, reasons.join("; "), remedies),
        None => check,
    }
}

fn unanswered(server: &Redis, check: Check, why: &str) -> Check {
    let Redis { host, port, .. } = server;
    let remedy = if why.contains("NOAUTH") {
        Remedy::advice("it wants a password: export it in a variable, and name that with password_env")
    } else if why.contains("WRONGPASS") || why.contains("authentication failed") {
        Remedy::advice("the password in the variable that password_env names is another one")
    } else {
        Remedy::command("answers PONG if it is there", format!("redis-cli -h {host} -p {port} ping"))
    };
    check.but(Verdict::Fail, format!("{host}:{port}: {}", clean(why)), vec![remedy])
}

type Finding = Option<(Verdict, String, Remedy)>;

fn slow(median: Duration, slowest: Duration) -> Finding {
    let remedy = Remedy::command(
        "on its box, shows what keeps it busy; redis-cli --latency shows how it goes on",
        "redis-cli SLOWLOG GET 10",
    );
    if median > LATENCY_FAIL {
        Some((Verdict::Fail, "half of the PINGs took more than 50 ms, without any load".into(), remedy))
    } else if median >= LATENCY_WARN {
        Some((Verdict::Warn, "half of the PINGs took 10 ms or more, without any load".into(), remedy))
    } else if slowest > LATENCY_FAIL {
        Some((Verdict::Warn, format!("one of the PINGs took {}", ms(slowest)), remedy))
    } else {
        None
    }
}

fn full(memory: &Result<Memory, String>) -> Finding {
    let memory = match memory {
        Ok(memory) => memory,
        Err(why) => {
            let remedy = Remedy::advice("allow this user INFO, to have its memory watched");
            return Some((Verdict::Unknown, format!("its memory is not known: {}", clean(why)), remedy));
        }
    };
    let share = memory.share().filter(|share| *share >= MEMORY_WARN)?;
    let policy = clean(memory.policy.as_deref().unwrap_or("its policy"));
    let remedy = Remedy::advice("delete what earlier tests left, or raise maxmemory");
    Some(match share >= 1.0 {
        true => {
            (Verdict::Fail, format!("its memory is full: {policy} decides what becomes of writes"), remedy)
        }
        false => (
            Verdict::Warn,
            format!("{} of its memory is in use, and {policy} holds beyond", percent(share)),
            remedy,
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
        Redis { name: "cache".into(), host: "10.0.0.7".into(), port: 6379, password: None }
    }

    fn judged(pings_ms: &[u64], memory: Result<Memory, String>) -> Check {
        let pings = pings_ms.iter().copied().map(Duration::from_millis).collect();
        check(&server(), &Ok(Asked { pings, memory }))
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
        assert_eq!(judged(&[60], memory(80, 100)).remedies.len(), 2);
        assert_eq!(judged(&[1], Err("NOPERM".into())).verdict, Verdict::Unknown);
        assert_eq!(judged(&[20], Err("NOPERM".into())).verdict, Verdict::Warn);
        assert!(Memory::read("# Memory\r\nused_memory_human:1K\r\n").is_err());
    }

    #[test]
    fn no_answer_says_what_to_do() {
        let remedy = |why: &str| check(&server(), &Err(why.into())).remedies.remove(0);
        assert!(remedy("NOAUTH: Authentication required.").text.starts_with("it wants a password"));
        assert!(remedy("Password authentication failed").text.starts_with("the password in the variable"));
        assert!(remedy("WRONGPASS invalid username").text.starts_with("the password in the variable"));
        assert_eq!(remedy("refused").command.as_deref(), Some("redis-cli -h 10.0.0.7 -p 6379 ping"));
    }
}
