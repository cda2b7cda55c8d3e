//! `startline addresses`: from what was typed to an exit status.

use super::{Unusable, Work};
use crate::app::tune::How;
use crate::app::tune::command::status;
use crate::cli::addresses::{AddressesArgs, HowArgs, Step};
use crate::exit_status::ExitStatus;
use crate::plan::sources::SourceSpec;
use crate::terminal::tell;
use crate::tune::addresses::Block;

/// Carries out `startline addresses`.
pub fn run(args: AddressesArgs) -> ExitStatus {
    let done = match args.step {
        Step::List => Work::begin(None).map(|work| {
            work.list();
            true
        }),
        Step::Add { specs, dev: _, how } if how.route => match read::<Block>(&specs) {
            Ok(blocks) => begin(how).and_then(|work| work.add_routes(&blocks)),
            Err(why) => return refused(&why),
        },
        Step::Add { specs, dev, how } => match read::<SourceSpec>(&specs) {
            Ok(specs) => begin(how).and_then(|work| work.add(&specs, dev.as_deref())),
            Err(why) => return refused(&why),
        },
        Step::Remove { specs, all, how } if how.route => match read::<Block>(&specs) {
            Ok(blocks) => begin(how).and_then(|work| work.remove_routes(&blocks, all)),
            Err(why) => return refused(&why),
        },
        Step::Remove { specs, all, how } => match read::<SourceSpec>(&specs) {
            Ok(specs) => begin(how).and_then(|work| work.remove(&specs, all)),
            Err(why) => return refused(&why),
        },
    };
    match done {
        Err(error) if error.is::<Unusable>() => refused(&error.to_string()),
        done => status(done),
    }
}

fn begin(HowArgs { dry_run, yes, .. }: HowArgs) -> anyhow::Result<Work> {
    Work::begin(Some(How { dry_run, yes }))
}

fn read<T: std::str::FromStr<Err = String>>(specs: &[String]) -> Result<Vec<T>, String> {
    specs.iter().map(|spec| spec.parse()).collect()
}

fn refused(why: &str) -> ExitStatus {
    tell(&format!("error: {why}\nSee startline addresses --help."));
    ExitStatus::Refused
}
