//! A Redis server, asked itself: times of PINGs and messages, INFO, the slow log, keys, the health of
//! WebSocket servers.
//!
//! [`RedisSource`] is in `look`; what can be asked in `expression`; what goes wrong in [`trouble`].
//! Invariants: it changes nothing on the server, and publishes on a channel of its own alone; a
//! password comes from the environment and is shown nowhere.

use super::place::{self, Result, Secret, Variables};
use crate::scenario::document::Section;

pub mod connection;
mod expression;
mod health;
mod look;
mod probe;
mod slowlog;
pub mod trouble;

pub use look::RedisSource;

/// Keys of its blocks, besides those of every block.
pub(super) const KEYS: [&str; 2] = ["address", "password_env"];
/// Redis's own.
const PORT: u16 = 6379;
/// The variable that has the password for an address that an option gives, as redis-cli reads it.
pub const PASSWORD_VARIABLE: &str = "REDISCLI_AUTH";

/// What a server is there for: the real ones are two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Tickets, participants, heartbeats of WebSocket servers.
    Cache,
    /// Announcements.
    PubSub,
}

/// Where a Redis server is, and how it lets us in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redis {
    /// Where it is.
    pub host: String,
    /// And its port.
    pub port: u16,
    /// Whether it speaks TLS.
    pub is_tls: bool,
    /// The user; the server's default one otherwise.
    pub user: Option<String>,
    /// The user's password, from the environment.
    pub password: Option<Secret>,
    /// The number of the database whose keys are counted.
    pub database: u32,
    /// What it is there for.
    pub role: Role,
}

impl Redis {
    /// The server at an address: `host:port`, or `redis://user@host:port/database`, or the same with
    /// `rediss` for TLS.
    ///
    /// # Errors
    /// What is wrong with it, and what to write.
    pub fn at(address: &str) -> std::result::Result<Self, String> {
        let plain = |(host, port): (String, u16)| Self {
            host,
            port,
            is_tls: false,
            user: None,
            password: None,
            database: 0,
            role: Role::Cache,
        };
        let Some((scheme, rest)) = address.split_once("://") else {
            return place::host_and_port(address, Some(PORT)).map(plain);
        };
        let example = "write it such as rediss://monitor@10.0.0.7:6379";
        if !matches!(scheme, "redis" | "rediss") {
            return Err(format!("it is neither redis:// nor rediss://: {example}"));
        }
        let (rest, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, server) = match rest.rsplit_once('@') {
            // Not repeated: what is wrong may hold a password.
            Some((user, _)) if user.contains(':') => {
                return Err(format!(
                    "it has a password, which does not belong here: export it in a variable, and name that with \
                     password_env (for --redis: {PASSWORD_VARIABLE})"
                ));
            }
            Some((user, server)) => (Some(user), server),
            None => (None, rest),
        };
        let user = user.filter(|user| !user.is_empty()).map(|user| {
            percent_decoded(user).ok_or_else(|| format!("its user name is not valid: {example}"))
        });
        let database = match database {
            "" => 0,
            number => number
                .parse()
                .map_err(|_| format!("what follows the server is not a database's number: {example}"))?,
        };
        let at = place::host_and_port(server, Some(PORT)).map(plain)?;
        Ok(Self { is_tls: scheme == "rediss", user: user.transpose()?, database, ..at })
    }

    /// The server at an address that an option gives, with the password that the environment has.
    ///
    /// # Errors
    /// What is wrong with it, and what to write.
    pub fn of_option(address: &str, variables: Variables<'_>) -> std::result::Result<Self, String> {
        let password = variables(PASSWORD_VARIABLE).filter(|value| !value.is_empty()).map(Secret);
        Self::at(address)?.checked(password)
    }

    /// The same server, there for this.
    pub fn as_role(self, role: Role) -> Self {
        Self { role, ..self }
    }

    /// Reads a block's keys; `None` if it does not say where the server is.
    pub(super) fn from_section(section: &Section<'_>, variables: Variables<'_>) -> Result<Option<Self>> {
        if !section.has("address") {
            return Ok(None);
        }
        let address = section.required_text("address")?;
        let password = place::password(section, variables)?;
        let at = Self::at(address.value).and_then(|at| at.checked(password));
        at.map(Some).map_err(|why| section.error("address", address.span, why))
    }

    fn checked(self, password: Option<Secret>) -> std::result::Result<Self, String> {
        if let Some(user) = self.user.as_deref().filter(|_| password.is_none()) {
            return Err(format!(
                "the user {user:?} needs a password: export it in a variable, and name that with password_env (for \
                 --redis: {PASSWORD_VARIABLE})"
            ));
        }
        Ok(Self { password, ..self })
    }

    /// Where it is, without secrets.
    pub fn place(&self) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let scheme = if self.is_tls { "rediss://" } else { "" };
        let database = if self.database == 0 { String::new() } else { format!("/{}", self.database) };
        format!("{scheme}{host}:{}{database}", self.port)
    }
}

/// Why an expression makes no sense here, and what would.
pub(super) fn check(expression: &str) -> std::result::Result<(), String> {
    expression::Expression::parse(expression).map(drop)
}

/// A user name as URLs have it.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok().filter(|text| !text.chars().any(char::is_control))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hosts_or_urls() {
        let place = |address: &str| Redis::at(address).map(|at| (at.place(), at.user));
        assert_eq!(place("10.0.0.7"), Ok(("10.0.0.7:6379".into(), None)));
        assert_eq!(place("redis://10.0.0.7:7000/2"), Ok(("10.0.0.7:7000/2".into(), None)));
        assert_eq!(place("rediss://me%40x@[::1]"), Ok(("rediss://[::1]:6379".into(), Some("me@x".into()))));
        for (wrong, why) in [
            ("http://x", "neither redis:// nor rediss://"),
            ("redis://x/keys", "not a database's number"),
            ("redis://x:0", "its port is not valid"),
            ("redis://a%zz@x", "its user name is not valid"),
            ("redis://", "names no host"),
        ] {
            let error = place(wrong).expect_err(wrong);
            assert!(error.contains(why), "{wrong}: {error}");
        }
    }

    #[test]
    fn passwords_come_from_the_environment_and_are_not_repeated() {
        let error = Redis::at("redis://me:geheim@x").expect_err("a password");
        assert!(error.contains("password_env") && !error.contains("geheim"), "{error}");
        let variables = |name: &str| (name == PASSWORD_VARIABLE).then(|| "geheim".to_owned());
        let at = Redis::of_option("redis://me@x", &variables).expect("an address");
        assert_eq!(at.password, Some(Secret("geheim".into())));
        assert!(!format!("{at:?} {}", at.place()).contains("geheim"));
        let error = Redis::of_option("redis://me@x", &|_| None).expect_err("no password");
        assert!(error.contains("the user \"me\" needs a password"), "{error}");
    }
}
