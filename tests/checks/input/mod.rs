//! What people write: templates, members files, scenarios; and cookies, which servers write in the same spirit.

pub mod cookies;
pub mod members;
pub mod scenario;
pub mod template;
