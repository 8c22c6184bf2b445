//! Fused operations over candle's tensors, for inference on a CPU. Authors call them in their models.
//!
//! candle runs a layer as several operations, each of which makes a tensor of its own: a product, a bias, an
//! activation, a residual. The operations here make one tensor, and give the same values as candle's to about 1e-6 of
//! the largest. They are fast for F32 tensors on a CPU, and are candle's own operations for all others: other devices,
//! other data types, tensors that candle tracks for training, and builds with the features `mkl` and `accelerate`,
//! whose products are faster.
//!
//! A row of such a result is the same, bit by bit, whatever else is in its batch, and on any number of threads. On x86-64
//! they use AVX2 or AVX-512, whichever the processor has; `docs/ops.md` in the repository compares their speed with candle's
//! and with ONNX Runtime's.
//!
//! They use the threads of the rayon pool in which they are called: of the worker, in an engine.
//!
//! | instead of candle's | |
//! |---|---|
//! | `candle_nn::linear`, an activation, a residual | [`linear`], [`Linear::forward_with`], [`Linear::forward_add`] |
//! | `candle_core::quantized::QMatMul` | [`Linear::from_quantized`] |
//! | `candle_nn::layer_norm`, a residual | [`layer_norm`], [`LayerNorm::forward_add`] |
//! | two products and a softmax | [`attention`], [`self_attention`] |
//! | the same for texts that grow token by token, and `candle_nn::kv_cache` | [`cached_attention`], [`KvCache`] |
//! | `candle_nn::rotary_emb` | [`RotaryEmbedding`] |
//! | `candle_nn::conv2d` with a group per channel | [`depthwise_conv2d`] |
//!
//! The guide's page [devices](crate::guide::devices#fast-candle-models-on-a-cpu) builds an encoder of them.
//!
//! # Errors
//!
//! They return candle's `Result`, as candle's modules do. A wrong shape is a `candle_core::Error` that names the
//! operation, the expected shape and the one it got. No shape makes them panic.
//!
//! | file | contents |
//! |---|---|
//! | `linear` | [`Linear`] |
//! | `layer_norm` | [`LayerNorm`] |
//! | `attention` | [`attention`], [`self_attention`] and their [`Mask`] |
//! | `rotary` | [`RotaryEmbedding`] |
//! | `kv_cache` | [`cached_attention`] and [`KvCache`] |
//! | `depthwise` | [`DepthwiseConv2d`] |
//! | `product` | the product of rows with a matrix in panels |
//! | `panels`, `quantized` | a matrix of F32, and one of the quantized types of GGUF files, as products read them |
//! | `lanes`, `slide` | the loops over numbers, for the widest vectors of the processor |
//! | `threads` | the division of an output among the threads of the pool |
//! | `values` | the numbers of a tensor, and errors of shapes |
//! | `random` | tensors for the tests |

mod attention;
mod depthwise;
mod kv_cache;
mod lanes;
mod layer_norm;
mod linear;
mod panels;
mod product;
mod quantized;
#[cfg(test)]
mod random;
mod rotary;
mod slide;
mod threads;
mod values;

pub use attention::{Mask, attention, self_attention};
pub use candle_nn::Activation;
pub use depthwise::{DepthwiseConv2d, depthwise_conv2d, depthwise_conv2d_no_bias};
pub use kv_cache::{KvCache, cached_attention};
pub use layer_norm::{LayerNorm, layer_norm};
pub use linear::{Linear, linear, linear_no_bias};
pub use rotary::{Pairs, RotaryEmbedding};
