//! Structs of named tensors, without a prelude and with every usual name shadowed.

use ::std::prelude::v1::derive;

super::shadow!(Option Some None Result Ok Err Vec String Box usize bool str TensorSpec Dim Input Output BatchCost);

const WIDTH: ::core::primitive::usize = 4;

/// Named tensors, under names that generated code could use itself.
#[derive(::chariot_engine::TensorInput)]
struct Question {
    /// A matrix
    #[tensor(shape = [rows, {WIDTH}, super::tensors::WIDTH], convert)]
    rows: ::std::vec::Vec<::core::primitive::f32>,
    #[tensor(shape = [rows], name = "device", datatype = "BYTES")]
    parts: ::std::vec::Vec<::std::string::String>,
    #[tensor(shape = [_])]
    tensors: ::std::vec::Vec<::core::primitive::i64>,
    #[tensor(shape = [2])]
    r#type: ::std::vec::Vec<::core::primitive::bool>,
}

/// An output.
#[derive(::chariot_engine::TensorOutput)]
struct Answer {
    #[tensor(shape = [n])]
    device: ::std::vec::Vec<::core::primitive::u8>,
}

/// Both an input and an output.
#[derive(::chariot_engine::TensorInput, ::chariot_engine::TensorOutput)]
struct Both {
    #[tensor(shape = [n])]
    part: ::std::vec::Vec<::core::primitive::u8>,
}
