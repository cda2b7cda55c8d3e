//! Every rule that a peer can break, by name, from a peer that has the keys; and what it may do though few do it.

use rustls::AlertDescription;
use startline_protocol::tls::RecordFault::{
    BadRecordMac, DecodeError, IllegalParameter, RecordOverflow, SequenceExhausted, UnexpectedMessage,
};
use startline_protocol::tls::*;

use super::SUITES;
use crate::checks::tls::{ALERT, DATA, HANDSHAKE, Rig};

/// A whole NewSessionTicket with this many bytes of ticket.
fn ticket(bytes: usize) -> Vec<u8> {
    let mut body = vec![0, 0, 28, 32, 1, 2, 3, 4, 1, 0];
    body.extend((bytes as u16).to_be_bytes());
    body.resize(body.len() + bytes, 0xcc);
    body.extend([0, 0]);
    let [_, len @ ..] = (body.len() as u32).to_be_bytes();
    [&[4], &len[..], &body].concat()
}

fn handshake(content: &[u8]) -> Vec<u8> {
    [content, &[HANDSHAKE]].concat()
}

/// Opens these one after the other; what the last one comes to, without its data.
fn last(inners: &[Vec<u8>]) -> Result<(), RecordFault> {
    let mut rig = Rig::new(Suite::Aes128GcmSha256);
    let mut last = Ok(());
    for inner in inners {
        assert_eq!(last, Ok(()), "only the last may be wrong");
        last = rig.open_inner(inner, &mut Vec::new()).map(|_| ());
    }
    last
}

#[test]
fn every_broken_rule_has_its_name() {
    let key_update = [24, 0, 0, 1, 0];
    let faults: [(&str, &[Vec<u8>], RecordFault); 21] = [
        ("nothing but padding (5.4)", &[vec![0; 30]], UnexpectedMessage),
        ("an empty TLSInnerPlaintext (5.4)", &[vec![]], UnexpectedMessage),
        ("an empty alert (5.4)", &[vec![ALERT]], UnexpectedMessage),
        ("an empty handshake record (5.4)", &[vec![HANDSHAKE, 0, 0]], UnexpectedMessage),
        ("a change_cipher_spec inside (5)", &[vec![1, 20]], UnexpectedMessage),
        ("an unknown type (5)", &[vec![1, 2, 3, 99]], UnexpectedMessage),
        ("half an alert (5.1)", &[vec![2, ALERT]], DecodeError),
        ("two alerts in a record (5.1)", &[vec![1, 0, 1, 0, ALERT]], DecodeError),
        ("a Finished after the handshake (4)", &[handshake(&[20])], UnexpectedMessage),
        ("a CertificateRequest (4.6.2)", &[handshake(&[13, 0, 0, 3, 0, 0, 0])], UnexpectedMessage),
        ("a HelloRequest of TLS 1.2", &[handshake(&[0, 0, 0, 0])], UnexpectedMessage),
        ("a KeyUpdate that asks for neither (4.6.3)", &[handshake(&[24, 0, 0, 1, 2])], IllegalParameter),
        ("a KeyUpdate of two bytes", &[handshake(&[24, 0, 0, 2, 0, 0])], DecodeError),
        ("a KeyUpdate of none", &[handshake(&[24, 0, 0, 0])], DecodeError),
        (
            "a KeyUpdate and more (5.1)",
            &[handshake(&[&key_update[..], &key_update].concat())],
            UnexpectedMessage,
        ),
        ("a ticket too short for its fields", &[handshake(&[4, 0, 0, 13])], DecodeError),
        ("a ticket too long for its fields", &[handshake(&[4, 2, 1, 10])], DecodeError),
        (
            "data within a handshake message (5.1)",
            &[handshake(&key_update[..2]), vec![b'x', DATA]],
            UnexpectedMessage,
        ),
        (
            "a close within a handshake message (5.1)",
            &[handshake(&key_update[..4]), vec![1, 0, ALERT]],
            UnexpectedMessage,
        ),
        (
            "a fatal alert within one, which is told",
            &[handshake(&key_update[..4]), vec![2, 80, ALERT]],
            RecordFault::PeerAlert(AlertDescription::InternalError.into()),
        ),
        ("a byte over the plaintext's limit (5.4)", &[vec![DATA; (1 << 14) + 2]], RecordOverflow),
    ];
    for (what, inners, fault) in faults {
        assert_eq!(last(inners), Err(fault), "{what}");
    }
}

#[test]
fn a_fault_says_what_to_tell_the_peer() {
    for (fault, alert) in [
        (BadRecordMac, AlertDescription::BadRecordMac),
        (DecodeError, AlertDescription::DecodeError),
        (IllegalParameter, AlertDescription::IllegalParameter),
        (RecordOverflow, AlertDescription::RecordOverflow),
        (UnexpectedMessage, AlertDescription::UnexpectedMessage),
    ] {
        assert_eq!(fault.alert(), Some(alert));
        assert_eq!(fault.to_string(), PeerAlert::from(alert).to_string());
    }
    assert_eq!(SequenceExhausted.alert(), Some(AlertDescription::InternalError));
}

