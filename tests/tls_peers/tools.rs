//! The foreign programs, and certificates that openssl makes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::common::{finish, piped};
use crate::programs::program;

/// The name that the servers' certificate is for, beside 127.0.0.1.
pub const NAME: &str = "runnity.test";

/// `openssl`, to be given its arguments.
#[track_caller]
pub fn openssl() -> Command {
    Command::new(program(&["openssl"], "apt-get install openssl"))
}

/// Runs `openssl` to its end.
#[track_caller]
pub fn make(directory: &Path, args: &[&str]) {
    let mut command = openssl();
    finish(piped(command.current_dir(directory).args(args)).spawn().expect("openssl starts"))
        .assert_status(0);
}

/// A kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    P256,
    Rsa2048,
}

/// A CA, and a server's certificate that it has signed: files in a directory of their own.
#[derive(Debug)]
pub struct Certified {
    directory: TempDir,
}

impl Certified {
    /// With keys of the elliptic curve P-256.
    pub fn new() -> Self {
        Self::with(Key::P256)
    }

    /// With a server's key of this kind.
    pub fn with(key: Key) -> Self {
        Self::signed_by(key, &format!("CA {:x} of a test", fastrand::u64(..)))
    }

    /// By a CA of this name, which says nothing about who it is.
    pub fn signed_by(key: Key, ca_name: &str) -> Self {
        let certified = Self { directory: tempfile::tempdir().expect("a directory") };
        let at = certified.directory.path();
        let new_key = |key| match key {
            Key::P256 => ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
            Key::Rsa2048 => ["-newkey", "rsa", "-pkeyopt", "rsa_keygen_bits:2048"],
        };
        let (ca, subject) =
            (["req", "-x509", "-nodes", "-days", "2", "-keyout", "ca.key"], format!("/CN={ca_name}"));
        make(at, &[&ca[..], &["-out", "ca.pem", "-subj", &subject], &new_key(Key::P256)].concat());
        let request = ["req", "-nodes", "-subj", "/CN=a server of a test", "-keyout", "server.key"];
        make(at, &[&request[..], &["-out", "server.csr"], &new_key(key)].concat());
        let names = format!("subjectAltName=DNS:{NAME},IP:127.0.0.1\nbasicConstraints=CA:FALSE\n");
        fs::write(at.join("names"), names).expect("written");
        let sign =
            ["x509", "-req", "-days", "2", "-in", "server.csr", "-out", "server.pem", "-extfile", "names"];
        make(at, &[&sign[..], &["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]].concat());
        certified
    }

    /// What a client trusts.
    pub fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// The server's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.directory.path().join("server.pem")
    }

    /// The server's key.
    pub fn key(&self) -> PathBuf {
        self.directory.path().join("server.key")
    }
}
