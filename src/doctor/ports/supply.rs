//! Counts the ports to some destinations, the ports that the plan needs there, and those still in
//! TIME_WAIT from before.
//!
//! Calculates, and judges nothing. Invariant: what waits there from before is compared with the
//! plan second by second, so that a ramp in which it goes by itself is not refused for it.

use std::net::IpAddr;
use std::time::Duration;

use startline_os::system::Fading;
use startline_os::time_wait::TIME_WAIT;
use startline_os::units::{counted, grouped};

use crate::doctor::need::Need;
use crate::doctor::readings::{Found, Readings};
use crate::plan::capacity::closed_within;

/// The ports that an ordinary user may bind.
const WIDEST: (u16, u16) = (1024, 65535);

/// How a longer ramp is looked for: by so much, …
const RAMP_STEP: Duration = Duration::from_secs(5);
/// … this many times.
const RAMP_STEPS: u32 = 120;

/// An address and the port there; without one, any of them.
pub(super) type Destination = (IpAddr, Option<u16>);

/// Ports that there are to some destinations.
pub(super) struct Supply {
    range: (u16, u16),
    reserved: Vec<(u16, u16)>,
    /// Ports of the range that connect() takes.
    pub(super) free: u64,
    /// Pairs of source address and destination that each have them all.
    pub(super) pairs: u64,
    /// Pairs that one more source address makes at most.
    pub(super) per_source: u64,
    destinations: u64,
    /// Source addresses; where none are given, the one of each family that the kernel chooses.
    pub(super) sources: u64,
    /// More of the destinations are of IPv4 than of IPv6, or as many.
    pub(super) is_ipv4: bool,
    /// All destinations are on this machine.
    pub(super) is_local: bool,
    /// What closed connections from before hold of it when the plan needs it; 0 where there is room
    /// for both.
    pub(super) lingering: u64,
}

/// Ports that are asked for at the peak.
#[derive(Clone, Copy)]
pub(super) struct Demand {
    /// By open connections, and by those that were cut.
    pub(super) held: u64,
    /// In TIME_WAIT.
    pub(super) waiting: u64,
    /// WebSockets of sessions that have left: they hold a port each while the servers have not answered
    /// their close, and in TIME_WAIT where the servers leave it to this side to close first.
    pub(super) closing: u64,
}

/// Where connections lead, and what that asks for.
pub(super) struct Side {
    pub(super) supply: Supply,
    pub(super) demand: Demand,
    /// Closed ones from before.
    before: Fading,
}

impl Demand {
    /// All connections of the plan.
    pub(super) fn whole(need: &Need, readings: &Readings) -> Self {
        let span = time_wait_span(need, readings);
        let closing = need.comings().lingering(span.max(need.close_timeout));
        let held = need.connections() + cut(need, readings);
        Self { held, waiting: need.closed_within(span), closing }
    }

    /// The same if all that may be asked for is.
    pub(super) fn at_most(self) -> Self {
        Self { waiting: self.waiting + self.closing, closing: 0, ..self }
    }

    pub(super) fn all(self) -> u64 {
        self.held + self.waiting
    }
}

impl Supply {
    fn of(need: &Need, readings: &Readings, destinations: &[Destination]) -> Result<Self, String> {
        let range = readings.system.port_range.clone()?;
        // Without the file nothing is reserved: kernels before 2.6.34.
        let reserved = readings.system.reserved_ports.clone().unwrap_or_default();
        let free = size(range).saturating_sub(reserved_within(range, &reserved));
        // A family's destinations are reached from its own sources alone.
        let to = by_family(destinations.iter().map(|(address, _)| address));
        let from = match need.sources.as_slice() {
            [] => to.map(|count| count.min(1)),
            sources => by_family(sources.iter()),
        };
        Ok(Self {
            range,
            reserved,
            free,
            pairs: from[0] * to[0] + from[1] * to[1],
            per_source: to[0].max(to[1]).max(1),
            destinations: to[0] + to[1],
            sources: from[0] + from[1],
            is_ipv4: to[0] >= to[1],
            is_local: destinations.iter().all(|(address, _)| readings.is_of_this_machine(*address)),
            lingering: 0,
        })
    }

    pub(super) fn all(&self) -> u64 {
        self.of_each(self.free)
    }

