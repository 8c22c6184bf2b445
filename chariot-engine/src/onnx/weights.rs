//! [`SharedWeights`]: the weights of a file in memory, once for all sessions of ONNX Runtime. `runtime` adds them to its
//! sessions.

use std::{path::Path, sync::Arc};

use ort::{
    session::builder::{PrepackedWeights, SessionBuilder},
    value::{DynValue, Tensor},
};

use super::{file, library::failed, ports, schema::ModelProto, stored};
use crate::{
    error::{Context, Result, quoted},
    protocol::DataType,
};

/// The size in bytes from which a tensor is shared. Smaller ones are mostly shapes and axes.
const LEAST: usize = 1024;

/// The weights of a file: as they are, and as the operators of the first session have packed them for their computation.
pub(super) struct SharedWeights {
    values: Vec<(String, Arc<DynValue>)>,
    packed: PrepackedWeights,
}

impl SharedWeights {
    /// Reads the weights of a file that has been checked.
    ///
    /// # Errors
    /// Returns an error that names the first tensor that cannot be read.
    pub(super) fn read(model: &ModelProto, path: &Path) -> Result<Self> {
        let mut values = Vec::new();
        for tensor in model.graph.iter().flat_map(|graph| &graph.initializer) {
            let read = || -> Result<Option<DynValue>> {
                let data = stored::data(tensor, file::folder(path))?.filter(|data| data.len() >= LEAST);
                let (Some(data), Some(datatype)) = (data, ports::datatype(tensor.data_type)) else { return Ok(None) };
                value(&tensor.dims, datatype, &data)
            };
            if let Some(value) = read().context(format_args!("tensor {}", quoted(&tensor.name)))? {
                values.push((tensor.name.clone(), Arc::new(value)));
            }
        }
        Ok(SharedWeights { values, packed: PrepackedWeights::new() })
    }

    /// Makes a session use these weights instead of those in the file, which are the same.
    ///
    /// # Errors
    /// Returns the error of ONNX Runtime.
    pub(super) fn add_to(&self, mut builder: SessionBuilder) -> Result<SessionBuilder> {
        for (name, value) in &self.values {
            builder = builder.with_initializer(name, value.clone()).map_err(failed)?;
        }
        builder.with_prepacked_weights(&self.packed).map_err(failed)
    }
}

macro_rules! types {
    ($($variant:ident $type:ty,)*) => {
        /// Copies the elements of a tensor. Returns `None` for a type that is not shared.
        fn value(shape: &[i64], datatype: DataType, data: &[u8]) -> Result<Option<DynValue>> {
            let value = match datatype {
                $(DataType::$variant => {
                    let elements = data.as_chunks().0.iter().map(|bytes| <$type>::from_le_bytes(*bytes));
                    Tensor::from_array((shape.to_vec(), elements.collect::<Vec<_>>())).map(Tensor::into_dyn)
                })*
                DataType::Bool | DataType::Bytes => return Ok(None),
            };
            value.map(Some).map_err(failed)
        }
    };
}
types! {
    Uint8 u8,
    Uint16 u16,
    Uint32 u32,
    Uint64 u64,
    Int8 i8,
    Int16 i16,
    Int32 i32,
    Int64 i64,
    Fp16 half::f16,
    Bf16 half::bf16,
    Fp32 f32,
    Fp64 f64,
}
