//! What to do next about a fault, where its row alone does not say it: in a scenario of this kind, in another
//! language.
//!
//! Invariant: advice that a result keeps is found again by its English.

use super::row::Row;
use super::{Blame, Fault, NamedFault, TlsFault};
use crate::lang::Lang;

/// A refusal of those who are not logged in, where answers have set cookies that sessions do not send back.
const COOKIES_UNKEPT: Row = Row::new(
    "http-<status>",
    Blame::Server,
    &[],
    "The servers set cookies that sessions do not send back: cookies = true at the top of the scenario's file does that. \
     If they are not what is missing, see the evidence.",
    "서버가 설정한 쿠키를 세션이 되돌려 보내지 않습니다. 시나리오 파일 맨 위의 cookies = true로 보낼 수 있습니다. 쿠키 문제가 아니라면 증거를 확인하십시오.",
);

/// An error that the scenario is blamed for, where preflight can ask the servers about its members.
const SCHEDULED: Row = Row::new(
    "<name>",
    Blame::Scenario,
    &[],
    "The plan asked for what the server cannot do: startline preflight checks the members and their challenge; \
     startline try -v shows this request whole.",
    "서버가 할 수 없는 일을 계획이 요청했습니다. startline preflight가 회원과 챌린지를 검사하고, startline try -v가 이 요청 전체를 보여 줍니다.",
);

/// Rows that are only for their advice.
pub(super) const OTHERS: [&Row; 2] = [&SCHEDULED, &COOKIES_UNKEPT];

impl Fault {
    /// Returns the advice for a scenario that has a `[schedule]`, or none, where answers have set cookies that
    /// sessions do not send back, or none.
    pub fn advice_in_scenario(self, has_schedule: bool, has_cookies_unkept: bool) -> &'static str {
        match self {
            Self::HttpStatus(401 | 403) | Self::UpgradeRefused(401 | 403) if has_cookies_unkept => {
                COOKIES_UNKEPT.advice
            }
            Self::Named(NamedFault { blame: Blame::Scenario, .. }) if has_schedule => SCHEDULED.advice,
            _ => self.advice(),
        }
    }
}

/// Returns advice of a fault in another language. It is found by its English, which is what results keep; advice
/// of another release may not be in this table and stays English.
pub fn advice_in(lang: Lang, english: &str) -> &str {
    let rows = || Fault::ROWS.iter().chain(TlsFault::ROWS).chain(OTHERS);
    match lang {
        Lang::En => english,
        Lang::Ko => rows().find(|row| row.advice == english).map_or(english, |row| row.korean),
    }
}