    /// As many as there were if each pair had this many.
    pub(super) fn of_each(&self, ports: u64) -> u64 {
        ports.saturating_mul(self.pairs).saturating_sub(self.lingering)
    }

    /// Ports of this range, reserved ones not among them.
    pub(super) fn free_in(&self, range: (u16, u16)) -> u64 {
        size(range).saturating_sub(reserved_within(range, &self.reserved))
    }

    /// The range opened as far as it is sensible; one that begins lower keeps its beginning.
    pub(super) fn widest(&self) -> (u16, u16) {
        (self.range.0.min(WIDEST.0), WIDEST.1)
    }

    /// The range as it is.
    pub(super) fn range(&self) -> (u16, u16) {
        self.range
    }

    pub(super) fn text(&self, need: &Need) -> String {
        let ((first, last), all) = (self.range, grouped(self.all()));
        let mut range = format!("{first}-{last}");
        let reserved = size(self.range) - self.free;
        if reserved * 10 > size(self.range) {
            range += &format!(", {} of them reserved", grouped(reserved));
        }
        let lingering = match self.lingering {
            0 => String::new(),
            lingering => format!(", less {} in TIME_WAIT from before", grouped(lingering)),
        };
        let sources = need.sources.len().max(1) as u64;
        match (sources, self.destinations) {
            (1, 0 | 1) => format!("{all} ({range}{lingering})"),
            // Of both families: not every source reaches every destination.
            (sources, destinations) if self.pairs != sources * destinations => format!(
                "{all} ({range} × {} and {} of one family{lingering})",
                counted(self.pairs, "pair of a source", "pairs of a source"),
                if need.others.is_empty() { "a target" } else { "a destination" }
            ),
            (sources, destinations) => format!(
                "{all} ({range} × {} × {}{lingering})",
                counted(sources, "source", "sources"),
                match need.others.is_empty() {
                    true => counted(destinations, "target", "targets"),
                    false => counted(destinations, "destination", "destinations"),
                }
            ),
        }
    }
}

impl Side {
    fn of(
        need: &Need,
        readings: &Readings,
        destinations: &[Destination],
        demand: Demand,
    ) -> Result<Self, String> {
        let supply = Supply::of(need, readings, destinations)?;
        let mut side = Self { supply, demand, before: before(need, readings, destinations) };
        let most = side.most_at_once(need, readings, need.ramp, 0);
        // Both count to the second, or to a bucket of a turnover, and so differ where nothing is from before.
        if side.before.after(0) > 0 && most > side.supply.all() {
            side.supply.lingering = most.saturating_sub(demand.all());
        }
        Ok(side)
    }

    /// Ports of the plan's and of before together, at the worst instant of such a ramp that begins
    /// this many seconds from now.
    fn most_at_once(&self, need: &Need, readings: &Readings, ramp: Duration, seconds: u64) -> u64 {
        let span = time_wait_span(need, readings);
        let closed_each = if self.demand.waiting > 0 { need.closed_each() } else { 0 };
        let pooled = self.demand.held.saturating_sub(need.sessions.into());
        // All of a second's arrivals, and what waited at its beginning.
        let at_end_of = |second: u64| {
            let since = Duration::from_secs(second + 1);
            let (open, begun) = match &need.turnover {
                Some(turnover) => turnover.until(since, span),
                None => {
                    let arrived = |within: Duration| closed_within(need.sessions, ramp, within);
                    (arrived(since), arrived(since.min(span)))
                }
            };
            pooled + open + closed_each * begun + self.before.after(seconds + second)
        };
        (0..TIME_WAIT.as_secs()).map(at_end_of).max().unwrap_or(0)
    }

    /// Seconds after which what is left from before is in nobody's way, if that alone is what is.
    pub(super) fn wait(&self, need: &Need, readings: &Readings) -> Option<u64> {
        let room = self.supply.all() + self.supply.lingering;
        let fits = |seconds: &u64| self.most_at_once(need, readings, need.ramp, *seconds) <= room;
        let is_enough = self.supply.lingering > 0 && self.demand.all() <= room;
        (1..=TIME_WAIT.as_secs()).find(fits).filter(|_| is_enough)
    }

