//! Checks the limits of threads: each worker is one, at both ends, and the kernel counts them as
//! processes.
//!
//! Invariant: the reading is the tightest of the limits that could be read.

use startline_os::units::{counted, grouped};

use super::fixes;
use super::need::Need;
use super::readings::Readings;
use crate::checks::{Check, Figure, Fix, Verdict};

const ID: &str = "threads";
const TITLE: &str = "threads";
const UNIT: &str = "threads";
/// Besides the workers: the mock server's first thread, trials, and what else a run starts for a
/// moment.
const SPARE: u64 = 8;

/// One limit.
struct Limit {
    room: u64,
    /// Its name, and what is taken of it.
    text: String,
    fix: Fix,
}

pub(super) fn checks(need: &Need, readings: &Readings) -> Vec<Check> {
    vec![check(need, readings)]
}

fn check(need: &Need, readings: &Readings) -> Check {
    let of_client = need.workers as u64;
    let of_mock = need.mock.map_or(0, |it| it.workers as u64);
    let needed = of_client + of_mock + SPARE;
    let whose = match of_mock {
        0 => counted(of_client, "worker", "workers"),
        theirs => format!("{} workers and {} of the mock server", grouped(of_client), grouped(theirs)),
    };
    let figure = Figure::new(needed, UNIT, format!("{}: {whose}, and {SPARE} to spare", grouped(needed)));
    let limits = [of_user(readings, needed), of_group(readings, needed), of_machine(readings, needed)];
    let unread = limits.iter().find_map(|limit| limit.as_ref().err().cloned());
    let tightest = limits.into_iter().filter_map(|limit| limit.ok().flatten()).min_by_key(|limit| limit.room);
    let Some(limit) = tightest else {
        return match unread {
            Some(why) => Check::unknown(ID, TITLE, figure, why),
            None => Check::ok(ID, TITLE, Figure::words("no limit"), figure),
        };
    };
    let reading = format!("{} ({})", grouped(limit.room), limit.text);
    let check = Check::ok(ID, TITLE, Figure::new(limit.room, UNIT, reading), figure);
    if needed > limit.room {
        let why = format!(
            "the plan needs {} threads ({whose}, and {SPARE} to spare) and {} more may be started: {}",
            grouped(needed),
            grouped(limit.room),
            limit.text
        );
        let fewer = fewer_workers(need, readings);
        return check.but(Verdict::Refuse, why, [limit.fix].into_iter().chain(fewer).collect());
    }
    match unread {
        Some(why) => check.but(Verdict::Unknown, why, Vec::new()),
        None => check,
    }
}

/// RLIMIT_NPROC.
fn of_user(readings: &Readings, needed: u64) -> Result<Option<Limit>, String> {
    let Some(user) = readings.trials.threads_of_user.clone()? else { return Ok(None) };
    let wanted = user.running.saturating_add(needed);
    let text = format!("ulimit -u {}, {} of them running", grouped(user.soft), grouped(user.running));
    let for_good = format!(
        "for good: \"* - nproc {wanted}\" in /etc/security/limits.conf and a new login, or LimitNPROC={wanted} in a unit"
    );
    let fix = match wanted <= user.hard {
        true => Fix::command(format!("raises it in this shell; {for_good}"), format!("ulimit -Su {wanted}")),
        false => Fix::root(format!("raises it in this shell; {for_good}"), format!("ulimit -u {wanted}")),
    };
    Ok(Some(Limit { room: user.soft.saturating_sub(user.running), text, fix }))
}

/// The control group's.
fn of_group(readings: &Readings, needed: u64) -> Result<Option<Limit>, String> {
    // Without groups there is no limit of theirs.
    let Ok(group) = &readings.system.thread_room else { return Ok(None) };
    let Some(group) = group else { return Ok(None) };
    let text = format!(
        "pids.max {} of a control group, {} of them running",
        grouped(group.running.saturating_add(group.room)),
        grouped(group.running)
    );
    let wanted = group.running.saturating_add(needed);
    let how = format!(
        "sets it for this control group; for good: TasksMax={wanted} in the unit, or the container's --pids-limit {wanted}"
    );
    let fix = Fix::root(how, format!("echo {wanted} > {}", group.limit));
    Ok(Some(Limit { room: group.room, text, fix }))
}

/// The limit of this machine.
fn of_machine(readings: &Readings, needed: u64) -> Result<Option<Limit>, String> {
    let (most, running) = (readings.system.threads_max.clone()?, readings.system.threads.clone()?);
    let text = format!("kernel.threads-max {}, {} of them running", grouped(most), grouped(running));
    let fix = fixes::sysctl("kernel.threads-max", running.saturating_add(needed));
    Ok(Some(Limit { room: most.saturating_sub(running), text, fix }))
}

/// Workers beyond the cores are there for their descriptors.
fn fewer_workers(need: &Need, readings: &Readings) -> Option<Fix> {
    let of_mock = need.mock.map_or(0, |it| it.workers);
    let is_beyond = need.workers.max(of_mock) > readings.trials.cores;
    let how = match need.workers_given {
        true => "use fewer --workers, if their descriptors are enough",
        false => {
            "raise the hard limit of descriptors (ulimit -Hn), as root: fewer workers may be enough then"
        }
    };
    is_beyond.then(|| Fix::advice(how))
}
