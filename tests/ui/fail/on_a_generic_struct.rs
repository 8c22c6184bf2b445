//! The program must know which type it serves.

use chariot_engine::prelude::*;

#[chariot_engine]
struct Lengths<T> {
    counter: T,
}
