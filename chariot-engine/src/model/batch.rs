//! [`Batch`]: the items of one call of `infer`, with the device and the scratch values of their worker.

use std::{rc::Rc, sync::Arc};

use futures_util::{StreamExt, stream::FuturesUnordered};

use super::{
    item::Item,
    rows::Rows,
    scratch::{Scratch, ScratchPool, set_discarding},
};
use crate::{
    device::Device,
    error::{Error, Expected, Result},
    inflight::RequestToken,
    input::FromTensors,
};

/// The items of one call of `infer`, which belong to one request or to several.
///
/// A batch stays on its worker's thread. Its items can be moved to other threads.
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

    /// Returns the number of items, which is at least 1 in a call of `infer`.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Returns `true` if there are no items. The runtime never calls `infer` with an empty batch.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Iterates over the items in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Item<I>> {
        self.items.iter()
    }

    /// Returns the device of the worker that runs this call.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Returns the values of one type that `admit` attached, one for each item in order.
    ///
    /// ```
    /// use chariot_engine::{Result, input::Text, model::{Batch, BatchCost, Item}};
    ///
    /// struct Tokens(Vec<u32>);
    ///
    /// fn admit(item: &mut Item<Text>) -> Result<BatchCost> {
    ///     let tokens = Tokens(item.as_str().chars().map(u32::from).collect());
    ///     let cost = BatchCost::new(tokens.0.len());
    ///     item.attach(tokens);
    ///     Ok(cost)
    /// }
    ///
    /// fn longest(batch: &Batch<Text>) -> Result<usize> {
    ///     let texts: Vec<&Tokens> = batch.attached()?;
    ///     Ok(texts.iter().map(|text| text.0.len()).max().unwrap_or(0))
    /// }
    ///
    /// let mut items: Vec<_> = Batch::new([Text("a".into()), Text("bc".into())]).into_iter().collect();
    /// items.iter_mut().try_for_each(|item| admit(item).map(drop)).unwrap();
    /// assert_eq!(longest(&Batch::from_items(items)).unwrap(), 2);
    /// assert!(longest(&Batch::new([Text("a".into())])).is_err());
    /// ```
    ///
    /// # Errors
    /// Returns an error that names the type if an item has no such value: `admit` did not attach one.
    pub fn attached<T: 'static>(&self) -> Result<Vec<&T>> {
        let missing = |index| {
            let what = format_args!("a `{}` that `admit` attached", std::any::type_name::<T>());
            Error::from(format!("item {index} of the batch: {}", Expected::new(what, "none")))
        };
        self.iter().enumerate().map(|(index, item)| item.attached().ok_or_else(|| missing(index))).collect()
    }

    /// Maps each item to its output, in order. The first error fails the batch.
    ///
    /// # Errors
    /// Returns the first error of `infer`, with the name of the item's input.
    pub fn try_map<O>(self, mut infer: impl FnMut(Item<I>) -> Result<O>) -> Result<Vec<O>> {
        let located = |item: Item<I>| {
            let info = item.info().clone();
            infer(item).map_err(|error| info.locate(error))
        };
        self.items.into_iter().map(located).collect()
    }

    /// Maps each item to its output with an async function that runs for up to `limit` items at once. The first error
    /// fails the batch.
    ///
    /// For engines that call a remote service. All calls run on the worker's thread, so their futures need not be `Send`.
    /// A `limit` of 0 counts as 1. The outputs are in the order of the items, whatever the order in which the calls end.
    ///
    /// ```
    /// use chariot_engine::prelude::*;
    /// # async fn post(text: &str) -> Result<String> { Ok(text.to_uppercase()) }
    ///
    /// struct Remote;
    ///
    /// impl Model for Remote {
    ///     type Settings = ();
    ///     type Input = Text;
    ///     type Output = Json<String>;
    ///
    ///     async fn load(_: &LoadContext) -> Result<Self> {
    ///         Ok(Remote)
    ///     }
    ///
    ///     async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
    ///         batch.try_map_concurrent(8, async |text| Ok(Json(post(text.as_str()).await?))).await
    ///     }
    /// }
    ///
    /// let outputs = chariot_engine::testing::infer(&Remote, [Text("a".into()), Text("b".into())]).unwrap();
    /// assert_eq!(outputs, [Json("A".to_string()), Json("B".to_string())]);
    /// ```
    ///
    /// A call handles this many items of a request at once. To run several calls at once on one worker, set
    /// [`Spec::concurrency`](super::Spec::concurrency) too.
    ///
    /// # Errors
    /// Returns the error of the first call that fails, with the name of the item's input. Returns an error of kind
    /// [`Cancelled`](crate::ErrorKind::Cancelled) once every caller of the batch has disconnected. In both cases the calls
    /// in progress are dropped, and no further ones are started.
    ///
    /// # Cancel safety
    /// Dropping the returned future drops the calls in progress.
    pub async fn try_map_concurrent<O>(
        self,
        limit: usize,
        infer: impl AsyncFn(Item<I>) -> Result<O>,
    ) -> Result<Vec<O>> {
        if self.is_empty() {
            return Ok(Vec::new());
        }
        let mut tokens: Vec<Arc<RequestToken>> = Vec::new();
        for item in &self {
            let token = &item.info().shared.token;
            // The items of a request are adjacent.
            if tokens.last().is_none_or(|last| !Arc::ptr_eq(last, token)) {
                tokens.push(token.clone());
            }
        }
        let all_left = async {
            for token in &tokens {
                token.left().await;
            }
        };
        let all_done = async {
            let mut outputs: Vec<Option<O>> = Vec::new();
            outputs.resize_with(self.items.len(), || None);
            let mut waiting = self.items.into_iter().enumerate();
            let mut running = FuturesUnordered::new();
            let run = async |index, item: Item<I>| {
                let info = item.info().clone();
                (index, infer(item).await.map_err(|error| info.locate(error)))
            };
            loop {
                while running.len() < limit.max(1)
                    && let Some((index, item)) = waiting.next()
                {
                    running.push(run(index, item));
                }
                let Some((index, output)) = running.next().await else { break };
                outputs[index] = Some(output?);
            }
            Ok(outputs.into_iter().flatten().collect())
        };
        let mut all_done = Box::pin(all_done);
        tokio::select! {
            biased;
            () = all_left => {
                // Dropped midway, calls may leave the states of sessions half updated.
                set_discarding(true);
                drop(all_done);
                set_discarding(false);
                Err(Error::cancelled())
            }
            outputs = &mut all_done => outputs,
        }
    }

    /// Maps each item to its result, in order. An error fails only the request of its item. For `type Output = Result<T>`.
    ///
    /// # Errors
    /// Never returns an error. The return type is a `Result` so that the call can be the last expression of `infer`.
    pub fn map_each<O>(self, infer: impl FnMut(Item<I>) -> Result<O>) -> Result<Vec<Result<O>>> {
        Ok(self.items.into_iter().map(infer).collect())
    }

    /// Takes a scratch value of this worker (a KV cache, a buffer), or of the thread of a quick call, or creates one with
    /// `make` if none is free.
    ///
    /// When the value is dropped, the worker keeps it for the next call.
    ///
    /// ```
    /// use chariot_engine::{Result, input::Text, model::Batch};
    ///
    /// fn total_length(batch: Batch<Text>) -> Result<usize> {
    ///     let mut buffer = batch.scratch(|| Ok(String::with_capacity(1024)))?;
    ///     buffer.clear();
    ///     for text in &batch {
    ///         buffer.push_str(text.as_str());
    ///     }
    ///     Ok(buffer.len())
    /// }
    /// assert_eq!(total_length(Batch::new([Text("a".into()), Text("b".into())])).unwrap(), 2);
    /// ```
    ///
    /// # Errors
    /// Returns the error of `make`.
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
impl<I: AsRef<crate::input::image::Image>> Batch<I> {
    /// Converts the images to one tensor on the worker's device, with the shape and the scale of `pixels`.
    ///
    /// The shape is `[n, channels, height, width]` by default.
    ///
    /// # Errors
    /// Returns the errors of [`Pixels::write`](crate::input::image::Pixels::write), and an error if the device fails.
    pub fn to_tensor(&self, pixels: crate::input::image::Pixels) -> Result<candle_core::Tensor> {
        let mut values = Vec::with_capacity(self.len() * pixels.len());
        for item in self {
            pixels.write(item.value().as_ref(), &mut values)?;
        }
        Ok(candle_core::Tensor::from_vec(values, &pixels.shape(self.len())[..], self.device.as_candle())?)
    }
}

