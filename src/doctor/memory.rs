//! Checks memory: the kernel's for sockets, the client's, the built-in mock server's; and the
//! kernel's own limit for TCP.

use startline_os::units::grouped;

use super::fixes;
use super::need::Need;
use super::readings::{Readings, SOCKET_BYTES_STATED, SocketBytes};
use crate::checks::{Check, Figure, Fix, Verdict};
use crate::measure::observing_bytes;
use crate::plan::{Observers, observers};

/// The client without sessions and workers: resident with two workers, less theirs.
const PROGRAM_BYTES: u64 = 11_000_000;
/// Each of its workers: the slope of resident memory from 2 to 40 of them.
const WORKER_BYTES: u64 = 256 << 10;
/// What is kept of each row's planned life where sessions come and go, beside the session: the slope of
/// resident memory from 505 to 11,000 rows that were used once, less a session's.
const PLANNED_BYTES: u64 = 220;
/// The mock server without members.
const STAND_IN_PROGRAM_BYTES: u64 = 8_500_000;
/// The mock server's memory of a connected member: the slope from 1,000 to 5,000 that hear of each
/// other.
const STAND_IN_BYTES: u64 = 560;
/// … and what rustls keeps for a connection of its side, over wss: the slope from 1,000 to 8,000.
const STAND_IN_TLS_BYTES: u64 = 6_100;
/// The stack of a thread, as the standard library asks for it.
const STACK_BYTES: u64 = 2 << 20;
/// The share of the room that may be taken without a warning.
const SHARE: f64 = 0.8;
/// Where kernel memory for sockets, by the stated figure, takes more of the room than this, it is
/// worth measuring.
const WORTH_MEASURING: f64 = 0.25;

pub(super) fn checks(need: &Need, readings: &Readings) -> Vec<Check> {
    vec![memory(need, readings), tcp_memory(need, readings)]
}

/// Returns whether the cost of a socket may decide the verdict: sockets take, by the stated figure,
/// more than a quarter of the room.
pub(super) fn is_measuring_worthwhile(need: &Need, readings: &Readings) -> bool {
    let kernel = sockets(need, readings) * SOCKET_BYTES_STATED;
    room(readings).is_ok_and(|(room, _)| kernel as f64 > room as f64 * WORTH_MEASURING)
}

/// Sockets open at once on this machine.
fn sockets(need: &Need, readings: &Readings) -> u64 {
    (need.connections() + need.closing()) * if readings.is_target_here(need) { 2 } else { 1 }
}

/// Bytes that can be had, and which limit says so.
fn room(readings: &Readings) -> Result<(u64, &'static str), String> {
    let available = readings.system.memory_available.clone()?;
    Ok(match &readings.system.cgroup {
        Ok(Some(group)) if group.room_bytes < available => (group.room_bytes, " left by the control group"),
        _ => (available, " available"),
    })
}

/// The memory that the plan needs, in bytes.
struct Taken {
    kernel: u64,
    client: u64,
    /// Of the client's, what the ledger of pairs takes, …
    pairs: u64,
    /// … and rows at rest, until no timer of the session before can be armed.
    rest: u64,
    mock: u64,
}

impl Taken {
    fn of(need: &Need, readings: &Readings) -> Self {
        let sessions = u64::from(need.sessions);
        let workers = need.workers as u64 * WORKER_BYTES;
        let tls = |is_tls: bool| if is_tls { STAND_IN_TLS_BYTES } else { 0 };
        let planned = if need.turnover.is_some() { PLANNED_BYTES } else { 0 };
        let (rows, row_bytes) = (need.rows(), need.session_bytes + planned);
        Self {
            kernel: sockets(need, readings) * readings.trials.socket_bytes.bytes(),
            client: PROGRAM_BYTES + workers + rows * row_bytes + need.observers_bytes,
            pairs: need.observers_bytes,
            rest: (rows - sessions) * row_bytes,
            mock: need
                .mock
                .map_or(0, |it| STAND_IN_PROGRAM_BYTES + sessions * (STAND_IN_BYTES + tls(it.tls))),
        }
    }

    fn all(&self) -> u64 {
        self.kernel + self.client + self.mock
    }

    fn text(&self) -> String {
        let mock =
            if self.mock > 0 { format!(", mock server {}", megabytes(self.mock)) } else { String::new() };
        let (all, kernel, client) = (megabytes(self.all()), megabytes(self.kernel), megabytes(self.client));
        let parts = [("pairs of sessions", self.pairs), ("rows at rest", self.rest)];
        let parts = parts.iter().filter(|(_, bytes)| *bytes > 0);
        let parts: Vec<_> = parts.map(|(what, bytes)| format!("{what} {}", megabytes(*bytes))).collect();
        let pairs = if parts.is_empty() { String::new() } else { format!(" ({})", parts.join(", ")) };
        format!("{all}: sockets {kernel}, client {client}{pairs}{mock}")
    }
}

