//! [`OnnxInput`], a tensor that is borrowed for one call, and [`OnnxElement`], the types of its elements. The backends read
//! it.

use std::borrow::Cow;

use half::{bf16, f16};

use crate::{
    error::Result,
    protocol::{DataType, TensorData},
};

/// A tensor that is borrowed for one call: its shape, and its elements in row-major order.
///
/// ```
/// use chariot_engine::{onnx::OnnxInput, protocol::DataType};
///
/// let pixels = vec![0.5_f32; 12];
/// let input = OnnxInput::new(&[1, 3, 2, 2], &pixels);
/// assert_eq!((input.datatype(), input.len()), (DataType::Fp32, 12));
/// ```
#[derive(Clone, Debug)]
pub struct OnnxInput<'a> {
    shape: &'a [usize],
    values: Values<'a>,
}

impl<'a> OnnxInput<'a> {
    /// Creates a tensor with this shape and these elements. A call checks that one fits the other.
    pub fn new<T: OnnxElement>(shape: &'a [usize], values: &'a [T]) -> Self {
        OnnxInput { shape, values: T::wrap(values) }
    }

    /// Borrows a tensor of a request. Strings, and the elements of a binary tensor, are converted once.
    ///
    /// # Errors
    /// Returns a rejection if an element of a BYTES tensor is not a string.
    pub(super) fn from_data(shape: &'a [usize], data: &'a TensorData) -> Result<Self> {
        Ok(OnnxInput { shape, values: Values::from_data(shape, data)? })
    }

    /// Returns the shape.
    pub fn shape(&self) -> &'a [usize] {
        self.shape
    }

    pub(super) fn values(&self) -> &Values<'a> {
        &self.values
    }
}

macro_rules! elements {
    ($($variant:ident $type:ty,)*) => {
        /// The elements of a tensor.
        #[derive(Clone)]
        pub enum Values<'a> {
            $($variant(&'a [$type]),)*
            Bytes(Cow<'a, [String]>),
        }

        impl<'a> Values<'a> {
            fn from_data(shape: &[usize], data: &'a TensorData) -> Result<Self> {
                $(if let Some(values) = data.as_slice::<$type>() {
                    return Ok(Values::$variant(values));
                })*
                Ok(Values::Bytes(Cow::Owned(data.strings(shape)?)))
            }
        }

        impl OnnxInput<'_> {
            /// Returns the data type of the elements.
            pub fn datatype(&self) -> DataType {
                match &self.values {
                    $(Values::$variant(_) => DataType::$variant,)*
                    Values::Bytes(_) => DataType::Bytes,
                }
            }

            /// Returns the number of elements.
            pub fn len(&self) -> usize {
                match &self.values {
                    $(Values::$variant(values) => values.len(),)*
                    Values::Bytes(strings) => strings.len(),
                }
            }

            /// Returns `true` if there are no elements.
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }
        }

        $(
            impl OnnxElement for $type {}

            impl sealed::Element for $type {
                fn wrap(values: &[Self]) -> Values<'_> {
                    Values::$variant(values)
                }
            }
        )*
    };
}
elements! {
    Bool bool,
    Uint8 u8,
    Uint16 u16,
    Uint32 u32,
    Uint64 u64,
    Int8 i8,
    Int16 i16,
    Int32 i32,
    Int64 i64,
    Fp16 f16,
    Bf16 bf16,
    Fp32 f32,
    Fp64 f64,
}

impl std::fmt::Debug for Values<'_> {
    /// Formats nothing, to keep the payload out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("values")
    }
}

/// A type of elements: `bool`, the integers of 8 to 64 bits, `f32`, `f64`, `f16` and `bf16` of the crate `half`, and
/// `String`. No other type implements it.
///
/// ```
/// use chariot_engine::onnx::{OnnxElement, OnnxInput};
///
/// fn row<T: OnnxElement>(values: &[T]) -> usize {
///     OnnxInput::new(&[1, values.len()], values).len()
/// }
/// assert_eq!(row(&[1_i64, 2]), 2);
/// ```
pub trait OnnxElement: sealed::Element {}

impl OnnxElement for String {}

impl sealed::Element for String {
    fn wrap(values: &[Self]) -> Values<'_> {
        Values::Bytes(Cow::Borrowed(values))
    }
}

mod sealed {
    /// Finds a Rust type among the variants of [`Values`](super::Values).
    pub trait Element: Sized {
        fn wrap(values: &[Self]) -> super::Values<'_>;
    }
}