#[cfg(feature = "candle")]
impl<T: AsRef<[f32]>> Batch<crate::input::Row<T>> {
    /// Converts the rows to one tensor on the worker's device, of shape `[n, columns]`.
    ///
    /// ```
    /// use chariot_engine::{input::Row, model::Batch};
    ///
    /// let batch = Batch::new([Row([1., 2., 3.]), Row([4., 5., 6.])]);
    /// assert_eq!(batch.rows_to_tensor().unwrap().dims(), [2, 3]);
    /// ```
    ///
    /// # Errors
    /// Returns a rejection if the rows differ in length, and an error if the device fails.
    pub fn rows_to_tensor(&self) -> Result<candle_core::Tensor> {
        let width = self.items.first().map_or(0, |first| first.0.as_ref().len());
        let mut values = Vec::with_capacity(self.len() * width);
        for item in self {
            let row = item.0.as_ref();
            if row.len() != width {
                let what = format_args!("{width} numbers, as in the first row");
                let fault = crate::error::Expected::new(what, row.len());
                return Err(item.info().locate(Error::rejected(fault)));
            }
            values.extend_from_slice(row);
        }
        Ok(candle_core::Tensor::from_vec(values, (self.len(), width), self.device.as_candle())?)
    }
}

impl<I: FromTensors> Batch<I> {
    /// Concatenates the tensors of all requests along the first dimension, on the worker's device.
    ///
    /// Also returns the rows that belong to each request.
    ///
    /// # Errors
    /// Returns an error if the device fails.
    pub fn join(self) -> Result<(I, Rows)> {
        let rows = Rows::from_counts(self.items.iter().map(|item| item.value().rows()));
        let requests: Vec<Arc<I>> = self.items.into_iter().map(Item::into_shared).collect();
        let requests: Vec<&I> = requests.iter().map(|request| &**request).collect();
        Ok((I::join(&requests, &self.device)?, rows))
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, time::Duration};

