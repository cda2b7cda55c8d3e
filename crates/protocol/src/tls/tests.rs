//! Key derivation and records against RFC 8448's trace, and where records are cut. Sessions with
//! rustls are in `tests/plain/tls_properties`.

use super::keys::{KeyBlock, advance};
use super::*;

/// RFC 8448 section 3, "{client} derive write traffic keys for application data".
const CLIENT_SECRET: &str = "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";
const CLIENT_KEY: &str = "17422dda596ed5d9acd890e3c63f5051";
const CLIENT_IV: &str = "5b78923dee08579033e523d9";
/// The same of the server.
const SERVER_SECRET: &str = "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";
const SERVER_KEY: &str = "9f02283b6c9c07efc26bb9f2ac92e356";
const SERVER_IV: &str = "cf782b88dd83549aadf1e984";
/// "{client} send application_data record", its complete record.
const CLIENT_RECORD: &str = "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bcab3f2b9819a8a5b46b395bd54a9a\
                             20441e2b62974e1f5a6292a2977014bd1e3deae63aeebb21694915e4";
/// "{client} send alert record": close_notify, the client's second record under this key.
const CLIENT_CLOSE: &str = "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3";

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).expect("a hex digit") as u8;
    hex.as_bytes().chunks(2).map(|pair| digit(&pair[0]) << 4 | digit(&pair[1])).collect()
}

#[test]
fn keys_are_derived_as_in_rfc_8448() {
    for (secret, key, iv) in [(CLIENT_SECRET, CLIENT_KEY, CLIENT_IV), (SERVER_SECRET, SERVER_KEY, SERVER_IV)]
    {
        let block = KeyBlock::derive(Suite::Aes128GcmSha256, &bytes(secret));
        assert_eq!((&block.key[..16], &block.iv[..]), (&bytes(key)[..], &bytes(iv)[..]));
    }
}

#[test]
fn records_are_those_of_rfc_8448() {
    let (client, server) = (bytes(CLIENT_SECRET), bytes(SERVER_SECRET));
    let content: Vec<u8> = (0..50).collect();
    let suite = Suite::Aes128GcmSha256;
    let mut pool = Pool::new();
    let sending = pool.hold(&Secrets::new(suite, (&client, 0), (&server, 0)).expect("secrets"));
    let reading = pool.hold(&Secrets::new(suite, (&server, 0), (&client, 0)).expect("secrets"));
    let mut sent = Vec::new();
    pool.records(sending).seal(&content, &mut sent);
    assert_eq!(sent, bytes(CLIENT_RECORD));
    let mut close = Vec::new();
    pool.records(sending).seal_close_notify(&mut close);
    assert_eq!(close, bytes(CLIENT_CLOSE));

    let mut reassembly = Reassembly::default();
    let opened = pool.records(reading).open(&mut sent, &mut reassembly).expect("a record");
    assert!(matches!(opened, Opened::Data(data) if *data == *content));
    assert_eq!(pool.records(reading).open(&mut close, &mut reassembly), Ok(Opened::CloseNotify));
}

#[test]
fn a_secret_advances_to_another_of_its_length() {
    for suite in [Suite::Aes128GcmSha256, Suite::Aes256GcmSha384, Suite::Chacha20Poly1305Sha256] {
        let before = vec![7; suite.secret_bytes()];
        let mut after = before.clone();
        advance(suite, &mut after);
        assert!(after != before && after.len() == before.len(), "{suite:?}");
    }
}

#[test]
fn records_are_cut_at_their_length() {
    let whole = [23, 3, 3, 0x41, 0, 0xff];
    for known in 0..5 {
        assert_eq!(record_len(&whole[..known]), Ok(None), "{known} bytes");
    }
    assert_eq!(record_len(&whole), Ok(Some(RECORD_BYTES_MAX)));
    assert_eq!(
        record_len(&[23, 3, 3, 0, 0]),
        Ok(Some(HEADER_BYTES)),
        "too short, which is seen when it is opened"
    );
    assert_eq!(record_len(&[23, 3, 3, 0x41, 1]), Err(RecordFault::RecordOverflow));
    assert_eq!(record_len(&[23, 9, 9, 0, 20]), Ok(Some(25)), "the version is ignored");
    for kind in (0..=u8::MAX).filter(|kind| *kind != 23) {
        assert_eq!(record_len(&[kind]), Err(RecordFault::UnexpectedMessage), "{kind}");
    }
}

#[test]
fn secrets_have_their_suites_length_and_a_past_that_fits() {
    let [short, long] = [[1; 32].as_slice(), [1; 48].as_slice()];
    let made = |suite, tx, rx| Secrets::new(suite, tx, rx).map(|_| ());
    assert_eq!(made(Suite::Aes128GcmSha256, (short, 1), (long, 1)), Err(SecretsError::Length));
    assert_eq!(made(Suite::Aes256GcmSha384, (short, 1), (long, 1)), Err(SecretsError::Length));
    assert_eq!(made(Suite::Aes256GcmSha384, (long, 1), (long, 1)), Ok(()));
    let limit = u64::from(KEY_UPDATE_AFTER_RECORDS);
    let suite = Suite::Chacha20Poly1305Sha256;
    assert_eq!(made(suite, (short, limit), (short, u32::MAX.into())), Ok(()));
    assert_eq!(made(suite, (short, limit + 1), (short, 0)), Err(SecretsError::SequenceExhausted));
    assert_eq!(made(suite, (short, 0), (short, 1 << 32)), Err(SecretsError::SequenceExhausted));
}

#[test]
fn no_secret_is_shown() {
    let secret = [0xab; 32];
    let mut pool = Pool::new();
    let secrets = Secrets::new(Suite::Aes128GcmSha256, (&secret, 3), (&secret, 4)).expect("secrets");
    let handle = pool.hold(&secrets);
    let shown = format!("{secrets:?} {pool:?} ") + &format!("{:?}", pool.records(handle));
    assert!(shown.contains("tx_seq: 3") && !shown.contains("171") && !shown.contains("ab"), "{shown}");
}
