//! The records that OpenSSL cuts: by suite and key, with tickets between them, small, padded, longer than a read.

use serde_json::json;

use crate::s_server::{Line, Manners, Played, SServer};
use crate::tools::Key;

#[track_caller]
fn play(manners: Manners, on_ping: impl FnMut(&mut Line, u32) + Send + 'static) -> Played {
    let played = SServer::start(manners, on_ping).play();
    played.assert_held();
    assert!(played.pings > 1, "{:#}", played.summary["ping"]);
    assert_eq!(played.received("close_notify"), 1, "our goodbye is OpenSSL's, too");
    played
}

fn with(args: &[&str]) -> Manners {
    Manners { args: args.iter().map(|arg| (*arg).to_owned()).collect(), ..Manners::default() }
}

fn pong(line: &mut Line, _ping: u32) {
    line.pong();
}

/// A long message before each PONG.
fn news_and_pong(line: &mut Line, _ping: u32) {
    line.say_much("news", 40_000);
    line.pong();
}

/// One before each PONG that was counted.
#[track_caller]
fn assert_news(played: &Played) {
    let (news, answered) = (played.count("/messages/by_type/news"), played.count("/ping/answered"));
    assert!(answered > 0 && news >= answered, "{news} before {answered} PONGs");
}

#[test]
fn each_suite_that_openssl_insists_on() {
    let suites = [
        ["-ciphersuites", "TLS_AES_128_GCM_SHA256"],
        ["-ciphersuites", "TLS_AES_256_GCM_SHA384"],
        ["-ciphersuites", "TLS_CHACHA20_POLY1305_SHA256"],
    ];
    for args in suites {
        let played = play(with(&args), |line, ping| {
            if ping == 1 {
                line.update_key(true);
            }
            news_and_pong(line, ping);
        });
        assert_eq!(played.summary["tls"]["suites"], json!({ args[1]: 1 }));
        assert_eq!(played.count("/tls/key_updates"), 1);
        assert_news(&played);
    }
}

#[test]
fn each_number_of_tickets() {
    for count in [0, 2, 8] {
        let played = play(with(&["-num_tickets", &count.to_string()]), pong);
        assert_eq!(played.count("/tls/tickets"), count);
        assert_eq!((played.count("/tls/full"), played.count("/tls/resumed")), (1, 0));
    }
}

#[test]
fn padding_is_taken_off() {
    for block in ["512", "16384"] {
        assert_news(&play(with(&["-record_padding", block]), news_and_pong));
    }
}

#[test]
fn small_records_make_whole_messages() {
    assert_news(&play(with(&["-max_send_frag", "512", "-num_tickets", "1"]), news_and_pong));
    assert_news(&play(with(&["-split_send_frag", "700", "-record_padding", "64"]), news_and_pong));
}

#[test]
fn what_comes_with_the_101_is_not_lost() {
    for welcome_bytes in [0, 100, 9_000] {
        let manners = Manners { welcome_bytes, welcome_with_the_101: true, ..Manners::default() };
        play(manners, pong);
    }
}

/// It spans many records and reads, some of which rustls gets and the others not.
#[test]
fn a_long_message_right_after_the_101() {
    for args in [&[][..], &["-max_send_frag", "512"]] {
        play(Manners { welcome_bytes: 200_000, ..with(args) }, pong);
    }
}

#[test]
fn a_hello_retry_request_changes_nothing_after_it() {
    let played = play(with(&["-groups", "P-384"]), news_and_pong);
    assert_eq!(played.summary["tls"]["key_exchanges"], json!({ "secp384r1": 1 }));
    assert_eq!(played.count("/tls/full"), 1);
    assert_news(&played);
}

#[test]
fn tls_1_2_with_either_kind_of_key() {
    for key in [Key::P256, Key::Rsa2048] {
        let played = play(Manners { key, ..with(&["-tls1_2"]) }, news_and_pong);
        assert_eq!(played.summary["tls"]["versions"], json!({ "TLS 1.2": 1 }));
        assert_news(&played);
        assert_eq!(play(Manners { key, ..Manners::default() }, pong).count("/tls/full"), 1);
    }
}
