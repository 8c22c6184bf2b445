//! A generic struct: the program must know the concrete type that it serves.

use chariot_engine::prelude::*;

#[chariot_engine]
struct Lengths<T> {
    counter: T,
}
