//! Batches and items of plain values, for a test of a model alone.

use std::{rc::Rc, sync::Arc};

use crate::{
    device::Device,
    inflight::RequestToken,
    model::{Batch, ErrorLocation, Item, ItemInfo, ScratchPool, SharedInfo, Worker},
    protocol::{Origin, Parameters},
    settings::EngineSettings,
};

impl<I> Batch<I> {
    /// Creates a batch of plain values on the CPU, for a test. The items are named `input-0`, `input-1`, ... and have
    /// no parameters.
    pub fn new(values: impl IntoIterator<Item = I>) -> Self {
        Batch::from_items(values.into_iter().enumerate().map(|(index, value)| item(index, value)))
    }

    /// Creates a batch of items on the CPU, for a test.
    pub fn from_items(items: impl IntoIterator<Item = Item<I>>) -> Self {
        Batch::from_parts(items.into_iter().collect(), Device::cpu(), Rc::new(ScratchPool::default()))
    }
}

impl Worker {
    /// Creates a worker on the CPU with one thread, for a test of [`Model::warm_up`](crate::model::Model::warm_up).
    #[expect(clippy::new_without_default, reason = "for tests only, like Batch::new")]
    pub fn new() -> Self {
        Worker::from_parts(0, 1, Device::cpu(), Rc::new(ScratchPool::default()))
    }
}

/// Creates an item of a plain value, as the input at this index of a request.
///
/// ```
/// use chariot_engine::{input::Text, testing};
///
/// let item = testing::item(0, Text("hello".into())).with_action("predict_proba").with_score_threshold(0.25);
/// assert_eq!((item.name(), item.action(), item.score_threshold()), ("input-0", "predict_proba", 0.25));
/// ```
pub fn item<I>(index: usize, value: I) -> Item<I> {
    let shared = SharedInfo {
        name: format!("input-{index}").into(),
        action: "".into(),
        parameters: Parameters::default(),
        score_threshold: EngineSettings::default().score_threshold,
        token: Arc::new(RequestToken::default()),
        location: ErrorLocation::Input,
    };
    let shared = Arc::new(shared);
    let info = ItemInfo { shared, index, input: index, element: 0, origin: Origin::Inputs, key: None };
    Item::new(value, info)
}

impl<I> Item<I> {
    /// Sets the action, for a test.
    #[must_use]
    pub fn with_action(mut self, action: &str) -> Self {
        self.shared_info_mut().action = action.into();
        self
    }

    /// Sets the name of the input, for a test.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> Self {
        self.shared_info_mut().name = name.into();
        self
    }

    /// Sets the parameters, for a test. An action or a score threshold among them has no effect: these are read when a
    /// request is decoded.
    #[must_use]
    pub fn with_parameters(mut self, parameters: Parameters) -> Self {
        self.shared_info_mut().parameters = parameters;
        self
    }

    /// Sets the score threshold, for a test.
    #[must_use]
    pub fn with_score_threshold(mut self, score_threshold: f32) -> Self {
        self.shared_info_mut().score_threshold = score_threshold;
        self
    }
}
