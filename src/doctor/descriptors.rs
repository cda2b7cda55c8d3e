//! Checks the limits of descriptors: of one table, of any table, of this machine.
//!
//! RLIMIT_NOFILE bounds a table. Workers that have one each share the sessions out among their
//! tables; the kernel shares the mock server's connections out among its listeners, not evenly.

use startline_os::system::Raising;
use startline_os::units::{counted, duration_text, grouped};

use super::fixes;
use super::need::Need;
use super::readings::Readings;
use crate::checks::{Check, Figure, Fix, Verdict};
use crate::plan::capacity::{DESCRIPTORS_OF_A_WORKER, fullest_share};

const UNIT: &str = "descriptors";

pub(super) fn checks(need: &Need, readings: &Readings) -> Vec<Check> {
    let tables = Tables::of(need, readings);
    vec![limit(need, readings, &tables), nr_open(need, readings, &tables), file_max(need, readings, &tables)]
}

/// The tables of both ends, and the descriptors in the fullest.
struct Tables {
    client: u64,
    mock: u64,
    /// Each worker of the client has its own.
    are_private: bool,
    /// The fullest's descriptors, with those of connections that may still be closing, …
    needed: u64,
    /// … and without.
    certain: u64,
    /// … of the mock server's.
    needed_by_mock: u64,
    /// How they come about.
    what: String,
}

impl Tables {
    fn of(need: &Need, readings: &Readings) -> Self {
        let kernel_has = readings.trials.features.private_tables.is_ok();
        let are_private = kernel_has && need.table_per_worker;
        let client = if are_private { need.workers.max(1) as u64 } else { 1 };
        let mock = need.mock.map_or(0, |it| if kernel_has { it.workers.max(1) as u64 } else { 1 });
        let in_each = |connections: u64| {
            let of_mock = need.mock.map_or(0, |_| fullest_share(connections, mock as usize));
            (connections.div_ceil(client), of_mock)
        };
        let (of_client, of_mock) = in_each(need.connections() + need.closing());
        let (certain_of_client, certain_of_mock) = in_each(need.connections());
        let needed_by_client = of_client + DESCRIPTORS_OF_A_WORKER;
        let needed_by_mock = of_mock + DESCRIPTORS_OF_A_WORKER;
        let sessions = sessions_text(need);
        let what = if needed_by_mock > needed_by_client {
            // More connections than sessions are HTTP ones, open in between.
            let share = grouped(of_mock.min(need.websockets() + need.closing()));
            let whose = counted(mock, "worker", "workers");
            format!(
                "at most {share} of {sessions} in each of the mock server's {whose}, and {DESCRIPTORS_OF_A_WORKER} for itself"
            )
        } else if client == 1 {
            format!("{sessions}, and {DESCRIPTORS_OF_A_WORKER} for itself")
        } else {
            format!(
                "{} of {sessions} in each of {client} workers{}, and {DESCRIPTORS_OF_A_WORKER} for itself",
                grouped(of_client),
                added(need, readings)
            )
        };
        let needed = needed_by_client.max(needed_by_mock);
        let certain = certain_of_client.max(certain_of_mock) + DESCRIPTORS_OF_A_WORKER;
        Self { client, mock, are_private, needed, certain, needed_by_mock, what }
    }

    /// What it means that they do not fit: where only what may still be closing is too much, the servers
    /// may close fast enough.
    fn verdict(&self, allowed: u64) -> Verdict {
        if self.certain > allowed { Verdict::Refuse } else { Verdict::Warn }
    }

    /// Workers with which the client's tables are large enough, however many that are.
    fn workers_for(&self, need: &Need, allowed: u64) -> Option<u64> {
        let room = allowed.checked_sub(DESCRIPTORS_OF_A_WORKER).filter(|room| *room > 0)?;
        self.are_private.then(|| (need.connections() + need.closing()).div_ceil(room))
    }

    /// … if that many are allowed. Where their number was not given, the engine has added what it
    /// can already.
    fn more_workers(&self, need: &Need, allowed: u64) -> Option<u64> {
        let is_possible =
            |workers: &u64| *workers > need.workers as u64 && *workers <= need.workers_max as u64;
        let client_alone = need.workers_given && self.needed_by_mock <= allowed;
        self.workers_for(need, allowed).filter(is_possible).filter(|_| client_alone)
    }

    /// What to say where no number of workers is enough.
    fn beyond_the_cap(&self, need: &Need, allowed: u64) -> String {
        match self.workers_for(need, allowed) {
            Some(workers) if workers > need.workers_max as u64 => format!(
                ": it would take {} workers, and a run has at most {}",
                grouped(workers),
                grouped(need.workers_max as u64)
            ),
            _ if self.needed_by_mock > allowed && self.mock >= need.workers_max as u64 => {
                format!(
                    ": the mock server has at most {}",
                    counted(need.workers_max as u64, "worker", "workers")
                )
            }
            _ => String::new(),
        }
    }
}

/// The sessions, with the sockets that there may be beside theirs.
fn sessions_text(need: &Need) -> String {
    let sessions = counted(need.sessions.into(), "session", "sessions");
    let half_open = need.storms.half_open();
    let half_open = (half_open > 0).then(|| format!("{} half-open sockets of --drop", grouped(half_open)));
    let closing = (need.closing() > 0).then(|| {
        let within = duration_text(need.close_timeout);
        format!("{} that may still be closing ({within} each)", grouped(need.closing()))
    });
    [Some(sessions), half_open, closing].into_iter().flatten().collect::<Vec<_>>().join(" and ")
}

