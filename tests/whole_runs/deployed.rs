//! What `deploy/` has for engines that start shards: the schemas of Kubernetes, and the binary's own options.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::common::{finish, piped, results, startline, text};

const MANIFESTS: [&str; 3] = ["shards.yaml", "results.yaml", "merge/merge.yaml"];

fn kubernetes() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/kubernetes")
}

/// Python with the packages of `tests/requirements.txt`; returns what it prints.
#[track_caller]
fn python(args: &[&str]) -> String {
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python");
    let mut command = Command::new("python3");
    let output = command.env("PYTHONPATH", packages).args(args).output().expect("python3 is installed");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{said}\nIf a package is missing, run scripts/test");
    said
}

/// A manifest as JSON.
fn manifest(name: &str) -> Value {
    let path = kubernetes().join(name);
    let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    serde_json::from_str(&python(&["-c", script, text(&path)])).expect("JSON")
}

fn arguments(job: &Value) -> Vec<String> {
    let all =
        job.pointer("/spec/template/spec/containers/0/args").and_then(Value::as_array).expect("arguments");
    all.iter().map(|it| it.as_str().expect("text").to_owned()).collect()
}

#[test]
fn manifests_are_as_kubernetes_has_them() {
    let paths: Vec<PathBuf> = MANIFESTS.iter().map(|name| kubernetes().join(name)).collect();
    let mut args = vec!["-m", "kubernetes_validate", "--strict", "-k", "1.33"];
    args.extend(paths.iter().map(|path| text(path)));
    let said = python(&args);
    assert_eq!(said.matches(" passed for resource ").count(), MANIFESTS.len(), "{said}");
    // What nobody installs for the tests is asked where it is there.
    for directory in ["", "merge"] {
        let kustomize = Command::new("kubectl").arg("kustomize").arg(kubernetes().join(directory)).output();
        if let Ok(output) = kustomize {
            let rendered = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            assert!(rendered.contains("image: registry.example/startline:0.1.0"), "{rendered}");
        }
    }
}

#[test]
fn the_jobs_agree_on_how_many_shards_there_are() {
    let (shards, merge) = (manifest("shards.yaml"), manifest("merge/merge.yaml"));
    let of = shards["spec"]["completions"].as_u64().expect("a number");
    assert_eq!(shards["spec"]["parallelism"], of, "they run side by side");
    assert_eq!(shards["spec"]["completionMode"], "Indexed");
    assert!(arguments(&shards).contains(&format!("--shard=auto/{of}")));
    let directories: Vec<String> = (0..of).map(|k| format!("/results/shard-{k}")).collect();
    let merged = arguments(&merge);
    assert_eq!(merged[1..=directories.len()], directories);
    assert_eq!(merged[directories.len() + 1..], ["--out=/results/merged"]);
}

#[test]
fn the_job_s_arguments_and_its_plan_are_understood() {
    let temp = tempfile::tempdir().expect("a directory");
    let (plan, out) = (kubernetes().join("plan.toml"), results(&temp));
    let as_pod = |argument: String| {
        argument
            .replace("/plan/plan.toml", text(&plan))
            .replace("/results/shard-$(JOB_COMPLETION_INDEX)", text(&out))
            .replace("$(START_AT)", "2026-01-01T00:00:00Z")
    };
    let mut command = startline();
    command.args(arguments(&manifest("shards.yaml")).into_iter().map(as_pod));
    command.args(["--resolve", "target.default.svc:8080:127.0.0.1"]).env("JOB_COMPLETION_INDEX", "3");
    let refused = finish(piped(&mut command).spawn().expect("the binary starts"));
    refused.assert_status(2);
    assert!(refused.stderr.contains("--start-at 2026-01-01T00:00:00Z has passed"), "{}", refused.stderr);
}
