//! What the pieces of the hot path cost: HTTP heads, frames, masks, rules of messages, templates,
//! timers, histograms, TLS records.
//!
//!     cargo bench --bench pieces              # all
//!     cargo bench --bench pieces -- frame     # those with "frame" in their names
//!
//! Each bench does what a session does with a piece, on bytes as the servers send them. Read ratios
//! in one run; the machine is rarely quiet.

#[path = "pieces/cases.rs"]
mod cases;

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use startline::measure::Latencies;
use startline::members::{MemberId, SessionNumber};
use startline::scenario::Scenario;
use startline::scenario::template::{Scope, Taken};
use startline_os::tick::{Tick, Ticks};
use startline_os::timers::Timers;
use startline_protocol::http::{Limits, ResponseReader};
use startline_protocol::matching::Matching;
use startline_protocol::tls::{Opened, Pool, Reassembly, Secrets, Suite};
use startline_protocol::websocket::{
    Inflater, Opcode, Reader, Utf8Check, apply_mask, parse_header, write_frame,
};
use tungstenite::handshake::derive_accept_key;

use cases::USER_ENTERED;

const ENTER_ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nServer: nginx/1.24.0\r\nDate: Tue, 01 Jul 2025 09:00:00 GMT\r\n\
Content-Type: application/json\r\nContent-Length: 165\r\nConnection: keep-alive\r\nVary: Origin\r\n\
X-Content-Type-Options: nosniff\r\n\r\n{\"success\":true,\"data\":{\"ticket\":\"6f1c9f0e-5f7a-4e6e-9a53-1f2d3c4b5a69\",\
\"userId\":4711,\"wsUrl\":\"wss://runnity.example/ws/ws1\",\"expiresIn\":30},\"message\":null,\"code\":\"SUCCESS\"}";

fn http(c: &mut Criterion) {
    let mut group = c.benchmark_group("http");
    group.throughput(Throughput::Bytes(ENTER_ANSWER.len() as u64));
    group.bench_function("answer with head and body", |b| {
        b.iter(|| {
            let mut reader = ResponseReader::new(Limits::default(), false);
            let progress = reader.feed(black_box(ENTER_ANSWER)).expect("an answer");
            assert!(progress.complete);
            reader.status()
        });
    });
    group.bench_function("accept key", |b| {
        b.iter(|| derive_accept_key(black_box(b"dGhlIHNhbXBsZSBub25jZQ==")))
    });
    group.finish();
}

fn frames(c: &mut Criterion) {
    let mut group = c.benchmark_group("frame");
    let mut frame = Vec::new();
    write_frame(&mut frame, Opcode::Text, None, USER_ENTERED.as_bytes());
    group.bench_function("header", |b| b.iter(|| parse_header(black_box(&frame), Reader::Client)));
    let ping = br#"{"type":"PING","timestamp":1751360400123}"#;
    let mut out = Vec::with_capacity(256);
    group.bench_function("masked PING written", |b| {
        b.iter(|| {
            out.clear();
            write_frame(&mut out, Opcode::Text, Some(black_box([1, 2, 3, 4])), ping);
        });
    });
    let mut large = vec![0x61; 64 << 10];
    group.throughput(Throughput::Bytes(large.len() as u64));
    group.bench_function("mask of 64 KiB", |b| b.iter(|| apply_mask(&mut large, black_box([1, 2, 3, 4]), 0)));
    group.bench_function("UTF-8 of 64 KiB", |b| {
        b.iter(|| {
            let mut check = Utf8Check::default();
            check.feed(black_box(&large)).and_then(|()| check.finish())
        });
    });
    group.finish();
}

/// What compression costs a message: begin anew, inflate, to the check that it is whole.
fn compression(c: &mut Criterion) {
    let mut group = c.benchmark_group("inflate");
    let mut inflater = Inflater::default();
    for message in cases::compressed() {
        group.throughput(Throughput::Bytes(message.text_bytes));
        group.bench_function(message.name, |b| b.iter(|| message.inflate(&mut inflater)));
    }
    group.finish();
}

fn messages(c: &mut Criterion) {
    let matcher = cases::runnity();
    let mut matching = Matching::default();
    let mut group = c.benchmark_group("message");
    group.bench_function("USER_ENTERED, quick", |b| {
        b.iter(|| matcher.quick(black_box(USER_ENTERED.as_bytes())).expect("its type comes first"));
    });
    let spaced = USER_ENTERED.replace("\":", "\": ");
    group.throughput(Throughput::Bytes(spaced.len() as u64));
    group.bench_function("USER_ENTERED with spaces, whole pass", |b| {
        b.iter(|| matching.whole(&matcher, black_box(spaced.as_bytes()), &mut |_, _| {}));
    });
    group.bench_function("USER_ENTERED, serde_json::Value", |b| {
        b.iter(|| serde_json::from_str::<serde_json::Value>(black_box(USER_ENTERED)).expect("JSON"));
    });
    let listed = cases::connected(1_000);
    group.throughput(Throughput::Bytes(listed.len() as u64));
    group.bench_function("CONNECTED of 1,000, whole pass", |b| {
        b.iter(|| {
            let mut found = 0;
            matching.whole(&matcher, black_box(listed.as_bytes()), &mut |_, _| found += 1);
            assert_eq!(found, 1_000);
        });
    });
    group.finish();
}

/// Each kind of rule, on a record that it matches.
fn rules(c: &mut Criterion) {
    let mut matching = Matching::default();
    let mut group = c.benchmark_group("rule");
    for case in cases::rules() {
        group.bench_function(case.name, |b| b.iter(|| case.find(&mut matching)));
    }
    group.finish();
}

fn templates(c: &mut Criterion) {
    let scenario = Scenario::runnity();
    let websocket = scenario.websocket.as_ref().expect("it has one");
    let taken = ["a token".to_owned(), "t-1".to_owned(), "ws://127.0.0.1:80/ws/ws1".to_owned()];
    let scope = Scope {
        member_id: MemberId(4_711),
        challenge_id: 38,
        session: SessionNumber(4_698),
        now_ms: 1_751_360_400_123,
        held_ms: 61_000,
        sequence: 2,
        taken: Taken::All(&taken),
        ..Scope::default()
    };
    let mut out = Vec::with_capacity(256);
    let mut group = c.benchmark_group("template");
    let [ping, record] = &websocket.every[..] else { panic!("two periodic messages") };
    let (ping, record) = (&ping.send, &record.send);
    for (name, template) in [("PING", ping), ("RECORD", record), ("WebSocket URL", &websocket.url)] {
        group.bench_function(name, |b| {
            b.iter(|| {
                out.clear();
                template.render(black_box(&scope), &mut out);
            });
        });
    }
    group.finish();
}

fn timers(c: &mut Criterion) {
    let mut timers = Timers::new(10);
    let interval = Ticks::from_duration(Duration::from_secs(30));
    let mut now = Tick::default();
    for owner in 0..1_000_000 {
        now = now + Ticks::from_raw(1);
        timers.arm(4, owner, now + interval);
    }
    let mut group = c.benchmark_group("timer");
    group.bench_function("one of a million taken and armed again", |b| {
        b.iter(|| {
            let due = timers.next_due(|_| true).expect("a million are armed");
            let (queue, entry) = timers.pop(due).expect("it is due");
            timers.arm(queue, entry.owner, entry.due + interval);
        });
    });
    group.finish();
}

fn histograms(c: &mut Criterion) {
    let mut latencies = Latencies::default();
    let mut micros = 0;
    c.bench_function("latency recorded", |b| {
        b.iter(|| {
            micros = (micros + 7_919) % 1_000_000;
            latencies.record(Ticks::from_duration(Duration::from_micros(micros)));
        });
    });
}

/// A PING's size in a record, sealed and opened: what keeping only secrets costs over keeping keys.
fn tls_records(c: &mut Criterion) {
    let content = [0x61; 60];
    let mut group = c.benchmark_group("tls");
    group.bench_function("60 B sealed and opened, AES-128, key and IV kept", |b| {
        let (mut seq, mut record) = (0_u64, Vec::with_capacity(128));
        b.iter(|| {
            seq += 1;
            kept_keys::seal_and_open(black_box([7; 16]), seq, &content, &mut record);
        });
    });
    group.bench_function("60 B sealed and opened, AES-128, key and IV by aws-lc's HKDF", |b| {
        let (mut seq, mut record) = (0_u64, Vec::with_capacity(128));
        b.iter(|| {
            seq += 1;
            for _seal_and_open in 0..2 {
                black_box(kept_keys::derive(black_box(&[7; 32])));
            }
            kept_keys::seal_and_open(black_box([7; 16]), seq, &content, &mut record);
        });
    });
    for (name, suite) in [
        ("AES-128", Suite::Aes128GcmSha256),
        ("AES-256", Suite::Aes256GcmSha384),
        ("ChaCha20", Suite::Chacha20Poly1305Sha256),
    ] {
        // Two ends of one session: what one sends with, the other receives with.
        let (there, back) = (vec![1; suite.secret_bytes()], vec![2; suite.secret_bytes()]);
        let mut pool = Pool::new();
        let near = pool.hold(&Secrets::new(suite, (&there, 0), (&back, 0)).expect("secrets"));
        let far = pool.hold(&Secrets::new(suite, (&back, 0), (&there, 0)).expect("secrets"));
        let mut record = Vec::with_capacity(128);
        group.bench_function(format!("60 B sealed and opened, {name}, only secrets kept"), |b| {
            b.iter(|| {
                record.clear();
                pool.records(near).seal(black_box(&content), &mut record);
                let opened = pool.records(far).open(&mut record, &mut Reassembly::default());
                assert!(matches!(opened, Ok(Opened::Data(data)) if data.len() == content.len()));
            });
        });
    }
    group.finish();
}

/// What a session would do that keeps its keys: the AEAD key is expanded for each record all the
/// same.
mod kept_keys {
    use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk};

    pub fn seal_and_open(key: [u8; 16], seq: u64, content: &[u8], record: &mut Vec<u8>) {
        let key = || LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).expect("a key"));
        let nonce = || {
            let [_, _, _, _, nonce @ ..] = u128::from(seq).to_be_bytes();
            Nonce::assume_unique_for_key(nonce)
        };
        let header = [23, 3, 3, 0, 77];
        record.clear();
        record.extend_from_slice(content);
        record.push(23);
        key().seal_in_place_append_tag(nonce(), Aad::from(header), record).expect("it can be sealed");
        let opened = key().open_in_place(nonce(), Aad::from(header), record).expect("it was sealed");
        assert_eq!(opened.len(), content.len() + 1);
    }

    pub fn derive(secret: &[u8; 32]) -> ([u8; 16], [u8; 12]) {
        let (mut key, mut iv) = ([0; 16], [0; 12]);
        let prk = Prk::new_less_safe(HKDF_SHA256, secret);
        let expand = |info: &[u8], out: &mut [u8]| {
            prk.expand(&[info], Len(out.len())).expect("a short one").fill(out).expect("its length");
        };
        expand(b"\x00\x10\x09tls13 key\x00", &mut key);
        expand(b"\x00\x0c\x08tls13 iv\x00", &mut iv);
        (key, iv)
    }

    struct Len(usize);

    impl KeyType for Len {
        fn len(&self) -> usize {
            self.0
        }
    }
}

criterion_group!(
    pieces,
    http,
    frames,
    compression,
    messages,
    rules,
    templates,
    timers,
    histograms,
    tls_records
);
criterion_main!(pieces);
