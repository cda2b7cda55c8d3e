//! Colours by their meaning, and what stands in for them where there are none.
//!
//! Invariant: with `NO_COLOR` set no colour is written, only bold and dim.

use ratatui::style::{Color, Modifier, Style};

/// What text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Something failed.
    Bad,
    /// Something may be wrong.
    Warning,
    /// Less important than the rest.
    Dim,
    /// What a part is about.
    Title,
    /// Nothing special.
    Plain,
}

/// How tones look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    /// Whether there are colours.
    pub colour: bool,
}

impl Theme {
    /// In colour unless `NO_COLOR` is set.
    pub fn of_environment() -> Self {
        Self { colour: std::env::var_os("NO_COLOR").is_none() }
    }

    /// The style of a tone.
    pub fn style(self, tone: Tone) -> Style {
        let (colour, modifier) = match tone {
            Tone::Good => (Some(Color::Green), Modifier::empty()),
            Tone::Bad => (Some(Color::Red), Modifier::BOLD),
            Tone::Warning => (Some(Color::Yellow), Modifier::BOLD),
            Tone::Dim => (None, Modifier::DIM),
            Tone::Title => (Some(Color::Cyan), Modifier::BOLD),
            Tone::Plain => (None, Modifier::empty()),
        };
        let style = Style::new().add_modifier(modifier);
        colour.filter(|_| self.colour).map_or(style, |colour| style.fg(colour))
    }
}
