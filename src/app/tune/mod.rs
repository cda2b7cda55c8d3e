//! `startline tune`: looks, asks, saves, writes, and says what it did.
//!
//! What is to be written is [`crate::tune`]'s to decide. Invariants: a setting is saved before it
//! is written, and nothing is written that cannot be saved; whoever changes something holds the
//! lock beside the saved file, and looks afterwards.

pub(crate) mod command;

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use rustix::fs::{FlockOperation, flock};
use startline_os::system::Setting;

use crate::checks::table::{Column, Table};
use crate::checks::{Check, Fix, Page};
use crate::terminal::tell;
use crate::tune::saved::{Change, OF_THE_MACHINE, Saved, plain};
use crate::tune::wanted::{Asked, Wanted};

/// The first line of what `persist` writes, by which it is known again.
const CONF_HEAD: &str = "# Written by startline tune persist; startline tune persist --remove takes it away.";
/// The same of the script that this has replaced.
const CONF_HEAD_OF_SCRIPT: &str =
    "# Written by scripts/tune persist of startline; scripts/tune persist --remove takes it away.";

/// Where everything is.
pub struct Places {
    root: PathBuf,
    state: PathBuf,
    conf: PathBuf,
}

/// How a change is made.
#[derive(Clone, Copy)]
pub struct How {
    /// Says what would be done, and does nothing.
    pub dry_run: bool,
    /// Does not ask first.
    pub yes: bool,
}

impl Places {
    /// Under this root, where the environment does not say otherwise.
    pub fn under(root: &Path) -> Self {
        let place = |variable: &str, default: &str| {
            std::env::var_os(variable).map_or_else(|| root.join(default), PathBuf::from)
        };
        Self {
            root: root.to_owned(),
            state: place("STARTLINE_TUNE_STATE", "var/lib/startline/tune.saved"),
            conf: place("STARTLINE_TUNE_CONF", "etc/sysctl.d/90-startline.conf"),
        }
    }

    fn file(&self, key: &str) -> PathBuf {
        self.root.join("proc/sys").join(key.replace('.', "/"))
    }

    fn read(&self, key: &str) -> Result<String> {
        fs::read_to_string(self.file(key)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => anyhow!("there is no {} here", self.file(key).display()),
            _ => anyhow!("{}: {error}", self.file(key).display()),
        })
    }

    /// Writes a value as it is and looks whether it took.
    fn write(&self, key: &str, value: &str) -> Result<()> {
        let file = OpenOptions::new().write(true).truncate(true).open(self.file(key));
        file.and_then(|mut file| file.write_all(value.as_bytes())).map_err(|error| {
            match error.raw_os_error() {
                Some(libc::EACCES | libc::EPERM | libc::EROFS) => anyhow!(
                    "{error}: it needs root, and it is read-only in a container or a network namespace"
                ),
                _ => anyhow!("{error}"),
            }
        })?;
        let now = plain(&self.read(key)?);
        if now != plain(value) {
            bail!("the kernel made {now} of it");
        }
        Ok(())
    }

    fn saved(&self) -> Result<Saved> {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        // The machine's own network alone has this setting.
        let network = match self.file("net.core.netdev_max_backlog").exists() {
            true => OF_THE_MACHINE.to_owned(),
            false => format!("{}@{}", fs::read_link("/proc/self/ns/net")?.display(), boot.trim()),
        };
        let text = match fs::read_to_string(&self.state) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text.with_context(|| format!("cannot read {}", self.state.display()))?,
        };
        Saved::parse(&text, &network, boot.trim()).map_err(|line| {
            let file = self.state.display();
            anyhow!("{file} has a line that startline tune did not write: {line:?}\nPut back by hand what it names, and delete it.")
        })
    }

    fn save(&self, saved: &Saved) -> Result<()> {
        let done = match saved.text() {
            Some(text) => replace(&self.state, &text),
            None => fs::remove_file(&self.state),
        };
        match done {
            Err(error) if error.kind() != io::ErrorKind::NotFound || saved.text().is_some() => {
                Err(unsaved(&self.state, &error))
            }
            _ => Ok(()),
        }
    }

    fn lock(&self, how: How) -> Result<Option<File>> {
        if how.dry_run {
            return Ok(None);
        }
        lock(&self.state).map(Some).map_err(|error| unsaved(&self.state, &error))
    }
}

fn unsaved(state: &Path, error: &io::Error) -> anyhow::Error {
    anyhow!(
        "nothing more is changed, because it cannot be saved in {}: {error}\nRun it as root, or let STARTLINE_TUNE_STATE name a file that \
         can be written.",
        state.display()
    )
}

/// Writes a file beside its name, then puts it in its place.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::Builder::new().permissions(permissions(0o644)).tempfile_in(directory)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

fn permissions(mode: u32) -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(mode)
}