/// How many workers there are beyond the cores, where that was not the user's choice.
fn added(need: &Need, readings: &Readings) -> String {
    let cores = readings.trials.cores;
    match need.workers.checked_sub(cores).filter(|more| *more > 0 && !need.workers_given) {
        Some(more) => format!(
            " ({}, {} more for the descriptor limit, {} at most)",
            counted(cores as u64, "core", "cores"),
            grouped(more as u64),
            grouped(need.workers_max as u64)
        ),
        None => String::new(),
    }
}

fn limit(need: &Need, readings: &Readings, tables: &Tables) -> Check {
    let (id, title) = ("descriptors", "descriptors (hard limit)");
    let needed = Figure::new(tables.needed, UNIT, format!("{}: {}", grouped(tables.needed), tables.what));
    let (soft, hard) = match &readings.trials.descriptors {
        Ok(limits) => *limits,
        Err(why) => return Check::unknown(id, title, needed, why.as_str()),
    };
    let of_worker = if tables.are_private { " a worker" } else { "" };
    let reading = match soft == hard {
        true => format!("{}{of_worker}", grouped(hard)),
        false => format!("{}{of_worker} (soft {}, raised by startline)", grouped(hard), grouped(soft)),
    };
    let check = Check::ok(id, title, Figure::new(hard, UNIT, reading), needed);
    if tables.needed <= hard {
        return check;
    }
    let why = format!(
        "the plan needs {} descriptors ({}) and the hard limit is {}{}",
        grouped(tables.needed),
        tables.what,
        grouped(hard),
        tables.beyond_the_cap(need, hard)
    );
    let mut fixes = Vec::new();
    if let Some(workers) = tables.more_workers(need, hard) {
        let text = "spreads the sessions over more workers, each with descriptors of its own";
        fixes.push(Fix::command(text, format!("--workers {workers}")));
    }
    fixes.push(higher_limit(readings, tables.needed));
    check.but(tables.verdict(hard), why, fixes)
}

/// How to raise the hard limit of the next processes, by the user who may raise it.
fn higher_limit(readings: &Readings, needed: u64) -> Fix {
    // The kernel refuses a limit above it.
    let first = match &readings.system.nr_open {
        Ok(most) if needed > *most => " once fs.nr_open has been raised",
        _ => "",
    };
    let by_shell = format!("prlimit --pid $$ --nofile={needed}:{needed}");
    let text = |whom: &str| {
        format!(
            "raises it in this shell{first}; for good: \"{whom} hard nofile {needed}\" in /etc/security/limits.conf and a new login, or \
             LimitNOFILE={needed} in a unit"
        )
    };
    match readings.system.raising {
        // limits.conf's wildcard is not for root.
        Ok(Raising::ByThisUser) => Fix::root(text("root"), by_shell),
        Ok(Raising::FromOutside) => Fix::advice(format!(
            "no user in here may raise it, not even root (no CAP_SYS_RESOURCE): set it where this container or virtual machine is started, \
             as with docker run --ulimit nofile={needed}:{needed} or LimitNOFILE={needed} in its unit"
        )),
        Ok(Raising::ByRoot) | Err(_) => Fix::sudo(text("*"), format!("sudo {by_shell}")),
    }
}

fn nr_open(need: &Need, readings: &Readings, tables: &Tables) -> Check {
    let (id, title) = ("nr-open", "descriptors (fs.nr_open)");
    let needed = Figure::count(tables.needed, UNIT);
    let most = match &readings.system.nr_open {
        Ok(most) => *most,
        Err(why) => return Check::unknown(id, title, needed, why.as_str()),
    };
    let check =
        Check::ok(id, title, Figure::new(most, UNIT, format!("fs.nr_open {}", grouped(most))), needed);
    if tables.needed <= most {
        return check;
    }
    let why = format!("no limit of descriptors can exceed fs.nr_open, which is {}", grouped(most));
    check.but(tables.verdict(most), why, vec![fixes::count("fs.nr_open", tables.needed, need)])
}

/// Files of all processes together.
fn file_max(need: &Need, readings: &Readings, tables: &Tables) -> Check {
    let (id, title) = ("file-max", "open files (machine)");
    let ends = if readings.is_target_here(need) { 2 } else { 1 };
    let files = (need.connections() + need.closing()) * ends
        + (tables.client + tables.mock) * DESCRIPTORS_OF_A_WORKER;
    let needed = Figure::new(
        files,
        "files",
        match ends {
            1 => grouped(files),
            _ => format!("{}: both ends are on this machine", grouped(files)),
        },
    );
    let (most, open) = match (&readings.system.file_max, &readings.system.files_open) {
        (Ok(most), Ok(open)) => (*most, *open),
        (Err(why), _) | (_, Err(why)) => return Check::unknown(id, title, needed, why.as_str()),
    };
    let free = most.saturating_sub(open);
    let reading =
        if most >= i64::MAX as u64 { "no limit".to_owned() } else { format!("{} free", grouped(free)) };
    let check = Check::ok(id, title, Figure::new(free, "files", reading), needed);
    if files <= free {
        return check;
    }
    let why = format!("fs.file-max allows {} files and {} are open already", grouped(most), grouped(open));
    let fixes =
        fixes::and_tune(fixes::count("fs.file-max", open.saturating_add(files), need), need, readings);
    if readings.trials.is_root {
        // CAP_SYS_ADMIN is asked at each open; root has it, but for a container's that gave it up.
        return check.but(
            Verdict::Warn,
            format!("{why}: root may exceed it, but other users' programs can then open no file"),
            fixes,
        );
    }
    check.but(Verdict::Refuse, why, fixes)
}
