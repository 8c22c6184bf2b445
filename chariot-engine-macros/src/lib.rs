//! The macros of `chariot-engine`, which re-exports them: authors never depend on this crate directly.
//!
//! - [`macro@chariot_engine`] makes a struct the program's engine
//! - [`macro@Settings`] makes a struct readable from environment variables; [`macro@SettingChoice`] makes an enum a setting
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

/// Makes a struct readable from environment variables.
///
/// A field `top_k` is read from the variable `TOP_K`. The first paragraph of its doc comment is its help text, and the first
/// sentence of that its label in forms. A field without a default is required unless it is an `Option`.
///
/// On a field, `#[setting(...)]`:
///
/// | key | meaning |
/// |---|---|
/// | `default = 3`, `default = "5s"`, `default = Mode::Fast` | the default; a string for types that are written as text |
/// | `range = 1..=10`, `range = 1..`, `range = ..=0.5` | the smallest and the largest value, both included |
/// | `values = [1, 2, 4]`, `values = ["de", "en"]` | the accepted values |
/// | `name = "VARIABLE"` | the variable, instead of the field's name in capitals |
/// | `alias = "OLD"`, `alias = ["OLD", "OLDER"]` | former names, which are still read with a warning |
/// | `deprecated = "reason"` | still read, with a warning |
/// | `group`, `group = "DB_"`, `group = ""` | a settings struct whose names start with the field's name, with this prefix, or with no prefix |
/// | `with = function` | `fn(&mut Reader<'_>, Field<T>) -> Option<T>`, which reads the field |
///
/// On the struct, `#[settings(...)]`: `prefix = "APP_"` for every variable; `crate = path`, the path of the SDK, if it is
/// not `::chariot_engine`.
#[proc_macro_derive(Settings, attributes(setting, settings))]
pub fn settings(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    settings::derive(&input).into()
}

/// Makes an enum without fields a setting that is one of a list of names.
///
/// A variant's name is its identifier in snake case, or `#[setting(name = "...")]` on the variant. Case, `_` and `-` are
/// ignored when a value is read. `#[settings(crate = path)]` on the enum is the path of the SDK, if it is not
/// `::chariot_engine`.
#[proc_macro_derive(SettingChoice, attributes(setting, settings))]
pub fn setting_choice(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    settings::derive_choice(&input).into()
}

/// Makes a struct of named tensors an input of a model.
///
/// Each field is a tensor: candle's `Tensor`, or a vector in row-major order (`Vec<f32>`, `Vec<String>`). On a field,
/// `#[tensor(...)]`:
///
/// | key | |
/// |---|---|
/// | `shape = [n, 4, _, {WIDTH}]` | a name (only first): the rows, along which requests are joined; a number or a constant in braces: a fixed length; `_`: any length |
/// | `name = "..."` | the tensor's name, instead of the field's |
/// | `datatype = "INT64"` | the datatype, instead of that of the field's type (`Tensor`: `FP32`) |
/// | `convert` | accepts the other numeric datatypes too: floating-point numbers are rounded, integers must be exact |
///
/// On the struct, `#[tensors(crate = path)]` sets the path of the SDK. A struct that is also an output derives
/// [`macro@TensorOutput`] too.
#[proc_macro_derive(TensorInput, attributes(tensor, tensors))]
pub fn tensor_input(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    tensors::derive(&input, tensors::Direction::Input).into()
}

/// Makes a struct of named tensors an output of a model.
///
/// Fields and keys are those of [`macro@TensorInput`], except `convert`. A struct can have both derives.
#[proc_macro_derive(TensorOutput, attributes(tensor, tensors))]
pub fn tensor_output(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    tensors::derive(&input, tensors::Direction::Output).into()
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
            settings::derive_choice(&choice),
            settings::derive(&faulty),
            tensors::derive(&tensors, tensors::Direction::Input),
            tensors::derive(&tensors, tensors::Direction::Output),
            tensors::derive(&shapeless, tensors::Direction::Input),
        ] {
            let expanded = expanded.to_string();
            assert!(expanded.contains("other :: sdk ::") && !expanded.contains("chariot_engine"), "{expanded}");
        }
    }
}
