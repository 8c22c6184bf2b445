//! The attribute on an enum.

use chariot_engine::prelude::*;

#[chariot_engine]
enum Lengths {
    Bytes,
    Letters,
}
