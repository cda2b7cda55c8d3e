//! Checks the members: a sample of them logs in. Reports who cannot, why, and how long a login
//! takes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use startline_os::units::grouped;

use super::format::{clean, listed, micros, ms, quantile};
use crate::checks::{Check, Figure, Fix, Verdict};
use crate::members::MemberName;
use crate::scenario::criteria::{limit_text, step_statistic};
use crate::scenario::{Criterion, Good};

/// The number of members who log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleSize {
    /// At most this many.
    Some(u32),
    /// Every one.
    All,
}

/// The members of a sample, by index, in order: the first, the last, and others drawn by the seed.
pub fn sample(members: u32, size: SampleSize, seed: u64) -> Vec<u32> {
    let size = match size {
        SampleSize::Some(size) if size < members => size,
        _ => return (0..members).collect(),
    };
    let mut drawn = BTreeSet::from([0]);
    if size > 1 {
        drawn.insert(members - 1);
    }
    let mut rng = fastrand::Rng::with_seed(seed);
    while drawn.len() < size as usize {
        drawn.insert(rng.u32(0..members));
    }
    drawn.into_iter().collect()
}

/// How a member's login went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// The member's id.
    pub member: MemberName,
    /// From the request to the whole answer.
    pub took: Duration,
    /// Why it failed.
    pub refusal: Option<Refusal>,
}

/// After this many logins in a row without an answer no more are tried: each takes as long as a
/// request may.
const SILENT_MAX: usize = 2;

/// Reasons shown; more of them add nothing.
const REASONS_MAX: usize = 5;

/// Whether further logins would only be waited for.
pub fn is_hopeless(logins: &[Login]) -> bool {
    let is_silent = |login: &Login| login.refusal.as_ref().is_some_and(|it| it.blame == Blame::Silence);
    logins.len() >= SILENT_MAX && logins.iter().rev().take(SILENT_MAX).all(is_silent)
}

impl Login {
    /// A login that was not tried, since those before got no answer.
    pub fn not_tried(member: MemberName) -> Self {
        let said = "not tried, since the logins before got no answer".to_owned();
        let refusal = Some(Refusal { blame: Blame::Silence, name: None, said, example: None });
        Self { member, took: Duration::ZERO, refusal }
    }
}

/// Who must fix a failed login, by what came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Blame {
    /// 400 or 404: such a member is not known there.
    Member,
    /// 5xx: the servers failed.
    Server,
    /// Any other status, or an answer without what the scenario takes from it.
    Answer,
    /// There was no answer.
    Silence,
}

impl Blame {
    /// By the status of an answer that was not expected, whatever a scenario calls it.
    pub fn of_status(status: u16) -> Self {
        match status {
            400 | 404 => Self::Member,
            500..=599 => Self::Server,
            _ => Self::Answer,
        }
    }

    /// How to fix it; `anybody`: some member of the sample could log in.
    fn fix(self, anybody: bool) -> &'static str {
        match self {
            Self::Member if anybody => {
                "create these members, or give others with --members; --sample all shows every missing one"
            }
            Self::Member => {
                "create these members, or give others with --members; if they exist, check that this server has the login \
                 that the scenario describes"
            }
            Self::Server => "see the servers' logs at this time: they failed, whoever the member is",
            Self::Answer => {
                "the login does not answer as the scenario describes it: check that the scenario fits these servers, and \
                 that no proxy refuses the request"
            }
            Self::Silence => {
                "check that the server is up; its log and its proxy's have these requests, if they arrived"
            }
        }
    }
}

/// Why a login failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who must fix it.
    pub blame: Blame,
    /// The scenario's name for it, if the server answered.
    pub name: Option<String>,
    /// In the server's words, or the library's. Alike for all who are refused for the same reason,
    /// but for a member's own id.
    pub said: String,
    /// What else this one was answered, which may be another text for each.
    pub example: Option<String>,
}

/// Checks whether the members exist, and whether a login is fast enough before any load.
pub fn checks(logins: &[Login], members: u32, criterion: Option<&Criterion>) -> Vec<Check> {
    cut_short(logins, logins.len(), members, criterion)
}

/// The same, if preflight was interrupted before `asked_for` logins were tried.
pub fn cut_short(
    logins: &[Login],
    asked_for: usize,
    members: u32,
    criterion: Option<&Criterion>,
) -> Vec<Check> {
    vec![log_in(logins, asked_for, members), latency(logins, criterion)]
}

/// The checks that were not made.
pub fn skipped(cause: &str) -> Vec<Check> {
    vec![
        Check::skipped(MEMBERS, MEMBERS_TITLE, Figure::words("all of the sample"), cause),
        Check::skipped(LATENCY, LATENCY_TITLE, Figure::words("as the scenario's criterion"), cause),
    ]
}

