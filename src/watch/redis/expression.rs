//! What can be read from a Redis server, by name.
//!
//! Pure text. Invariant: what parses can be read, or the server says why not.

use crate::nearest;

/// One figure of a Redis server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    /// How long PINGs took.
    Ping(Of),
    /// How long messages took to a channel of ours and back.
    RoundTrip(Of),
    /// Subscribers of a channel, or of all channels that match.
    Numsub(String),
    /// A field of INFO.
    Info(String),
    /// The first of two fields, in percent of the second.
    InfoPercent(&'static str, &'static str),
    /// Entries of the slow log.
    SlowlogLength,
    /// Entries that came since the first look.
    SlowlogNew,
    /// Keys of the database.
    Dbsize,
    /// Keys that match.
    Keys(String),
    /// `ws_health:*` keys that are there.
    HealthUp,
    /// Those that were there and are gone.
    HealthDown,
}

/// Which of several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Quantile(u8),
    Max,
    Mean,
}

const TIMES: [(&str, Of); 6] = [
    ("p50_ms", Of::Quantile(50)),
    ("p90_ms", Of::Quantile(90)),
    ("p95_ms", Of::Quantile(95)),
    ("p99_ms", Of::Quantile(99)),
    ("max_ms", Of::Max),
    ("mean_ms", Of::Mean),
];

/// Fields with the field that has their maximum.
const SHARES: [(&str, &str); 2] = [("connected_clients", "maxclients"), ("used_memory", "maxmemory")];

/// Names that are valid, for errors and help.
const NAMES: [&str; 12] = [
    "ping.p95_ms",
    "pubsub.round_trip.p95_ms",
    "pubsub.numsub(CHANNEL)",
    "info.used_memory",
    "info.used_memory.percent",
    "info.connected_clients.percent",
    "slowlog.length",
    "slowlog.new",
    "dbsize",
    "keys(PATTERN)",
    "ws_health.up",
    "ws_health.down",
];

impl Expression {
    /// Reads its name.
    ///
    /// # Errors
    /// What would be valid.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let times = |name: &str| {
            let found = TIMES.iter().find(|(known, _)| *known == name).map(|(_, of)| *of);
            found.ok_or_else(|| {
                let known = TIMES.map(|(known, _)| known);
                format!("{name:?} is not a way to sum up times{}", nearest::hint(name, &known))
            })
        };
        if let Some(argument) = call(text, "pubsub.numsub")? {
            return Ok(Self::Numsub(argument));
        }
        if let Some(argument) = call(text, "keys")? {
            return Ok(Self::Keys(argument));
        }
        if let Some(of) = text.strip_prefix("ping.") {
            return times(of).map(Self::Ping);
        }
        if let Some(of) = text.strip_prefix("pubsub.round_trip.") {
            return times(of).map(Self::RoundTrip);
        }
        if let Some(field) = text.strip_prefix("info.") {
            return info(field);
        }
        match text {
            "slowlog.length" => Ok(Self::SlowlogLength),
            "slowlog.new" => Ok(Self::SlowlogNew),
            "dbsize" => Ok(Self::Dbsize),
            "ws_health.up" => Ok(Self::HealthUp),
            "ws_health.down" => Ok(Self::HealthDown),
            _ => Err(format!("a Redis server has no {text:?}{}", nearest::hint(text, &NAMES))),
        }
    }
}

/// The argument of `name(ARGUMENT)`; `None` if it is another expression.
fn call(text: &str, name: &str) -> Result<Option<String>, String> {
    let Some(rest) = text.strip_prefix(name) else { return Ok(None) };
    let argument = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).map(str::trim);
    match argument {
        Some(argument) if !argument.is_empty() => Ok(Some(argument.to_owned())),
        _ => Err(format!("write {name}(…) with a name or a pattern: {name}(challenge:*)")),
    }
}

fn info(field: &str) -> Result<Expression, String> {
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if let Some(of) = field.strip_suffix(".percent") {
        let found = SHARES.iter().find(|(known, _)| *known == of);
        return found.map(|(field, most)| Expression::InfoPercent(field, most)).ok_or_else(|| {
            format!("{of} has no maximum{}", nearest::hint(of, &SHARES.map(|(known, _)| known)))
        });
    }
    if !is_name(field) {
        return Err(format!("{field:?} is not the name of a field of INFO: write info.used_memory"));
    }
    Ok(Expression::Info(field.to_owned()))
}

impl Of {
    /// The figure of these times, in milliseconds; `None` if there are none.
    pub(super) fn figure(self, times_ms: &mut [f64]) -> Option<f64> {
        times_ms.sort_unstable_by(f64::total_cmp);
        let last = times_ms.last().copied()?;
        Some(match self {
            Self::Max => last,
            Self::Mean => times_ms.iter().sum::<f64>() / times_ms.len() as f64,
            Self::Quantile(percent) => {
                let rank = (times_ms.len() * usize::from(percent)).div_ceil(100).max(1);
                times_ms[rank - 1]
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read_by_name() {
        for (text, expression) in [
            ("ping.p95_ms", Expression::Ping(Of::Quantile(95))),
            (" pubsub.round_trip.max_ms ", Expression::RoundTrip(Of::Max)),
            ("pubsub.numsub(challenge:enter)", Expression::Numsub("challenge:enter".into())),
            ("info.evicted_keys", Expression::Info("evicted_keys".into())),
            ("info.connected_clients.percent", Expression::InfoPercent("connected_clients", "maxclients")),
            ("keys( ws_ticket:* )", Expression::Keys("ws_ticket:*".into())),
            ("slowlog.new", Expression::SlowlogNew),
            ("ws_health.down", Expression::HealthDown),
        ] {
            assert_eq!(Expression::parse(text), Ok(expression), "{text}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_what_does() {
        for (text, why) in [
            ("ping", "valid: ping.p95_ms, "),
            ("ping.p95", "valid: p50_ms, "),
            ("dbsiez", "did you mean \"dbsize\"?"),
            ("keys", "write keys(…)"),
            ("keys()", "write keys(…)"),
            ("pubsub.numsub(a", "write pubsub.numsub(…)"),
            ("info.", "is not the name of a field"),
            ("info.used memory", "is not the name of a field"),
            ("info.uptime_in_seconds.percent", "has no maximum; valid: connected_clients, used_memory"),
        ] {
            let error = Expression::parse(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
    }

    #[test]
    fn figures_are_of_times_that_were_there() {
        let mut times: Vec<f64> = (1..=20).rev().map(f64::from).collect();
        let figures = [Of::Quantile(50), Of::Quantile(95), Of::Quantile(99), Of::Max, Of::Mean]
            .map(|of| of.figure(&mut times));
        assert_eq!(figures, [Some(10.0), Some(19.0), Some(20.0), Some(20.0), Some(10.5)]);
        assert_eq!(Of::Max.figure(&mut []), None);
        assert_eq!(Of::Quantile(50).figure(&mut [7.0]), Some(7.0));
    }
}
