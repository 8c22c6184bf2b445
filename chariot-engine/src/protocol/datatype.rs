//! The data types of a tensor, with their names on the wire. Every file that handles tensors uses them.

use std::{fmt, str::FromStr};

use serde::{Serialize, Serializer};

use crate::error::{Expected, Rejection, quoted};

macro_rules! datatypes {
    ($($(#[$doc:meta])* $variant:ident $name:literal $size:expr,)*) => {
        /// The data type of the elements of a tensor.
        ///
        /// ```
        /// use chariot_engine::protocol::DataType;
        ///
        /// let datatype: DataType = "FP32".parse()?;
        /// assert_eq!(datatype, DataType::Fp32);
        /// assert_eq!((datatype.as_str(), datatype.size()), ("FP32", Some(4)));
        /// assert_eq!(DataType::Bytes.size(), None);
        /// # Ok::<(), chariot_engine::Rejection>(())
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum DataType {
            $($(#[$doc])* $variant,)*
        }

        impl DataType {
            /// Every data type, in the order of the protocol.
            pub const ALL: &[DataType] = &[$(DataType::$variant),*];

            /// Returns the name on the wire: `FP32`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(DataType::$variant => $name,)*
                }
            }

            /// Returns the size of one element in binary form, in bytes; `None` for BYTES, whose elements vary in size.
            pub fn size(self) -> Option<usize> {
                match self {
                    $(DataType::$variant => $size,)*
                }
            }
        }
    };
}

datatypes! {
    /// `true` or `false`.
    Bool "BOOL" Some(1),
    /// An integer from 0 to 255.
    Uint8 "UINT8" Some(1),
    /// An unsigned integer of 16 bits.
    Uint16 "UINT16" Some(2),
    /// An unsigned integer of 32 bits.
    Uint32 "UINT32" Some(4),
    /// An unsigned integer of 64 bits.
    Uint64 "UINT64" Some(8),
    /// An integer from -128 to 127.
    Int8 "INT8" Some(1),
    /// A signed integer of 16 bits.
    Int16 "INT16" Some(2),
    /// A signed integer of 32 bits.
    Int32 "INT32" Some(4),
    /// A signed integer of 64 bits.
    Int64 "INT64" Some(8),
    /// A float of 16 bits (IEEE 754 binary16).
    Fp16 "FP16" Some(2),
    /// A float of 16 bits with the exponent range of FP32.
    Bf16 "BF16" Some(2),
    /// A float of 32 bits.
    Fp32 "FP32" Some(4),
    /// A float of 64 bits.
    Fp64 "FP64" Some(8),
    /// A string, bytes, or by Chariot's convention any JSON value.
    Bytes "BYTES" None,
}

impl DataType {
    /// Returns the most bytes that a number takes in JSON, with the comma before it.
    pub(super) fn json_width(self) -> usize {
        match self {
            DataType::Uint8 => 4,
            DataType::Int8 => 5,
            DataType::Bool | DataType::Uint16 => 6,
            DataType::Int16 => 7,
            DataType::Uint32 => 11,
            DataType::Int32 => 12,
            DataType::Fp16 | DataType::Bf16 | DataType::Fp32 => 17,
            DataType::Uint64 | DataType::Int64 => 21,
            DataType::Fp64 | DataType::Bytes => 26,
        }
    }
}

impl fmt::Display for DataType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for DataType {
    type Err = Rejection;

    fn from_str(name: &str) -> Result<Self, Rejection> {
        DataType::ALL.iter().copied().find(|datatype| datatype.as_str() == name).ok_or_else(|| {
            let names: Vec<_> = DataType::ALL.iter().map(|datatype| datatype.as_str()).collect();
            Rejection::new(Expected::new(format_args!("one of {}", names.join(", ")), quoted(name)))
        })
    }
}

impl Serialize for DataType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
