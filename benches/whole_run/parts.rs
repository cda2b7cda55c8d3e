//! The parts of the bench: which runs they make, and the one figure that each is after.

use serde_json::{Value, json};

use super::measured::Measured;
use super::{everyone, pooled, scale, systems, tls};

type Part = fn() -> Result<Value, String>;

/// All parts by name, in the order in which they are measured.
pub const ALL: [(&str, Part); 30] = [
    ("density", density),
    ("heartbeat", heartbeat),
    ("burst", burst),
    ("pooled", pooled::setup),
    ("broadcast", broadcast),
    ("broadcast-3k", everyone::of_3k),
    ("broadcast-6k", everyone::of_6k),
    ("broadcast-20k", everyone::of_20k),
    ("systems-echo", systems::echo),
    ("systems-socketio", systems::socketio),
    ("systems-graphql-ws", systems::graphql_ws),
    ("systems-ocpp", systems::ocpp),
    ("systems-mqtt", systems::mqtt),
    ("systems-phoenix", systems::phoenix),
    ("systems-chat", systems::chat),
    ("systems-stomp", systems::stomp),
    ("systems-centrifugo", systems::centrifugo),
    ("tls-density", tls::density),
    ("tls-heartbeat", tls::heartbeat),
    ("tls-handshakes", tls::handshakes),
    ("ports", scale::ports),
    ("set-up", scale::set_up),
    ("scale-10k", scale::ws_10k),
    ("scale-100k", scale::ws_100k),
    ("scale-300k", scale::ws_300k),
    ("scale-1m", scale::ws_1m),
    ("tls-scale-10k", scale::wss_10k),
    ("tls-scale-100k", scale::wss_100k),
    ("tls-scale-250k", scale::wss_250k),
    ("tls-scale-1m", scale::wss_1m),
];

/// Whether a word of the command line means this part: `scale` means `scale-10k` and those like it.
pub fn is_named(name: &str, word: &str) -> bool {
    name.strip_prefix(word).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// Client memory a held session: the slope over runs of 3,000 to 15,000. The hold outlasts the
/// longest timeout of set-up (35 s), as any real one does.
fn density() -> Result<Value, String> {
    let mut points = Vec::new();
    let mut runs = Vec::new();
    println!("| sessions held | client memory, bytes |\n|---:|---:|");
    for sessions in [3_000, 6_000, 9_000, 12_000, 15_000] {
        let run = Measured::of(&format!(
            "--sessions {sessions} --members 13-20012 --ramp 10s --hold 50s --ramp-down 5s --no-broadcast"
        ))?;
        let bytes = run.number("/generator/rss_bytes");
        println!("| {sessions} | {bytes:.0} |");
        points.push((f64::from(sessions), bytes));
        runs.push(run.raw());
    }
    let slope = slope(&points);
    println!("bytes a held session, by slope: {slope:.0}\n");
    Ok(json!({ "bytes_per_held_session": slope, "runs": runs }))
}

/// Client CPU of PING cycles, other tools' flow: 6,000 sessions that PING every 10 s for 60 s.
fn heartbeat() -> Result<Value, String> {
    let run = Measured::of(
        "--sessions 6000 --ramp 30s --hold 60s --ping-interval 10s --ramp-down 5s --no-broadcast",
    )?;
    let micros = run.hold_cpu_s / run.hold_pings * 1e6;
    println!(
        "| PINGs in the hold | client CPU, s | a PING cycle, µs | for 36,000, s |\n|---:|---:|---:|---:|"
    );
    println!(
        "| {:.0} | {:.2} | {micros:.1} | {:.2} |\n",
        run.hold_pings,
        run.hold_cpu_s,
        micros * 36_000.0 / 1e6
    );
    Ok(json!({ "cpu_micros_per_ping": micros, "run": run.raw() }))
}

/// Full sessions a second in bursts of 10,000.
fn burst() -> Result<Value, String> {
    let mut runs = Vec::new();
    let mut best: f64 = 0.0;
    println!(
        "| arrivals planned, /s | achieved, /s | full sessions, /s | client CPU a session, µs | login p99, ms |"
    );
    println!("|---:|---:|---:|---:|---:|");
    for ramp_ms in [2_000, 1_500, 1_000, 800, 600] {
        let run = Measured::of(&format!(
            "--sessions 10000 --members 13-20012 --ramp {ramp_ms}ms --hold 2s --ramp-down 5s --no-broadcast"
        ))?;
        let achieved = run.number("/arrivals/achieved_per_s");
        let rate = run.full_sessions_per_s();
        best = best.max(rate);
        println!(
            "| {:.0} | {achieved:.0} | {rate:.0} | {:.0} | {:.1} |",
            10_000.0 / f64::from(ramp_ms) * 1e3,
            run.number("/generator/cpu_seconds") / 10_000.0 * 1e6,
            run.number("/steps/login/p99_ms"),
        );
        runs.push(run.raw());
    }
    println!("full sessions a second, at best: {best:.0}\n");
    Ok(json!({ "full_sessions_per_s": best, "runs": runs }))
}

/// Client CPU of a million broadcasts: 4,000 sessions with everyone hearing of everyone, less the
/// same run in silence. What CONNECTED lists for every session is in it too.
fn broadcast() -> Result<Value, String> {
    let options = "--sessions 4000 --ramp 20s --hold 10s --ramp-down 5s";
    let loud = Measured::of(options)?;
    let silent = Measured::of(&format!("{options} --no-broadcast"))?;
    let cpu_s = loud.number("/generator/cpu_seconds") - silent.number("/generator/cpu_seconds");
    let messages = loud.number("/messages/by_type/USER_ENTERED");
    if loud.number("/ledger/missing") != 0.0 {
        return Err("broadcasts are missing".to_owned());
    }
    let per_million = cpu_s / messages * 1e6;
    println!("| broadcasts | client CPU for them, s | a million, s |\n|---:|---:|---:|");
    println!("| {messages:.0} | {cpu_s:.2} | {per_million:.2} |\n");
    Ok(json!({ "cpu_seconds_per_million": per_million, "runs": [loud.raw(), silent.raw()] }))
}

/// Of the straight line through the points, by least squares.
pub(super) fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let mean_x = points.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = points.iter().map(|(_, y)| y).sum::<f64>() / count;
    let covariance: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    covariance / points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum::<f64>()
}
