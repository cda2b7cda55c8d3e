//! The cost of a login burst with one HTTP connection a session, and with a few shared ones a
//! worker.
//!
//! Both ways alternate within each round, so that other work on this machine affects them alike. Of
//! each run only the figures are kept.

use serde_json::{Map, Value, json};

use super::measured::Measured;

/// Rounds; a figure of a way is its median.
const ROUNDS: usize = 3;
/// Over which the 10,000 of a round arrive: at a pace that both ends manage, and faster than they
/// do.
const RAMPS_MS: [u32; 2] = [2_500, 1_000];
/// Connections of each worker.
const SHARED: [u32; 6] = [1, 4, 16, 32, 64, 256];
/// What is kept of a run.
const FIGURES: [&str; 5] =
    ["cpu_micros_per_session", "full_sessions_per_s", "login_p99_ms", "enter_p99_ms", "waited"];

/// Client CPU a session, full sessions a second, and who waited, by how many connections there are.
pub fn setup() -> Result<Value, String> {
    let shared = SHARED
        .map(|count| (format!("{count} a worker"), format!(" --http pooled --http-connections {count}")));
    let ways = std::iter::once(("one a session".to_owned(), String::new())).chain(shared).collect::<Vec<_>>();
    let mut rounds: Map<String, Value> = Map::new();
    for _ in 0..ROUNDS {
        for (name, options) in &ways {
            for ramp_ms in RAMPS_MS {
                let run = Measured::of(&format!(
                    "--sessions 10000 --members 13-20012 --ramp {ramp_ms}ms --hold 1s --ramp-down 3s --no-broadcast{options}"
                ))?;
                let kept =
                    rounds.entry(key(name, ramp_ms)).or_insert_with(|| json!({ "command": run.command() }));
                for (figure, value) in FIGURES.iter().zip(figures(&run)) {
                    match &mut kept[*figure] {
                        Value::Array(values) => values.push(json!(value)),
                        none => *none = json!([value]),
                    }
                }
            }
        }
    }
    for ramp_ms in RAMPS_MS {
        println!("10,000 sessions that are planned to arrive within {ramp_ms} ms:\n");
        println!(
            "| HTTP connections | client CPU a session, µs | times one a session | full sessions, /s | times one a session | login p99, ms | enter p99, ms | waited |"
        );
        println!("|---|---:|---:|---:|---:|---:|---:|---:|");
        let own = medians(&rounds[&key(&ways[0].0, ramp_ms)]);
        for (name, _) in &ways {
            let [cpu, rate, login, enter, waited] = medians(&rounds[&key(name, ramp_ms)]);
            println!(
                "| {name} | {cpu:.0} | {:.2} | {rate:.0} | {:.2} | {login:.1} | {enter:.1} | {waited:.0} |",
                cpu / own[0],
                rate / own[1]
            );
        }
        println!();
    }
    Ok(Value::Object(rounds))
}

fn key(way: &str, ramp_ms: u32) -> String {
    format!("{way}, {ramp_ms} ms")
}

fn figures(run: &Measured) -> [f64; 5] {
    [
        run.number("/generator/cpu_seconds") / run.number("/sessions/planned") * 1e6,
        run.full_sessions_per_s(),
        run.number("/steps/login/p99_ms"),
        run.number("/steps/enter/p99_ms"),
        run.number("/http/waited"),
    ]
}

/// In the order of [`FIGURES`].
fn medians(kept: &Value) -> [f64; 5] {
    FIGURES.map(|figure| {
        let mut values: Vec<f64> =
            kept[figure].as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
    })
}
