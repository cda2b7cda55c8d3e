//! Servers that ask who the client is: `s_server -Verify`, in both versions; and one that asks for another handshake.

use serde_json::{Value, json};

use crate::s_server::{Manners, SServer};
use crate::tools::Certified;

const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

/// One that wants a certificate of this CA's.
fn verifying(version: &str, clients: &Certified) -> SServer {
    let ca = clients.ca().display().to_string();
    let args = [version, "-Verify", "1", "-verify_return_error", "-CAfile", &ca];
    let manners = Manners { args: args.map(str::to_owned).to_vec(), ..Manners::default() };
    SServer::start(manners, |line, _| line.pong())
}

#[test]
fn the_certificate_that_is_asked_for_is_shown() {
    for version in VERSIONS {
        let client = Certified::new();
        let server = verifying(version, &client);
        let run = server.run();
        let finished =
            run.with("cert", client.certificate().display()).with("key", client.key().display()).finish();
        let plan = std::fs::read_to_string(server.results().join("plan.toml")).expect("a plan");
        assert!(plan.contains("server.key") && !plan.contains("PRIVATE KEY"), "{plan}");
        server.ended(&finished).assert_held();
    }
}

#[track_caller]
fn errors(server: SServer, own: Option<&Certified>) -> Value {
    let mut run = server.run();
    if let Some(own) = own {
        run = run.with("cert", own.certificate().display()).with("key", own.key().display());
    }
    let finished = run.finish();
    server.ended(&finished).summary["errors"].clone()
}

#[test]
fn a_certificate_that_is_not_there_is_asked_for_by_name() {
    for version in VERSIONS {
        let errors = errors(verifying(version, &Certified::new()), None);
        assert_eq!(errors["by_kind"], json!({ "tls-client-certificate": 1 }), "{version}: {errors:#}");
        assert_eq!(errors["by_blame"]["scenario"], 1);
    }
}

#[test]
fn a_stranger_s_certificate_is_refused_by_name() {
    for version in VERSIONS {
        let errors = errors(verifying(version, &Certified::new()), Some(&Certified::new()));
        assert_eq!(errors["by_kind"], json!({ "tls-client-refused": 1 }), "{version}: {errors:#}");
    }
}

#[test]
fn a_key_of_another_certificate_ends_a_run_before_it_begins() {
    let (client, other) = (Certified::new(), Certified::new());
    let server = verifying("-tls1_3", &client);
    let run = server.run().with("cert", client.certificate().display()).with("key", other.key().display());
    let finished = run.finish();
    finished.assert_status(2);
    assert!(finished.stderr.contains("is not the key of the certificate in"), "{}", finished.stderr);
}

#[test]
fn a_renegotiation_is_named() {
    let manners = Manners { args: vec!["-tls1_2".to_owned()], ..Manners::default() };
    let server = SServer::start(manners, |line, ping| {
        line.pong();
        if ping == 2 {
            line.command("r");
        }
    });
    let errors = errors(server, None);
    assert_eq!(errors["by_kind"], json!({ "tls-renegotiation": 1 }), "{errors:#}");
}
