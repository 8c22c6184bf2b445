//! candle's tensors as named tensors of requests and answers, and as pictures. Candle lacks some of the protocol's data
//! types; the mapping is written here, once.

use std::ops::Range;

use candle_core::{DType, Device, Tensor};
use half::{bf16, f16};

use super::{TensorField, Tensors};
use crate::{
    error::{Context, Error, Result},
    protocol::{DataType, Element, InferOutput, TensorData},
    signature::TensorSpec,
};

/// The candle type that carries a data type. `BOOL` is a `U8` of 0 and 1, `INT8` an `I16`, `UINT16` a `U32`, and
/// `UINT64` an `I64` that refuses what does not fit.
pub(crate) fn carrier(datatype: DataType) -> Option<DType> {
    Some(match datatype {
        DataType::Bool | DataType::Uint8 => DType::U8,
        DataType::Uint16 | DataType::Uint32 => DType::U32,
        DataType::Int8 | DataType::Int16 => DType::I16,
        DataType::Int32 => DType::I32,
        DataType::Int64 | DataType::Uint64 => DType::I64,
        DataType::Fp16 => DType::F16,
        DataType::Bf16 => DType::BF16,
        DataType::Fp32 => DType::F32,
        DataType::Fp64 => DType::F64,
        DataType::Bytes => return None,
    })
}

/// A tensor of a request as candle's, on this device.
///
/// # Errors
/// A text tensor, a `UINT64` beyond what fits into 63 bits, or a fault of the device.
fn to_candle(data: TensorData, shape: &[usize], device: &Device) -> Result<Tensor> {
    fn typed<T: Element + candle_core::WithDType>(
        data: TensorData,
        shape: &[usize],
        device: &Device,
    ) -> Result<Tensor> {
        let values = data.into_vec::<T>().map_err(|_| "a tensor's elements are not of its data type")?;
        Ok(Tensor::from_vec(values, shape, device)?)
    }
    match data.datatype() {
        DataType::Bytes => {
            Err(Error::rejected(format_args!("a numeric datatype is expected, {} came", DataType::Bytes)))
        }
        DataType::Bool => {
            let values = data.into_vec::<bool>().map_err(|_| "a BOOL tensor holds no booleans")?;
            Ok(Tensor::from_vec(values.into_iter().map(u8::from).collect(), shape, device)?)
        }
        DataType::Int8 => to_candle(data.convert(DataType::Int16)?, shape, device),
        DataType::Uint16 => to_candle(data.convert(DataType::Uint32)?, shape, device),
        DataType::Uint64 => to_candle(data.convert(DataType::Int64)?, shape, device),
        DataType::Uint8 => typed::<u8>(data, shape, device),
        DataType::Uint32 => typed::<u32>(data, shape, device),
        DataType::Int16 => typed::<i16>(data, shape, device),
        DataType::Int32 => typed::<i32>(data, shape, device),
        DataType::Int64 => typed::<i64>(data, shape, device),
        DataType::Fp16 => typed::<f16>(data, shape, device),
        DataType::Bf16 => typed::<bf16>(data, shape, device),
        DataType::Fp32 => typed::<f32>(data, shape, device),
        DataType::Fp64 => typed::<f64>(data, shape, device),
    }
}

/// The data type that a candle tensor is written as when nothing is declared.
fn natural(dtype: DType) -> Result<DataType> {
    Ok(match dtype {
        DType::U8 => DataType::Uint8,
        DType::U32 => DataType::Uint32,
        DType::I16 => DataType::Int16,
        DType::I32 => DataType::Int32,
        DType::I64 => DataType::Int64,
        DType::F16 => DataType::Fp16,
        DType::BF16 => DataType::Bf16,
        DType::F32 => DataType::Fp32,
        DType::F64 => DataType::Fp64,
        other => return Err(format!("a tensor of type {} has no form in the protocol", other.as_str()).into()),
    })
}

/// The elements of a candle tensor as this data type. Between floats values are rounded; whatever else does not fit is an
/// error, not another number.
fn from_candle(tensor: &Tensor, datatype: DataType) -> Result<TensorData> {
    let carrier = carrier(datatype).ok_or("a tensor of numbers cannot be written as BYTES")?;
    let dtype = if carrier.is_float() && tensor.dtype().is_float() { carrier } else { tensor.dtype() };
    let flat = tensor.to_dtype(dtype)?.flatten_all()?;
    let data: TensorData = match dtype {
        DType::U8 => flat.to_vec1::<u8>()?.into(),
        DType::U32 => flat.to_vec1::<u32>()?.into(),
        DType::I16 => flat.to_vec1::<i16>()?.into(),
        DType::I32 => flat.to_vec1::<i32>()?.into(),
        DType::I64 => flat.to_vec1::<i64>()?.into(),
        DType::F16 => flat.to_vec1::<f16>()?.into(),
        DType::BF16 => flat.to_vec1::<bf16>()?.into(),
        DType::F64 => flat.to_vec1::<f64>()?.into(),
        DType::F32 => flat.to_vec1::<f32>()?.into(),
        other => return Err(format!("a tensor of type {} has no form in the protocol", other.as_str()).into()),
    };
    if data.datatype() == datatype {
        return Ok(data);
    }
    if datatype == DataType::Bool && dtype == DType::U8 {
        let values = data.into_vec::<u8>().map_err(|_| "a BOOL tensor is carried by U8")?;
        return Ok(values.into_iter().map(|value| value != 0).collect::<Vec<_>>().into());
    }
    // An answer that does not fit its declared type is the engine's fault, not the caller's.
    data.convert(datatype).map_err(|fault| fault.to_string().into())
}

