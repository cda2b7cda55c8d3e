//! What the pieces of the hot path cost: HTTP heads, frames, masks, rules of messages, templates,
//! timers, histograms, the ledger of broadcasts, TLS records.
//!
//!     cargo bench --bench pieces              # all
//!     cargo bench --bench pieces -- frame     # those with "frame" in their names
//!
//! Each bench does what a session does with a piece, on bytes as the servers send them. Read ratios
//! in one run; the machine is rarely quiet.

#[path = "pieces/cases.rs"]
mod cases;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use startline::measure::Latencies;
use startline::measure::acts::{Act, Acts, Announced, Deed, Key};
use startline::measure::ledger::{self, Board, Closing, Homes, Ledger, SessionSet};
use startline::measure::propagation::{Propagation, Shared};
use startline::measure::servers::ServerIndex;
use startline::members::{MemberId, Members, SessionNumber};
use startline::scenario::Scenario;
use startline::scenario::presence::Told;
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

/// What a message costs in the ledger of one of two workers, with 20,000 members who all observe: each of
/// its sessions in turn is announced some members, as one read brings them; and an open message's list.
fn ledger_cost(c: &mut Criterion) {
    const SESSIONS: u32 = 20_000;
    let own: Vec<SessionNumber> = (0..SESSIONS).step_by(2).map(SessionNumber).collect();
    let members = Arc::new(Members::range(MemberId(13), SESSIONS, 38));
    let mut ledger = Ledger::new(members, SESSIONS, &own, Board::new(SESSIONS));
    let mut group = c.benchmark_group("ledger");
    for together in [1, 7] {
        let mut first = 0;
        group.throughput(Throughput::Elements(u64::from(together) * own.len() as u64));
        group.bench_function(format!("announced to all, {together} at a time"), |b| {
            b.iter(|| {
                first = (first + together) % (SESSIONS - together);
                for &observer in &own {
                    for member in first..first + together {
                        ledger.entered(observer, black_box(MemberId(13 + u64::from(member))));
                    }
                }
            });
        });
    }
    let mut by_observer = by_observer::Ledger::new(Members::range(MemberId(13), SESSIONS, 38), &own);
    for together in [1, 7] {
        let mut first = 0;
        group.throughput(Throughput::Elements(u64::from(together) * own.len() as u64));
        group.bench_function(format!("announced to all, {together} at a time, bits by observer"), |b| {
            b.iter(|| {
                first = (first + together) % (SESSIONS - together);
                for &observer in &own {
                    for member in first..first + together {
                        by_observer.entered(observer, black_box(MemberId(13 + u64::from(member))));
                    }
                }
            });
        });
    }
    let mut observers = own.iter().cycle();
    group.throughput(Throughput::Elements(10_000));
    group.bench_function("10,000 listed", |b| {
        b.iter(|| {
            let observer = observers.next().expect("it goes round");
            for member in 0..10_000 {
                ledger.listed(*observer, black_box(MemberId(13 + member)));
            }
        });
    });
    group.finish();
}

/// What it costs to time an announcement: each of one worker's sessions in turn receives one of each of some
/// members' acts.
fn propagation(c: &mut Criterion) {
    const SESSIONS: u32 = 20_000;
    let all: Vec<SessionNumber> = (0..SESSIONS).map(SessionNumber).collect();
    let members = Arc::new(Members::range(MemberId(13), SESSIONS, 38));
    let shared = Shared::new(Acts::new(SESSIONS), SESSIONS, &all, 2);
    let mut one = Propagation::new(shared, members, SESSIONS, 0).expect("a member each");
    let (deed, key, at) = (Deed::ENTER, Key::default(), Tick::from_micros(16));
    for (k, &session) in all.iter().enumerate() {
        one.acted(session, Act { at: Tick::from_micros(0), server: ServerIndex(k as u8 % 2), deed, key });
    }
    let own: Vec<SessionNumber> = all.into_iter().step_by(2).collect();
    let mut group = c.benchmark_group("propagation");
    for together in [1, 7] {
        let mut first = 0;
        group.throughput(Throughput::Elements(u64::from(together) * own.len() as u64));
        group.bench_function(format!("received by all, {together} at a time"), |b| {
            b.iter(|| {
                first = (first + together) % (SESSIONS - together);
                for &observer in &own {
                    for member in first..first + together {
                        let member_id = MemberId(13 + u64::from(member));
                        let told = Announced { deed, member_id, key, at };
                        one.received(observer, ServerIndex(1), black_box(told));
                    }
                }
            });
        });
    }
    group.finish();
}

