//! Density: what held sessions take from ten thousand to a million, both ends on one box.
//!
//! Besides what results say, the box's memory and the stand-in's are sampled while a run goes on. Invariant: as everywhere in the
//! bench, a run that is not whole leaves no figure.

use serde_json::{Map, Value, json};

use super::measured::Measured;
use super::parts::slope;

/// Sessions and arrivals a second. PINGs of those who are in already take their share of the cores, so that the last million takes its time.
const WS: [(u32, u32); 4] = [(10_000, 2_000), (100_000, 4_000), (300_000, 4_000), (1_000_000, 2_200)];
/// … over TLS, where each makes a full handshake.
const WSS: [(u32, u32); 2] = [(10_000, 1_200), (250_000, 1_200)];
/// At least two PING cycles of 30 s, and longer than any timeout of set-up.
const HOLD_S: u32 = 65;

/// The curve over ws, with shared HTTP connections.
pub fn ws() -> Result<Value, String> {
    curve(&WS, "--http pooled")
}

/// The curve over wss.
pub fn wss() -> Result<Value, String> {
    curve(&WSS, "--tls --http pooled")
}

fn curve(points: &[(u32, u32)], options: &str) -> Result<Value, String> {
    println!(
        "| sessions | workers | client memory, bytes | stand-in's | the kernel's, a session | a PING cycle, µs | lag p99, ms | PINGs due, all answered |"
    );
    println!("|---:|---:|---:|---:|---:|---:|---:|---:|");
    let mut runs = Vec::new();
    let mut memory = Vec::new();
    let mut slopes = Map::new();
    for (sessions, rate) in points {
        let ramp_s = sessions / rate;
        let ramp_down_s = (sessions / 20_000).max(2);
        let run = Measured::of(&format!(
            "{options} --sessions {sessions} --no-broadcast --ramp {ramp_s}s --hold {HOLD_S}s --ramp-down {ramp_down_s}s"
        ))?;
        let bytes = run.number("/generator/rss_bytes");
        memory.push((f64::from(*sessions), bytes));
        let kernel = run.box_bytes - bytes - run.stand_in_bytes;
        let micros = run.hold_cpu_s / run.hold_pings * 1e6;
        println!(
            "| {sessions} | {} | {bytes:.0} | {:.0} | {:.0} | {micros:.1} | {:.1} | {:.0} |",
            run.number("/generator/workers"),
            run.stand_in_bytes,
            kernel / f64::from(*sessions),
            run.number("/generator/lag_p99_ms"),
            run.number("/ping/due"),
        );
        if memory.len() > 1 {
            let to_here = slope(&memory);
            slopes.insert(format!("to {sessions}"), json!(to_here));
            println!("bytes a held session, by slope to {sessions}: {to_here:.1}");
        }
        runs.push(run.raw());
    }
    println!();
    Ok(json!({ "bytes_per_held_session": slopes, "runs": runs }))
}

/// Full sessions a second that are kept up for a while: 100,000, with shared HTTP connections, as fast as they come without an error. The rate
/// is taken on the safe side, to the end of the slowest step.
pub fn set_up() -> Result<Value, String> {
    const SESSIONS: u32 = 100_000;
    let mut runs = Vec::new();
    let mut best: f64 = 0.0;
    println!(
        "| arrivals planned, /s | full sessions, /s | client CPU a session, µs | login p99, ms | connect p99, ms |"
    );
    println!("|---:|---:|---:|---:|---:|");
    for rate in [6_000, 8_000, 10_000, 12_000] {
        let run = Measured::of(&format!(
            "--http pooled --sessions {SESSIONS} --no-broadcast --ramp {}ms --hold 2s --ramp-down 5s",
            SESSIONS / (rate / 1_000)
        ))?;
        let slowest_ms: f64 = ["login", "enter", "connect", "open"]
            .iter()
            .map(|step| run.number(&format!("/steps/{step}/max_ms")))
            .sum();
        let sessions = f64::from(SESSIONS);
        let full = sessions / (sessions / run.number("/arrivals/achieved_per_s") + slowest_ms / 1e3);
        best = best.max(full);
        println!(
            "| {rate} | {full:.0} | {:.0} | {:.0} | {:.0} |",
            run.number("/generator/cpu_seconds") / sessions * 1e6,
            run.number("/steps/login/p99_ms"),
            run.number("/steps/connect/p99_ms"),
        );
        runs.push(run.raw());
    }
    println!("full sessions a second, kept up over 100,000, at best: {best:.0}\n");
    Ok(json!({ "full_sessions_per_s": best, "runs": runs }))
}

/// What a session's two connects cost as the ports of one source address are used up, by how ports are chosen: client CPU in each tenth
/// of a ramp that holds nearly all of them.
pub fn ports() -> Result<Value, String> {
    const TENTHS: usize = 10;
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .map_err(|error| error.to_string())?;
    let bounds: Vec<u32> = range.split_whitespace().filter_map(|bound| bound.parse().ok()).collect();
    let [first, last] = bounds[..] else { return Err(format!("the range of ports is {range:?}")) };
    // HTTP connections wait in TIME_WAIT for a second on loopback: with 30 s of ramp a thirtieth of the sessions' number.
    let sessions = (last - first + 1) * 94 / 100;
    let mut all = Map::new();
    println!(
        "CPU a session, µs, in each tenth of {sessions} sessions from one address with the range {first}-{last}:"
    );
    // An address each: a port that waits after a run of one way is refused to the next run's other way.
    for (method, source) in [("windows", "127.0.0.9"), ("explicit", "127.0.0.10"), ("kernel", "127.0.0.11")] {
        let run = Measured::of(&format!(
            "--ports {method} --source-ip {source} --sessions {sessions} --no-broadcast --ramp 30s --hold 1s --ramp-down 3s --ping-interval 10m"
        ))?;
        let tenths = run.ramp_cpu_micros(TENTHS);
        let text: Vec<String> = tenths.iter().map(|micros| format!("{micros:.0}")).collect();
        println!("| {method} | {} |", text.join(" | "));
        all.insert(method.to_owned(), json!({ "cpu_micros_by_tenth": tenths, "run": run.raw() }));
    }
    println!();
    Ok(Value::Object(all))
}
