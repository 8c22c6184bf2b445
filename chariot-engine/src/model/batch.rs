//! [`Batch`]: what a model sees: some items, with their worker's device and scratch values.

use std::{ops::Range, rc::Rc, sync::Arc};

use super::{Item, Scratch, ScratchPool};
use crate::{device::Device, error::Result, input::TensorStruct};

/// Some items of one request or of several, to be answered together and in order.
///
/// It stays on its worker's thread; the items may leave it.
///
/// ```
/// use chariot_engine::{Result, input::Text, model::Batch};
///
/// let batch = Batch::new([Text("a".into()), Text("bc".into())]);
/// let lengths: Result<Vec<usize>> = batch.try_map(|text| Ok(text.as_str().len()));
/// assert_eq!(lengths.unwrap(), [1, 2]);
/// ```
pub struct Batch<I> {
    items: Vec<Item<I>>,
    device: Device,
    scratch: Rc<ScratchPool>,
}

impl<I> Batch<I> {
    pub(crate) fn from_parts(items: Vec<Item<I>>, device: Device, scratch: Rc<ScratchPool>) -> Self {
        Batch { items, device, scratch }
    }

    /// How many items there are; at least one.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is no item. The runtime never asks a model about nothing.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The items, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Item<I>> {
        self.items.iter()
    }

    /// The device of the worker that runs this call.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// One output an item, in order; the first error fails the batch. It names the item's input.
    ///
    /// # Errors
    /// The first error of `answer`.
    pub fn try_map<O>(self, mut answer: impl FnMut(Item<I>) -> Result<O>) -> Result<Vec<O>> {
        let located = |item: Item<I>| {
            let (location, slot) = (item.info().location, item.info().slot.clone());
            answer(item).map_err(|error| location.locate(&slot, error))
        };
        self.items.into_iter().map(located).collect()
    }

    /// One output an item, in order; an error is that item's alone. For `type Output = Result<T>`.
    ///
    /// # Errors
    /// None; it is a `Result` so that it can end an `infer`.
    pub fn map_each<O>(self, answer: impl FnMut(Item<I>) -> Result<O>) -> Result<Vec<Result<O>>> {
        Ok(self.items.into_iter().map(answer).collect())
    }

    /// A value of this worker (a KV cache, a buffer), made when there is none, and kept for the next call.
    ///
    /// ```
    /// use chariot_engine::{Result, input::Text, model::Batch};
    ///
    /// fn longest(batch: Batch<Text>) -> Result<usize> {
    ///     let mut buffer = batch.scratch(|| Ok(String::with_capacity(1024)))?;
    ///     buffer.clear();
    ///     for text in &batch {
    ///         buffer.push_str(text.as_str());
    ///     }
    ///     Ok(buffer.len())
    /// }
    /// assert_eq!(longest(Batch::new([Text("a".into()), Text("b".into())])).unwrap(), 2);
    /// ```
    ///
    /// # Errors
    /// Those of `make`.
    pub fn scratch<T: 'static>(&self, make: impl FnOnce() -> Result<T>) -> Result<Scratch<T>> {
        self.scratch.take(make)
    }
}

impl<I> IntoIterator for Batch<I> {
    type Item = Item<I>;
    type IntoIter = std::vec::IntoIter<Item<I>>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.into_iter()
    }
}

impl<'a, I> IntoIterator for &'a Batch<I> {
    type Item = &'a Item<I>;
    type IntoIter = std::slice::Iter<'a, Item<I>>;

    fn into_iter(self) -> Self::IntoIter {
        self.items.iter()
    }
}

impl<I> std::fmt::Debug for Batch<I> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").field("items", &self.items).finish_non_exhaustive()
    }
}