impl TensorField for Tensor {
    const DATATYPE: DataType = DataType::Fp32;

    fn read(data: TensorData, shape: Vec<usize>) -> Result<Self> {
        // The worker is not known yet: `join` moves the tensor to its device.
        to_candle(data, &shape, &Device::Cpu)
    }

    fn write(self, name: &str, spec: &TensorSpec) -> Result<InferOutput> {
        let data = from_candle(&self, spec.datatype()).context(format_args!("writing the output '{name}'"))?;
        Ok(InferOutput { name: name.to_string(), shape: self.dims().to_vec(), data, metadata: None })
    }

    fn rows(&self, _: &TensorSpec) -> usize {
        self.dims().first().copied().unwrap_or(1)
    }

    fn join(parts: &[&Self], device: &crate::device::Device) -> Result<Self> {
        let joined = match parts {
            [only] => (*only).clone(),
            _ => Tensor::cat(parts, 0)?,
        };
        Ok(joined.to_device(device.as_candle())?)
    }

    fn slice(&self, rows: Range<usize>, spec: &TensorSpec) -> Result<Self> {
        if rows == (0..self.rows(spec)) {
            return Ok(self.clone());
        }
        Ok(self.narrow(0, rows.start, rows.len())?)
    }
}

impl Tensors {
    /// The tensor with this name as candle's, on this device.
    ///
    /// `BOOL` becomes `U8`, `INT8` becomes `I16`, `UINT16` becomes `U32`, and `UINT64` becomes `I64`.
    ///
    /// # Errors
    /// It is not there, it is a text tensor or holds a `UINT64` beyond 63 bits (rejections that name the input), or the
    /// device fails.
    pub fn candle(&mut self, name: &str, device: &crate::device::Device) -> Result<Tensor> {
        let place = format!("input '{name}'");
        match self.take(name) {
            Some((shape, data)) => to_candle(data, &shape, device.as_candle()).map_err(|error| error.at(place)),
            None => Err(Error::rejected("missing").at(place)),
        }
    }

    /// Adds a candle tensor, with the data type that it has.
    ///
    /// # Errors
    /// The protocol has no such data type, or the device fails.
    pub fn push_candle(&mut self, name: impl Into<String>, tensor: &Tensor) -> Result<()> {
        self.push(name, tensor.dims(), from_candle(tensor, natural(tensor.dtype())?)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::Dim;

    fn written(tensor: &Tensor, datatype: DataType) -> Result<InferOutput> {
        tensor.clone().write("y", &TensorSpec::new("y", datatype, &[Dim::Any], ""))
    }

    #[test]
    fn every_data_type_goes_to_candle_and_comes_back() {
        for data in [
            TensorData::from(vec![true, false]),
            vec![1u8, 255].into(),
            vec![1u16, 65_535].into(),
            vec![1u32, u32::MAX].into(),
            vec![1u64, i64::MAX as u64].into(),
            vec![-1i8, 127].into(),
            vec![-1i16, 7].into(),
            vec![-1i32, i32::MAX].into(),
            vec![-1i64, i64::MAX].into(),
            vec![f16::from_f32(0.5), f16::from_f32(-2.0)].into(),
            vec![bf16::from_f32(0.5), bf16::from_f32(-2.0)].into(),
            vec![0.1f32, f32::MAX].into(),
            vec![0.1f64, f64::MAX].into(),
        ] {
            let datatype = data.datatype();
            let text = |data: &TensorData| {
                let head = crate::protocol::ResponseHead { model_name: "m", model_version: None, id: "1" };
                let output = InferOutput::new("y", [2], data.clone());
                crate::protocol::InferResponse::new(vec![output]).encode(&head).unwrap()
            };
            let tensor = to_candle(data.clone(), &[2], &Device::Cpu).unwrap();
            assert_eq!(tensor.dtype(), carrier(datatype).unwrap());
            assert_eq!(text(&written(&tensor, datatype).unwrap().data), text(&data), "{datatype}");
        }
        let beyond = to_candle(vec![u64::MAX].into(), &[1], &Device::Cpu).unwrap_err();
        assert_eq!(beyond.kind(), crate::ErrorKind::Rejected);
    }

    #[test]
    fn an_answer_that_does_not_fit_its_declared_type_is_an_error() {
        let floats = Tensor::new(&[300f32, 0.7], &Device::Cpu).unwrap();
        let large = Tensor::new(&[u32::MAX], &Device::Cpu).unwrap();
        for (tensor, datatype) in [(&floats, DataType::Uint8), (&floats, DataType::Int64), (&large, DataType::Int32)] {
            assert_eq!(written(tensor, datatype).unwrap_err().kind(), crate::ErrorKind::Failed, "{datatype}");
        }
        let whole = Tensor::new(&[3f32, -4.0], &Device::Cpu).unwrap();
        assert_eq!(written(&whole, DataType::Int64).unwrap().data.as_slice::<i64>(), Some(&[3, -4][..]));
        assert_eq!(written(&floats, DataType::Fp16).unwrap().data.datatype(), DataType::Fp16);
    }
}
