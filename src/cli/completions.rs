//! The options of `startline completions`.

use clap::Args;
use clap_complete::Shell;

/// Options of `startline completions`.
#[derive(Args, Clone, Debug)]
#[command(after_help = HELP)]
pub struct CompletionsArgs {
    /// The shell that reads the script.
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

const HELP: &str = "\
To install it for this user:
  bash  startline completions bash > ~/.local/share/bash-completion/completions/startline
  zsh   startline completions zsh > ~/.zfunc/_startline, with fpath+=~/.zfunc before compinit
  fish  startline completions fish > ~/.config/fish/completions/startline.fish";
