//! The options of `startline preflight`: those of a run, and what else to check.

use clap::Args;

use super::run::SettingsArgs;
use super::values;
use super::watch::WatchOptions;
use crate::preflight::members::SampleSize;

/// Help of the option, which only `run` can do without.
pub(crate) const TARGET_HELP: &str =
    "The servers to check, such as http://runnity.example:8080; required, here or in the file of --plan";
/// Members that log in by default.
pub(crate) const SAMPLE: u32 = 10;

/// Options of `startline preflight`.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Exit status:
  0  no check fails; there may be warnings
  1  a check fails
  2  wrong arguments
  3  the target did not answer, or a signal stopped it",
    mut_arg("target", |arg| arg.help(TARGET_HELP).long_help(None)),
    mut_arg("tls", |arg| arg.hide(true)),
    mut_arg("no_broadcast", |arg| arg.hide(true)))]
pub struct PreflightArgs {
    /// Members that log in, one by one: the first, the last and random others, or all [default: 10].
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = sample_size, help_heading = "Checks")]
    pub(crate) sample: Option<SampleSize>,

    /// What is watched during the test, and checked before it.
    #[command(flatten)]
    pub(crate) watch: WatchOptions,

    /// Print the checks as JSON on standard output, and nothing else there.
    #[arg(long, help_heading = "Checks")]
    pub(crate) json: bool,

    /// The plan. After preflight's own options, which would be hard to find below this many.
    #[command(flatten)]
    pub(crate) settings: SettingsArgs,
}

pub(crate) fn sample_size(text: &str) -> Result<SampleSize, String> {
    match text {
        "all" => Ok(SampleSize::All),
        _ => values::count(text).map(SampleSize::Some).map_err(|error| format!("{error}, or all")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_counts_or_all() {
        assert_eq!(sample_size("25"), Ok(SampleSize::Some(25)));
        assert_eq!(sample_size("all"), Ok(SampleSize::All));
        assert!(sample_size("0").is_err());
        assert!(sample_size("some").expect_err("no").ends_with(", or all"));
    }

    #[test]
    fn its_own_options_come_first_and_the_target_is_called_required() {
        use clap::Args as _;
        let help = PreflightArgs::augment_args(clap::Command::new("preflight")).render_help().to_string();
        // However wide the page is.
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        let at = |text: &str| help.find(text).unwrap_or_else(|| panic!("no {text} in {help}"));
        assert!(at("--sample <") < at("--target <") && at("--watch <") < at("--target <"), "{help}");
        assert!(at("--json ") < at("--target <"), "{help}");
        assert!(help.contains("required, here or in the file of --plan"), "{help}");
        assert!(!help.contains("a stand-in is started") && !help.contains("--no-broadcast"), "{help}");
    }
}
