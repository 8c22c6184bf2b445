//! Conversion of numbers from one data type to another, exact but for the rounding of floating-point numbers. Tensor inputs
//! use it to accept what clients send.

use std::fmt;

use half::{bf16, f16};

use super::{
    datatype::DataType,
    elements::{ElementType, match_datatype, match_elements},
    half_rounding::{to_bf16, to_f16},
    tensor::{Storage, TensorData},
};
use crate::error::{Expected, Rejection};

/// A number between two types.
#[derive(Clone, Copy)]
enum Number {
    Integer(i128),
    Float(f64),
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Integer(value) => value.fmt(f),
            Number::Float(value) if value.is_nan() => f.write_str("NaN"),
            Number::Float(value) if value.is_infinite() => f.write_str("an infinity"),
            // Without an exponent it could have 309 digits.
            Number::Float(value) if value.abs() >= 1e16 => write!(f, "{value:e}"),
            Number::Float(value) => value.fmt(f),
        }
    }
}

/// A type that numbers are converted from and to.
trait Numeric: ElementType {
    fn number(self) -> Number;
    /// Returns `None` if the type cannot represent the number: an integer exactly, a floating-point number rounded.
    fn from_number(number: Number) -> Option<Self>;
    /// Returns the message for a number that the type cannot represent.
    fn fault(number: Number) -> String;
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Numeric for $type {
            fn number(self) -> Number {
                Number::Integer(self.into())
            }

            fn from_number(number: Number) -> Option<Self> {
                match number {
                    Number::Integer(value) => value.try_into().ok(),
                    // The cast saturates and turns NaN into 0: the comparison with the original finds both.
                    Number::Float(value) if (value as i128) as f64 == value => (value as i128).try_into().ok(),
                    Number::Float(_) => None,
                }
            }

            fn fault(number: Number) -> String {
                let got = match number {
                    Number::Float(value) if value.is_finite() && value.fract() != 0.0 => "a fraction".into(),
                    number => number.to_string(),
                };
                Expected::new(format_args!("an integer from {} to {}", Self::MIN, Self::MAX), got).into()
            }
        }
    )*};
}
integers!(u8 u16 u32 u64 i8 i16 i32 i64);

macro_rules! floats {
    ($($type:ty: $wide:expr, $narrow:expr;)*) => {$(
        impl Numeric for $type {
            fn number(self) -> Number {
                Number::Float($wide(self))
            }

            fn from_number(number: Number) -> Option<Self> {
                match number {
                    Number::Integer(value) => {
                        let float: $type = $narrow(value as f64);
                        ($wide(float) as i128 == value).then_some(float)
                    }
                    Number::Float(value) => {
                        let float: $type = $narrow(value);
                        ($wide(float).is_finite() || !value.is_finite()).then_some(float)
                    }
                }
            }

            fn fault(number: Number) -> String {
                let what = match number {
                    Number::Integer(_) => format!("an integer that {} represents exactly", Self::DATATYPE),
                    Number::Float(_) => format!("a number within the range of {}", Self::DATATYPE),
                };
                Expected::new(what, number).into()
            }
        }
    )*};
}
floats! {
    f16: f16::to_f64, to_f16;
    bf16: bf16::to_f64, to_bf16;
    f32: f64::from, |value: f64| value as f32;
    f64: |value: f64| value, |value: f64| value;
}

impl TensorData {
    /// Converts the numbers to another data type.
    ///
    /// A floating-point number is rounded to the nearest one of the other type, as if it had been sent as JSON: FP64 0.1
    /// becomes the FP32 nearest to it, and FP64 1e300 is rejected as out of range. NaN and infinities stay what they are.
    /// Everything else must be exact: INT64 5 becomes FP32 5.0, and FP32 3.0 becomes INT64 3; INT64 16777217 is rejected
    /// because no FP32 equals it, and FP32 3.5 because it is no integer. BOOL and BYTES convert only to themselves.
    ///
    /// # Errors
    /// Returns an error with the index of the first value that the other type cannot represent.
    ///
    /// # Examples
    /// ```
    /// use chariot_engine::protocol::{DataType, TensorData};
    ///
    /// let data = TensorData::from(vec![5.1_f64, -1.0]).convert(DataType::Fp32).unwrap();
    /// assert_eq!(data.into_vec::<f32>().unwrap(), [5.1, -1.0]);
    ///
    /// let rejected = TensorData::from(vec![0_i64, 300]).convert(DataType::Uint8).unwrap_err();
    /// assert_eq!(rejected.text(), "data[1]: expected an integer from 0 to 255, got 300");
    /// ```
    pub fn convert(self, to: DataType) -> Result<TensorData, Rejection> {
        if to == self.datatype() {
            return Ok(self);
        }
        match_datatype!(
            to,
            T => self.convert_to::<T>(),
            BOOL => Err(unrelated(self.datatype(), to)),
            BYTES => Err(unrelated(self.datatype(), to)),
        )
    }

    fn convert_to<T: Numeric>(self) -> Result<TensorData, Rejection> {
        let unrelated = |from| Err(unrelated(from, T::DATATYPE));
        let values = match self.0 {
            Storage::Typed(elements) => match_elements!(
                elements,
                values => convert_each::<_, T>(values.into_iter()),
                BOOL(_) => unrelated(DataType::Bool),
                BYTES(_) => unrelated(DataType::Bytes),
            ),
            Storage::Binary(binary) => match_datatype!(
                binary.datatype(),
                S => convert_each::<S, T>(binary.values()),
                BOOL => unrelated(DataType::Bool),
                BYTES => unrelated(DataType::Bytes),
            ),
        };
        values.map(TensorData::from_values)
    }
}

fn convert_each<S: Numeric, T: Numeric>(values: impl ExactSizeIterator<Item = S>) -> Result<Vec<T>, Rejection> {
    // Collecting a `Result` loses the length, and a vector that grows needs the memory twice.
    let mut converted = Vec::with_capacity(values.len());
    for (index, value) in values.enumerate() {
        let number = value.number();
        let Some(value) = T::from_number(number) else {
            return Err(Rejection::new(T::fault(number)).at(format_args!("data[{index}]")));
        };
        converted.push(value);
    }
    Ok(converted)
}

fn unrelated(from: DataType, to: DataType) -> Rejection {
    Rejection::new(Expected::new(to, from))
}
