//! Which module of a crate imports which: `use` items and paths, `crate::`, `super::` and `self::` alike.
//!
//! Reads text, knows no macro. Invariant: what a module's own tests import does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::{code, sources};

/// A module by its path in the crate; the crate's root is empty.
pub(super) type Module = Vec<String>;

/// Modules of the crate whose sources are under this directory, each with the modules that it imports.
pub(super) fn of(under: &str) -> BTreeMap<Module, BTreeSet<Module>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(under);
    let texts: BTreeMap<Module, String> = sources(under)
        .into_iter()
        .filter(|(path, _)| {
            !path.components().any(|part| {
                part.as_os_str().to_string_lossy().starts_with("tests") && path.starts_with(&root)
            })
        })
        .map(|(path, text)| (module_of(path.strip_prefix(&root).expect("under it")), own_code(&text)))
        .collect();
    let known: BTreeSet<Module> = texts.keys().cloned().collect();
    texts
        .iter()
        .map(|(module, text)| {
            let paths = paths_in(text);
            let targets = paths.iter().filter_map(|path| target(module, path, &known));
            (module.clone(), targets.filter(|target| target != module).collect())
        })
        .collect()
}

/// A file's module: `a/mod.rs` and `a.rs` are `a`.
fn module_of(file: &Path) -> Module {
    let mut parts: Module =
        file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| matches!(last.as_str(), "mod" | "lib" | "main")) {
        parts.pop();
    }
    parts
}

fn own_code(text: &str) -> String {
    let text = code(text);
    text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().to_owned()
}

/// Paths that begin at the crate or at the module itself, those of `use` items written out.
fn paths_in(text: &str) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    let mut rest = String::new();
    for statement in text.split_inclusive(';') {
        match item_at(statement) {
            Some(at) => {
                let tree = statement[at..].split_once("use ").map_or("", |(_, tree)| tree);
                expand("", tree.trim_end_matches(';'), &mut paths);
                rest.push_str(&statement[..at]);
            }
            None => rest.push_str(statement),
        }
    }
    let words = rest.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    paths.extend(words.map(str::to_owned));
    let parts = |path: &String| path.split("::").map(|part| part.trim().to_owned()).collect::<Vec<_>>();
    let begins =
        |path: &Vec<String>| matches!(path[0].as_str(), "crate" | "super" | "self") && path.len() > 1;
    paths.iter().map(parts).filter(begins).collect()
}

/// Where a `use` item begins in this statement: at the start of a line, perhaps with a visibility. The word in the middle of a
/// line is text.
fn item_at(statement: &str) -> Option<usize> {
    let starts = statement
        .match_indices('\n')
        .map(|(at, _)| at + 1)
        .chain((statement.starts_with("use ")).then_some(0));
    starts.into_iter().find(|at| {
        let line = statement[*at..].trim_start();
        let line =
            line.strip_prefix("pub").map_or(line, |rest| rest.split_once(' ').map_or("", |(_, rest)| rest));
        line.starts_with("use ")
    })
}

/// Writes out `a::{b, c::{d, e}}`.
fn expand(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some(open) = tree.find('{') else {
        paths.push(format!("{prefix}{}", tree.split(" as ").next().unwrap_or_default()));
        return;
    };
    let prefix = format!("{prefix}{}", &tree[..open]);
    let inner = &tree[open + 1..tree.rfind('}').unwrap_or(tree.len())];
    let (mut depth, mut start) = (0, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let part = inner[start..at].trim();
                if !part.is_empty() {
                    expand(&prefix, part, paths);
                }
                start = at + 1;
            }
            _ => {}
        }
    }
}

/// The module that a path in this one leads to: the longest part of it that is a module.
fn target(module: &Module, path: &[String], known: &BTreeSet<Module>) -> Option<Module> {
    let mut base = module.clone();
    let mut path = path;
    if path[0] == "crate" {
        base.clear();
        path = &path[1..];
    }
    while let Some(first) = path.first().filter(|first| matches!(first.as_str(), "super" | "self")) {
        if first == "super" {
            base.pop();
        }
        path = &path[1..];
    }
    base.extend(path.iter().cloned());
    while !base.is_empty() && !known.contains(&base) {
        base.pop();
    }
    (!base.is_empty()).then_some(base)
}

/// Modules that import each other in a circle, at any depth: siblings of which each stands for all under it.
pub(super) fn circles(imports: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<Vec<Module>> {
    let parents: BTreeSet<Module> =
        imports.keys().flat_map(|module| (0..module.len()).map(|depth| module[..depth].to_vec())).collect();
    parents.iter().flat_map(|parent| circles_under(parent, imports)).collect()
}

fn circles_under(parent: &Module, imports: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<Vec<Module>> {
    let depth = parent.len();
    let child = |module: &Module| {
        (module.len() > depth && module.starts_with(parent)).then(|| module[..=depth].to_vec())
    };
    let mut edges: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (from, to) in imports.iter().flat_map(|(from, all)| all.iter().map(move |to| (from, to))) {
        if let (Some(from), Some(to)) = (child(from), child(to))
            && from != to
        {
            edges.entry(from).or_default().insert(to);
        }
    }
    let reaches = |from: &Module, to: &Module| {
        let mut seen: BTreeSet<&Module> = BTreeSet::new();
        let mut open = vec![from];
        while let Some(next) = open.pop() {
            for reached in edges.get(next).into_iter().flatten().filter(|it| seen.insert(it)) {
                open.push(reached);
            }
        }
        seen.contains(to)
    };
    let of = |module: &Module| -> Vec<Module> {
        edges.keys().filter(|other| reaches(module, other) && reaches(other, module)).cloned().collect()
    };
    let all: BTreeSet<Vec<Module>> = edges.keys().map(of).filter(|circle| !circle.is_empty()).collect();
    all.into_iter().collect()
}

#[test]
fn imports_are_found_however_they_are_written() {
    let text = "use crate::a::{self, b::{C, d}, e as f};\npub use super::g;\nfn x() { crate::h::i(); self::j(); text(\"a; use {b\"); }\n";
    let found: Vec<String> = paths_in(text).iter().map(|path| path.join("::")).collect();
    let expected = [
        "crate::a::self",
        "crate::a::b::C",
        "crate::a::b::d",
        "crate::a::e",
        "super::g",
        "crate::h::i",
        "self::j",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_circle_is_found_at_its_own_depth() {
    let module = |path: &str| path.split('.').map(str::to_owned).collect::<Module>();
    let imports = [("a.x", "b"), ("b", "a.y"), ("a.y", "c"), ("c", "d"), ("a.x", "a.y")];
    let mut all: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (from, to) in imports {
        all.entry(module(from)).or_default().insert(module(to));
    }
    assert_eq!(circles(&all), [vec![module("a"), module("b")]]);
}
