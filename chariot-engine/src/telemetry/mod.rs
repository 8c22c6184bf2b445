//! Logs to standard output. `run` installs them; nothing that an embedder meets does.

mod logs;

pub(crate) use logs::install;
