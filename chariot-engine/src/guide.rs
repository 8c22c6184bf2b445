//! The guide: a page for each concern of who writes an engine, runs one, or embeds one.
//!
//! | page | |
//! |---|---|
//! | [`first_engine`] | from nothing to an engine that answers |
//! | [`inputs_and_outputs`] | what a model is given, and what it gives back |
//! | [`settings`] | what an operator can set |
//! | [`devices`] | where a model computes, and with how many threads |
//! | [`limits`] | overload, deadlines, cancellation, shutdown |
//! | [`batching`] | what one call of the model is given |
//! | [`several_models`] | several models in one engine |
//! | [`embedding`] | an engine in a service of yours |
//! | [`registration`] | the command line, and what the platform must be told |
//! | [`testing`] | tests of a model, of an engine, of a process |
//! | [`deploying`] | images, models, probes |
//! | [`migrating`] | from an engine on FastAPI |

#[doc = include_str!("docs/guide/batching.md")]
pub mod batching {}
#[doc = include_str!("docs/guide/deploying.md")]
pub mod deploying {}
#[doc = include_str!("docs/guide/devices.md")]
pub mod devices {}
#[doc = include_str!("docs/guide/embedding.md")]
pub mod embedding {}
#[doc = include_str!("docs/guide/first_engine.md")]
pub mod first_engine {}
#[doc = include_str!("docs/guide/inputs_and_outputs.md")]
pub mod inputs_and_outputs {}
#[doc = include_str!("docs/guide/limits.md")]
pub mod limits {}
#[doc = include_str!("docs/guide/migrating.md")]
pub mod migrating {}
#[doc = include_str!("docs/guide/registration.md")]
pub mod registration {}
#[doc = include_str!("docs/guide/settings.md")]
pub mod settings {}
#[doc = include_str!("docs/guide/several_models.md")]
pub mod several_models {}
#[doc = include_str!("docs/guide/testing.md")]
pub mod testing {}
