//! Why a Redis server gave no figure, by kind, and what to do about each.
//!
//! Kinds come from the protocol's error codes and from the operating system, never from sentences.
//! Invariant: no password is in what it says.

use std::io;

use redis::ServerError;

use crate::foreign;
use crate::lang::{Reason, Sentence};
use crate::watch::Unseen;

/// Characters of a server's own words that are kept.
const SAID_CHARS_MAX: usize = 160;

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The kind of it.
    pub kind: Kind,
    /// In the words of the server or of the operating system.
    pub said: String,
}

/// The kinds of it, as far as their fixes differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its name has no address.
    NoAddress,
    /// No connection.
    Unreachable,
    /// No answer in time.
    Silent,
    /// It closed the connection.
    Closed,
    /// What it says is not Redis's protocol.
    NotRedis,
    /// Its certificate, or TLS itself.
    Tls,
    /// It requires a password, and none was given.
    NoPassword,
    /// It refuses the user name or the password.
    WrongPassword,
    /// The user may not do this.
    NotAllowed,
    /// It reads its data from the disk.
    Loading,
    /// A replica without its master.
    MasterDown,
    /// A node of a cluster that has not what was asked for.
    Moved,
    /// It answers its own machine only.
    Protected,
    /// A script keeps it busy.
    Busy,
    /// Any other.
    Other,
}

impl Trouble {
    /// Of this kind, in these words.
    pub(super) fn new(kind: Kind, said: impl AsRef<str>) -> Self {
        Self { kind, said: foreign::line(said.as_ref(), SAID_CHARS_MAX) }
    }

    /// Whether the connection is of no use any more.
    pub(super) fn ends_connection(&self) -> bool {
        matches!(self.kind, Kind::Unreachable | Kind::Silent | Kind::Closed | Kind::NotRedis | Kind::Tls)
    }

    /// Whether a fresh connection may well have no such trouble: the server closed one that it had.
    pub(super) fn is_worth_a_fresh_one(&self) -> bool {
        self.kind == Kind::Closed
    }

    /// As what is not measured: at this place, while this command was made.
    pub(super) fn unseen(&self, place: &str, user: Option<&str>, is_tls: bool) -> Unseen {
        let said = match self.kind {
            Kind::Silent => Reason::NoAnswerInTime.into(),
            Kind::Closed => Reason::ConnectionClosed.into(),
            _ => Sentence::plain(self.said.as_str()),
        };
        Unseen::new(Reason::Place.with(place).with(said), self.fix(user, is_tls))
    }

    /// What to do about it.
    pub fn fix(&self, user: Option<&str>, is_tls: bool) -> Sentence {
        let user = user.unwrap_or("default");
        let fix = match self.kind {
            Kind::NoAddress => Reason::CorrectHost,
            Kind::Unreachable => Reason::CheckReachable,
            Kind::Silent if is_tls => Reason::SeeBusyTls,
            Kind::Silent => Reason::SeeBusy,
            Kind::Closed | Kind::NotRedis if is_tls => Reason::CheckTlsPort,
            Kind::Closed | Kind::NotRedis => Reason::CheckPort,
            Kind::Tls => Reason::TrustCa,
            Kind::NoPassword => Reason::ExportPassword,
            Kind::WrongPassword => return Reason::CorrectPassword.with(format!("{user:?}")),
            Kind::NotAllowed => return Reason::AllowOnServer.with(format!("ACL SETUSER {user} {RIGHTS}")),
            Kind::Loading => Reason::AwaitLoading,
            Kind::MasterDown => Reason::GiveMaster,
            Kind::Moved => Reason::GiveEachNode,
            Kind::Protected => Reason::ListenForOthers,
            Kind::Busy => Reason::KillScript,
            Kind::Other => return Sentence::default(),
        };
        fix.into()
    }
}

/// What a user needs who watches, and no more.
const RIGHTS: &str = "resetchannels &startline:* %R~ws_health:* +ping +info +dbsize +scan +exists +publish +subscribe \
                      +pubsub|numsub +pubsub|channels +slowlog|len +slowlog|get +select";

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        let kind = match error.kind() {
            _ if tls.is_some() => Kind::Tls,
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                return Self::new(Kind::Silent, "no answer in time");
            }
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionAborted => {
                return Self::new(Kind::Closed, "it closed the connection");
            }
            io::ErrorKind::InvalidData => Kind::NotRedis,
            _ => Kind::Unreachable,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<&ServerError> for Trouble {
    fn from(error: &ServerError) -> Self {
        let (code, detail) = (error.code(), error.details().unwrap_or_default());
        let kind = match code {
            "NOAUTH" => Kind::NoPassword,
            "WRONGPASS" => Kind::WrongPassword,
            "NOPERM" => Kind::NotAllowed,
            "LOADING" => Kind::Loading,
            "MASTERDOWN" => Kind::MasterDown,
            "MOVED" | "ASK" | "CLUSTERDOWN" => Kind::Moved,
            "DENIED" => Kind::Protected,
            "BUSY" => Kind::Busy,
            _ => Kind::Other,
        };
        Self::new(kind, format!("{code} {detail}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Trouble {
        match redis::parse_redis_value(line.as_bytes()) {
            Ok(redis::Value::ServerError(error)) => Trouble::from(&error),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_server_s_errors_have_a_kind_and_a_fix() {
        for (line, kind, fix) in [
            ("-NOAUTH Authentication required.\r\n", Kind::NoPassword, "password_env"),
            ("-WRONGPASS invalid username-password pair\r\n", Kind::WrongPassword, "the user \"monitor\""),
            (
                "-NOPERM this user has no permissions\r\n",
                Kind::NotAllowed,
                "ACL SETUSER monitor resetchannels",
            ),
            ("-LOADING Redis is loading the dataset in memory\r\n", Kind::Loading, "wait until"),
            ("-MASTERDOWN Link with MASTER is down\r\n", Kind::MasterDown, "address of the master"),
            ("-MOVED 3999 10.0.0.7:6381\r\n", Kind::Moved, "a node of a cluster"),
            ("-DENIED Redis is running in protected mode\r\n", Kind::Protected, "protected-mode no"),
            ("-BUSY Redis is busy running a script.\r\n", Kind::Busy, "SCRIPT KILL"),
            ("-ERR max number of clients reached\r\n", Kind::Other, ""),
        ] {
            let trouble = of(line);
            assert_eq!(trouble.kind, kind, "{line}");
            let unseen = trouble.unseen("10.0.0.7:6379", Some("monitor"), false);
            assert!(unseen.fix.to_string().contains(fix), "{unseen:?}");
            assert_eq!(unseen.why.to_string(), format!("10.0.0.7:6379: {}", line[1..].trim_end()));
        }
    }

    #[test]
    fn what_the_system_says_has_a_kind_too() {
        let of = |kind: io::ErrorKind| Trouble::from(io::Error::new(kind, "x")).kind;
        assert_eq!(of(io::ErrorKind::ConnectionRefused), Kind::Unreachable);
        assert_eq!(of(io::ErrorKind::WouldBlock), Kind::Silent);
        assert_eq!(of(io::ErrorKind::UnexpectedEof), Kind::Closed);
        assert_eq!(of(io::ErrorKind::InvalidData), Kind::NotRedis);
        let tls = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError);
        assert_eq!(Trouble::from(tls).kind, Kind::Tls);
    }
}
