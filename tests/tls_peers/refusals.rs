//! Certificates that openssl makes wrong in one way each: every one is refused under a name of its own, in words that say what
//! is wrong, and on the side that must act.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;

use crate::common::processes::Guarded;
use crate::common::{Run, kinds, results, summary};
use crate::s_server::SCENARIO;
use crate::tools::{make, openssl};

const LEAF: &str = "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n";
const CA: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign\n";

/// A directory with a CA: `ca.pem` and `ca.key`.
struct Made(TempDir);

impl Made {
    fn with_ca(extensions: &[&str]) -> Self {
        let made = Self(tempfile::tempdir().expect("a directory"));
        let ca = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem"];
        let extensions: Vec<&str> = extensions.iter().flat_map(|one| ["-addext", one]).collect();
        make(made.path(), &[&ca[..], &["-days", "2", "-subj", "/CN=Test CA"], &extensions].concat());
        made
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// `NAME.pem` and `NAME.key`, signed by `by`; without extensions none at all.
    fn signed(&self, name: &str, key: &str, by: &str, extensions: Option<&str>) {
        let file = |end: &str| format!("{name}.{end}");
        let (pem, key_file, request) = (file("pem"), file("key"), file("csr"));
        let subject = format!("/CN={name}");
        make(
            self.path(),
            &["req", "-newkey", key, "-nodes", "-keyout", &key_file, "-out", &request, "-subj", &subject],
        );
        let (ca, ca_key) = (format!("{by}.pem"), format!("{by}.key"));
        let sign = ["x509", "-req", "-in", &request, "-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial"];
        let mut rest = vec!["-days", "2", "-out", &pem];
        if let Some(extensions) = extensions {
            fs::write(self.path().join("ext"), extensions).expect("written");
            rest.extend(["-extfile", "ext"]);
        }
        make(self.path(), &[&sign[..], &rest].concat());
    }

    /// A server shows this certificate; how a run that trusts `ca` fails.
    #[track_caller]
    fn assert_refused(
        &self,
        shown: &str,
        more: &[&str],
        ca: &str,
        (kind, blame): (&str, &str),
        evidence: &str,
    ) {
        let mut command = openssl();
        command.current_dir(self.path()).args(["s_server", "-accept", "127.0.0.1:0", "-www"]);
        // Current settings would not even show some of these.
        command.args(["-cipher", "DEFAULT@SECLEVEL=0"]).args(more);
        command.args(["-cert", &format!("{shown}.pem"), "-key", &format!("{shown}.key")]);
        let mut process =
            Guarded::spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()));
        let lines = BufReader::new(process.0.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let accept = lines.into_iter().find(|line| line.starts_with("ACCEPT ")).expect("it listens");
        let port = accept.rsplit(':').next().expect("a port").trim().to_owned();
        let scenario = self.path().join("piped.toml");
        fs::write(&scenario, SCENARIO).expect("written");
        let finished = Run::against(&format!("https://127.0.0.1:{port}"), 1, &results(&self.0))
            .without("challenge")
            .without("members")
            .with("scenario", scenario.display())
            .with("ca", self.path().join(ca).display())
            .with("ramp", "0")
            .with("hold", "1s")
            .finish();
        let summary = summary(&results(&self.0));
        assert_eq!(kinds(&summary), [(kind.to_owned(), 1)], "{}", finished.stdout);
        let detail = &summary["errors"]["details"][0];
        assert_eq!(detail["blame"], blame, "{detail:#}");
        let said = detail["sample"]["evidence"].as_str().unwrap_or_default();
        assert!(said.contains(evidence), "{said}");
    }
}

#[test]
fn an_rsa_key_that_is_too_short() {
    let made = Made::with_ca(&[]);
    made.signed("short", "rsa:1024", "ca", Some(LEAF));
    made.assert_refused(
        "short",
        &[],
        "ca.pem",
        ("tls-certificate-invalid", "server"),
        "its RSA key has 1024 bits, and at least 2048 are needed",
    );
}

#[test]
fn an_intermediate_that_is_not_sent() {
    let says_where = format!("{LEAF}authorityInfoAccess=caIssuers;URI:http://ca.example/intermediate.cer\n");
    for (extensions, fault) in [
        (says_where.as_str(), ("tls-chain-incomplete", "server")),
        // It may as well be the wrong CA that is trusted.
        (LEAF, ("tls-untrusted", "scenario")),
    ] {
        let made = Made::with_ca(&[]);
        made.signed("Intermediate", "rsa:2048", "ca", Some(CA));
        made.signed("leaf", "rsa:2048", "Intermediate", Some(extensions));
        let evidence = "its issuer's certificate (CN=Intermediate) was not sent";
        made.assert_refused("leaf", &[], "ca.pem", fault, evidence);
    }
}

#[test]
fn a_certificate_that_is_a_ca_s() {
    let made = Made::with_ca(&["subjectAltName=IP:127.0.0.1"]);
    // It is given, and that is not what is wrong.
    made.assert_refused("ca", &[], "ca.pem", ("tls-certificate-invalid", "server"), "CA:TRUE");
}

#[test]
fn more_cas_than_one_allows() {
    let made = Made::with_ca(&[]);
    let allows_none = "basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=keyCertSign\n";
    made.signed("Intermediate", "rsa:2048", "ca", Some(allows_none));
    made.signed("Second", "rsa:2048", "Intermediate", Some(CA));
    made.signed("leaf", "rsa:2048", "Second", Some(LEAF));
    let read = |name: &str| fs::read_to_string(made.path().join(name)).expect("a certificate");
    fs::write(made.path().join("chain.pem"), read("Second.pem") + &read("Intermediate.pem"))
        .expect("written");
    made.assert_refused(
        "leaf",
        &["-cert_chain", "chain.pem"],
        "ca.pem",
        ("tls-certificate-invalid", "server"),
        "pathlen",
    );
}

#[test]
fn a_certificate_of_version_1() {
    let made = Made::with_ca(&[]);
    made.signed("old", "rsa:2048", "ca", None);
    made.assert_refused("old", &[], "ca.pem", ("tls-certificate-invalid", "server"), "version 3");
}
