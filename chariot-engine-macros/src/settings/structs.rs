//! `#[derive(Settings)]`: the checks of the struct, and the stub beside errors.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Fields};

use super::{fields::settings, options::options};
use crate::shared::{Errors, for_stub};

pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let options = options(input, &mut errors);
    if let Some(parameter) = input.generics.params.first() {
        errors.on(parameter, "a settings struct cannot be generic");
    }
    let expanded = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => settings(input, fields, &options, &mut errors),
            _ => {
                errors.on(&input.ident, SHAPE);
                TokenStream::new()
            }
        },
        Data::Enum(_) => {
            errors.on(&input.ident, "expected a struct; for an enum, use `#[derive(SettingChoice)]`");
            TokenStream::new()
        }
        Data::Union(_) => {
            errors.on(&input.ident, SHAPE);
            TokenStream::new()
        }
    };
    if errors.is_empty() {
        return expanded;
    }
    let stub = stub(&for_stub(input), &options.sdk);
    let errors = errors.into_tokens();
    quote!(#errors #stub)
}

const SHAPE: &str = "expected a struct with named fields; if there are no settings, write `type Settings = ();`";

/// Returns an implementation that stands beside errors, so that the compiler reports nothing else.
fn stub(input: &DeriveInput, sdk: &TokenStream) -> TokenStream {
    let (ident, (generics, arguments, conditions)) = (&input.ident, input.generics.split_for_impl());
    quote! {
        impl #generics #sdk::settings::Settings for #ident #arguments #conditions {
            fn schema() -> ::std::vec::Vec<#sdk::settings::SettingSpec> {
                ::std::vec::Vec::new()
            }

            fn from_reader(_: &mut #sdk::settings::Reader<'_>) -> ::core::option::Option<Self> {
                ::core::option::Option::None
            }
        }
    }
}
