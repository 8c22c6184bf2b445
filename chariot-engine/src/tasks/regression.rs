//! [`Regression`]: the answer of Structured Data Regression, and of any model that answers with a number.

use super::{open::open_task, schema::number};
use crate::{error::Result, protocol::JsonText};

/// A number that a model estimates. It is written with the digits of the type that it was made from.
///
/// | task | action `predict` |
/// |---|---|
/// | Structured Data Regression, by [`Row`](crate::input::Row) or [`Json`](crate::input::Json) | a number |
///
/// A picture and a text may be answered by it too: then it belongs to no task until `Spec::task` says so. Chariot does
/// not document the form and the action, so any other action is taken too. A number that is `NaN` or infinite is the
/// engine's fault, and the caller is told so.
///
/// ```
/// use chariot_engine::{input::modality, output::{EncodeContext, Output}, tasks::Regression};
///
/// let price = Regression::from(129.99_f32);
/// let json = Output::<modality::Json>::encode(price, &EncodeContext::new("predict")).unwrap();
/// assert_eq!(json.as_str(), "129.99");
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Regression(Number);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Number {
    Single(f32),
    Double(f64),
}

impl From<f32> for Regression {
    fn from(number: f32) -> Self {
        Regression(Number::Single(number))
    }
}

impl From<f64> for Regression {
    fn from(number: f64) -> Self {
        Regression(Number::Double(number))
    }
}

impl Regression {
    /// One answer a row from numbers of shape `[n]` or `[n, 1]`.
    ///
    /// # Errors
    /// The shape is another, or the device fails.
    #[cfg(feature = "candle")]
    pub fn rows(numbers: &candle_core::Tensor) -> Result<Vec<Self>> {
        use candle_core::DType;

        if !matches!(numbers.dims(), [_] | [_, 1]) {
            return Err(format!("numbers of shape [n] or [n, 1] are expected, {:?} came", numbers.dims()).into());
        }
        let numbers = numbers.flatten_all()?;
        Ok(match numbers.dtype() {
            DType::F64 => numbers.to_vec1::<f64>()?.into_iter().map(Self::from).collect(),
            _ => numbers.to_dtype(DType::F32)?.to_vec1::<f32>()?.into_iter().map(Self::from).collect(),
        })
    }

    fn json(self) -> Result<JsonText> {
        Ok(match self.0 {
            Number::Single(number) => JsonText::from_value(&number)?,
            Number::Double(number) => JsonText::from_value(&number)?,
        })
    }
}

open_task!(
    Regression,
    "predict",
    number(),
    Row = Some("Structured Data Regression"),
    Json = Some("Structured Data Regression"),
    Image = None,
    Text = None
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_the_digits_of_its_type() {
        let json = |answer: Regression| answer.json().unwrap().as_str().to_string();
        assert_eq!(json(0.7020098_f32.into()), "0.7020098");
        assert_eq!(json(1234567.89_f64.into()), "1234567.89");
        assert_eq!(json((-3.0_f32).into()), "-3.0");
    }

    #[test]
    fn what_is_no_number_cannot_be_written() {
        for answer in [Regression::from(f32::NAN), Regression::from(f64::INFINITY)] {
            let error = answer.json().unwrap_err();
            assert_eq!(error.kind(), crate::ErrorKind::Failed);
            assert_eq!(error.to_string(), "a number is NaN or infinite, which JSON cannot hold");
        }
    }

    #[cfg(feature = "candle")]
    #[test]
    fn a_row_of_a_tensor_is_an_answer() {
        use candle_core::{DType, Device, Tensor};

        let column = Tensor::new(&[[0.1_f64], [2.]], &Device::Cpu).unwrap();
        let (double, single) = ([0.1_f64, 2.].map(Regression::from), [0.1_f32, 2.].map(Regression::from));
        assert_eq!(Regression::rows(&column).unwrap(), double);
        assert_eq!(Regression::rows(&column.to_dtype(DType::F32).unwrap()).unwrap(), single);
        assert_eq!(Regression::rows(&column.flatten_all().unwrap()).unwrap(), double);
        for shape in [vec![1, 2], vec![2, 1, 1], vec![]] {
            let numbers = Tensor::zeros(&shape[..], DType::F32, &Device::Cpu).unwrap();
            assert!(Regression::rows(&numbers).is_err(), "{shape:?}");
        }
    }
}
