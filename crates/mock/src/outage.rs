//! Outages at set times: `serve --outage KIND[=SERVER]@TIME:FOR`.
//!
//! Says what is out when; who is cut and refused for it is the workers' and the API's. Invariant:
//! an outage is over `FOR` after it began, whatever happened in it.

use std::str::FromStr;
use std::time::Duration;

use startline_os::units;

/// What goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Killed: connections are cut without a word, and who was in stays so until the idle check
    /// looks. One server, or everything behind the port, which then refuses connections.
    Dies(Option<u16>),
    /// Taken out of service, as for a new version: sessions are closed with 1001, and who was in
    /// may come back at once. One server, or all.
    Drains(Option<u16>),
    /// The business servers answer 503, and say when to come again.
    Busy,
}

/// An outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// What goes out.
    pub kind: Kind,
    /// When, since the start.
    pub at: Duration,
    /// For how long.
    pub lasts: Duration,
}

/// What `--outage` takes, for help and errors.
pub const KINDS: &str = "dies[=SERVER], drains[=SERVER], busy";

impl Outage {
    /// Whether it goes on at this time since the start.
    pub fn is_on(&self, at: Duration) -> bool {
        self.at <= at && at < self.at + self.lasts
    }

    /// The WebSocket server that it concerns alone, from 0.
    pub fn server(&self) -> Option<u16> {
        match self.kind {
            Kind::Dies(server) | Kind::Drains(server) => server,
            Kind::Busy => None,
        }
    }

    /// Whether nothing answers at all.
    pub fn is_total(&self) -> bool {
        self.kind == Kind::Dies(None)
    }

    /// Whether it takes this WebSocket server out of service.
    pub fn takes_out(&self, server: u16) -> bool {
        self.kind != Kind::Busy && self.server().is_none_or(|own| own == server)
    }

    /// Whole seconds until it is over, at least one.
    pub fn left_s(&self, at: Duration) -> u64 {
        let left = (self.at + self.lasts).saturating_sub(at);
        (left.as_millis().div_ceil(1000) as u64).max(1)
    }
}

impl FromStr for Outage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not KIND@TIME:FOR, such as dies=1@60s:10s; kinds are {KINDS}");
        let (kind, times) = text.split_once('@').ok_or_else(wrong)?;
        let (at, lasts) = times.split_once(':').ok_or_else(wrong)?;
        let (kind, server) = match kind.split_once('=') {
            Some((kind, number)) => {
                let number: u16 = number.parse().map_err(|_| wrong())?;
                (kind, Some(number.checked_sub(1).ok_or("servers are numbered from 1")?))
            }
            None => (kind, None),
        };
        let kind = match kind {
            "dies" => Kind::Dies(server),
            "drains" => Kind::Drains(server),
            "busy" if server.is_none() => Kind::Busy,
            _ => return Err(wrong()),
        };
        let lasts = units::duration(lasts)?;
        if lasts.is_zero() {
            return Err(format!("{text:?}: an outage lasts longer than zero"));
        }
        Ok(Self { kind, at: units::duration(at)?, lasts })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_on_for_its_time() {
        let outage: Outage = "dies=2@60s:10s".parse().unwrap();
        assert_eq!(outage.kind, Kind::Dies(Some(1)));
        let on = |seconds| outage.is_on(Duration::from_secs(seconds));
        assert_eq!([59, 60, 69, 70].map(on), [false, true, true, false]);
        assert!(outage.takes_out(1) && !outage.takes_out(0) && !outage.is_total());
        assert_eq!(outage.left_s(Duration::from_millis(69_500)), 1);
        assert_eq!("busy@5s:3s".parse::<Outage>().unwrap().left_s(Duration::from_millis(5_100)), 3);
        assert!("dies@5s:3s".parse::<Outage>().unwrap().is_total());
        for wrong in ["", "dies", "dies@5s", "dies=0@5s:1s", "busy=1@5s:1s", "naps@5s:1s", "dies@5s:0s"] {
            assert!(wrong.parse::<Outage>().is_err(), "{wrong}");
        }
    }
}
