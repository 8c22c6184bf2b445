//! An engine is one type with one state.

use chariot_engine::prelude::*;

#[chariot_engine]
enum Lengths {
    Bytes,
    Letters,
}
