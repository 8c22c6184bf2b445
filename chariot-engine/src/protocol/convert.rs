//! Numbers of one data type to another, where nothing is lost. Tensor inputs use it to accept what
//! clients send.

use half::{bf16, f16};

use super::{
    DataType, Element, TensorData,
    tensor::{Elements, Form},
};
use crate::error::Rejection;

/// A number on its way from one type to another.
enum Number {
    Integer(i128),
    Float(f64),
}

/// A type that numbers convert from and to.
trait Numeric: Element {
    fn number(self) -> Number;
    /// `None` if the type does not hold the number.
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
                    // The cast saturates and makes 0 of NaN: comparing it with what was there finds both.
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
    /// The same numbers as another data type.
    ///
    /// Each value must be held exactly: INT64 5 becomes FP32 5.0; 16777217 is refused, and so is the FP64 0.1, which no
    /// FP32 is. BOOL and BYTES convert to nothing but themselves.
    ///
    /// # Errors
    /// The index of the first value that the other type does not hold.
    ///
    /// # Examples
    /// ```
    /// use chariot_engine::protocol::{DataType, TensorData};
    ///
    /// let data = TensorData::from(vec![5_i64, -1]).convert(DataType::Fp32).unwrap();
    /// assert_eq!(data.into_vec::<f32>().unwrap(), [5.0, -1.0]);
    ///
    /// let refused = TensorData::from(vec![0_i64, 300]).convert(DataType::Uint8).unwrap_err();
    /// assert_eq!(refused.text(), "data[1]: a value that UINT8 holds exactly is expected, one of INT64 that it does not hold came");
    /// ```
    pub fn convert(self, to: DataType) -> Result<TensorData, Rejection> {
        match to {
            _ if to == self.datatype() => Ok(self),
            DataType::Uint8 => self.numbers::<u8>(),
            DataType::Uint16 => self.numbers::<u16>(),
            DataType::Uint32 => self.numbers::<u32>(),
            DataType::Uint64 => self.numbers::<u64>(),
            DataType::Int8 => self.numbers::<i8>(),
            DataType::Int16 => self.numbers::<i16>(),
            DataType::Int32 => self.numbers::<i32>(),
            DataType::Int64 => self.numbers::<i64>(),
            DataType::Fp16 => self.numbers::<f16>(),
            DataType::Bf16 => self.numbers::<bf16>(),
            DataType::Fp32 => self.numbers::<f32>(),
            DataType::Fp64 => self.numbers::<f64>(),
            DataType::Bool | DataType::Bytes => Err(unrelated(self.datatype(), to)),
        }
    }

    fn numbers<T: Numeric>(self) -> Result<TensorData, Rejection>
    where
        TensorData: From<Vec<T>>,
    {
        macro_rules! from_each {
            ($($variant:ident $type:ty,)*) => {
                match self.0 {
                    $(Form::Typed(Elements::$variant(values)) => each::<$type, T>(values.into_iter()),)*
                    Form::Typed(Elements::Bool(_)) => Err(unrelated(DataType::Bool, T::DATATYPE)),
                    Form::Typed(Elements::Bytes(_)) => Err(unrelated(DataType::Bytes, T::DATATYPE)),
                    Form::Raw(raw) => match raw.datatype() {
                        $(DataType::$variant => each::<$type, T>(raw.values()),)*
                        other @ (DataType::Bool | DataType::Bytes) => Err(unrelated(other, T::DATATYPE)),
                    },
                }
            };
        }
        let values = from_each! {
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
        };
        values.map(TensorData::from)
    }
}

fn each<S: Numeric, T: Numeric>(values: impl ExactSizeIterator<Item = S>) -> Result<Vec<T>, Rejection> {
    // A `Result` is collected without knowing how much is to come, and what has grown was there twice.
    let mut converted = Vec::with_capacity(values.len());
    for (index, value) in values.enumerate() {
        let Some(value) = T::from_number(value.number()) else {
            let (from, to) = (S::DATATYPE, T::DATATYPE);
            let text = format!("a value that {to} holds exactly is expected, one of {from} that it does not hold came");
            return Err(Rejection::new(text).at(format_args!("data[{index}]")));
        };
        converted.push(value);
    }
    Ok(converted)
}

fn unrelated(from: DataType, to: DataType) -> Rejection {
    Rejection::new(format!("{to} is expected, {from} came"))
}
