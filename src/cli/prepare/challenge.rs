//! The options of `startline prepare challenge`.

use std::ops::RangeInclusive;
use std::time::Duration;

use clap::Args;

use super::super::values;
use super::new_challenge::NewChallengeArgs;
use super::target::TargetArgs;
use crate::plan::Rate;
use crate::prepare::new_challenge::Known;

/// Options of `startline prepare challenge`.
// These comments are the help text, where Markdown's brackets would be in the way.
#[allow(rustdoc::invalid_html_tags)]
#[derive(Args, Clone, Debug)]
#[command(after_help = super::EXIT_STATUS_HELP)]
pub struct ChallengeArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,

    #[command(flatten)]
    pub(crate) new: NewChallengeArgs,

    /// The members who will join: a count, or a range of ids such as 13-6012 [default: 6000].
    #[arg(long, value_name = "N|A-B", value_parser = who, help_heading = "Members")]
    pub(crate) members: Option<Who>,

    /// Joins a second or minute, such as 20/s [default: 20/s].
    #[arg(long, value_name = "RATE", value_parser = values::rate, allow_hyphen_values = true, help_heading = "Members")]
    pub(crate) rate: Option<Rate>,

    /// The ramp of the run that follows; see --hold [default: 25 a second, at most 240s].
    #[arg(long, value_name = "TIME", value_parser = values::duration, allow_hyphen_values = true, requires = "hold", help_heading = "Members")]
    pub(crate) ramp: Option<Duration>,

    /// The hold of the run that follows: warns if the distance is too short for ramp and hold.
    #[arg(long, value_name = "TIME", value_parser = values::duration, allow_hyphen_values = true, help_heading = "Members")]
    pub(crate) hold: Option<Duration>,

    /// Wait until it is READY; the challenge is printed before.
    #[arg(long, help_heading = "Output")]
    pub(crate) wait_ready: bool,

    /// Print the challenge as one JSON object on standard output, and nothing else there.
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
}

/// The members who will join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) count: u32,
    /// Their ids, if they are known.
    pub(crate) ids: Option<RangeInclusive<u64>>,
}

impl Who {
    /// What is known of them for a challenge of this creator.
    pub(crate) fn known(&self, admin: u64) -> Known {
        match &self.ids {
            Some(ids) => Known::Ids { include_admin: ids.contains(&admin) },
            None => Known::Count,
        }
    }
}

pub(crate) fn who(text: &str) -> Result<Who, String> {
    if !text.contains('-') {
        return Ok(Who { count: values::count(text)?, ids: None });
    }
    let ids = values::id_range(text)?;
    let count = (ids.end() - ids.start()).checked_add(1).and_then(|count| u32::try_from(count).ok());
    let count = count.ok_or_else(|| format!("{text} is more than {} members, the maximum", u32::MAX))?;
    Ok(Who { count, ids: Some(ids) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_are_to_join_is_a_count_or_a_range() {
        assert_eq!(who("6k"), Ok(Who { count: 6000, ids: None }));
        assert_eq!(who("13-6012"), Ok(Who { count: 6000, ids: Some(13..=6012) }));
        for wrong in ["0", "20-13", "a-b", "ids.csv", "0-18446744073709551615", "1-4294967296"] {
            assert!(who(wrong).is_err(), "{wrong}");
        }
    }
}