/// Locks what is beside this file, for as long as the result lives: nobody else changes what is
/// saved between its being read and its being written. Waits for another, and says so.
pub(super) fn lock(state: &Path) -> io::Result<File> {
    fs::create_dir_all(state.parent().unwrap_or(Path::new("/")))?;
    let mut name = state.as_os_str().to_owned();
    name.push(".lock");
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(name)?;
    if flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        tell("another startline is changing this; waiting until it has finished");
        flock(&file, FlockOperation::LockExclusive)?;
    }
    Ok(file)
}

/// Asks on a terminal whether to go on; where nobody is there to answer, it goes on.
pub(super) fn is_agreed(yes: bool, question: &str) -> bool {
    if yes || !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return true;
    }
    print!("{question} [y/N] ");
    let _ = io::stdout().flush();
    let mut answer = String::new();
    let _ = io::stdin().read_line(&mut answer);
    matches!(answer.trim(), "y" | "Y" | "yes")
}

/// Says something on standard output; that nobody reads it is no reason to stop half-way.
pub(super) fn say(line: impl AsRef<str>) {
    let _ = writeln!(io::stdout(), "{}", line.as_ref());
}

/// Carries out `startline tune show`; whether all is as the plan needs it.
pub fn show(places: &Places, asked: &Asked) -> bool {
    let wanted = asked.wanted(&places.root);
    let mut table = Table::new(["limit", "this machine", "the plan needs"].map(Column::words));
    for check in &wanted.checks {
        let cells = [check.title.to_string(), check.reading.text.clone(), check.need.text.clone()];
        table.row(None, cells);
        for change in wanted.changes.iter().filter(|change| change.check == check.id) {
            table.note("→ ", arrow(places, &change.setting));
        }
    }
    say(table.text(Page::of(&io::stdout())).trim_end());
    say_unmet(&wanted);
    wanted.changes.is_empty() && wanted.unmet.is_empty()
}

fn arrow(places: &Places, setting: &Setting) -> String {
    let now = places.read(setting.key).map_or_else(|_| "absent".to_owned(), |now| plain(&now));
    format!("{}: {now} → {}", setting.key, setting.value)
}

/// What no setting fixes, with the doctor's other fixes.
fn say_unmet(wanted: &Wanted) {
    for Check { title, why, fixes, .. } in &wanted.unmet {
        say(format!("{title}: no kernel setting is enough: {}", why.as_deref().unwrap_or_default()));
        for Fix { text, command, .. } in fixes.iter().filter(|fix| fix.sets.is_empty()) {
            say(format!("  {text}{}", command.as_ref().map(|it| format!(" → {it}")).unwrap_or_default()));
        }
    }
}

/// `startline tune apply`: whether all is now as the plan needs it.
///
/// # Errors
/// What is written could not be saved.
pub fn apply(places: &Places, asked: &Asked, how: How) -> Result<bool> {
    let _lock = match (places.lock(how), how.dry_run) {
        // Where nothing is to be written, nothing has to be saved either.
        (Err(error), false) => match asked.wanted(&places.root).changes.is_empty() {
            true => None,
            false => return Err(error),
        },
        (lock, _) => lock?,
    };
    let wanted = asked.wanted(&places.root);
    for change in wanted.changes.iter().filter(|_| how.dry_run || io::stdout().is_terminal()) {
        say(format!("would write {}", arrow(places, &change.setting)));
    }
    let is_written = !how.dry_run && !wanted.changes.is_empty();
    if is_written && !is_agreed(how.yes, "Write these settings?") {
        say("Nothing was changed.");
        return Ok(false);
    }
    let mut changed = 0;
    if is_written {
        let mut saved = places.saved()?;
        for change in &wanted.changes {
            changed += usize::from(write_one(places, &mut saved, &change.setting)?);
        }
    }
    say_unmet(&wanted);
    if wanted.changes.iter().any(|change| change.setting.key == "net.ipv4.ip_local_port_range") {
        say(
            "A server that is started later may find its port taken: name it in net.ipv4.ip_local_reserved_ports.",
        );
    }
    if changed > 0 {
        say(format!(
            "{changed} changed; startline tune revert puts them back, startline tune persist keeps them over a reboot."
        ));
    } else if wanted.changes.is_empty() && wanted.unmet.is_empty() {
        say("All settings are as needed; nothing was changed.");
    }
    Ok(wanted.unmet.is_empty() && (how.dry_run || changed == wanted.changes.len()))
}

/// Saves and writes one setting; whether it took.
fn write_one(places: &Places, saved: &mut Saved, setting: &Setting) -> Result<bool> {
    let key = setting.key;
    let now = match places.read(key) {
        Ok(now) => now,
        Err(why) => {
            tell(&format!("{key} cannot be written: {why}"));
            return Ok(false);
        }
    };
    let known = saved.changes.get(key).cloned();
    // What is there now is what to go back to, unless it was written here.
    let before = match &known {
        Some(known) if plain(&known.written) == plain(&now) => known.before.clone(),
        _ => now.clone(),
    };
    let change = Change { before, written: format!("{}\n", setting.value) };
    let written = change.written.clone();
    saved.changes.insert(key.to_owned(), change);
    places.save(saved)?;
    let Err(why) = places.write(key, &written) else {
        say(format!("{key}: {} → {}", plain(&now), setting.value));
        return Ok(true);
    };
    tell(&format!("{key} stays {}, {} cannot be written: {why}", plain(&now), setting.value));
    match known {
        Some(known) => saved.changes.insert(key.to_owned(), known),
        None => saved.changes.remove(key),
    };
    places.save(saved)?;
    Ok(false)
}

