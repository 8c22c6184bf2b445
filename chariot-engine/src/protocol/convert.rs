//! Lossless conversion of numbers from one data type to another. Tensor inputs use it to accept what clients send.

use half::{bf16, f16};

use super::{
    datatype::DataType,
    elements::{ElementType, match_datatype, match_elements},
    tensor::{Storage, TensorData},
};
use crate::error::{Expected, Rejection};

/// A number between two types.
enum Number {
    Integer(i128),
    Float(f64),
}

/// A type that numbers are converted from and to.
trait Numeric: ElementType {
    fn number(self) -> Number;
    /// Returns `None` if the type cannot represent the number exactly.
    fn from_number(number: Number) -> Option<Self>;
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
                        ($wide(float) == value || value.is_nan()).then_some(float)
                    }
                }
            }
        }
    )*};
}
floats! {
    f16: f16::to_f64, f16::from_f64;
    bf16: bf16::to_f64, bf16::from_f64;
    f32: f64::from, |value: f64| value as f32;
    f64: |value: f64| value, |value: f64| value;
}

impl TensorData {
    /// Converts the numbers to another data type.
    ///
    /// The other type must represent each value exactly: INT64 5 becomes FP32 5.0; INT64 16777217 and FP64 0.1 are
    /// rejected because no FP32 equals them. BOOL and BYTES convert only to themselves.
    ///
    /// # Errors
    /// Returns an error with the index of the first value that the other type cannot represent.
    ///
    /// # Examples
    /// ```
    /// use chariot_engine::protocol::{DataType, TensorData};
    ///
    /// let data = TensorData::from(vec![5_i64, -1]).convert(DataType::Fp32).unwrap();
    /// assert_eq!(data.into_vec::<f32>().unwrap(), [5.0, -1.0]);
    ///
    /// let rejected = TensorData::from(vec![0_i64, 300]).convert(DataType::Uint8).unwrap_err();
    /// assert!(rejected.text().starts_with("data[1]: expected a value that UINT8 can represent exactly"));
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
        let Some(value) = T::from_number(value.number()) else {
            let expected = format!("a value that {} can represent exactly", T::DATATYPE);
            let fault = Expected::new(expected, format!("one of type {} that it cannot", S::DATATYPE));
            return Err(Rejection::new(fault).at(format_args!("data[{index}]")));
        };
        converted.push(value);
    }
    Ok(converted)
}

fn unrelated(from: DataType, to: DataType) -> Rejection {
    Rejection::new(Expected::new(to, from))
}
