//! What people write: templates, members files, scenarios; and cookies and logs, which servers write in the same spirit.

pub mod cookies;
pub mod import;
pub mod log_lines;
pub mod members;
pub mod scenario;
pub mod template;
