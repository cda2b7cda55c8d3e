//! Whole sessions with rustls: every byte arrives and the keys stay in step, whatever either side does.

use std::io::Write;

use proptest::prelude::*;
use rustls::{AlertDescription, Connection};
use startline_protocol::tls::*;

use super::SUITES;
use super::peers::{Ours, Pair, Side, deliver, said, try_deliver, written};

/// What can happen in a session, in any order.
#[derive(Clone, Debug)]
enum Step {
    /// What we have sealed arrives, in pieces of this size.
    OursArrives(usize),
    /// What the peer has sealed arrives, in pieces of this size.
    TheirsArrives(usize),
    TheyRefresh,
    TheySay(usize),
    WeSay(usize),
    WeUpdate(KeyUpdate),
}

fn step() -> impl Strategy<Value = Step> {
    let len = prop_oneof![4 => 0..200usize, 1 => 0..40_000usize, 1 => 16_380..16_390usize];
    let piece = || prop_oneof![1..30usize, 1..20_000usize];
    prop_oneof![
        2 => piece().prop_map(Step::OursArrives),
        2 => piece().prop_map(Step::TheirsArrives),
        1 => Just(Step::TheyRefresh),
        3 => len.clone().prop_map(Step::TheySay),
        3 => len.prop_map(Step::WeSay),
        1 => prop_oneof![Just(KeyUpdate::NotRequested), Just(KeyUpdate::Requested)].prop_map(Step::WeUpdate),
    ]
}

/// A session on its way, with all that either side has said.
struct Session {
    ours: Ours,
    peer: Connection,
    we_said: Vec<u8>,
    they_said: Vec<u8>,
    they_received: Vec<u8>,
    they_sealed: Vec<u8>,
    salt: u8,
}

impl Session {
    fn new((ours, peer): (Ours, Connection)) -> Self {
        let silent = Vec::new;
        Self {
            ours,
            peer,
            we_said: silent(),
            they_said: silent(),
            they_received: silent(),
            they_sealed: silent(),
            salt: 0,
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::OursArrives(piece) => {
                for piece in self.ours.take_out().chunks(piece) {
                    self.they_received.extend(deliver(&mut self.peer, piece));
                }
            }
            Step::TheirsArrives(piece) => {
                self.they_sealed.extend(written(&mut self.peer));
                for piece in std::mem::take(&mut self.they_sealed).chunks(piece) {
                    self.ours.read(piece).expect("records in order");
                }
            }
            Step::TheyRefresh => self.peer.refresh_traffic_keys().expect("a connection of TLS 1.3"),
            Step::TheySay(len) => {
                let data = self.data(len);
                self.they_sealed.extend(said(&mut self.peer, &data));
                self.they_said.extend(data);
            }
            Step::WeSay(len) => {
                let data = self.data(len);
                self.ours.send(&data);
                self.we_said.extend(data);
            }
            Step::WeUpdate(request) => self.ours.update_key(request),
        }
    }

    fn data(&mut self, len: usize) -> Vec<u8> {
        self.salt = self.salt.wrapping_add(1);
        (0..len).map(|k| (k as u8).wrapping_mul(31) ^ self.salt).collect()
    }

