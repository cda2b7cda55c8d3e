//! What it saves to share HTTP connections: the same burst with one of its own for each session, and on a few a worker.
//!
//! All of it in one run of the bench, the ways one after the other in each round, so that what else the box does strikes all alike.

use serde_json::{Value, json};

use super::measured::Measured;

/// Rounds; the figure of a way is its median.
const ROUNDS: usize = 3;

/// Client CPU a session at a pace that both ends manage, and full sessions a second at one that they do not.
pub fn setup() -> Result<Value, String> {
    let shared = [1, 4, 16, 32, 64, 256];
    let pooled = shared
        .map(|count| (format!("{count} a worker"), format!("--http pooled --http-connections {count}")));
    let ways: Vec<(String, String)> =
        std::iter::once(("one a session".to_owned(), String::new())).chain(pooled).collect();
    let mut figures: Vec<Figures> = ways.iter().map(|_| Figures::default()).collect();
    let mut runs = Vec::new();
    for _ in 0..ROUNDS {
        for ((_, options), figures) in ways.iter().zip(&mut figures) {
            let calm = burst(options, 2_500)?;
            let fast = burst(options, 1_000)?;
            figures.cpu_micros.push(calm.number("/generator/cpu_seconds") / 10_000.0 * 1e6);
            figures.login_p99_ms.push(calm.number("/steps/login/p99_ms"));
            figures.per_s.push(fast.full_sessions_per_s());
            figures.waited.push(fast.number("/http/waited"));
            runs.extend([calm.raw(), fast.raw()]);
        }
    }
    println!(
        "| HTTP connections | client CPU a session, µs | times one a session | full sessions, /s | times one a session | login p99, ms | waited in the burst |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|");
    let mut all = serde_json::Map::new();
    let own = figures[0].medians();
    for ((name, _), figures) in ways.iter().zip(&figures) {
        let [cpu, login, per_s, waited] = figures.medians();
        println!(
            "| {name} | {cpu:.0} | {:.2} | {per_s:.0} | {:.2} | {login:.1} | {waited:.0} |",
            cpu / own[0],
            per_s / own[2]
        );
        let figures = json!({
            "cpu_micros_per_session": cpu, "full_sessions_per_s": per_s, "login_p99_ms": login, "waited": waited,
            "cpu_times_own": cpu / own[0], "rate_times_own": per_s / own[2],
        });
        all.insert(name.clone(), figures);
    }
    println!();
    Ok(json!({ "figures": all, "runs": runs }))
}

#[derive(Default)]
struct Figures {
    cpu_micros: Vec<f64>,
    login_p99_ms: Vec<f64>,
    per_s: Vec<f64>,
    waited: Vec<f64>,
}

impl Figures {
    /// CPU, login, rate, waited.
    fn medians(&self) -> [f64; 4] {
        [&self.cpu_micros, &self.login_p99_ms, &self.per_s, &self.waited].map(|values| {
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            sorted[sorted.len() / 2]
        })
    }
}

fn burst(options: &str, ramp_ms: u32) -> Result<Measured, String> {
    Measured::of(&format!(
        "{options} --sessions 10000 --members 13-20012 --ramp {ramp_ms}ms --hold 1s --ramp-down 3s --no-broadcast"
    ))
}
