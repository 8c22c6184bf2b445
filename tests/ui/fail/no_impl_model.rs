//! An engine without a model.

use chariot_engine::prelude::*;

#[chariot_engine]
struct Lengths;