#[test]
fn every_alert_but_two_is_the_end() {
    let mut rig = Rig::new(Suite::Aes128GcmSha256);
    let mut record = Vec::new();
    for level in [0, 1, 2, 99] {
        for alert in 0..=u8::MAX {
            let opened = rig.open_inner(&[level, alert, ALERT, 0, 0], &mut record);
            let expected = match alert {
                0 => Ok(Opened::CloseNotify),
                90 => Ok(Opened::UserCanceled),
                _ => Err(RecordFault::PeerAlert(PeerAlert(alert))),
            };
            assert_eq!(opened, expected, "whatever its level");
        }
    }
}

#[test]
fn padding_is_taken_off() {
    for suite in SUITES {
        let mut rig = Rig::new(suite);
        for padding in [0, 1, 255, (1 << 14) - 5] {
            let inner = [b"data\0".as_slice(), &[DATA], &vec![0; padding]].concat();
            let mut record = Vec::new();
            let opened = rig.open_inner(&inner, &mut record);
            assert!(matches!(&opened, Ok(Opened::Data(data)) if **data == *b"data\0"), "{opened:?}");
        }
        assert!(matches!(rig.open_inner(&[DATA], &mut Vec::new()), Ok(Opened::Data([]))), "empty data");
    }
}

#[test]
fn tickets_may_span_and_share_records() {
    let longest = ticket(0xffff);
    for piece in [1, 7, 1 << 14] {
        let mut rig = Rig::new(Suite::Chacha20Poly1305Sha256);
        let stream = [ticket(1), longest.clone(), ticket(300), ticket(32)].concat();
        // One byte a record takes long: only around the ends of the first.
        let stream = if piece == 1 { &stream[..60] } else { &stream[..] };
        let mut counted = 0;
        for content in stream.chunks(piece) {
            match rig.open_inner(&handshake(content), &mut Vec::new()) {
                Ok(Opened::Handshake { tickets, key_update: None }) => counted += tickets,
                other => panic!("{other:?}"),
            }
        }
        let expected = if piece == 1 { (1, true) } else { (4, false) };
        assert_eq!((counted, rig.reassembly.is_needed()), expected, "in pieces of {piece}");
    }
}

#[test]
fn a_key_update_may_follow_tickets_and_span_records() {
    let opened = |content: &[u8], rig: &mut Rig| match rig.open_inner(&handshake(content), &mut Vec::new()) {
        Ok(Opened::Handshake { tickets, key_update }) => (tickets, key_update),
        other => panic!("{other:?}"),
    };
    for suite in SUITES {
        let rig = &mut Rig::new(suite);
        let message = [&ticket(5)[..], &ticket(6), &[24, 0, 0, 1, 1]].concat();
        assert_eq!(opened(&message, rig), (2, Some(KeyUpdate::Requested)));
        rig.peer.update();
        for byte in [24, 0, 0, 1] {
            assert_eq!(opened(&[byte], rig), (0, None));
        }
        assert_eq!(opened(&[0], rig), (0, Some(KeyUpdate::NotRequested)));
        rig.peer.update();
        assert!(
            matches!(rig.open_inner(&[b'x', DATA], &mut Vec::new()), Ok(Opened::Data(data)) if *data == *b"x")
        );
    }
}

#[test]
fn a_peer_that_never_updates_its_key_comes_to_a_named_end() {
    let secret = [1; 32];
    let mut pool = Pool::new();
    let suite = Suite::Aes128GcmSha256;
    let handle = pool.hold(&Secrets::new(suite, (&secret, 0), (&secret, u32::MAX.into())).expect("secrets"));
    let mut record = vec![0; 40];
    record[..5].copy_from_slice(&[23, 3, 3, 0, 35]);
    let opened = pool.records(handle).open(&mut record, &mut Reassembly::default());
    assert_eq!(opened, Err(SequenceExhausted));
}

#[test]
fn a_key_at_its_limit_is_updated_by_whatever_comes_next() {
    let suite = Suite::Aes256GcmSha384;
    let secret = [1; 48];
    let mut pool = Pool::new();
    let limit = u64::from(KEY_UPDATE_AFTER_RECORDS);
    for seal in [
        (|records, out| records.seal(b"x", out)) as fn(&mut Records<'_>, &mut Vec<u8>),
        |records, out| records.seal_close_notify(out),
        |records, out| records.seal_alert(AlertDescription::InternalError, out),
    ] {
        let handle = pool.hold(&Secrets::new(suite, (&secret, limit), (&secret, 0)).expect("secrets"));
        let mut out = Vec::new();
        seal(&mut pool.records(handle), &mut out);
        let first = record_len(&out).expect("a record").expect("whole");
        assert!(first == 5 + 5 + 1 + 16 && out.len() > first, "a KeyUpdate, then what was asked for");
        assert!(format!("{:?}", pool.records(handle)).contains("tx_seq: 1"));
        pool.release(handle);
    }
}