fn memory(need: &Need, readings: &Readings) -> Check {
    let (id, title) = ("memory", "memory");
    let taken = Taken::of(need, readings);
    let per_socket = match &readings.trials.socket_bytes {
        SocketBytes::Measured(bytes) => {
            format!("; a socket takes {} bytes in the kernel, measured here", grouped(*bytes))
        }
        SocketBytes::Stated(why) => format!(
            "; a socket takes {} bytes in the kernel, an estimate ({why})",
            grouped(SOCKET_BYTES_STATED)
        ),
    };
    let figure = Figure::new(taken.all(), "bytes", format!("{}{per_socket}", taken.text()));
    let (room, whose) = match room(readings) {
        Ok(room) => room,
        Err(why) => return Check::unknown(id, title, figure, why),
    };
    let check =
        Check::ok(id, title, Figure::new(room, "bytes", format!("{}{whose}", megabytes(room))), figure);
    let fixes = || {
        let judging = (taken.pairs > taken.all() / 2).then(|| Fix::advice(fewer_observers(need)));
        let others = [fewer(need, readings, room), "add memory, or end programs that use it".to_owned()];
        judging.into_iter().chain(others.map(Fix::advice)).collect()
    };
    if let Some(check) = address_space(need, readings, &taken, &check) {
        return check;
    }
    if taken.all() > room {
        let why = format!("the plan needs {} and {} are left", megabytes(taken.all()), megabytes(room));
        return check.but(Verdict::Refuse, why, fixes());
    }
    if taken.all() as f64 > room as f64 * SHARE {
        let why = "the plan takes more than four fifths of what is left";
        return check.but(Verdict::Warn, why, fixes());
    }
    check
}

/// RLIMIT_AS bounds the address space of each process, the client and the mock server: what they
/// keep and the stacks of their workers. They reserve more than that where they may, and manage
/// without where not.
fn address_space(need: &Need, readings: &Readings, taken: &Taken, check: &Check) -> Option<Check> {
    let limit = readings.trials.address_space_bytes?;
    let stacks = |workers: usize| workers as u64 * STACK_BYTES;
    let of_mock = need.mock.map_or(0, |it| taken.mock + stacks(it.workers));
    let needed = of_mock.max(taken.client + stacks(need.workers));
    if needed <= limit {
        return None;
    }
    let why = format!(
        "a process needs at least {} of address space, and may have {} (ulimit -v)",
        megabytes(needed),
        megabytes(limit)
    );
    let lift = Fix::command(
        "removes the limit in this shell, if the hard limit allows that",
        "ulimit -Sv unlimited",
    );
    Some(check.clone().but(Verdict::Refuse, why, vec![lift]))
}

/// What the default of observers beyond 10,000 sessions takes.
fn fewer_observers(need: &Need) -> String {
    let few = observers::FEW;
    let bytes = observing_bytes(need.sessions, few, need.workers, (need.counts_updates, need.members_return));
    format!("judge fewer sessions' broadcasts: --observers {few} takes {}", megabytes(bytes))
}

/// Sessions that fit into four fifths of the room, to the thousand below. Calculated anew for each
/// number: some parts do not depend on the number, and the ledger of fewer sessions may be the
/// larger one.
fn fewer(need: &Need, readings: &Readings, room: u64) -> String {
    if need.turnover.is_some() {
        return "plan fewer sessions, or let them stay longer (--lifetime), so that fewer rows rest"
            .to_owned();
    }
    let fits = |thousands: &u32| {
        let sessions = thousands * 1000;
        let observers_bytes = match need.observers_bytes {
            0 => 0,
            _ => {
                let observers = Observers::among(need.observers, sessions);
                observing_bytes(sessions, observers, need.workers, (need.counts_updates, need.members_return))
            }
        };
        let fewer = Need { sessions, observers_bytes, ..need.clone() };
        Taken::of(&fewer, readings).all() as f64 <= room as f64 * SHARE
    };
    // None has less than a socket's memory.
    let most = u32::try_from(room / readings.trials.socket_bytes.bytes().max(1) / 1000).unwrap_or(u32::MAX);
    let below = need.sessions.saturating_sub(1) / 1000;
    match (1..=below.min(most)).rev().find(fits) {
        None => "plan fewer sessions".to_owned(),
        Some(thousands) => format!(
            "plan fewer sessions: {} fit into four fifths of it",
            grouped(u64::from(thousands) * 1000)
        ),
    }
}

/// Data on its way is counted in whole pages a socket: a broadcast to everybody is a page each.
fn tcp_memory(need: &Need, readings: &Readings) -> Check {
    let (id, title) = ("tcp-memory", "TCP buffer memory");
    let is_broadcast = need.load.is_some_and(|load| load.entered > 0);
    let pages = if is_broadcast { sockets(need, readings) } else { 0 };
    let bytes = pages.saturating_mul(readings.trials.page_bytes);
    let figure = match pages {
        0 => Figure::new(0, "bytes", "little"),
        _ => Figure::new(bytes, "bytes", format!("{}: a page per socket in a broadcast", megabytes(bytes))),
    };
    let (most, used) = match (&readings.system.tcp_mem_max_pages, &readings.system.tcp_mem_pages) {
        (Ok(most), Ok(used)) => (*most, *used),
        (Err(why), _) | (_, Err(why)) => return Check::unknown(id, title, figure, why.as_str()),
    };
    let free = most.saturating_sub(used).saturating_mul(readings.trials.page_bytes);
    let check = Check::ok(id, title, Figure::new(free, "bytes", format!("{} free", megabytes(free))), figure);
    if bytes <= free {
        return check;
    }
    let needed = used.saturating_add(pages);
    let value = format!("{} {} {needed}", needed / 2, needed / 4 * 3);
    let why = "beyond net.ipv4.tcp_mem the kernel drops incoming packets, which looks like packet loss";
    check.but(Verdict::Warn, why, vec![fixes::sysctl("net.ipv4.tcp_mem", value)])
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", grouped(bytes.div_ceil(1_000_000)))
}