    /// A ramp with which this demand's held and waiting ones fit, in whole seconds: the shortest;
    /// beside what is left from before, it is found in steps.
    pub(super) fn longer_ramp(&self, need: &Need, readings: &Readings, demand: Demand) -> Option<Duration> {
        let wait = time_wait_span(need, readings).as_secs();
        let ports = self.supply.all() + self.supply.lingering;
        let room = ports.checked_sub(demand.held).filter(|room| *room > 0)?;
        let alone = Duration::from_secs((u64::from(need.sessions) * wait).div_ceil(room));
        if self.supply.lingering == 0 {
            return (alone > need.ramp).then_some(alone);
        }
        let least = alone.max(Duration::from_secs(need.ramp.as_secs() + 1));
        let mut ramps = (0..RAMP_STEPS).map(|step| least + RAMP_STEP * step);
        ramps.find(|ramp| self.most_at_once(need, readings, *ramp, 0) <= ports)
    }
}

/// The target's side: everything may lead there. The other hosts': WebSockets alone do. And both
/// together.
pub(super) struct Sides {
    pub(super) target: Side,
    others: Option<Side>,
    pub(super) both: Side,
}

impl Sides {
    pub(super) fn of(need: &Need, readings: &Readings) -> Result<Self, String> {
        let whole = Demand::whole(need, readings);
        let destinations = need.destinations();
        let (targets, others) = destinations.split_at(need.targets.len());
        let side = |destinations: &[Destination], demand| Side::of(need, readings, destinations, demand);
        let held = need.websockets() + cut(need, readings);
        let websockets = Demand { held, waiting: 0, ..whole };
        Ok(Self {
            both: side(&destinations, whole)?,
            others: if others.is_empty() { None } else { Some(side(others, websockets)?) },
            target: side(targets, whole)?,
        })
    }

    /// The sides, each of which may get all WebSockets: which URLs the server returns is not known
    /// before.
    pub(super) fn each(&self) -> impl Iterator<Item = (&Side, &'static str)> {
        let others = self.others.iter().map(|side| (side, "to the other hosts"));
        std::iter::once((&self.target, "to the target")).chain(others)
    }
}

/// Closed connections from before from where the plan's come from, to these destinations. Where
/// they cannot be read, none.
fn before(need: &Need, readings: &Readings, destinations: &[Destination]) -> Fading {
    let Ok(time_waits) = &readings.time_waits else { return Fading::default() };
    let leads_there = |ip: IpAddr, port: u16| {
        destinations.iter().any(|(address, any)| *address == ip && any.is_none_or(|only| only == port))
    };
    let comes_from = |from: IpAddr, to: IpAddr| match need.sources.as_slice() {
        [] => readings.trials.routes.iter().any(|route| route.to == to && route.found == Found::From(from)),
        sources => sources.contains(&from),
    };
    time_waits
        .iter()
        .filter(|(from, to, _)| leads_there(to.ip(), to.port()) && comes_from(*from, to.ip()))
        .fold(Fading::default(), |sum, (_, _, fading)| sum.with(fading))
}

/// Ports in TIME_WAIT of WebSockets that `--drop` closed, while their sessions come back on others.
pub(super) fn cut(need: &Need, readings: &Readings) -> u64 {
    need.storms.closed_within(time_wait_span(need, readings))
}

/// How long a port is taken after a connection of the plan's has closed.
pub(super) fn time_wait_span(need: &Need, readings: &Readings) -> Duration {
    readings.system.time_wait(need.is_loopback())
}

fn by_family<'a>(addresses: impl Iterator<Item = &'a IpAddr>) -> [u64; 2] {
    addresses.fold([0, 0], |[v4, v6], address| if address.is_ipv4() { [v4 + 1, v6] } else { [v4, v6 + 1] })
}

/// Ports in a range.
pub(super) fn size(range: (u16, u16)) -> u64 {
    u64::from(range.1).saturating_sub(u64::from(range.0)) + 1
}

/// Ports of a range that are reserved; reserved ranges do not overlap, the kernel keeps them as a
/// set.
fn reserved_within(range: (u16, u16), reserved: &[(u16, u16)]) -> u64 {
    let overlap = |&(first, last): &(u16, u16)| {
        let (first, last) = (first.max(range.0), last.min(range.1));
        if first <= last { size((first, last)) } else { 0 }
    };
    reserved.iter().map(overlap).sum()
}
