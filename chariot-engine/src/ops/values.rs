//! The numbers of F32 tensors on a CPU, and the errors of wrong shapes. The operations of this room call both.

use std::ops::{Deref, Range};

use candle_core::{CpuStorage, DType, Error, Result, Shape, Storage, StorageRef, Tensor};

/// Says whether candle's products are in Rust too. Otherwise its library is faster than anything here.
pub(super) const OWN_PRODUCTS: bool = !cfg!(any(feature = "mkl", feature = "accelerate"));

/// Returns whether the numbers of all of these tensors can be read as slices, and no gradient needs their operations.
pub(super) fn are_plain<'a>(tensors: impl IntoIterator<Item = &'a Tensor>) -> bool {
    tensors.into_iter().all(|t| t.device().is_cpu() && t.dtype() == DType::F32 && !t.track_op())
}

/// The numbers of a tensor, from its first element on. They are locked for reading while this lives.
pub(super) struct Values<'a> {
    storage: StorageRef<'a>,
    range: Range<usize>,
}

impl<'a> Values<'a> {
    /// Returns exactly the elements of a contiguous tensor.
    pub(super) fn contiguous(tensor: &'a Tensor) -> Result<Self> {
        if !tensor.is_contiguous() {
            candle_core::bail!("expected a contiguous tensor, got strides {:?}", tensor.stride());
        }
        let count = tensor.elem_count();
        let mut values = Self::strided(tensor)?;
        values.range.end = values.range.start.saturating_add(count).min(values.range.end);
        Ok(values)
    }

    /// Returns the storage from the first element of the tensor on, to be read with the tensor's strides.
    pub(super) fn strided(tensor: &'a Tensor) -> Result<Self> {
        let (storage, layout) = tensor.storage_and_layout();
        let Storage::Cpu(CpuStorage::F32(values)) = &*storage else {
            candle_core::bail!("expected a tensor of F32 on a CPU, got {:?} on {:?}", tensor.dtype(), tensor.device());
        };
        // A tensor without elements can start beyond the end of what it is a view of.
        let range = layout.start_offset().min(values.len())..values.len();
        Ok(Values { storage, range })
    }
}

impl Deref for Values<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match &*self.storage {
            Storage::Cpu(CpuStorage::F32(values)) => &values[self.range.clone()],
            _ => &[],
        }
    }
}

/// Checks the shape of a tensor. `what` names the operation and its tensor: `ops::Linear: residual`.
pub(super) fn expect_shape(what: &str, expected: &[usize], got: &Tensor) -> Result<()> {
    if got.dims() == expected {
        return Ok(());
    }
    Err(unexpected(what, expected, got.dims()))
}

/// Makes the error of a wrong shape.
pub(super) fn unexpected(what: &str, expected: &[usize], got: &[usize]) -> Error {
    Error::UnexpectedShape { msg: what.to_string(), expected: Shape::from(expected), got: Shape::from(got) }.bt()
}

/// Makes the error of a tensor with too many or too few dimensions.
pub(super) fn unexpected_rank(expected: usize, got: &Tensor) -> Error {
    Error::UnexpectedNumberOfDims { expected, got: got.rank(), shape: got.shape().clone() }.bt()
}

/// Returns the product of sizes, or an error where it does not fit: a view that repeats its elements can state shapes
/// whose results no memory holds.
pub(super) fn count(what: &str, sizes: &[usize]) -> Result<usize> {
    // Of bytes, so that a `Vec` of that many numbers can be asked for.
    let fits = |count: &usize| *count <= isize::MAX as usize / size_of::<f32>();
    match sizes.iter().try_fold(1_usize, |count, size| count.checked_mul(*size)).filter(fits) {
        Some(count) => Ok(count),
        None => candle_core::bail!("{what}: expected a shape that fits into memory, got {sizes:?}"),
    }
}
