//! [`TypedRequest`], a request of this process: a value in place of a body, and a place for the output. The engine makes it,
//! and a model takes it apart.

use std::{
    any::{Any, TypeId, type_name},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    error::{Error, Expected, Result},
    inflight::RequestToken,
    model::Model,
};

/// A request of this process for one item.
pub(crate) struct TypedRequest {
    value: Mutex<Option<Box<dyn Any + Send>>>,
    /// The type of the model, and its name.
    model: (TypeId, &'static str),
    /// The action that the caller requests; `None` for the default one.
    pub(super) action: Option<Arc<str>>,
    /// The minimum score that the caller wants; `None` for that of the settings.
    pub(super) score_threshold: Option<f32>,
}

impl TypedRequest {
    pub(crate) fn new<M: Model>(value: M::Input, action: Option<&str>, score_threshold: Option<f32>) -> Self {
        let value = Mutex::new(Some(Box::new(value) as Box<dyn Any + Send>));
        let model = (TypeId::of::<M>(), type_name::<M>());
        TypedRequest { value, model, action: action.map(Into::into), score_threshold }
    }

    /// Takes the value, for a model of this type.
    ///
    /// # Errors
    /// Fails if the request is for a model of another type, or if the value was taken before.
    pub(super) fn take<M: Model>(&self) -> Result<M::Input> {
        let (model, name) = self.model;
        if model != TypeId::of::<M>() {
            let served = format!("a call of the model's type `{}`", type_name::<M>());
            return Err(Error::from(Expected::new(served, format!("`{name}`")).to_string()));
        }
        let value = self.value.lock().unwrap_or_else(PoisonError::into_inner).take();
        let value = value.and_then(|value| value.downcast().ok());
        value.map(|value| *value).ok_or_else(|| "the input of the call was taken before".into())
    }
}

/// The place where a worker leaves the output of a typed request, instead of encoding it.
pub(crate) struct TypedOutput<O>(Mutex<Option<O>>);

impl<O: Send + 'static> TypedOutput<O> {
    /// Makes a request leave its output in a new place.
    pub(crate) fn of(token: &RequestToken) -> Arc<Self> {
        let place = Arc::new(TypedOutput(Mutex::new(None)));
        token.keep_output(place.clone());
        place
    }

    /// Leaves the output of an item in the place of its request, and returns `None`. Returns the output if it is to be encoded.
    pub(super) fn leave(token: &RequestToken, output: O) -> Option<O> {
        match token.output_place().and_then(|place| place.downcast_ref::<Self>()) {
            Some(TypedOutput(place)) => {
                *place.lock().unwrap_or_else(PoisonError::into_inner) = Some(output);
                None
            }
            None => Some(output),
        }
    }

    /// Takes the output.
    pub(crate) fn take(&self) -> Option<O> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
