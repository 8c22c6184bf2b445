//! The elements of a binary tensor of numbers or booleans: a slice of the body, converted only when values are requested.
//! [`TensorData`](super::TensorData) holds them.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::{
    datatype::DataType,
    elements::{ElementType, Elements, match_datatype},
    meter::block,
};

/// Elements in binary form. A clone shares the bytes and the converted values.
#[derive(Clone)]
pub(super) struct BinaryElements(Arc<Shared>);

struct Shared {
    datatype: DataType,
    /// Whole elements; those of BOOL are 0 or 1.
    bytes: Bytes,
    /// The length of the whole body, whose memory the bytes keep.
    body: usize,
    /// The values, set when a slice of them is first requested.
    converted: OnceLock<Elements>,
}

impl BinaryElements {
    /// Wraps bytes that are whole elements of this type, which must not be BYTES. They are part of a body of this length.
    pub(super) fn new(datatype: DataType, bytes: Bytes, body: usize) -> Self {
        BinaryElements(Arc::new(Shared { datatype, bytes, body, converted: OnceLock::new() }))
    }

    pub(super) fn datatype(&self) -> DataType {
        self.0.datatype
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// Returns the elements without a copy.
    pub(super) fn into_shared(self) -> Bytes {
        self.0.bytes.clone()
    }

    /// Returns the length of the body that the elements keep.
    pub(super) fn body(&self) -> usize {
        self.0.body
    }

    /// Returns the memory of the values in bytes, whether they are converted yet or not.
    pub(super) fn memory(&self) -> usize {
        let converted = if self.0.datatype == DataType::Uint8 { 0 } else { block(self.0.bytes.len()) };
        block(size_of::<Shared>()) + converted
    }

    pub(super) fn len(&self) -> usize {
        self.0.bytes.len() / self.0.datatype.size().unwrap_or(1)
    }

    /// Reads the elements as values of this type.
    pub(super) fn values<T: ElementType>(&self) -> impl ExactSizeIterator<Item = T> {
        T::read_all(&self.0.bytes)
    }

    /// Returns `true` if a condition holds for all elements, which must have this type. Checks many at once.
    pub(super) fn all<T: ElementType>(&self, holds: impl Fn(T) -> bool) -> bool {
        /// A number of bytes that every size of an element divides.
        const BLOCK: usize = 4096;
        // Without a branch for each element.
        let mut blocks = self.0.bytes.chunks(BLOCK);
        blocks.all(|block| T::read_all(block).fold(true, |all, value| all & holds(value)))
    }

    /// Returns the elements as a typed vector; converts them on the first call.
    pub(super) fn converted(&self) -> &Elements {
        self.0.converted.get_or_init(|| {
            match_datatype!(
                self.0.datatype,
                T => self.convert::<T>(),
                BYTES => self.convert::<u8>(),
            )
        })
    }

    fn convert<T: ElementType>(&self) -> Elements {
        T::wrap(self.values().collect())
    }

    /// Returns the elements as a vector: the converted one if nothing else shares it.
    pub(super) fn into_vec<T: ElementType>(self) -> Vec<T> {
        match Arc::try_unwrap(self.0) {
            Ok(Shared { bytes, converted, .. }) => {
                let kept = converted.into_inner().and_then(|elements| T::take(elements).ok());
                kept.unwrap_or_else(|| T::read_all(&bytes).collect())
            }
            Err(shared) => T::read_all(&shared.bytes).collect(),
        }
    }
}
