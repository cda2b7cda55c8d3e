//! The built-in stand-in for Runnity's servers.
