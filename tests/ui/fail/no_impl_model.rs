//! An engine without `impl Model`.

use chariot_engine::prelude::*;

#[chariot_engine]
struct Lengths;