const MEMBERS: &str = "members";
const MEMBERS_TITLE: &str = "members";
const LATENCY: &str = "login-latency";
const LATENCY_TITLE: &str = "login latency";

fn log_in(logins: &[Login], asked_for: usize, members: u32) -> Check {
    let left = asked_for.saturating_sub(logins.len());
    let (asked, well) = (asked_for, logins.iter().filter(|one| one.refusal.is_none()).count());
    let reading =
        Figure::new(well as u64, "members", format!("{} of {} logged in", count(well), count(asked)));
    let need = match asked as u64 == u64::from(members) {
        true => format!("all {} members", grouped(members.into())),
        false => format!("all of a sample of the {} members", grouped(members.into())),
    };
    let check = Check::ok(MEMBERS, MEMBERS_TITLE, reading, Figure::new(asked as u64, "members", need));
    let mut reasons = reasons(logins);
    match (reasons.is_empty(), left) {
        (true, 0) => return check,
        (true, _) => {
            let why = format!("preflight was interrupted before {} had logged in", members_of(left));
            return check.but(Verdict::Unknown, why, Vec::new());
        }
        (false, 0) => {}
        (false, _) => {
            reasons
                .push(format!("{} had not logged in yet when preflight was interrupted", members_of(left)));
        }
    }
    let blames: BTreeSet<Blame> = logins.iter().filter_map(|one| Some(one.refusal.as_ref()?.blame)).collect();
    let fixes = blames.iter().map(|blame| Fix::advice(blame.fix(well > 0))).collect();
    check.but(Verdict::Fail, reasons.join("; "), fixes)
}

/// `MEMBER_NOT_FOUND (존재하지 …): 9000, 9001`, the most frequent first.
fn reasons(logins: &[Login]) -> Vec<String> {
    let mut by_reason: BTreeMap<String, (&Refusal, Vec<&MemberName>)> = BTreeMap::new();
    for login in logins {
        let Some(refusal) = &login.refusal else { continue };
        let reason = refusal.reason(Some(&login.member));
        by_reason.entry(reason).or_insert((refusal, Vec::new())).1.push(&login.member);
    }
    let mut reasons: Vec<_> = by_reason.into_iter().collect();
    reasons.sort_by_key(|(_, (_, members))| (std::cmp::Reverse(members.len()), members.first().copied()));
    let mut others: Vec<&MemberName> =
        reasons.iter().skip(REASONS_MAX).flat_map(|(_, (_, members))| members.clone()).collect();
    others.sort_unstable();
    let mut texts: Vec<String> = reasons
        .iter()
        .take(REASONS_MAX)
        .map(|(reason, (first, members))| match members[..] {
            [_] => format!("{}{}: {}", first.reason(None), first.for_example(), of_members(members)),
            _ => format!("{reason}{}: {}", first.for_example(), of_members(members)),
        })
        .collect();
    if !others.is_empty() {
        let more = reasons.len() - REASONS_MAX;
        let plural = if more == 1 { "" } else { "s" };
        texts.push(format!("{} more reason{plural}: {}", count(more), of_members(&others)));
    }
    texts
}

impl Refusal {
    /// Returns it in words; with N for the member's own id, if that is given: whoever else is
    /// refused for the same has another one.
    fn reason(&self, own_id: Option<&MemberName>) -> String {
        let said = clean(&self.said);
        let said = own_id.map(|member| without(&said, &member.to_string())).unwrap_or(said);
        match &self.name {
            Some(name) => format!("{name} ({said})"),
            None => said,
        }
    }

    fn for_example(&self) -> String {
        self.example.as_ref().map(|said| format!(", but {}", clean(said))).unwrap_or_default()
    }
}

/// A text in which an id that stands by itself is anybody's, N.
fn without(text: &str, id: &str) -> String {
    let is_number = id.bytes().all(|byte| byte.is_ascii_digit());
    let goes_on =
        |c: Option<char>| c.is_some_and(|c| if is_number { c.is_ascii_digit() } else { c.is_alphanumeric() });
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(id) {
        let (before, after) = (&rest[..at], &rest[at + id.len()..]);
        let is_alone = !goes_on(before.chars().next_back().or(out.chars().next_back()))
            && !goes_on(after.chars().next());
        out += before;
        out += if is_alone { "N" } else { id };
        rest = after;
    }
    out + rest
}

fn members_of(number: usize) -> String {
    if number == 1 { "1 member".to_owned() } else { format!("{} members", count(number)) }
}

fn of_members(members: &[&MemberName]) -> String {
    let plural = if members.len() == 1 { "" } else { "s" };
    format!("member{plural} {}", listed(members))
}

