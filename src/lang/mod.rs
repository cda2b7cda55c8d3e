//! The languages that results are shown in, and tables of texts in all of them.
//!
//! Knows no text itself: each room declares its own tables with [`texts!`](crate::lang::texts).
//! Invariant, held by the compiler: a text exists in every language, with the same arguments.

mod template;

use std::fmt::Display;

use clap::ValueEnum;

pub(crate) use template::{fill, places};

/// A language that results are shown in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Korean.
    Ko,
}

/// A text that exists in every language; [`texts!`](crate::lang::texts) declares them.
pub trait Text: Copy {
    /// Returns the text with its places for arguments, such as `{0} of {1} sessions`.
    fn template(self, lang: Lang) -> &'static str;
}

impl Lang {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::En, Self::Ko];

    /// Returns a text with these arguments in it: already shown figures, and names.
    pub fn say(self, text: impl Text, args: &[&dyn Display]) -> String {
        fill(text.template(self), args)
    }

    /// Returns a text that has no arguments.
    pub fn word(self, text: impl Text) -> &'static str {
        text.template(self)
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
    fn each_language_orders_its_arguments_itself() {
        assert_eq!(Lang::En.say(Sample::Failed, &[&2, &5]), "2 of 5 criteria failed.");
        assert_eq!(Lang::Ko.say(Sample::Failed, &[&2, &"5"]), "기준 5개 중 2개가 실패했습니다.");
        assert_eq!(Lang::En.say(Sample::Failed, &[&1, &1]), "1 of 1 criterion failed.");
        assert_eq!(Lang::ALL.map(|lang| lang.word(Sample::Limit)), ["limit", "기준값"]);
    }
}
