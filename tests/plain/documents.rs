//! The documents: every command in them is one that the program takes, every page is in the book, and the figures
//! beside other tools' are the latest.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Parser;
use clap::error::ErrorKind;
use startline::cli::Cli;

/// What a page leaves out, and what a shell puts in, stands for something else: such a command is an
/// outline.
const OUTLINE: [&str; 4] = ["…", "...", "FORMAT=PATH", "$"];

/// Of prose; a link or a command that is longer stays whole.
const COLUMNS_MAX: usize = 100;

/// All pages that readers see, by their paths.
fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages: Vec<PathBuf> =
        ["README.md", "README.ko.md", "tuning.md", "CONTRIBUTING.md"].map(|it| root.join(it)).into();
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|it| it == "md") {
                pages.push(entry);
            }
        }
    }
    pages
}

/// The lines of a page's shell blocks, those that go on joined.
fn commands(page: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut is_shell = false;
    let mut begun = String::new();
    for line in page.lines().map(str::trim) {
        if let Some(language) = line.strip_prefix("```") {
            is_shell = !is_shell && language.split_whitespace().next() == Some("sh");
        } else if is_shell {
            begun += line.strip_suffix('\\').unwrap_or(line);
            if !line.ends_with('\\') {
                commands.push(std::mem::take(&mut begun));
            }
        }
    }
    commands
}

/// The arguments of a `startline` in a command line, with its name first; `None` if it has none.
fn arguments(command: &str) -> Option<Vec<String>> {
    let words = shlex::split(command)?;
    let begin = words.iter().position(|word| word == "startline")?;
    let ends = |word: &String| {
        matches!(word.as_str(), "|" | "&" | "&&" | "||" | ";" | ">" | ">>" | "<") || word.starts_with("#")
    };
    let own = words[begin..].iter().take_while(|word| !ends(word)).cloned();
    Some(own.collect())
}

#[test]
fn every_command_of_the_documents_is_one() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for path in pages() {
        let page = fs::read_to_string(&path).expect("a page");
        for command in commands(&page) {
            if OUTLINE.iter().any(|mark| command.contains(mark)) {
                continue;
            }
            let Some(arguments) = arguments(&command) else { continue };
            checked += 1;
            match Cli::try_parse_from(&arguments) {
                Ok(_) => {}
                Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {}
                Err(error) => wrong.push(format!("{}: {command}\n{error}", path.display())),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(checked > 100, "{checked} commands");
}

#[test]
fn every_page_is_in_the_book() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).expect("the book's contents");
    // The book has pages from outside as well.
    let listed: BTreeSet<PathBuf> = summary
        .split("](")
        .skip(1)
        .filter_map(|link| link.split(')').next().filter(|link| !link.starts_with("../")))
        .map(|link| docs.join(link))
        .collect();
    let written: BTreeSet<PathBuf> = pages()
        .into_iter()
        .filter(|page| page.starts_with(&docs) && !page.ends_with("docs/SUMMARY.md"))
        .collect();
    assert_eq!(listed, written);
}

/// A page's headings as the anchors that readers of Markdown make of them.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let mut is_code = false;
    let mut anchors = BTreeSet::new();
    for line in page.lines() {
        is_code ^= line.trim_start().starts_with("```");
        let Some(heading) = line.strip_prefix('#').filter(|_| !is_code) else { continue };
        let kept = |it: char| match it {
            ' ' => Some('-'),
            '-' | '_' => Some(it),
            _ if it.is_alphanumeric() => Some(it.to_ascii_lowercase()),
            _ => None,
        };
        let anchor: String = heading.trim_start_matches('#').trim().chars().filter_map(kept).collect();
        let times = seen.entry(anchor.clone()).or_default();
        anchors.insert(if *times == 0 { anchor } else { format!("{anchor}-{times}") });
        *times += 1;
    }
    anchors
}

/// What a page's links point to, outside code.
fn links(page: &str) -> Vec<String> {
    let mut links = Vec::new();
    let mut is_code = false;
    // A link may go over a line's end, never over a paragraph's.
    let mut prose = String::new();
    for line in page.lines() {
        is_code ^= line.trim_start().starts_with("```");
        if !is_code {
            prose.push_str(line.trim());
            prose.push('\n');
        }
    }
    for part in prose.split("](").skip(1) {
        links.extend(part.split_once(')').map(|(link, _)| link.to_owned()));
    }
    links
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut broken = Vec::new();
    for path in pages() {
        let page = fs::read_to_string(&path).expect("a page");
        for link in
            links(&page).into_iter().filter(|link| !link.contains("://") && !link.starts_with("mailto:"))
        {
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = if file.is_empty() { path.clone() } else { path.with_file_name("").join(file) };
            let is_there = target.exists();
            let has_anchor = || {
                let text = fs::read_to_string(&target).unwrap_or_default();
                anchor.is_empty() || anchors(&text).contains(anchor)
            };
            if !is_there || !has_anchor() {
                broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn lines_of_the_documents_fit_their_width() {
    let mut long = Vec::new();
    for path in pages() {
        let page = fs::read_to_string(&path).expect("a page");
        let mut is_code = false;
        for (k, line) in page.lines().enumerate() {
            is_code ^= line.trim_start().starts_with("```");
            let is_free = is_code
                || line.starts_with('|')
                || line.starts_with("    ")
                || line.split_whitespace().count() < 3;
            if !is_free && line.chars().count() > COLUMNS_MAX {
                long.push(format!("{}:{}: {}", path.display(), k + 1, line.chars().count()));
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn figures_beside_other_tools_are_the_latest() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let said =
        Command::new(root.join("benches/compare/run")).arg("--markdown").output().expect("python3 runs");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let table = String::from_utf8(said.stdout).expect("text");
    let rows: Vec<&str> = table.lines().skip(2).filter(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 1, "{table}");
    for page in ["README.md", "README.ko.md"] {
        let text = fs::read_to_string(root.join(page)).expect("a page");
        let shown: Vec<&str> =
            text.lines().filter(|line| line.starts_with('|') && line.contains(" MB |")).collect();
        assert_eq!(shown, rows, "{page}: it must have what benches/compare/run --markdown prints");
    }
}