/// Against the scenario's criterion of the login step. The median is held against it: a run's
/// figure is of thousands, and the first login after a quiet night is no measure of them.
fn latency(logins: &[Login], criterion: Option<&Criterion>) -> Check {
    let need = match criterion {
        Some(criterion) => Figure::words(format!(
            "half of them {} ({} in the run)",
            limit_text(criterion.good, criterion.limit, &criterion.unit),
            step_statistic(&criterion.measure).map_or("", |(_, statistic)| statistic)
        )),
        None => Figure::words("no criterion in the scenario"),
    };
    let mut took: Vec<Duration> =
        logins.iter().filter(|one| one.refusal.is_none()).map(|one| one.took).collect();
    took.sort_unstable();
    let Some((median, slowest)) = quantile(&took, 0.5).zip(took.last().copied()) else {
        return Check::skipped(LATENCY, LATENCY_TITLE, need, "no member of the sample could log in");
    };
    let reading = micros(median, format!("p50 {}, max {}", ms(median), ms(slowest)));
    let check = Check::ok(LATENCY, LATENCY_TITLE, reading, need);
    match criterion {
        Some(criterion) if !is_met(criterion, median) => check.but(
            Verdict::Warn,
            "single logins, without any load, are slower than the run's criterion",
            vec![Fix::advice(
                "check the network (the time of \"target reachable\"), and the server's database pool and CPU",
            )],
        ),
        _ => check,
    }
}

fn is_met(criterion: &Criterion, span: Duration) -> bool {
    let value = span.as_secs_f64() * 1000.0;
    match criterion.good {
        Good::AtMost => value <= criterion.limit,
        Good::AtLeast => value >= criterion.limit,
        Good::Below => value < criterion.limit,
    }
}

