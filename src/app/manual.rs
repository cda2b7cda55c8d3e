//! `startline completions` and `startline man`: texts made from the options' own definitions.
//!
//! Knows no option by name, so that neither text can be out of date.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::app::printed::print_patiently;
use crate::cli::Cli;
use crate::cli::completions::CompletionsArgs;
use crate::cli::man::ManArgs;
use crate::nearest::hint;

/// The name of the program, which completions are registered for.
const NAME: &str = "startline";

/// Prints a shell's completions.
///
/// # Errors
/// Standard output cannot be written.
pub fn completions(args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), NAME, &mut script);
    Ok(print_patiently(None, String::from_utf8(script)?)?)
}

/// Prints a page of the manual, or writes all of them.
///
/// # Errors
/// There is no such page, or it cannot be written.
pub fn man(args: &ManArgs) -> Result<()> {
    let mut whole = Cli::command().disable_help_subcommand(true);
    whole.build();
    match &args.out {
        Some(directory) => write_pages(directory, &whole),
        None => Ok(print_patiently(None, page(named(&whole, &args.command)?)?)?),
    }
}

/// Finds a subcommand by the words that call it.
fn named<'c>(whole: &'c Command, words: &[String]) -> Result<&'c Command> {
    let mut found = whole;
    for word in words {
        let Some(next) = found.find_subcommand(word) else {
            let names: Vec<&str> = found.get_subcommands().map(Command::get_name).collect();
            bail!("{} has no subcommand {word:?}{}", found.get_name(), hint(word, &names));
        };
        found = next;
    }
    Ok(found)
}

fn page(command: &Command) -> Result<String> {
    let man = Man::new(command.clone())
        .source(concat!("startline ", env!("CARGO_PKG_VERSION")))
        .manual("startline");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    sections(&after).to_writer(&mut text)?;
    Ok(String::from_utf8(text)?)
}

/// What stands under a command's help: a paragraph with a title is a section of that name, in lines as they are.
fn sections(after: &str) -> Roff {
    let mut roff = Roff::new();
    for paragraph in after.split("\n\n").filter(|it| !it.is_empty()) {
        let titled = paragraph.split_once(":\n").filter(|(title, _)| !title.contains('\n'));
        let (title, lines) = titled.unwrap_or(("Notes", paragraph));
        roff.control("SH", [title.to_uppercase().as_str()]);
        let (from, to) = if titled.is_some() { ("nf", "fi") } else { ("P", "P") };
        roff.control(from, []);
        for line in lines.lines() {
            roff.text([roman(line)]);
        }
        roff.control(to, []);
    }
    roff
}

fn write_pages(directory: &Path, whole: &Command) -> Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
    write_pages_of(directory, whole)
}

fn write_pages_of(directory: &Path, command: &Command) -> Result<()> {
    let path = directory.join(Man::new(command.clone()).get_filename());
    fs::write(&path, page(command)?).with_context(|| format!("cannot write {}", path.display()))?;
    command.get_subcommands().filter(|it| !it.is_hide_set()).try_for_each(|it| write_pages_of(directory, it))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(command: &Command) -> Vec<&Command> {
        std::iter::once(command).chain(command.get_subcommands().flat_map(all)).collect()
    }

    #[test]
    fn a_page_has_every_option_and_what_stands_under_the_help() {
        let mut whole = Cli::command();
        whole.build();
        for command in all(&whole) {
            let page = page(command).expect("a page").replace("\\-", "-");
            let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
            for option in shown.filter_map(clap::Arg::get_long) {
                assert!(page.contains(&format!("--{option}")), "{}: --{option}", command.get_name());
            }
        }
        let page = page(&whole).expect("a page");
        assert!(page.contains("\n.SH \"EXIT STATUS\"\n.nf\n  0  all criteria met\n"), "{page}");
    }

    #[test]
    fn a_command_that_is_not_there_is_named() {
        let whole = Cli::command();
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(named(&whole, &words(&["prepare", "join"])).expect("it exists").get_name(), "join");
        let error = named(&whole, &words(&["prepare", "jion"])).expect_err("none").to_string();
        assert_eq!(error, "prepare has no subcommand \"jion\"; did you mean \"join\"?");
    }
}
