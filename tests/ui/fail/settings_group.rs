//! A group must be a settings type, and only a group can be one.

use chariot_engine::prelude::*;

#[derive(Settings)]
struct Service {
    #[setting(group)]
    pool: usize,
    #[setting(group)]
    address: Address,
    database: Database,
}

#[derive(Settings)]
struct Database {
    host: String,
}

struct Address;

fn main() {}
