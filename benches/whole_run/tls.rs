//! What TLS adds: memory a held session by suite, CPU of the heartbeat, CPU of handshakes.
//!
//! Each figure is beside the same run without, or with rustls's object kept. Invariant: as
//! everywhere in the bench, an incomplete run leaves no figure.

use serde_json::{Value, json};

use super::measured::Measured;
use super::parts::slope;

/// Client memory a held wss session, by slope: each suite alone, and AES-128 with rustls's object
/// kept.
pub fn density() -> Result<Value, String> {
    let ways = [
        ("TLS_AES_128_GCM_SHA256", "--tls-suites aes128"),
        ("TLS_CHACHA20_POLY1305_SHA256", "--tls-suites chacha20"),
        ("TLS_AES_256_GCM_SHA384", "--tls-suites aes256"),
        ("rustls object kept", "--tls-suites aes128 --tls-keep-rustls"),
    ];
    let mut all = serde_json::Map::new();
    println!("| wss session | bytes, by slope from 3,000 to 15,000 |\n|---|---:|");
    for (name, options) in ways {
        let mut points = Vec::new();
        let mut runs = Vec::new();
        for sessions in [3_000, 15_000] {
            let run = Measured::of(&format!(
                "--tls {options} --sessions {sessions} --members 13-20012 --ramp 20s --hold 45s --ramp-down 5s --no-broadcast"
            ))?;
            points.push((f64::from(sessions), run.number("/generator/rss_bytes")));
            runs.push(run.raw());
        }
        let bytes = slope(&points);
        println!("| {name} | {bytes:.0} |");
        all.insert(name.to_owned(), json!({ "bytes_per_held_session": bytes, "runs": runs }));
    }
    println!();
    Ok(Value::Object(all))
}

/// Client CPU of PING cycles over wss and over ws: 6,000 sessions that PING every 5 s for 30 s.
pub fn heartbeat() -> Result<Value, String> {
    let options = "--sessions 6000 --ramp 15s --hold 30s --ping-interval 5s --ramp-down 5s --no-broadcast";
    let ways = [
        ("ws", String::new()),
        ("wss, AES-128", "--tls --tls-suites aes128".to_owned()),
        ("wss, ChaCha20", "--tls --tls-suites chacha20".to_owned()),
        ("wss, AES-256", "--tls --tls-suites aes256".to_owned()),
    ];
    let mut all = serde_json::Map::new();
    let mut plain = f64::NAN;
    println!("| session | a PING cycle, µs | for 36,000, s | times ws |\n|---|---:|---:|---:|");
    for (name, tls) in ways {
        let run = Measured::of(&format!("{tls} {options}"))?;
        let micros = run.hold_cpu_s / run.hold_pings * 1e6;
        if plain.is_nan() {
            plain = micros;
        }
        println!("| {name} | {micros:.1} | {:.2} | {:.2} |", micros * 36_000.0 / 1e6, micros / plain);
        all.insert(
            name.to_owned(),
            json!({ "cpu_micros_per_ping": micros, "times_ws": micros / plain, "run": run.raw() }),
        );
    }
    println!();
    Ok(Value::Object(all))
}

/// Client CPU of a full and a resumed handshake: sessions make one of each, or two full ones, or
/// none. And the most sessions a second that both ends manage on the machine.
pub fn handshakes() -> Result<Value, String> {
    let run = |tls: &str, ramp_ms: u32| {
        Measured::of(&format!(
            "{tls} --sessions 6000 --members 13-20012 --ramp {ramp_ms}ms --hold 2s --ramp-down 5s --no-broadcast"
        ))
    };
    let cpu = |run: &Measured| run.number("/generator/cpu_seconds") / 6_000.0 * 1e6;
    let mut all = serde_json::Map::new();
    let plain = run("", 6_000)?;
    let mut keep = |name: &str, run: &Measured| all.insert(name.to_owned(), run.raw());
    keep("plain", &plain);
    println!(
        "| key exchange | full, µs of client CPU | resumed, µs | sessions a second |\n|---|---:|---:|---:|"
    );
    let mut figures = serde_json::Map::new();
    for group in ["x25519", "x25519mlkem768"] {
        let options = format!("--tls --tls-key-exchange {group}");
        let both = run(&options, 6_000)?;
        let full_only = run(&format!("{options} --no-tls-resumption"), 12_000)?;
        let full = (cpu(&full_only) - cpu(&plain)) / 2.0;
        let resumed = cpu(&both) - cpu(&plain) - full;
        let fast = run(&options, 2_000)?;
        let rate = fast.full_sessions_per_s();
        println!("| {group} | {full:.0} | {resumed:.0} | {rate:.0} |");
        keep(&format!("{group}, resumed"), &both);
        keep(&format!("{group}, full only"), &full_only);
        keep(&format!("{group}, burst"), &fast);
        figures.insert(
            group.to_owned(),
            json!({ "full_cpu_micros": full, "resumed_cpu_micros": resumed, "sessions_per_s": rate, "handshakes_per_s": 2.0 * rate }),
        );
    }
    println!();
    Ok(json!({ "figures": figures, "runs": all }))
}