/// `startline tune revert`: whether everything of this network went back. `force`: what others
/// changed since, too.
///
/// # Errors
/// What is saved cannot be read or written.
pub fn revert(places: &Places, force: bool, how: How) -> Result<bool> {
    let lock = places.lock(how);
    let mut saved = places.saved()?;
    if saved.others() > 0 {
        let others = saved.others();
        say(format!(
            "Left alone: {others} of other network namespaces, which startline tune revert puts back in there."
        ));
    }
    if saved.changes.is_empty() {
        say(if saved.others() > 0 { "Nothing to put back here." } else { "Nothing to put back." });
        return Ok(true);
    }
    let _lock = lock?;
    if !how.dry_run && !is_agreed(how.yes, &format!("Put {} settings back?", saved.changes.len())) {
        say("Nothing was changed.");
        return Ok(false);
    }
    let mut is_done = true;
    for (key, change) in saved.changes.clone() {
        match put_back(places, &key, &change, force, how) {
            Ok(()) if how.dry_run => {}
            Ok(()) => {
                saved.changes.remove(&key);
                places.save(&saved)?;
            }
            Err(why) => {
                is_done = false;
                tell(&format!("{why:#}"));
            }
        }
    }
    if is_ours(&places.conf) {
        say(format!(
            "{} still sets them at the next boot: startline tune persist --remove",
            places.conf.display()
        ));
    }
    Ok(is_done)
}

fn put_back(places: &Places, key: &str, change: &Change, force: bool, how: How) -> Result<()> {
    let value = places.read(key).with_context(|| format!("{key} cannot be put back"))?;
    let (now, before, written) = (plain(&value), plain(&change.before), plain(&change.written));
    if now != written && now != before && !force {
        bail!(
            "{key} is {now}: not what was written, {written}, so somebody else changed it. It stays; --force makes it {before}."
        );
    }
    if how.dry_run {
        say(format!("would write {key}: {now} → {before}"));
    } else if value == change.before {
        say(format!("{key} is {now} again already"));
    } else {
        let why = || format!("{key} stays {now}, {before} cannot be written");
        places.write(key, &change.before).with_context(why)?;
        say(format!("{key}: {now} → {before}"));
    }
    Ok(())
}

fn is_ours(conf: &Path) -> bool {
    let text = fs::read_to_string(conf).unwrap_or_default();
    text.lines().next().is_some_and(|head| [CONF_HEAD, CONF_HEAD_OF_SCRIPT].contains(&head))
}

/// `startline tune persist`: keeps over a reboot what was changed, or with `remove` no longer.
///
/// # Errors
/// The file is somebody else's, or cannot be written.
pub fn persist(places: &Places, remove: bool, how: How) -> Result<bool> {
    let _lock = places.lock(how)?;
    let conf = places.conf.display();
    if places.conf.exists() && !is_ours(&places.conf) {
        bail!(
            "{conf} was not written by startline tune and stays as it is: STARTLINE_TUNE_CONF names another file"
        );
    }
    if remove {
        match (places.conf.exists(), how.dry_run) {
            (false, _) => say(format!("There is no {conf}.")),
            (true, true) => say(format!("would remove {conf}")),
            (true, false) => {
                fs::remove_file(&places.conf).with_context(|| format!("cannot remove {conf}"))?;
                say(format!("Removed {conf}. What it set stays until it is reverted or the machine boots."));
            }
        }
        return Ok(true);
    }
    let saved = places.saved()?;
    if saved.changes.is_empty() {
        say("startline tune apply has changed nothing, so there is nothing to keep.");
        return Ok(true);
    }
    let lines = saved.changes.iter().map(|(key, change)| format!("{key} = {}\n", plain(&change.written)));
    let text = format!("{CONF_HEAD}\n{}", lines.collect::<String>());
    say(format!("{conf}:\n{}", text.trim_end()));
    if how.dry_run {
        say("would be written");
    } else if fs::read_to_string(&places.conf).is_ok_and(|now| now == text) {
        say("It is so already.");
    } else {
        let directory = places.conf.parent().unwrap_or(Path::new("/"));
        let done = fs::create_dir_all(directory).and_then(|()| replace(&places.conf, &text));
        done.with_context(|| format!("cannot write {conf}"))?;
        say("Written.");
    }
    say(
        "The limit of descriptors is not a sysctl: where it is too low, startline doctor says how to raise it.",
    );
    Ok(true)
}
