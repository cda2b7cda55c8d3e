//! What a release ships: that all of it is there, and that what is written in several places agrees.
//!
//! Knows the files of the repository only; what is built is checked by `scripts/release-check dist`.

use std::fs;
use std::path::{Path, PathBuf};

fn path_of(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path_of(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Checks that each file has its phrase, in which `{}` is `value`.
#[track_caller]
fn agree(value: &str, places: &[(&str, &str)]) {
    for (name, phrase) in places {
        let phrase = phrase.replace("{}", value);
        assert!(read(name).contains(&phrase), "{name} does not say {phrase:?}");
    }
}

#[test]
fn all_that_is_shipped_is_there() {
    let script = read("scripts/dist");
    let (names, _) = script.split_once("\nstaged=(").and_then(|it| it.1.split_once(')')).expect("a list");
    assert!(names.split_whitespace().any(|name| name == "README.md"), "{names}");
    for name in names.split_whitespace() {
        assert!(path_of(name).exists(), "scripts/dist ships {name}, which is not there");
    }
}

#[test]
fn every_place_that_names_the_version_names_this_one() {
    agree(
        env!("CARGO_PKG_VERSION"),
        &[
            ("Cargo.toml", "path = \"crates/mock\", version = \"{}\""),
            ("Cargo.toml", "path = \"crates/os\", version = \"{}\""),
            ("Cargo.toml", "path = \"crates/protocol\", version = \"{}\""),
            ("deploy/gitlab/startline.yml", "ref: v{}\n"),
            ("deploy/kubernetes/README.md", "registry.example/startline:{}\n"),
            ("deploy/kubernetes/kustomization.yaml", "newTag: {}\n"),
            ("deploy/kubernetes/merge/kustomization.yaml", "newTag: {}\n"),
            ("deploy/kubernetes/plan.toml", "startline = \"{}\"\n"),
            ("deploy/kubernetes/README.md", "oci-archive:startline-{}-x86_64"),
            ("README.md", "startline_{}_amd64.deb"),
            ("docs/ci.md", "ref: v{}\n"),
            ("docs/ci.md", "startline@v{}\n"),
            ("docs/howto/containers.md", "target/dist/startline-{}-x86_64"),
            ("docs/releasing.md", "target/dist/startline-{}-x86_64"),
            ("docs/releasing.md", "git tag -s v{}\n"),
        ],
    );
}

#[test]
fn the_documents_ask_for_the_rust_that_the_manifest_does() {
    agree(
        env!("CARGO_PKG_RUST_VERSION"),
        &[("README.md", "Rust {} or later"), ("README.ko.md", "Rust {} 이상")],
    );
}
