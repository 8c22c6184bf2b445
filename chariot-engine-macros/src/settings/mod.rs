//! `#[derive(Settings)]`: a settings struct, or an enum as a choice of words.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Fields, LitStr};

mod check;
mod choice;
mod field;
mod fields;

use self::{
    choice::{choice, choice_stub},
    field::is_variable,
    fields::settings,
};
use crate::shared::{Errors, default_crate, for_stub, parse_attributes, parse_crate};

/// What stands on the struct or the enum: `#[settings(...)]`.
struct Options {
    sdk: TokenStream,
    prefix: String,
    /// For the SDK alone, and so not listed: these are the runtime's own.
    runtime: bool,
}

pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let options = options(input, &mut errors);
    if let Some(parameter) = input.generics.params.first() {
        errors.on(parameter, "settings have no parameters: they are read by name into one certain type");
    }
    let (expanded, is_choice) = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => (settings(input, fields, &options, &mut errors), false),
            _ => {
                errors.on(&input.ident, SHAPE);
                (TokenStream::new(), false)
            }
        },
        Data::Enum(data) => (choice(input, data, &options, &mut errors), true),
        Data::Union(_) => {
            errors.on(&input.ident, SHAPE);
            (TokenStream::new(), false)
        }
    };
    if errors.is_empty() {
        return expanded;
    }
    let input = &for_stub(input);
    let stub = if is_choice { choice_stub(input, &options.sdk) } else { settings_stub(input, &options.sdk) };
    let errors = errors.into_tokens();
    quote!(#errors #stub)
}

const SHAPE: &str = "`#[derive(Settings)]` needs a struct with named fields, or an enum without fields as a choice; \
                     for no settings at all write `type Settings = ();`";

fn options(input: &DeriveInput, errors: &mut Errors) -> Options {
    let mut options = Options { sdk: default_crate(), prefix: String::new(), runtime: false };
    parse_attributes(&input.attrs, "settings", errors, |key, errors| {
        match key.text().as_str() {
            "crate" => options.sdk = key.value(parse_crate)?,
            "prefix" => {
                let text: LitStr = key.value(|input| input.parse())?;
                options.prefix = text.value();
                if !is_variable(&options.prefix) {
                    errors.on(&text, "a prefix is made of letters, digits and `_`, and begins with no digit");
                }
            }
            "runtime" => options.runtime = true,
            _ => return Err(key.unknown(&["prefix", "crate"])),
        }
        Ok(())
    });
    options
}

/// Stands beside errors, so that nothing else is reported than they.
fn settings_stub(input: &DeriveInput, sdk: &TokenStream) -> TokenStream {
    let (ident, (generics, arguments, conditions)) = (&input.ident, input.generics.split_for_impl());
    quote! {
        impl #generics #sdk::settings::Settings for #ident #arguments #conditions {
            fn schema() -> ::std::vec::Vec<#sdk::settings::SettingSpec> {
                ::std::vec::Vec::new()
            }

            fn read(_: &mut #sdk::settings::Reader<'_>) -> ::core::option::Option<Self> {
                ::core::option::Option::None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(input: DeriveInput) -> String {
        derive(&input).to_string()
    }

    #[test]
    fn every_fault_is_one_error_and_a_stub_stands_beside_them() {
        let expanded = expand(syn::parse_quote! {
            struct Own {
                #[setting(default = 11, range = 1..=10)]
                a: usize,
                #[setting(defualt = 1)]
                b: usize,
                #[setting(default = 1, default = 2)]
                c: usize,
                #[setting(name = "A", range = 1..2)]
                d: usize,
            }
        });
        assert_eq!(expanded.matches("compile_error").count(), 5, "{expanded}");
        for text in [
            "the default is outside the range `1..=10`",
            "unknown key `defualt`; did you mean `default`?",
            "duplicate key `default`",
            "two settings are read from `A`",
            "a range is written `1..=10`",
        ] {
            assert!(expanded.contains(text), "{text}: {expanded}");
        }
        assert_eq!(expanded.matches("Settings for Own").count(), 1, "{expanded}");
    }

    #[test]
    fn only_a_struct_with_named_fields_or_an_enum_is_taken() {
        for input in ["struct A(u8);", "struct A;", "union A { a: u8 }", "struct A<T> { t: T }", "enum A {}"] {
            let expanded = expand(syn::parse_str(input).unwrap());
            assert_eq!(expanded.matches("compile_error").count(), 1, "{input}: {expanded}");
        }
    }
}
