//! The macros of `chariot-engine`, which re-exports them: an author never names this crate.
//!
//! - [`macro@chariot_engine`] makes a struct the program's engine
//! - [`macro@Settings`] reads a struct from settings, or makes an enum a choice of words
//! - [`macro@TensorInput`] and [`macro@TensorOutput`] make a struct of named tensors an input or an output
//!
//! Everything that they generate calls library code. Faults of a declaration are reported together, each on the tokens
//! at fault, and beside them stand stubs, so that one mistake is one message.

mod engine;
mod settings;
mod shared;
mod tensors;

use proc_macro::TokenStream;

/// Makes a struct the program's engine: leaves the struct as it is, and adds the `main` that serves it.
///
/// The struct needs an `impl Model`. One engine a program; `main = false` where the program has a `main` of its own.
///
/// | key | |
/// |---|---|
/// | `name = "..."` | the engine's name; the package's by default |
/// | `version = "..."` | the engine's version; the package's by default |
/// | `main = false` | adds no `main`, only the check that the struct is a `Model` |
/// | `crate = "path"` | where the SDK is, if not at `::chariot_engine` |
/// | `port = 9000`, `timeout = "30s"`, ... | a default for a setting of the runtime: any field of `EngineSettings`, which the environment overrides |
///
/// ```ignore
/// use chariot_engine::prelude::*;
///
/// #[chariot_engine(name = "shout", port = 9000, timeout = "30s")]
/// struct Shout;
///
/// impl Model for Shout {
///     type Settings = ();
///     type Input = Text;
///     type Output = Json<String>;
///
///     async fn load(_: &LoadContext<()>) -> Result<Self> {
///         Ok(Shout)
///     }
///
///     async fn infer(&self, batch: Batch<Text>) -> Result<Vec<Json<String>>> {
///         Ok(batch.iter().map(|item| Json(item.value().to_uppercase())).collect())
///     }
/// }
/// ```
#[proc_macro_attribute]
pub fn chariot_engine(arguments: TokenStream, item: TokenStream) -> TokenStream {
    engine::expand(arguments.into(), item.into()).into()
}

/// Reads a struct from settings, or makes an enum without fields a choice of words.
///
/// A field `top_k` is read from the variable `TOP_K`; the first paragraph of its doc comment is what an operator reads.
/// A field without a default is required unless it is an `Option`.
///
/// On a field, `#[setting(...)]`:
///
/// | key | |
/// |---|---|
/// | `default = 3`, `default = "5s"`, `default = Mode::Fast` | the value where none is set; text for what is written as text |
/// | `range = 1..=10`, `range = 1..`, `range = ..=0.5` | the smallest and the largest value, both included |
/// | `name = "VARIABLE"` | the variable, instead of the field's name in capitals |
/// | `with = function` | `fn(&mut Reader<'_>, Field<T>) -> Option<T>`, which reads the field |
///
/// On the struct, `#[settings(...)]`: `prefix = "APP_"` before every variable; `crate = path` where the SDK is, if not
/// at `::chariot_engine`.
///
/// An enum's variants are chosen by their names in snake case, or by `#[setting(name = "...")]` on the variant; case,
/// `_` and `-` do not count.
///
/// ```ignore
/// use chariot_engine::prelude::*;
///
/// #[derive(Settings)]
/// struct DigitsSettings {
///     /// How many labels to report
///     #[setting(default = 3, range = 1..=10)]
///     top_k: usize,
///     /// Whether to be quick or right
///     #[setting(default = "fast")]
///     mode: Mode,
/// }
///
/// #[derive(Settings)]
/// enum Mode {
///     Fast,
///     Accurate,
/// }
/// ```
#[proc_macro_derive(Settings, attributes(setting, settings))]
pub fn settings(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    settings::derive(&input).into()
}

/// Makes a struct of named tensors an input of a model.
///
/// A field is a tensor: candle's `Tensor`, or a vector in row-major order (`Vec<f32>`, `Vec<String>`). On a field,
/// `#[tensor(...)]`:
///
/// | key | |
/// |---|---|
/// | `shape = [n, 4, _, {WIDTH}]` | a name, only first: the rows, along which requests are joined; a number or a constant in braces: fixed; `_`: varies |
/// | `name = "..."` | the tensor's name, instead of the field's |
/// | `datatype = "INT64"` | the data type, instead of the one of the field's type (`Tensor`: `FP32`) |
/// | `convert` | takes the other numeric types too, where every value is exactly representable |
///
/// On the struct, `#[tensors(...)]`: `output` makes it an output too; `crate = path` where the SDK is.
///
/// ```ignore
/// use chariot_engine::prelude::*;
///
/// #[derive(TensorInput)]
/// struct Flowers {
///     /// Sepal length and width, petal length and width, in cm
///     #[tensor(shape = [n, 4])]
///     features: Tensor,
/// }
/// ```
#[proc_macro_derive(TensorInput, attributes(tensor, tensors))]
pub fn tensor_input(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    tensors::derive(&input, tensors::Face::Input).into()
}

/// Makes a struct of named tensors an output of a model.
///
/// Fields and keys are those of [`macro@TensorInput`]. A struct that is both derives `TensorInput` and has
/// `#[tensors(output)]`.
///
/// ```ignore
/// use chariot_engine::prelude::*;
///
/// #[derive(TensorOutput)]
/// struct Species {
///     #[tensor(shape = [n])]
///     label: Vec<String>,
///     #[tensor(shape = [n, 3])]
///     probabilities: Tensor,
/// }
/// ```
#[proc_macro_derive(TensorOutput, attributes(tensor, tensors))]
pub fn tensor_output(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    tensors::derive(&input, tensors::Face::Output).into()
}
