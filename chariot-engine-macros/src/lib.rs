//! The macros of `chariot-engine`, which re-exports them: authors never depend on this crate directly.
//!
//! - [`macro@chariot_engine`] makes a struct the program's engine
//! - [`macro@Settings`] reads a struct from settings, or makes an enum the values of a setting
//! - [`macro@TensorInput`] and [`macro@TensorOutput`] make a struct of named tensors an input or an output
//!
//! The generated code only calls library code. All faults of a declaration are reported together, each on the tokens at
//! fault, and with stubs beside them, so that one mistake is one message. The examples are in the SDK, where it
//! re-exports the macros, and are tested there.

#![forbid(unsafe_code)]

mod engine;
mod settings;
mod shared;
mod tensors;

use proc_macro::TokenStream;

/// Adds the `main` that serves the struct as an engine.
///
/// The struct must implement `Model`; it is left as it is. A program can have one engine. If it has a `main` of its
/// own, use `main = false`.
///
/// | key | |
/// |---|---|
/// | `name = "..."` | the engine's name. Default: the package's |
/// | `version = "..."` | the engine's version. Default: the package's |
/// | `main = false` | adds no `main`, only the check that the struct implements `Model` |
/// | `crate = "path"` | the path of the SDK. Default: `::chariot_engine` |
/// | `port = 9000`, `timeout = "30s"`, ... | a default of one of the runtime's settings, which the environment overrides: any field of `EngineSettings` |
///
/// With `main = false`, the only other key is `crate`: the generated `main` passes the others to the engine's builder.
#[proc_macro_attribute]
pub fn chariot_engine(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let file = proc_macro::Span::call_site().local_file().and_then(|path| std::fs::read_to_string(path).ok());
    engine::expand(arguments.into(), item.into(), file.as_deref()).into()
}

/// Reads the fields of a struct from settings, or makes the variants of an enum the values of a setting.
///
/// A field `top_k` is read from the environment variable `TOP_K`; the first paragraph of its doc comment is its help
/// text. A field without a default is required unless it is an `Option`.
///
/// On a field, `#[setting(...)]`:
///
/// | key | |
/// |---|---|
/// | `default = 3`, `default = "5s"`, `default = Mode::Fast` | the default; a string for types that are written as text |
/// | `range = 1..=10`, `range = 1..`, `range = ..=0.5` | the minimum and the maximum, both included |
/// | `values = [1, 2, 4]`, `values = ["de", "en"]` | the accepted values |
/// | `name = "VARIABLE"` | the environment variable. Default: the field's name in upper case |
/// | `alias = "OLD"`, `alias = ["OLD", "OLDER"]` | former names, still read with a warning |
/// | `deprecated = "reason"` | still read, with a warning |
/// | `group`, `group = "DB_"`, `group = ""` | a settings struct, whose names are prefixed by the field's name, by this, or by nothing |
/// | `with = function` | the function that reads the field: `fn(&mut Reader<'_>, Field<T>) -> Option<T>` |
///
/// On the struct, `#[settings(...)]`: `prefix = "APP_"` for a prefix of every variable; `crate = path` for the path of
/// the SDK. Default: `::chariot_engine`.
///
/// The variants of an enum are written in snake case, or as `#[setting(name = "...")]` on the variant says. Case, `_`
/// and `-` are ignored.
#[proc_macro_derive(Settings, attributes(setting, settings))]
pub fn settings(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    settings::derive(&input).into()
}

/// Makes a struct of named tensors an input.
///
/// Each field is a tensor: candle's `Tensor`, or a vector in row-major order (`Vec<f32>`, `Vec<String>`). On a field,
/// `#[tensor(...)]`:
///
/// | key | |
/// |---|---|
/// | `shape = [n, 4, _, {WIDTH}]` | a name, as the first dimension only: the rows, along which requests are joined; a number or a constant in braces: a fixed size; `_`: any size |
/// | `name = "..."` | the tensor's name. Default: the field's |
/// | `datatype = "INT64"` | the datatype. Default: that of the field's type (`Tensor`: `FP32`) |
/// | `convert` | accepts the other numeric datatypes too, if every value is exactly representable |
///
/// On the struct, `#[tensors(...)]`: `output` makes it an output too; `crate = path` is the path of the SDK.
#[proc_macro_derive(TensorInput, attributes(tensor, tensors))]
pub fn tensor_input(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    tensors::derive(&input, tensors::Face::Input).into()
}

/// Makes a struct of named tensors an output.
///
/// Fields and keys are those of [`macro@TensorInput`]. A struct that is both derives `TensorInput` and has
/// `#[tensors(output)]`.
#[proc_macro_derive(TensorOutput, attributes(tensor, tensors))]
pub fn tensor_output(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    tensors::derive(&input, tensors::Face::Output).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_code_uses_only_the_given_path_of_the_sdk() {
        let derived = |input: &str| syn::parse_str::<syn::DeriveInput>(input).unwrap();
        let engine = |main: &str| {
            let arguments = format!("crate = \"other::sdk\", main = {main}").parse().unwrap();
            engine::expand(arguments, "struct A;".parse().unwrap(), None)
        };
        let settings = derived("#[settings(crate = other::sdk)] struct A { #[setting(default = \"a\")] a: String }");
        let choice = derived("#[settings(crate = other::sdk)] enum A { B }");
        let faulty = derived("#[settings(crate = other::sdk)] struct A(u8);");
        let tensors = derived("#[tensors(crate = other::sdk)] struct A { #[tensor(shape = [n])] a: Vec<f32> }");
        let shapeless = derived("#[tensors(crate = other::sdk)] struct A { a: Vec<f32> }");
        for expanded in [
            engine("true"),
            engine("false"),
            settings::derive(&settings),
            settings::derive(&choice),
            settings::derive(&faulty),
            tensors::derive(&tensors, tensors::Face::Input),
            tensors::derive(&tensors, tensors::Face::Output),
            tensors::derive(&shapeless, tensors::Face::Input),
        ] {
            let expanded = expanded.to_string();
            assert!(expanded.contains("other :: sdk ::") && !expanded.contains("chariot_engine"), "{expanded}");
        }
    }
}