    use tokio::time::sleep;

    use super::*;
    use crate::ErrorKind;

    /// Drives a future on a runtime with a paused clock.
    fn block_on<F: Future>(future: F) -> F::Output {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap().block_on(future)
    }

    /// Counts the calls in progress and the maximum, also of calls that are dropped.
    #[derive(Default)]
    struct Calls {
        started: Cell<usize>,
        running: Cell<usize>,
        max: Cell<usize>,
    }

    struct Call<'a>(&'a Calls);

    impl Calls {
        fn start(&self) -> Call<'_> {
            self.started.set(self.started.get() + 1);
            self.running.set(self.running.get() + 1);
            self.max.set(self.max.get().max(self.running.get()));
            Call(self)
        }
    }

    impl Drop for Call<'_> {
        fn drop(&mut self) {
            self.0.running.set(self.0.running.get() - 1);
        }
    }

    #[test]
    fn concurrent_calls_are_bounded_and_their_outputs_are_in_order() {
        for (limit, expected) in [(0, 1), (1, 1), (3, 3), (10, 10), (usize::MAX, 10)] {
            let calls = Calls::default();
            let outputs = block_on(Batch::new(0..10u64).try_map_concurrent(limit, async |item| {
                let _call = calls.start();
                // Later items end earlier.
                sleep(Duration::from_secs(100 - *item)).await;
                Ok(*item)
            }));
            assert_eq!(outputs.unwrap(), (0..10).collect::<Vec<_>>(), "{limit}");
            assert_eq!((calls.started.get(), calls.max.get()), (10, expected), "{limit}");
        }
    }

    #[test]
    fn a_slow_call_does_not_keep_others_from_starting() {
        let took = block_on(async {
            let start = tokio::time::Instant::now();
            let batch = Batch::new([10, 1, 1, 1, 1, 1]);
            let infer = async |seconds: Item<u64>| {
                sleep(Duration::from_secs(*seconds)).await;
                Ok(())
            };
            batch.try_map_concurrent(2, infer).await.unwrap();
            start.elapsed()
        });
        assert_eq!(took.as_secs(), 10);
    }

    #[test]
    fn an_empty_batch_has_no_outputs() {
        let outputs = block_on(Batch::<u8>::new([]).try_map_concurrent(2, async |item| Ok(*item)));
        assert!(outputs.unwrap().is_empty());
    }

    #[test]
    fn the_first_error_names_its_input_and_stops_the_other_calls() {
        let calls = Calls::default();
        let result = block_on(Batch::new(0..10u64).try_map_concurrent(4, async |item| {
            let _call = calls.start();
            sleep(Duration::from_secs(10 - *item)).await;
            if *item == 2 { Err(Error::rejected("too large")) } else { Ok(()) }
        }));
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Rejected);
        assert!(error.public_message().unwrap().starts_with("input 'input-2': "), "{error}");
        assert_eq!(calls.running.get(), 0);
        assert!(calls.started.get() < 10);
    }

    #[test]
    fn the_calls_are_dropped_once_every_caller_has_disconnected() {
        let calls = Calls::default();
        // Each test item is a request of its own.
        let batch = Batch::new(0..3u64);
        let tokens: Vec<_> = batch.iter().map(|item| item.info().shared.token.clone()).collect();
        let infer = async |_| {
            let _call = calls.start();
            std::future::pending::<Result<()>>().await
        };
        let result = block_on(async {
            let leave = async {
                for token in &tokens {
                    sleep(Duration::from_secs(1)).await;
                    assert_eq!(calls.running.get(), 2);
                    token.leave();
                }
            };
            tokio::join!(batch.try_map_concurrent(2, infer), leave).0
        });
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!((calls.started.get(), calls.running.get()), (2, 0));
    }

    #[test]
    fn no_call_is_started_for_callers_that_have_disconnected() {
        let batch = Batch::new([1]);
        batch.items[0].info().shared.token.leave();
        let result = block_on(batch.try_map_concurrent(2, async |_| -> Result<()> { panic!("a call was started") }));
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
    }
}
