//! [`Regression`]: the output of Structured Data Regression, and of any other model that estimates a number.

use super::{open_actions::open_task, schema::number};
use crate::{error::Result, protocol::JsonText};

/// An estimated number. It is encoded with the precision of the type that it was created from.
///
/// It is the output of Structured Data Regression for [`Row`](crate::input::Row) or [`Json`](crate::input::Json), with the
/// action `predict`.
///
/// It can be the output for an image or a text too. It then belongs to no task, unless `Spec::task` declares one. Chariot
/// documents neither the JSON nor the action, so any other action is accepted too. A number that is `NaN` or infinite is
/// the engine's fault, a 500.
///
/// <details><summary>Structured Data Regression: requests and responses</summary>
///
/// ```json
#[doc = include_str!("golden/structured_data_regression.json")]
/// ```
///
/// </details>
///
/// ```
/// use chariot_engine::tasks::Regression;
///
/// let price = Regression::from(129.99_f32);
/// assert_ne!(price, Regression::from(129.99_f64));
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
    /// Creates one output per row from a tensor of shape `[n]` or `[n, 1]`.
    ///
    /// # Errors
    /// Returns an error if the shape differs or if the device fails.
    #[cfg(feature = "candle")]
    pub fn from_rows(numbers: &candle_core::Tensor) -> Result<Vec<Self>> {
        use candle_core::DType;

        if !matches!(numbers.dims(), [_] | [_, 1]) {
            let got = format!("{:?}", numbers.dims());
            return Err(crate::error::Expected::new("a tensor of shape [n] or [n, 1]", got).to_string().into());
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
    use crate::tasks::golden::tests::assert_form;

    #[test]
    fn a_number_has_the_precision_of_its_type() {
        let json = |output: Regression| output.json().unwrap().as_str().to_string();
        assert_eq!(json(0.7020098_f32.into()), "0.7020098");
        assert_eq!(json(1234567.89_f64.into()), "1234567.89");
        assert_eq!(json((-3.0_f32).into()), "-3.0");
        assert_form("Structured Data Regression", None, "predict", &Regression::from(1.5_f32).json().unwrap());
    }

    #[test]
    fn a_number_that_is_not_finite_cannot_be_encoded() {
        for output in [Regression::from(f32::NAN), Regression::from(f64::INFINITY)] {
            assert_eq!(output.json().unwrap_err().kind(), crate::ErrorKind::Failed);
        }
    }

    #[cfg(feature = "candle")]
    #[test]
    fn a_row_of_a_tensor_is_an_output() {
        use candle_core::{DType, Device, Tensor};

        let column = Tensor::new(&[[0.1_f64], [2.]], &Device::Cpu).unwrap();
        let (double, single) = ([0.1_f64, 2.].map(Regression::from), [0.1_f32, 2.].map(Regression::from));
        assert_eq!(Regression::from_rows(&column).unwrap(), double);
        assert_eq!(Regression::from_rows(&column.to_dtype(DType::F32).unwrap()).unwrap(), single);
        assert_eq!(Regression::from_rows(&column.flatten_all().unwrap()).unwrap(), double);
        for shape in [vec![1, 2], vec![2, 1, 1], vec![]] {
            let numbers = Tensor::zeros(&shape[..], DType::F32, &Device::Cpu).unwrap();
            assert!(Regression::from_rows(&numbers).is_err(), "{shape:?}");
        }
    }
}