/// What judging the pairs costs when accounts close: 6,000 members of two servers on two workers, each of
/// whose announcements misses one receiver in three; and none.
fn ledger_close(c: &mut Criterion) {
    const SESSIONS: u32 = 6_000;
    let mut group = c.benchmark_group("ledger");
    group.sample_size(10);
    for loses in [false, true] {
        let members = Arc::new(Members::range(MemberId(13), SESSIONS, 38));
        let board = Board::new(SESSIONS);
        let own = |worker| (worker..SESSIONS).step_by(2).map(SessionNumber).collect::<Vec<_>>();
        let ledger = |worker| Ledger::new(Arc::clone(&members), SESSIONS, &own(worker), Arc::clone(&board));
        let mut ledgers = [ledger(0), ledger(1)];
        let mut open = SessionSet::new(SESSIONS);
        for k in 0..SESSIONS {
            open.insert(SessionNumber(k));
            board.open(SessionNumber(k), Duration::from_millis(u64::from(k) * 50));
            let own = &mut ledgers[k as usize % 2];
            (0..k).for_each(|other| own.listed(SessionNumber(k), MemberId(13 + u64::from(other))));
            for other in (0..k).filter(|other| !loses || (other ^ k).count_ones() % 3 > 0) {
                ledgers[other as usize % 2].entered(SessionNumber(other), MemberId(13 + u64::from(k)));
            }
        }
        let names = ["ws://a", "ws://b"].map(str::to_owned);
        let homes = Homes::new(SESSIONS, &names, |k| ServerIndex((k.0 / 2 % 2) as u8));
        let closing = Closing { open: &open, homes: &homes, stalls: &[], told: Told::ALL };
        let name = if loses { "closed, a third missing" } else { "closed, none missing" };
        group.bench_function(name, |b| b.iter(|| ledger::close(&ledgers, &closing)));
    }
    group.finish();
}

/// What it would cost with an observer's bits in a row: each announcement on a cache line of its own.
mod by_observer {
    use startline::members::{MemberId, Members, SessionNumber};

    pub struct Ledger {
        members: Members,
        rows: Vec<u32>,
        width: usize,
        bits: Vec<u64>,
        duplicate: u64,
        strangers: u64,
    }

    impl Ledger {
        pub fn new(members: Members, observers: &[SessionNumber]) -> Self {
            let sessions = observers.len() * 2;
            let mut rows = vec![u32::MAX; sessions];
            (0..).zip(observers).for_each(|(row, observer)| rows[observer.index()] = row);
            let width = sessions.div_ceil(64);
            Self {
                members,
                rows,
                width,
                bits: vec![0; observers.len() * 2 * width],
                duplicate: 0,
                strangers: 0,
            }
        }

        pub fn entered(&mut self, session: SessionNumber, member_id: MemberId) {
            let Some(&row) = self.rows.get(session.index()).filter(|row| **row != u32::MAX) else { return };
            let member = self.members.index_of(member_id).filter(|_| self.members.only_challenge().is_some());
            let Some(member) = member.filter(|member| *member != session) else {
                self.strangers += 1;
                return;
            };
            let word = &mut self.bits[(row as usize * 2 + 1) * self.width + member.index() / 64];
            let bit = 1u64 << (member.0 % 64);
            self.duplicate += u64::from(*word & bit != 0);
            *word |= bit;
        }
    }
}

criterion_group!(
    pieces,
    ledger_cost,
    ledger_close,
    propagation,
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