#[cfg(all(feature = "candle", feature = "image"))]
impl<I: AsRef<crate::input::Image>> Batch<I> {
    /// The pictures as one tensor on the worker's device, in the shape and scale that `pixels` says:
    /// `[n, channels, height, width]` unless it says otherwise.
    ///
    /// # Errors
    /// The device fails.
    pub fn to_tensor(&self, pixels: crate::input::Pixels) -> Result<candle_core::Tensor> {
        let mut values = Vec::with_capacity(self.len() * pixels.len());
        for item in self {
            pixels.write(item.value().as_ref(), &mut values)?;
        }
        Ok(candle_core::Tensor::from_vec(values, &pixels.shape(self.len())[..], self.device.as_candle())?)
    }
}

#[cfg(feature = "candle")]
impl<T: AsRef<[f32]>> Batch<crate::input::Row<T>> {
    /// The rows as one tensor on the worker's device, of shape `[n, columns]`.
    ///
    /// ```
    /// use chariot_engine::{input::Row, model::Batch};
    ///
    /// let batch = Batch::new([Row([1., 2., 3.]), Row([4., 5., 6.])]);
    /// assert_eq!(batch.rows_to_tensor().unwrap().dims(), [2, 3]);
    /// ```
    ///
    /// # Errors
    /// Rows that are not of one length, which is the caller's fault; the device fails.
    pub fn rows_to_tensor(&self) -> Result<candle_core::Tensor> {
        let width = self.items.first().map_or(0, |first| first.0.as_ref().len());
        let mut values = Vec::with_capacity(self.len() * width);
        for item in self {
            let row = item.0.as_ref();
            if row.len() != width {
                let text = format!("as many numbers as in the first row are expected, {width}, {} came", row.len());
                return Err(item.info().locate(crate::Rejection::new(text).into()));
            }
            values.extend_from_slice(row);
        }
        Ok(candle_core::Tensor::from_vec(values, (self.len(), width), self.device.as_candle())?)
    }
}

impl<I: TensorStruct> Batch<I> {
    /// The tensors of all the requests as one, joined along the first dimension on the worker's device, and which rows
    /// belong to which request.
    ///
    /// # Errors
    /// The device fails.
    pub fn join(self) -> Result<(I, Rows)> {
        let mut at = 0;
        let mut ranges = Vec::with_capacity(self.len());
        let mut parts: Vec<Arc<I>> = Vec::with_capacity(self.len());
        for item in self.items {
            let rows = item.value().rows();
            ranges.push(at..at + rows);
            at += rows;
            parts.push(item.into_shared());
        }
        let parts: Vec<&I> = parts.iter().map(|part| &**part).collect();
        Ok((I::join(&parts, &self.device)?, Rows(ranges)))
    }
}

/// Which rows of joined tensors belong to which request; [`Batch::join`] makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows(Vec<Range<usize>>);

impl Rows {
    /// Takes an answer for all the rows apart: one a request.
    ///
    /// ```
    /// use chariot_engine::prelude::*;
    ///
    /// #[derive(TensorInput)]
    /// struct Pairs {
    ///     #[tensor(shape = [n, 2])]
    ///     pair: Vec<f32>,
    /// }
    ///
    /// #[derive(TensorOutput)]
    /// struct Sums {
    ///     #[tensor(shape = [n])]
    ///     sum: Vec<f32>,
    /// }
    ///
    /// let batch = Batch::new([Pairs { pair: vec![1., 2.] }, Pairs { pair: vec![3., 4., 5., 6.] }]);
    /// let (all, rows) = batch.join().unwrap();
    /// let sums = Sums { sum: all.pair.chunks(2).map(|pair| pair[0] + pair[1]).collect() };
    /// let answers = rows.split(sums).unwrap();
    /// assert_eq!(answers[1].sum, [7., 11.]);
    /// ```
    ///
    /// # Errors
    /// The answer has not as many rows as the question, or the device fails.
    pub fn split<O: TensorStruct>(&self, answer: O) -> Result<Vec<O>> {
        let expected = self.0.last().map_or(0, |range| range.end);
        if answer.rows() != expected {
            return Err(format!("an answer of {} rows for {expected} rows of input", answer.rows()).into());
        }
        if self.0.len() == 1 {
            return Ok(vec![answer]);
        }
        self.0.iter().map(|range| answer.slice(range.clone())).collect()
    }
}
