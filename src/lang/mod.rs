//! The languages that results are shown in, and tables of texts in all of them.
//!
//! Each room declares its own tables with `texts!`. Of the texts, only those are here
//! that results keep as data ([`Sentence`]), since several rooms make them.
//! Invariant, held by the compiler: a text exists in every language, with the same arguments.

mod reason;
pub(crate) mod sentence;
mod template;

use std::fmt::Display;
use std::time::Duration;

use clap::ValueEnum;

pub use reason::{Reason, criterion_name};
pub use sentence::{Arg, Sentence};
use template::fill;
pub(crate) use template::places;

use crate::numbers;

/// A language that results are shown in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Korean.
    Ko,
}

/// A text that exists in every language; `texts!` declares them.
pub trait Text: Copy + 'static {
    /// All of the table.
    const ALL: &'static [Self];

    /// Returns the text with its places for arguments, such as `{0} of {1} sessions`.
    fn template(self, lang: Lang) -> &'static str;
}

impl Lang {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::En, Self::Ko];

    /// Returns a text with these arguments in it: already shown figures, and names.
    pub fn say(self, text: impl Text, args: &[&dyn Display]) -> String {
        let template = text.template(self);
        debug_assert_eq!(places(template), (1 << args.len()) - 1, "{template:?} has other arguments");
        fill(template, &args.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    /// Returns a text that has no arguments.
    pub fn word(self, text: impl Text) -> &'static str {
        text.template(self)
    }

    /// Returns a time as its readers write it: `4 min 3 s`, `4분 3초`. Milliseconds are `ms` everywhere.
    pub fn span(self, span: Duration) -> String {
        let english = numbers::span(span);
        match self {
            Self::En => english,
            Self::Ko => english.replace(" min", "분").replace(" h", "시간").replace(" s", "초"),
        }
    }

    /// Returns the language's tag (BCP 47), as HTML's `lang` has it.
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ko => "ko",
        }
    }
}

/// Declares an enum of texts: each key with its English and its Korean.
///
/// `{0}` is the first argument; both languages have to use the same ones, in any order and as often
/// as they need. `{0|criterion|criteria}` is the first word where that argument is `1`, else the
/// second. A brace has no other use in a text.
macro_rules! texts {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($key:ident => $english:literal, $korean:literal;)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs)]
        $vis enum $name { $($key),+ }

        const _: () = {
            $(assert!(
                $crate::lang::places($english) == $crate::lang::places($korean),
                concat!("the languages use different arguments: ", stringify!($key))
            );)+
        };

        impl $crate::lang::Text for $name {
            const ALL: &'static [Self] = &[$(Self::$key),+];

            fn template(self, lang: $crate::lang::Lang) -> &'static str {
                match (self, lang) {
                    $((Self::$key, $crate::lang::Lang::En) => $english,
                    (Self::$key, $crate::lang::Lang::Ko) => $korean,)+
                }
            }
        }
    };
}
pub(crate) use texts;

#[cfg(test)]
mod tests {
    use super::*;

    texts! {
        enum Sample {
            Failed => "{0} of {1} {1|criterion|criteria} failed.", "기준 {1}개 중 {0}개가 실패했습니다.";
            Limit => "limit", "기준값";
        }
    }

    #[test]
    fn times_have_the_units_of_their_language() {
        let shown = |millis: u64| Lang::ALL.map(|lang| lang.span(Duration::from_millis(millis)));
        assert_eq!(shown(243_000), ["4 min 3 s", "4분 3초"]);
        assert_eq!(shown(7_500_000), ["2 h 5 min", "2시간 5분"]);
        assert_eq!(shown(850), ["850 ms", "850 ms"]);
    }

    #[test]
    fn each_language_orders_its_arguments_itself() {
        assert_eq!(Lang::En.say(Sample::Failed, &[&2, &5]), "2 of 5 criteria failed.");
        assert_eq!(Lang::Ko.say(Sample::Failed, &[&2, &"5"]), "기준 5개 중 2개가 실패했습니다.");
        assert_eq!(Lang::En.say(Sample::Failed, &[&1, &1]), "1 of 1 criterion failed.");
        assert_eq!(Lang::ALL.map(|lang| lang.word(Sample::Limit)), ["limit", "기준값"]);
    }
}
