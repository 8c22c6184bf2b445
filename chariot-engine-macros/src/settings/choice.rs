//! `#[derive(SettingChoice)]`: an enum whose variants are the choices of a setting.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Fields, Ident, LitStr, ext::IdentExt};

use super::options::options;
use crate::shared::{Errors, for_stub, parse_attributes};

pub(crate) fn derive(input: &DeriveInput) -> TokenStream {
    let mut errors = Errors::default();
    let sdk = options(input, &mut errors).sdk;
    if let Some(parameter) = input.generics.params.first() {
        errors.on(parameter, "a choice cannot be generic");
    }
    let expanded = match &input.data {
        Data::Enum(data) => choice(input, data, &sdk, &mut errors),
        _ => {
            errors.on(&input.ident, "expected an enum without fields; for a struct, use `#[derive(Settings)]`");
            TokenStream::new()
        }
    };
    if errors.is_empty() {
        return expanded;
    }
    let stub = stub(&for_stub(input), &sdk);
    let errors = errors.into_tokens();
    quote!(#errors #stub)
}

fn choice(input: &DeriveInput, data: &syn::DataEnum, sdk: &TokenStream, errors: &mut Errors) -> TokenStream {
    let mut variants: Vec<(&Ident, String)> = vec![];
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            errors.on(&variant.fields, "a variant of a choice cannot have fields");
        }
        let mut name = snake_case(&variant.ident.unraw().to_string());
        parse_attributes(&variant.attrs, "setting", errors, |key, errors| {
            match key.text().as_str() {
                "name" => {
                    let text: LitStr = key.value(|input| input.parse())?;
                    name = text.value();
                    if name.trim() != name || name.is_empty() {
                        errors.on(text, "expected a name without surrounding whitespace");
                    }
                }
                _ => return Err(key.unknown(&["name"])),
            }
            Ok(())
        });
        let plain = |name: &str| name.replace(['_', '-'], "").to_lowercase();
        if variants.iter().any(|(_, other)| plain(other) == plain(&name)) {
            errors.on(&variant.ident, format!("the name `{name}` is used twice; case, `_` and `-` are ignored"));
        }
        variants.push((&variant.ident, name));
    }
    if variants.is_empty() {
        errors.on(&input.ident, "expected at least one variant");
    }
    let ident = &input.ident;
    let (idents, names): (Vec<_>, Vec<_>) = variants.into_iter().unzip();
    let expected = format!("one of {}", names.join(", "));
    let numbers = 0..idents.len();
    quote! {
        const _: () = {
            #[automatically_derived]
            impl #sdk::settings::SettingValue for #ident {
                const KIND: #sdk::settings::SettingKind = #sdk::settings::SettingKind::String;

                fn expected() -> ::std::string::String {
                    ::core::convert::From::from(#expected)
                }

                fn parse(text: &::core::primitive::str) -> ::core::result::Result<Self, ::std::string::String> {
                    match #sdk::settings::__choice(text, <Self as #sdk::settings::SettingChoice>::NAMES) {
                        #(::core::option::Option::Some(#numbers) => ::core::result::Result::Ok(#ident::#idents),)*
                        _ => ::core::result::Result::Err(<Self as #sdk::settings::SettingValue>::expected()),
                    }
                }

                fn choices() -> ::std::vec::Vec<::std::string::String> {
                    ::std::vec![#(::core::convert::From::from(#names)),*]
                }

                fn show(&self) -> ::std::string::String {
                    ::core::convert::From::from(match self { #(#ident::#idents => #names),* })
                }
            }

            #[automatically_derived]
            impl #sdk::settings::SettingText for #ident {}

            #[automatically_derived]
            impl #sdk::settings::SettingChoice for #ident {
                const NAMES: &'static [&'static ::core::primitive::str] = &[#(#names),*];
            }
        };
    }
}

/// Returns a name in snake case: `nearest_pixel` for `NearestPixel`, `http_server` for `HTTPServer`.
fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (i, letter) in letters.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| letters[i]);
        let starts = letter.is_uppercase()
            && before.is_some_and(|before| before != '_')
            && (before.is_some_and(|before| !before.is_uppercase())
                || letters.get(i + 1).is_some_and(|next| next.is_lowercase()));
        if starts {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// Returns implementations that stand beside errors, so that the compiler reports nothing else.
fn stub(input: &DeriveInput, sdk: &TokenStream) -> TokenStream {
    let (ident, (generics, arguments, conditions)) = (&input.ident, input.generics.split_for_impl());
    quote! {
        impl #generics #sdk::settings::SettingValue for #ident #arguments #conditions {
            const KIND: #sdk::settings::SettingKind = #sdk::settings::SettingKind::String;

            fn parse(_: &::core::primitive::str) -> ::core::result::Result<Self, ::std::string::String> {
                ::core::result::Result::Err(::std::string::String::new())
            }

            fn show(&self) -> ::std::string::String {
                ::std::string::String::new()
            }
        }

        impl #generics #sdk::settings::SettingText for #ident #arguments #conditions {}

        impl #generics #sdk::settings::SettingChoice for #ident #arguments #conditions {
            const NAMES: &'static [&'static ::core::primitive::str] = &[];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    #[test]
    fn variants_have_names_in_snake_case() {
        let words = ["Fast", "NearestPixel", "HTTPServer", "Lanczos3", "A_b", "X"].map(snake_case);
        assert_eq!(words, ["fast", "nearest_pixel", "http_server", "lanczos3", "a_b", "x"]);
    }
}
