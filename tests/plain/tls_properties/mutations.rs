//! Records that are not what was sealed: refused by name at every length, with any byte changed, and never a panic.

use proptest::prelude::*;
use startline_protocol::tls::*;

use super::SUITES;
use crate::checks::tls::{self as checks, DATA, Rig};

/// Where a record was changed decides its name: the outer type, the length, or all that the tag vouches for.
fn fault_of_flip(place: usize, record: &[u8]) -> &'static [RecordFault] {
    match place {
        0 => &[RecordFault::UnexpectedMessage],
        3 | 4 if record_len(record).is_err() => &[RecordFault::RecordOverflow],
        3 | 4 => &[RecordFault::DecodeError],
        _ => &[RecordFault::BadRecordMac],
    }
}

proptest! {
    #[test]
    fn any_changed_bit_is_refused_by_name(
        suite in prop::sample::select(SUITES.to_vec()),
        content in prop::collection::vec(any::<u8>(), 0..300),
        place: prop::sample::Index,
        bit in 0..8u32,
    ) {
        let mut rig = Rig::new(suite);
        let mut record = rig.peer.seal(&[&content[..], &[DATA]].concat());
        let mut whole = record.clone();
        let place = place.index(record.len());
        record[place] ^= 1 << bit;
        let names = fault_of_flip(place, &record);
        let fault = rig.open(&mut record).expect_err("it was changed");
        prop_assert!(names.contains(&fault), "{fault} at {place}");
        let mut replayed = whole.clone();
        let opened = rig.open(&mut whole[..]);
        prop_assert!(matches!(opened, Ok(Opened::Data(data)) if *data == *content), "nothing was counted");
        prop_assert_eq!(rig.open(&mut replayed[..]), Err(RecordFault::BadRecordMac), "a replay");
    }

    #[test]
    fn bytes_in_place_of_records_are_refused(data in prop::collection::vec(any::<u8>(), 0..600)) {
        checks::records(&data);
        checks::records(&[&[data.len() as u8, 23, 3, 3, 0, 40], &data[..]].concat());
    }

    #[test]
    fn anything_sealed_is_opened_or_refused(
        first: u8,
        records in prop::collection::vec((inner(), prop_oneof![4 => 0..3u16, 1 => 0..17_000u16]), 0..12),
    ) {
        let mut data = vec![first];
        for (inner, padding) in records {
            data.extend((inner.len() as u16).to_be_bytes());
            data.extend(padding.to_be_bytes());
            data.extend(inner);
        }
        checks::records(&data);
    }
}

/// Contents with their types, most of them in order.
fn inner() -> impl Strategy<Value = Vec<u8>> {
    let message = prop_oneof![
        (0..3u8).prop_map(|request| vec![24, 0, 0, 1, request]),
        (14..40u8).prop_map(|len| [&[4, 0, 0, len], &vec![len; len.into()][..]].concat()),
    ];
    // Cut anywhere: the rest may come in the next record, or never.
    let messages = (prop::collection::vec(message, 1..3), prop_oneof![4 => Just(usize::MAX), 1 => 1..9usize])
        .prop_map(|(messages, len)| {
            let mut content = messages.concat();
            content.truncate(len);
            [&content[..], &[22]].concat()
        });
    prop_oneof![
        4 => messages,
        2 => prop::collection::vec(any::<u8>(), 0..60).prop_map(|data| [&data[..], &[23]].concat()),
        1 => (any::<u8>(), any::<u8>()).prop_map(|(level, alert)| vec![level, alert, 21]),
        1 => prop::collection::vec(any::<u8>(), 0..60),
    ]
}

#[test]
fn a_record_with_bytes_missing_or_added_is_refused() {
    for suite in SUITES {
        let mut rig = Rig::new(suite);
        let record = rig.peer.seal(b"some data\x17");
        for len in 0..record.len() {
            assert_eq!(rig.open(&mut record[..len].to_vec()), Err(RecordFault::DecodeError), "{len} bytes");
            assert!(
                record_len(&record[..len]).expect("nothing wrong so far").is_none_or(|whole| whole > len)
            );
        }
        assert_eq!(rig.open(&mut [&record[..], &[0]].concat()), Err(RecordFault::DecodeError));
        // The same with a length that agrees.
        for body_len in (0..record.len() - 5).chain([record.len() - 4, 300]) {
            let mut changed = record.clone();
            changed.resize(5 + body_len, 0);
            changed[3..5].copy_from_slice(&(body_len as u16).to_be_bytes());
            assert_eq!(rig.open(&mut changed), Err(RecordFault::BadRecordMac), "{body_len} bytes");
        }
        assert!(matches!(rig.open(&mut record.clone()), Ok(Opened::Data(data)) if *data == *b"some data"));
    }
}

#[test]
fn every_length_is_opened_or_refused_by_name() {
    let mut rig = Rig::new(Suite::Aes128GcmSha256);
    for inner_len in 1..=RECORD_BYTES_MAX - HEADER_BYTES - 16 {
        let inner = vec![DATA; inner_len];
        let mut record = rig.peer.seal(&inner);
        assert_eq!(record_len(&record), Ok(Some(record.len())));
        match rig.open(&mut record) {
            Ok(Opened::Data(data)) => {
                assert!(inner_len <= PLAINTEXT_BYTES_MAX + 1 && *data == inner[1..], "{inner_len}");
            }
            opened => {
                assert!(inner_len > PLAINTEXT_BYTES_MAX + 1 && opened == Err(RecordFault::RecordOverflow));
            }
        }
    }
    for body_len in [16_641_u16, 20_000, u16::MAX] {
        let mut record = vec![0; 5 + usize::from(body_len)];
        record[0] = 23;
        record[3..5].copy_from_slice(&body_len.to_be_bytes());
        assert_eq!(record_len(&record[..5]), Err(RecordFault::RecordOverflow));
        assert_eq!(rig.open(&mut record), Err(RecordFault::RecordOverflow));
    }
}
