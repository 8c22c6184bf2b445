//! The guide: a tutorial, the concepts, how-to pages, and a reference.
//!
//! Start with the [`tutorial`], which builds an image classifier from nothing. [`concepts`] defines the words.
//!
//! | how to | |
//! |---|---|
//! | [`inputs_and_outputs`] | choose the types of inputs and outputs, stream, reject |
//! | [`loading`] | load a model's files, and warm up |
//! | [`onnx`] | serve an ONNX file, with or without code |
//! | `text`, with the feature `text` | tokenize texts, pool vectors, find entities |
//! | `generation`, with the feature `text` | generate text, for many callers together |
//! | [`openai`] | serve OpenAI's API |
//! | [`sessions`] | serve streams and conversations |
//! | [`settings`] | declare what an operator can set |
//! | [`devices`] | choose devices, workers and threads |
//! | [`batching`] | control the batch of one call |
//! | [`access`] | ask callers for a token, and let web pages call |
//! | [`observing`] | see what requests do: their log, their times |
//! | [`traces`] | follow a request through services: trace context, spans |
//! | [`overload`] | handle overload, deadlines, cancellation and shutdown |
//! | [`several_models`] | serve several models from one engine |
//! | [`embedding`] | mount an engine in a service of your own |
//! | [`page`] | try an engine in a browser |
//! | [`developing`] | change an engine while it serves |
//! | [`testing`] | test a model, an engine, a process |
//! | [`registering`] | register and deploy an engine |
//! | [`deploying`] | build images and pack models |
//! | [`migrating`] | move a model or an engine here, by where it comes from |
//!
//! | reference | |
//! |---|---|
//! | [`command_line`] | the commands of an engine's binary |
//! | [`images`] | image files, numbers, boxes, and large images in tiles |
//! | [`EngineSettings`](crate::settings::EngineSettings) | the runtime's settings |
//! | [`Settings`](macro@crate::Settings), [`TensorInput`](macro@crate::TensorInput), [`chariot_engine`](macro@crate::chariot_engine) | the keys of the macros |
//! | [features](crate#features) | the features of the crate |

#[doc = include_str!("docs/guide/access.md")]
pub mod access {}
#[doc = include_str!("docs/guide/batching.md")]
pub mod batching {}
#[doc = include_str!("docs/guide/command_line.md")]
pub mod command_line {}
#[doc = include_str!("docs/guide/concepts.md")]
pub mod concepts {}
#[doc = include_str!("docs/guide/deploying.md")]
pub mod deploying {}
#[doc = include_str!("docs/guide/developing.md")]
pub mod developing {}
#[doc = include_str!("docs/guide/devices.md")]
pub mod devices {}
#[doc = include_str!("docs/guide/embedding.md")]
pub mod embedding {}
#[cfg(feature = "text")]
#[doc = include_str!("docs/guide/generation.md")]
pub mod generation {}
#[doc = include_str!("docs/guide/images.md")]
pub mod images {}
#[doc = include_str!("docs/guide/inputs_and_outputs.md")]
pub mod inputs_and_outputs {}
#[doc = include_str!("docs/guide/loading.md")]
pub mod loading {}
#[doc = include_str!("docs/guide/migrating.md")]
pub mod migrating {}
#[doc = include_str!("docs/guide/migrating_from_fastapi.md")]
pub mod migrating_from_fastapi {}
#[doc = include_str!("docs/guide/migrating_from_hugging_face.md")]
pub mod migrating_from_hugging_face {}
#[doc = include_str!("docs/guide/migrating_from_onnx.md")]
pub mod migrating_from_onnx {}
#[doc = include_str!("docs/guide/migrating_from_pytorch.md")]
pub mod migrating_from_pytorch {}
#[doc = include_str!("docs/guide/migrating_from_scikit_learn.md")]
pub mod migrating_from_scikit_learn {}
#[doc = include_str!("docs/guide/observing.md")]
pub mod observing {}
#[doc = include_str!("docs/guide/onnx.md")]
pub mod onnx {}
#[doc = include_str!("docs/guide/openai.md")]
pub mod openai {}
#[doc = include_str!("docs/guide/overload.md")]
pub mod overload {}
#[doc = include_str!("docs/guide/page.md")]
pub mod page {}
#[doc = include_str!("docs/guide/registering.md")]
pub mod registering {}
#[doc = include_str!("docs/guide/sessions.md")]
pub mod sessions {}
#[doc = include_str!("docs/guide/settings.md")]
pub mod settings {}
#[doc = include_str!("docs/guide/several_models.md")]
pub mod several_models {}
#[doc = include_str!("docs/guide/testing.md")]
pub mod testing {}
#[cfg(feature = "text")]
#[doc = include_str!("docs/guide/text.md")]
pub mod text {}
#[doc = include_str!("docs/guide/traces.md")]
pub mod traces {}
#[doc = include_str!("docs/guide/tutorial.md")]
pub mod tutorial {}