    /// All that is under way arrives, then both close.
    fn end(mut self) {
        // Twice: what arrives may ask for an answer.
        for _ in 0..2 {
            self.step(&Step::OursArrives(1_000));
            self.step(&Step::TheirsArrives(1_000));
        }
        self.peer.send_close_notify();
        self.step(&Step::TheirsArrives(7));
        assert!(self.ours.peer_has_closed && !self.ours.reassembly.is_needed());
        assert!(self.ours.received == self.they_said, "what we received is what they said");

        let mut records = self.ours.pool.records(self.ours.handle);
        records.seal_close_notify(&mut self.ours.out);
        self.step(&Step::OursArrives(7));
        let state = self.peer.process_new_packets().expect("nothing wrong");
        assert!(state.peer_has_closed() && self.they_received == self.we_said);

        self.ours.pool.release(self.ours.handle);
        assert!(self.ours.pool.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_byte_arrives_whatever_the_order(
        suite in prop::sample::select(SUITES.to_vec()),
        we_are in prop_oneof![3 => Just(Side::Client), 1 => Just(Side::Server)],
        update_after_records in prop_oneof![Just(KEY_UPDATE_AFTER_RECORDS), 1..5u32],
        steps in prop::collection::vec(step(), 0..24),
    ) {
        let mut session = Session::new(Pair::new(suite, we_are).extract());
        session.ours.update_after_records = update_after_records;
        for step in &steps {
            session.step(step);
        }
        session.end();
    }

    #[test]
    fn a_connection_is_taken_over_at_any_point(
        suite in prop::sample::select(SUITES.to_vec()),
        before in prop::collection::vec((any::<bool>(), 0..3_000usize, any::<bool>()), 0..12),
    ) {
        let mut pair = Pair::new(suite, Side::Client);
        for (near_first, len, refresh) in before {
            let Pair { near, far, .. } = &mut pair;
            let (from, to) = if near_first { (near, far) } else { (far, near) };
            if refresh {
                from.refresh_traffic_keys().expect("a connection of TLS 1.3");
            }
            let data = vec![7; len];
            assert!(deliver(to, &said(from, &data)) == data);
        }
        let mut session = Session::new(pair.extract());
        for step in [Step::WeSay(100), Step::TheySay(100), Step::OursArrives(9), Step::TheirsArrives(9)] {
            session.step(&step);
        }
        session.end();
    }
}

#[test]
fn tickets_are_counted_and_not_kept() {
    for suite in SUITES {
        let mut session = Session::new(Pair::new(suite, Side::Client).extract());
        session.step(&Step::TheySay(10));
        session.step(&Step::TheirsArrives(3));
        assert_eq!((session.ours.tickets, session.ours.received.len()), (2, 10), "{suite:?}");
        session.end();
    }
}

#[test]
fn a_key_that_has_done_its_share_is_updated_unasked() {
    for suite in SUITES {
        let mut session = Session::new(Pair::new(suite, Side::Client).extract());
        session.ours.update_after_records = 3;
        for _ in 0..10 {
            session.step(&Step::WeSay(20));
        }
        session.step(&Step::OursArrives(40));
        let shown = format!("{:?}", session.ours.pool.records(session.ours.handle));
        assert!(shown.contains("tx_seq: 1"), "three records, thrice, and one: {shown}");
        session.end();
    }
}

#[test]
fn a_peer_that_is_asked_updates_its_key_too() {
    for suite in SUITES {
        let mut session = Session::new(Pair::new(suite, Side::Client).extract());
        for steps in 1..4 {
            session.step(&Step::WeUpdate(KeyUpdate::Requested));
            session.step(&Step::WeSay(1));
            session.step(&Step::OursArrives(40));
            session.step(&Step::TheySay(1));
            session.step(&Step::TheirsArrives(40));
            assert_eq!(session.ours.key_updates, steps, "{suite:?}");
        }
        session.end();
    }
}

#[test]
fn the_answer_to_a_key_update_is_not_lost_at_extraction() {
    let (ours, _) = Pair::new(Suite::Aes128GcmSha256, Side::Client).extract();
    assert!(ours.out.is_empty(), "without one, the empty write makes no record");
    let mut pair = Pair::new(Suite::Aes128GcmSha256, Side::Client);
    pair.far.refresh_traffic_keys().expect("a connection of TLS 1.3");
    deliver(&mut pair.near, &written(&mut pair.far));
    assert!(!pair.near.wants_write(), "rustls holds its answer back");
    let (ours, peer) = pair.extract();
    assert!(!ours.out.is_empty(), "until it is made to write");
    let mut session = Session::new((ours, peer));
    session.step(&Step::WeSay(5));
    session.end();
}

#[test]
fn secrets_of_another_connection_or_suite_are_refused() {
    let [one, other] = [(); 2].map(|()| Pair::new(Suite::Aes128GcmSha256, Side::Client));
    let (tx, rx) = (one.logged.secret(Side::Client), one.logged.secret(Side::Server));
    let mut near = one.near;
    near.writer().write_all(&[]).expect("an open connection");
    let extracted = near.dangerous_extract_secrets().expect("extraction is enabled");
    let taken = |suite, tx: &[u8], rx: &[u8]| Secrets::from_rustls(suite, tx, rx, &extracted).map(|_| ());
    let suite = Suite::Aes128GcmSha256;
    assert_eq!(taken(suite, &tx, &rx), Ok(()));
    assert_eq!(taken(suite, &rx, &tx), Err(SecretsError::TxMismatch));
    assert_eq!(taken(suite, &tx, &other.logged.secret(Side::Server)), Err(SecretsError::RxMismatch));
    assert_eq!(taken(Suite::Chacha20Poly1305Sha256, &tx, &rx), Err(SecretsError::SuiteMismatch));
    assert_eq!(taken(suite, &tx, &rx[1..]), Err(SecretsError::Length));
}

#[test]
fn alerts_are_understood_in_both_directions() {
    for suite in SUITES {
        let (mut ours, mut peer) = Pair::new(suite, Side::Client).extract();
        ours.pool.records(ours.handle).seal_alert(AlertDescription::BadRecordMac, &mut ours.out);
        let heard = try_deliver(&mut peer, &ours.take_out());
        assert_eq!(heard, Err(rustls::Error::AlertReceived(AlertDescription::BadRecordMac)));

        let (mut ours, mut peer) = Pair::new(suite, Side::Client).extract();
        ours.send(b"changed on its way");
        let mut sealed = ours.take_out();
        sealed[9] ^= 1;
        try_deliver(&mut peer, &sealed).expect_err("it is not what was sealed");
        let heard = ours.read(&written(&mut peer)).expect_err("a fatal alert");
        assert_eq!(heard, RecordFault::PeerAlert(AlertDescription::BadRecordMac.into()));
        assert_eq!((heard.to_string().as_str(), heard.alert()), ("alert-bad-record-mac", None));
    }
}