fn count(number: usize) -> String {
    grouped(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn criterion(limit: f64) -> Criterion {
        Criterion {
            name: "login".into(),
            measure: "steps.login.p95_ms".into(),
            good: Good::Below,
            limit,
            warn: None,
            unit: "ms".into(),
            needs_sessions: None,
            needs_hold: None,
        }
    }

    fn login(member: u64, refusal: Option<(&str, &str)>) -> Login {
        let refusal = refusal.map(|(name, said)| Refusal {
            blame: if name.is_empty() { Blame::Silence } else { Blame::Member },
            name: Some(name.to_owned()).filter(|name| !name.is_empty()),
            said: said.into(),
            example: None,
        });
        Login { member: MemberName::Number(member), took: Duration::from_millis(member), refusal }
    }

    #[test]
    fn a_sample_has_both_ends_and_repeats_by_its_seed() {
        let ten = sample(6000, SampleSize::Some(10), 7);
        assert_eq!((ten.len(), ten[0], ten[9]), (10, 0, 5999));
        assert!(ten.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(ten, sample(6000, SampleSize::Some(10), 7));
        assert_ne!(ten, sample(6000, SampleSize::Some(10), 8));
        assert_eq!(sample(3, SampleSize::Some(10), 1), [0, 1, 2]);
        assert_eq!(sample(5, SampleSize::All, 1), [0, 1, 2, 3, 4]);
        assert_eq!(sample(9, SampleSize::Some(1), 1), [0]);
        assert_eq!(sample(9, SampleSize::Some(2), 1), [0, 8]);
    }

    #[test]
    fn everyone_there_is_well() {
        let logins: Vec<Login> = (1..=3).map(|member| login(member, None)).collect();
        let checks = checks(&logins, 6000, Some(&criterion(100.0)));
        assert!(checks.iter().all(|check| check.verdict == Verdict::Ok), "{checks:?}");
        assert_eq!(checks[0].reading.text, "3 of 3 logged in");
        assert_eq!(checks[0].need.text, "all of a sample of the 6,000 members");
        assert_eq!(checks[1].reading.text, "p50 2.00 ms, max 3.00 ms");
        assert_eq!(checks[1].need.text, "half of them below 100 ms (p95 in the run)");
    }

    #[test]
    fn after_two_without_an_answer_no_more_are_asked() {
        let silent = |member| login(member, Some(("", "timeout")));
        assert!(!is_hopeless(&[]) && !is_hopeless(&[silent(13)]));
        assert!(!is_hopeless(&[silent(13), login(14, None), silent(15)]));
        let mut logins = vec![login(13, None), silent(14), silent(15)];
        assert!(is_hopeless(&logins));
        logins.push(Login::not_tried(MemberName::Number(16)));
        assert!(is_hopeless(&logins), "and so on to the end");
        assert_eq!(checks(&logins, 6000, None)[0].reading.text, "1 of 4 logged in");
    }

    #[test]
    fn who_is_unknown_is_named_by_reason() {
        let missing = Some(("MEMBER_NOT_FOUND", "no such\nmember"));
        let logins =
            [login(13, None), login(90, Some(("", "reset"))), login(91, missing), login(92, missing)];
        let check = &checks(&logins, 4, None)[0];
        assert_eq!(check.verdict, Verdict::Fail);
        let why = check.why.as_deref();
        assert_eq!(why, Some("MEMBER_NOT_FOUND (no such member): members 91, 92; reset: member 90"));
        assert_eq!(check.need.text, "all 4 members");
    }

    #[test]
    fn what_differs_from_member_to_member_makes_no_reason_of_its_own() {
        let missing: Vec<Login> = (91..=300)
            .map(|member| {
                login(member, Some(("X", &format!("{member}: no member {member} among 9{member}0"))))
            })
            .collect();
        let why = |logins: &[Login]| checks(logins, 4, None)[0].why.clone().expect("they fail");
        let told = why(&missing[..2]);
        // A longer number with the same digits is not the member's.
        assert!(told.starts_with("X (91: no member 91 among 9910): member 91; X (92:"), "{told}");
        let alike = [login(91, Some(("X", "no member 91."))), login(92, Some(("X", "no member 92.")))];
        assert_eq!(why(&alike), "X (no member N.): members 91, 92");
        assert_eq!(why(&alike[..1]), "X (no member 91.): member 91");
        let named = ["an", "bo"].map(|name| Login {
            member: MemberName::Text(name.into()),
            ..login(91, Some(("X", &format!("{name} is no banker, nor a bot"))))
        });
        assert_eq!(why(&named), "X (N is no banker, nor a bot): members an, bo");
        assert!(why(&missing).ends_with("; 205 more reasons: members 96, 97, 98, 99, 100 and 200 more"));
    }

    #[test]
    fn members_who_were_not_asked_are_counted() {
        let cut = |logins: &[Login]| cut_short(logins, 300, 6000, None);
        let well = cut(&[login(13, None), login(14, None)]);
        assert_eq!(well[0].verdict, Verdict::Unknown);
        assert_eq!(well[0].reading.text, "2 of 300 logged in");
        assert_eq!(
            well[0].why.as_deref(),
            Some("preflight was interrupted before 298 members had logged in")
        );
        assert_eq!(well[1].verdict, Verdict::Ok, "of those who did");
        let refused = cut(&[login(13, Some(("X", "no")))]);
        assert_eq!(refused[0].verdict, Verdict::Fail);
        let why = "X (no): member 13; 299 members had not logged in yet when preflight was interrupted";
        assert_eq!(refused[0].why.as_deref(), Some(why));
    }

    #[test]
    fn an_answer_that_lacks_something_is_shown_once() {
        let lacking = |member: u64| Login {
            refusal: Some(Refusal {
                blame: Blame::Answer,
                name: None,
                said: "answered without token (/token)".into(),
                example: Some(format!("{{\"session\":\"{}\"}}", member * 7919)),
            }),
            ..login(member, None)
        };
        let why = checks(&[lacking(13), lacking(14)], 4, None)[0].why.clone();
        let expected = "answered without token (/token), but {\"session\":\"102947\"}: members 13, 14";
        assert_eq!(why.as_deref(), Some(expected));
    }

    #[test]
    fn the_fix_goes_by_what_failed() {
        let refused = |status| Login {
            refusal: Some(Refusal {
                blame: Blame::of_status(status),
                name: Some("X".into()),
                said: "x".into(),
                example: None,
            }),
            ..login(90, None)
        };
        let fixes = |logins: &[Login]| -> Vec<String> {
            checks(logins, 4, None)[0].fixes.iter().map(|fix| fix.text.clone()).collect()
        };
        for (status, begin) in [
            (400, "create these members"),
            (404, "create these members"),
            (500, "see the servers' logs"),
            (503, "see the servers' logs"),
            (401, "the login does not answer"),
        ] {
            let [fix] = &fixes(&[login(13, None), refused(status)])[..] else { panic!("one fix") };
            assert!(fix.starts_with(begin), "{status}: {fix}");
        }
        let both = fixes(&[refused(500), refused(404)]);
        assert_eq!(both.len(), 2);
        assert!(
            both[0].ends_with("check that this server has the login that the scenario describes"),
            "{both:?}"
        );
        let silent = fixes(&[login(13, Some(("", "reset")))]);
        assert!(silent[0].starts_with("check that the server is up"));
    }

    #[test]
    fn slow_logins_are_warned_of_by_their_median() {
        let logins: Vec<Login> = [1, 2, 900].map(|member| login(member, None)).into();
        assert_eq!(checks(&logins, 3, Some(&criterion(100.0)))[1].verdict, Verdict::Ok);
        assert_eq!(checks(&logins, 3, Some(&criterion(2.0)))[1].verdict, Verdict::Warn);
        let nobody = [login(1, Some(("", "reset")))];
        assert_eq!(checks(&nobody, 3, None)[1].verdict, Verdict::Unknown);
    }
}
