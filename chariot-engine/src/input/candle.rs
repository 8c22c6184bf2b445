//! Conversion between named tensors of the protocol and candle's tensors.
//!
//! Candle lacks some of the protocol's datatypes. This file has the only mapping between the two.

use std::ops::Range;

use candle_core::{DType, Device, Tensor};
use half::{bf16, f16};

use super::{tensor_field::TensorField, tensors::Tensors};
use crate::{
    error::{Context, Error, Expected, Result},
    protocol::{DataType, ElementType, InferOutput, TensorData},
    signature::TensorSpec,
};

/// Returns the candle type that represents a datatype.
///
/// `BOOL` becomes a `U8` of 0 and 1, `INT8` an `I16`, `UINT16` a `U32`, and `UINT64` an `I64`, which rejects values that
/// do not fit.
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

/// Converts a tensor of a request to a candle tensor on this device.
///
/// # Errors
/// Returns a rejection for strings and for a `UINT64` value that does not fit in 63 bits, and an error if the device fails.
fn to_candle(data: TensorData, shape: &[usize], device: &Device) -> Result<Tensor> {
    fn typed<T: ElementType + candle_core::WithDType>(
        data: TensorData,
        shape: &[usize],
        device: &Device,
    ) -> Result<Tensor> {
        let values = data.into_vec::<T>().map_err(|_| "the elements of a tensor do not have its datatype")?;
        Ok(Tensor::from_vec(values, shape, device)?)
    }
    match data.datatype() {
        DataType::Bytes => Err(Error::rejected(Expected::new("a numeric datatype", DataType::Bytes))),
        DataType::Bool => {
            let values = data.into_vec::<bool>().map_err(|_| "the elements of a BOOL tensor are not booleans")?;
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

/// Returns the datatype that a candle tensor is written as if none is declared.
fn natural_datatype(dtype: DType) -> Result<DataType> {
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
        other => {
            return Err(format!("the protocol has no datatype for a candle tensor of type {}", other.as_str()).into());
        }
    })
}

/// Returns the elements of a candle tensor as this datatype.
///
/// Conversion between floating-point types rounds. Any other value that does not fit is an error.
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
        other => {
            return Err(format!("the protocol has no datatype for a candle tensor of type {}", other.as_str()).into());
        }
    };
    if data.datatype() == datatype {
        return Ok(data);
    }
    if datatype == DataType::Bool && dtype == DType::U8 {
        let values = data.into_vec::<u8>().map_err(|_| "the elements of a U8 tensor are not of type u8")?;
        return Ok(values.into_iter().map(|value| value != 0).collect::<Vec<_>>().into());
    }
    // The output is at fault, not the request, so the rejection becomes plain text.
    data.convert(datatype).map_err(|fault| fault.to_string().into())
}

impl TensorField for Tensor {
    const DATATYPE: DataType = DataType::Fp32;

    fn from_data(data: TensorData, shape: Vec<usize>) -> Result<Self> {
        // The worker is not known yet. `join` moves the tensor to the worker's device.
        to_candle(data, &shape, &Device::Cpu)
    }

    fn into_output(self, name: &str, spec: &TensorSpec) -> Result<InferOutput> {
        let data = from_candle(&self, spec.datatype()).context(format_args!("writing the output '{name}'"))?;
        Ok(InferOutput { name: name.to_string(), shape: self.dims().to_vec(), data, metadata: None })
    }

    fn memory(&self) -> usize {
        self.elem_count() * self.dtype().size_in_bytes()
    }

    fn rows(&self, _: &TensorSpec) -> usize {
        self.dims().first().copied().unwrap_or(1)
    }

    fn join(fields: &[&Self], device: &crate::device::Device) -> Result<Self> {
        let joined = match fields {
            [only] => (*only).clone(),
            _ => Tensor::cat(fields, 0)?,
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
    /// Removes the tensor with this name and converts it to a candle tensor on this device.
    ///
    /// `BOOL` becomes `U8`, `INT8` becomes `I16`, `UINT16` becomes `U32`, and `UINT64` becomes `I64`.
    ///
    /// # Errors
    /// Returns a rejection that names the input if the tensor is missing, if it has strings, or if a `UINT64` value does
    /// not fit in 63 bits. Returns an error if the device fails.
    pub fn take_candle(&mut self, name: &str, device: &crate::device::Device) -> Result<Tensor> {
        let location = format!("input '{name}'");
        match self.take(name) {
            Some((shape, data)) => to_candle(data, &shape, device.as_candle()).map_err(|error| error.at(location)),
            None => Err(Error::rejected(Expected::new("a tensor with this name", "none")).at(location)),
        }
    }

    /// Adds a candle tensor with the datatype that corresponds to its type.
    ///
    /// # Errors
    /// Returns an error if the protocol has no such datatype, or if the device fails.
    pub fn push_candle(&mut self, name: impl Into<String>, tensor: &Tensor) -> Result<()> {
        self.push(name, tensor.dims(), from_candle(tensor, natural_datatype(tensor.dtype())?)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::Dim;

    fn written(tensor: &Tensor, datatype: DataType) -> Result<InferOutput> {
        tensor.clone().into_output("y", &TensorSpec::new("y", datatype, &[Dim::Any], ""))
    }

    #[test]
    fn every_datatype_survives_a_round_trip_through_candle() {
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
    fn an_output_that_does_not_fit_its_declared_datatype_is_an_error() {
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
