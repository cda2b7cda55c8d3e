//! Checks the cores: the load of the broadcasts, and what slows them down: other programs, the
//! frequency governor, the host's other guests, a slow clock. Invariant: nothing here refuses a
//! plan, whose results may only suffer, except broadcasts of the mock server beyond any machine.

use startline_os::units::grouped;

use super::need::Need;
use super::readings::Readings;
use crate::checks::{Check, Figure, Fix, Verdict};
use crate::plan::load::cores_text;

/// The id of the check of deliveries a second, which a run's summary prints in its own way.
pub const BROADCAST_LOAD: &str = "broadcast-load";
/// Share of the cores that others may have.
const BUSY_SHARE: f64 = 0.5;
/// Share of the time that the host may give to others.
const STOLEN_SHARE: f64 = 0.01;
/// Clock sources that are read without a system call (vDSO).
const FAST_CLOCKS: [&str; 6] =
    ["tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "xen", "arch_sys_counter", "riscv_clocksource"];
const CLOCK_FILE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
const GOVERNOR_FILES: &str = "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor";

pub(super) fn checks(need: &Need, readings: &Readings) -> Vec<Check> {
    let others = [busy(readings), governor(readings), steal(readings), clock(readings)];
    broadcasts(need, readings).into_iter().chain(others).collect()
}

/// Nothing where nothing is broadcast.
fn broadcasts(need: &Need, readings: &Readings) -> Option<Check> {
    let load = need.load.as_ref()?;
    let title = "predicted broadcasts";
    let cores = readings.cores().min(need.workers.max(1) as f64);
    let text = match readings.cores() < readings.trials.cores as f64 {
        true => format!("{}, by the control group's quota", cores_text(cores)),
        false => cores_text(cores),
    };
    // In whole cores, as far as there are such.
    let reading =
        Figure { value: (cores.fract() == 0.0).then_some(cores as u64), ..Figure::new(0, "cores", text) };
    let peak = load.peak_per_s().round() as u64;
    let figure = Figure::new(peak, "deliveries/s", format!("{} deliveries/s at most", grouped(peak)));
    let check = Check::ok(BROADCAST_LOAD, title, reading, figure);
    let is_for_mock = need.mock.is_some();
    // What a target sends is its own doing, and may be less than predicted.
    let verdict = if is_for_mock && load.is_beyond_any_machine() { Verdict::Refuse } else { Verdict::Warn };
    Some(match load.warning(cores, is_for_mock) {
        Some(why) => check.but(verdict, why, Vec::new()),
        None => check,
    })
}

fn busy(readings: &Readings) -> Check {
    let (id, title) = ("cpu-load", "other work");
    let most = readings.cores() * BUSY_SHARE;
    let of_a_core = |load: f64, text: String| Figure::new((load * 100.0).round() as u64, "% of a core", text);
    let figure = of_a_core(most, format!("a load of {} at most", load_text(most)));
    let load = match &readings.system.load_1m {
        Ok(load) => *load,
        Err(why) => return Check::unknown(id, title, figure, why.as_str()),
    };
    let reading = of_a_core(load, format!("a load of {} in the last minute", load_text(load)));
    let check = Check::ok(id, title, reading, figure);
    if load <= most {
        return check;
    }
    let why = "other programs use these cores: latencies will contain their work";
    check.but(Verdict::Warn, why, vec![Fix::command("shows what runs: end it, or wait for it", "top")])
}

/// Where a control group leaves a part of a core, tenths say too little.
fn load_text(load: f64) -> String {
    if load > 0.0 && load < 0.1 { format!("{load:.2}") } else { format!("{load:.1}") }
}

fn governor(readings: &Readings) -> Check {
    let (id, title) = ("cpu-governor", "CPU frequency governor");
    let figure = Figure::words("performance");
    let governors = match &readings.system.governors {
        Ok(governors) => governors,
        Err(why) => return Check::unknown(id, title, figure, why.as_str()),
    };
    let check = Check::ok(id, title, Figure::words(governors.join(", ")), figure);
    if governors.iter().all(|name| name == "performance") {
        return check;
    }
    let why = "the governor slows down idle cores, which adds lag to the first messages after each wait";
    let command = format!("echo performance | tee {GOVERNOR_FILES}");
    check.but(Verdict::Warn, why, vec![Fix::root("keeps them at full speed until the next boot", command)])
}

fn steal(readings: &Readings) -> Check {
    let (id, title) = ("cpu-steal", "CPU steal");
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let of_the_time =
        |share: f64, text: String| Figure::new((share * 1000.0).round() as u64, "‰ of the time", text);
    let figure = of_the_time(STOLEN_SHARE, format!("{} at most", percent(STOLEN_SHARE)));
    let time = match &readings.system.cpu_time {
        Ok(time) => *time,
        Err(why) => return Check::unknown(id, title, figure, why.as_str()),
    };
    let share = time.stolen as f64 / time.total.max(1) as f64;
    let check =
        Check::ok(id, title, of_the_time(share, format!("{} since the boot", percent(share))), figure);
    if share <= STOLEN_SHARE {
        return check;
    }
    let why = "the host gives this machine's cores to other guests: latencies contain these pauses";
    check.but(Verdict::Warn, why, vec![Fix::advice("use a machine with cores of its own, or a quieter host")])
}

fn clock(readings: &Readings) -> Check {
    let (id, title) = ("clock-source", "clock source");
    let figure = Figure::words("without system call, such as tsc");
    let source = match &readings.system.clock_source {
        Ok(source) => source,
        Err(why) => return Check::unknown(id, title, figure, why.as_str()),
    };
    let check = Check::ok(id, title, Figure::words(source.as_str()), figure);
    if FAST_CLOCKS.contains(&source.as_str()) {
        return check;
    }
    let why = "every message reads the clock, and each reading is a system call or slower";
    let offered = readings.system.clock_sources.as_ref().map(Vec::as_slice).unwrap_or_default();
    let fix = match FAST_CLOCKS.iter().find(|fast| offered.iter().any(|name| name == *fast)) {
        Some(fast) => Fix::root("uses it until the next boot", format!("echo {fast} > {CLOCK_FILE}")),
        None => {
            Fix::advice("the kernel has no faster one: its log says why it gave up tsc (dmesg | grep -i tsc)")
        }
    };
    check.but(Verdict::Warn, why, vec![fix])
}
