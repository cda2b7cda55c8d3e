//! Density: what held sessions take from ten thousand to a million, both ends on one machine.
//!
//! Besides what results say, the machine's memory and the mock server's are sampled while a run
//! goes on. Invariant: as everywhere in the bench, an incomplete run leaves no figure.

use serde_json::{Map, Value, json};

use super::measured::Measured;
use super::parts::slope;

/// At least two PING cycles of 30 s, and longer than any timeout of set-up.
const HOLD_S: u32 = 65;

/// A point of the curve: sessions, arrivals a second, and further options. PINGs of those who are
/// in already take their share of the cores, so that the million takes its time; over TLS each
/// session makes a full handshake.
struct Point(u32, u32, &'static str);

/// Ten thousand over ws, with shared HTTP connections.
pub fn ws_10k() -> Result<Value, String> {
    Point(10_000, 2_000, "--http pooled").measure()
}

/// A hundred thousand.
pub fn ws_100k() -> Result<Value, String> {
    Point(100_000, 4_000, "--http pooled").measure()
}

/// Three hundred thousand.
pub fn ws_300k() -> Result<Value, String> {
    Point(300_000, 4_000, "--http pooled").measure()
}

/// A million.
pub fn ws_1m() -> Result<Value, String> {
    Point(1_000_000, 1_000, "--http pooled").measure()
}

/// Ten thousand over wss.
pub fn wss_10k() -> Result<Value, String> {
    Point(10_000, 1_200, "--tls --http pooled").measure()
}

/// A hundred thousand.
pub fn wss_100k() -> Result<Value, String> {
    Point(100_000, 1_200, "--tls --http pooled").measure()
}

/// A quarter of a million.
pub fn wss_250k() -> Result<Value, String> {
    Point(250_000, 1_200, "--tls --http pooled").measure()
}

/// A million over wss.
pub fn wss_1m() -> Result<Value, String> {
    Point(1_000_000, 800, "--tls --http pooled").measure()
}

impl Point {
    fn measure(&self) -> Result<Value, String> {
        let Self(sessions, rate, options) = self;
        let (ramp_s, ramp_down_s) = (sessions / rate, (sessions / 20_000).max(2));
        let run = Measured::of(&format!(
            "{options} --sessions {sessions} --no-broadcast --ramp {ramp_s}s --hold {HOLD_S}s --ramp-down {ramp_down_s}s"
        ))?;
        let bytes = run.number("/generator/rss_bytes");
        println!(
            "| sessions | workers | client memory, bytes | mock server's | the kernel's, a session | a PING cycle, µs | lag p99, ms | PINGs due, all answered |"
        );
        println!("|---:|---:|---:|---:|---:|---:|---:|---:|");
        println!(
            "| {sessions} | {} | {bytes:.0} | {:.0} | {:.0} | {:.1} | {:.1} | {:.0} |\n",
            run.number("/generator/workers"),
            run.mock_bytes,
            (run.machine_bytes - bytes - run.mock_bytes) / f64::from(*sessions),
            run.hold_cpu_s / run.hold_pings * 1e6,
            run.number("/generator/lag_p99_ms"),
            run.number("/ping/due"),
        );
        Ok(run.raw())
    }
}

/// Prints bytes a held session, by slope over the points of each curve that have been measured.
pub fn print_slopes(results: &Map<String, Value>) {
    for (curve, prefix) in [("ws", "scale-"), ("wss", "tls-scale-")] {
        let number = |run: &Value, pointer: &str| run.pointer(pointer).and_then(Value::as_f64);
        let mut points: Vec<(f64, f64)> = results
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .filter_map(|(_, run)| {
                Some((number(run, "/sessions/planned")?, number(run, "/generator/rss_bytes")?))
            })
            .collect();
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        for end in 2..=points.len() {
            println!(
                "{curve}: {:.1} bytes a held session, by slope to {:.0}",
                slope(&points[..end]),
                points[end - 1].0
            );
        }
    }
}

/// Full sessions a second that are kept up for a while: 100,000, with shared HTTP connections, as
/// fast as they come without an error. The rate is taken on the safe side, to the end of the
/// slowest step.
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

/// What a session's two connects cost as the ports of one source address are used up, by how ports
/// are chosen: client CPU in each tenth of a ramp that holds nearly all of them.
pub fn ports() -> Result<Value, String> {
    const TENTHS: usize = 10;
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .map_err(|error| error.to_string())?;
    let bounds: Vec<u32> = range.split_whitespace().filter_map(|bound| bound.parse().ok()).collect();
    let [first, last] = bounds[..] else { return Err(format!("the range of ports is {range:?}")) };
    // HTTP connections wait in TIME_WAIT for a second on loopback: with 30 s of ramp a thirtieth of
    // the sessions' number.
    let sessions = (last - first + 1) * 94 / 100;
    let mut all = Map::new();
    println!(
        "CPU a session, µs, in each tenth of {sessions} sessions (kernel: half of them) from one address with the range {first}-{last}:"
    );
    // An address each: a port that waits after a run of one way is refused to the next run's other
    // way. The kernel's own choice gets half as many: past that it searches until connects time
    // out.
    let methods = [("windows", "127.0.0.9", 1), ("explicit", "127.0.0.10", 1), ("kernel", "127.0.0.11", 2)];
    for (method, source, part) in methods {
        let sessions = sessions / part;
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
